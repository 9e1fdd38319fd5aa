"""`dockerfile-pyenv explain`: describe each environment, before anything is built."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dockerfile_pyenv.cli.workspace import Workspace, add_arguments
from dockerfile_pyenv.instruction.flags import AFTER_INSTALL
from dockerfile_pyenv.plan import requirement_files
from dockerfile_pyenv.plan.model import Environment
from dockerfile_pyenv.requirements import requirements_txt
from dockerfile_pyenv.requirements.requirements_txt import RequirementsFile

_EDITABLE = ("-e", "--editable")
"""The options of a requirements file that name a package."""
_SHOWS_FILES = re.compile(r"--mount=(?!.*\btype=(?:cache|secret|ssh|tmpfs)\b)")
"""A mount of files of the build context, a stage or an image."""
_WIDTH = 14


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "explain",
        help="explain what each PYENV line builds, from what, and when it is rebuilt",
        description="Explain, for each PYENV line, the environment, its interpreter and where that comes from, "
        "the files that it reads, the packages that they list, and when it is rebuilt.",
    )
    add_arguments(parser)
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="output format (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    """Run the command. Raises PyenvError."""
    plan = workspace.plan()
    read = requirement_files.collect(plan, workspace.tree)
    explained = [
        explain(one, read.files[one.line.number], read.of(one), read.dependencies.get(one.line.number, ()))
        for one in plan.environments
    ]
    if options.format == "json":
        sys.stdout.write(json.dumps(explained, indent=2, ensure_ascii=False) + "\n")
    elif explained:
        sys.stdout.write("\n".join("".join(_paragraph(workspace.name, one)) for one in explained))
    else:
        sys.stdout.write(f"{workspace.name} has no PYENV lines{' that the target needs' if workspace.lines else ''}\n")
    return 0


def explain(
    environment: Environment,
    files: Sequence[RequirementsFile],
    reads: Sequence[str],
    dependencies: Sequence[str] = (),
) -> dict[str, Any]:
    """One environment as JSON.

    `files` list its requirements, `reads` are the files that its step gets, `dependencies` those of its projects.
    """
    interpreter = environment.interpreter
    return {
        "line": environment.line.lines[0],
        "text": environment.line.text,
        "name": environment.statement.name,
        "python": environment.python,
        "variables": list(environment.variables),
        "links": [*environment.links, *([environment.home_link] if environment.home_link else [])],
        "commands": list(environment.commands),
        "user": environment.user,
        "interpreter": {
            "version": interpreter.version,
            "provider": interpreter.provider,
            "reason": interpreter.reason,
            **(next(iter(environment.recipes.values())).description if environment.recipes else {}),
        },
        "installer": environment.statement.flags.installer or "uv",
        "airflow": environment.statement.flags.airflow or "none",
        "uploaded_before": environment.statement.flags.exclude_newer,
        "given": list(_given(environment)),
        "reads": list(reads),
        "requirements": [
            requirements_txt.without_credentials(line)
            for file in files
            if not file.constraint
            for _, line in requirements_txt.logical_lines(file.text)
            if not line.startswith("-") or line.startswith(_EDITABLE)
        ]
        + [requirements_txt.without_credentials(one) for one in dependencies],
        "installed": _installed(environment),
        "imports_checked": environment.check_imports,
        "rebuilt_when": list(_rebuilt_when(environment, reads)),
    }


def _given(environment: Environment) -> Iterator[str]:
    """Flags that give a step secrets, mounts and its network, as the line has them."""
    for name, word in environment.statement.raw.flags:
        if name in {"secret", "mount", "network"} and word:
            yield f"--{name}={word.raw}"


def _installed(environment: Environment) -> str:
    """Where an environment is installed, and why there."""
    flag, builder = environment.needs_stage, environment.builder
    if builder and flag:
        return f"in {builder}, because of {flag}"
    if builder:
        return f"apart from the stage, and in {builder} if a package has to be built"
    return f"in the stage, because of {flag}" if flag else "apart from the stage, unless a package has to be built"


def _rebuilt_when(environment: Environment, reads: Sequence[str]) -> Iterator[str]:
    """What the cache key of an install is made of."""
    if not environment.is_asked:
        yield "the stage above the group of PYENV lines"
    else:
        yield "the stage's C library and certificates, and the uid, gid and home directory of its USER"
        yield "the stage's settings of pip and uv"
        yield "variables and files of the stage that the requirements name"
        if environment.statement.flags.airflow:
            yield "the base image's version of Airflow"
        where = environment.builder or "the stage above the group of PYENV lines"
        yield where if environment.needs_stage else f"{where}, if a package has to be built"
    after = [f"--{name}" for name, _ in environment.statement.raw.flags if name in AFTER_INSTALL]
    yield f"the words of this line, except {', '.join(dict.fromkeys(after))}" if after else "the words of this line"
    yield from reads
    yield from (f"the files of {flag}" for flag in _given(environment) if _SHOWS_FILES.match(flag))
    if not environment.interpreter.is_base:
        yield "the interpreter"
    yield "uv or the installer in the frontend image"


def _paragraph(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield f"{name}:{one['line']}: {one['text']}\n"
    yield _entry("python", one["python"])
    if one["variables"]:
        yield _entry("variables", ", ".join(one["variables"]))
    if one["links"]:
        yield _entry("also at", ", ".join(one["links"]))
    if one["commands"]:
        yield _entry("on PATH", ", ".join(one["commands"]))
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
    if one["uploaded_before"]:
        yield _entry("uploaded", f"before {one['uploaded_before']}")
    if one["airflow"] != "none":
        yield _entry("airflow", f"{one['airflow']}, in the base image's version")
    yield _entry("installed", one["installed"])
    if one["imports_checked"]:
        yield _entry("checked", "the imports, as the stage's USER")
    yield _entry("rebuilt when", "one of these changes: " + "; ".join(one["rebuilt_when"]))


def _entry(label: str, text: str) -> str:
    return f"  {label + ':':<{_WIDTH}}{text}\n"
