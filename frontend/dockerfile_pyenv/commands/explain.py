"""`dockerfile-pyenv explain`: each environment in words, before anything is built."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dockerfile_pyenv import requirement_files, requirements
from dockerfile_pyenv.commands import workspace
from dockerfile_pyenv.commands.workspace import Workspace
from dockerfile_pyenv.interpreters import Build
from dockerfile_pyenv.plan import Environment
from dockerfile_pyenv.providers import Base, Image, Recipe, Tarball
from dockerfile_pyenv.requirements import RequirementsFile

_LIBC = {"gnu": "glibc", "musl": "musl"}
_EDITABLE = ("-e", "--editable")
"""The options of a requirements file that name a package."""
_SHOWS_FILES = re.compile(r"--mount=(?!.*\btype=(?:cache|secret|ssh|tmpfs)\b)")
"""A mount of files of the build context, a stage or an image."""
_WIDTH = 14


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "explain",
        help="say what each PYENV line makes, from what, and when it is made anew",
        description="Say in words, for each PYENV line: the environment, its interpreter and where that comes from, "
        "the files that are read and what they ask for, and what its cache key is made of.",
    )
    workspace.add_arguments(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="for people, or for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, given: Workspace) -> int:
    """Run the command. Raises PyenvError."""
    plan = given.plan()
    read = requirement_files.collect(plan, given.tree)
    explained = [explain(one, read.files[one.line.number], read.of(one)) for one in plan.environments]
    if options.format == "json":
        sys.stdout.write(json.dumps(explained, indent=2, ensure_ascii=False) + "\n")
    elif explained:
        sys.stdout.write("\n".join("".join(_paragraph(given.name, one)) for one in explained))
    else:
        sys.stdout.write(f"{given.name} has no PYENV lines{' that the target needs' if given.lines else ''}\n")
    return 0


def explain(environment: Environment, files: Sequence[RequirementsFile], reads: Sequence[str]) -> dict[str, Any]:
    """One environment, for programs. `files` say what it asks for, `reads` is what its step is given."""
    interpreter = environment.interpreter
    return {
        "line": environment.line.lines[0],
        "text": environment.line.text,
        "name": environment.statement.name,
        "python": environment.python,
        "variables": list(environment.variables),
        "user": environment.user,
        "interpreter": {
            "version": interpreter.version,
            "provider": interpreter.provider,
            "reason": interpreter.reason,
            **_origin(next(iter(environment.recipes.values()))),
        },
        "installer": environment.statement.flags.installer or "uv",
        "airflow": environment.statement.flags.airflow or "none",
        "given": list(_given(environment)),
        "reads": list(reads),
        "requirements": [
            requirements.shown(line)
            for file in files
            if not file.constraint
            for _, line in requirements.logical_lines(file.text)
            if not line.startswith("-") or line.startswith(_EDITABLE)
        ],
        "anew": list(_anew(environment, reads)),
    }


def _given(environment: Environment) -> Iterator[str]:
    """Flags that give a step secrets, mounts and its network, as the line has them."""
    for name, word in environment.statement.raw.flags:
        if name in {"secret", "mount", "network"} and word:
            yield f"--{name}={word.raw}"


def _origin(recipe: Recipe) -> dict[str, str]:
    match recipe:
        case Build():
            return {
                "platform": recipe.platform,
                "libc": _LIBC[recipe.libc],
                "from": recipe.url,
                "sha256": recipe.sha256,
            }
        case Tarball():
            return {
                "platform": recipe.platform,
                "builder": recipe.builder,
                "from": recipe.url,
                "sha256": recipe.sha256,
            }
        case Image():
            return {"platform": recipe.platform, "from": recipe.reference}
        case Base():
            return {}


def _anew(environment: Environment, reads: Sequence[str]) -> Iterator[str]:
    """What a step's cache key is made of."""
    yield "the stage above the group of PYENV lines"
    yield "the words of this line"
    yield from reads
    yield from (f"what {flag} shows" for flag in _given(environment) if _SHOWS_FILES.match(flag))
    if not environment.interpreter.is_base:
        yield "the interpreter"
    yield "uv or the installing program in the frontend's image"


def _paragraph(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield f"{name}:{one['line']}: {one['text']}\n"
    yield _entry("python", one["python"])
    if one["variables"]:
        yield _entry("variables", ", ".join(one["variables"]))
    yield _entry("belongs to", one["user"] or "root, since the stage has no USER")
    interpreter = one["interpreter"]
    yield _entry("interpreter", f"CPython {interpreter['version']}, {interpreter['provider']} {interpreter['reason']}")
    if "platform" in interpreter:
        yield _entry("for", ", ".join(interpreter[key] for key in ("platform", "libc") if key in interpreter))
    yield _entry("from", interpreter.get("from", "the base image itself"))
    if "sha256" in interpreter:
        yield _entry("checksum", f"sha256:{interpreter['sha256']}")
    if one["given"]:
        yield _entry("given", " ".join(one["given"]))
    yield _entry("reads", ", ".join(one["reads"]) or "no files")
    yield _entry("packages", f"\n  {'':<{_WIDTH}}".join(one["requirements"]) or "none")
    if one["airflow"] != "none":
        yield _entry("airflow", f"{one['airflow']}, in the base image's own version")
    yield _entry("made anew", "when one of these changes: " + "; ".join(one["anew"]))


def _entry(label: str, text: str) -> str:
    return f"  {label + ':':<{_WIDTH}}{text}\n"
