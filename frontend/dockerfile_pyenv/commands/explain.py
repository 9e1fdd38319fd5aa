"""`dockerfile-pyenv explain`: each environment in words, before anything is built."""

import argparse
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from dockerfile_pyenv.commands import workspace
from dockerfile_pyenv.commands.workspace import Workspace
from dockerfile_pyenv.interpreters import Build
from dockerfile_pyenv.plan import Environment
from dockerfile_pyenv.providers import Base, Image, Recipe, Tarball

Read = Callable[[str], bytes]
"""Content of a file of the build context; raises OSError."""

_LIBC = {"gnu": "glibc", "musl": "musl"}


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "explain",
        help="say what each PYENV line makes, from what, and when it is made anew",
        description="Say in words, for each PYENV line: the environment, its interpreter and where that comes from, "
        "the files that are read, and what its cache key is made of.",
    )
    workspace.add_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises PyenvError."""
    given = workspace.read(options)
    sys.stdout.write(explain(given, lambda path: Path(given.context, path).read_bytes()))
    return 0


def explain(given: Workspace, read: Read) -> str:
    """The environments of a file in words, one paragraph each. Raises PyenvError."""
    environments = given.plan().environments
    if not environments:
        return f"{given.name} has no PYENV lines\n"
    return "\n".join("".join(_paragraph(given, environment, read)) for environment in environments)


def _paragraph(given: Workspace, environment: Environment, read: Read) -> Iterator[str]:
    yield f"{given.name}:{environment.line.lines[0]}: {environment.line.text}\n"
    yield _entry("python", environment.python)
    if environment.variables:
        yield _entry("variables", ", ".join(environment.variables))
    yield _entry("belongs to", environment.user or "root, since the stage has no USER")
    yield _entry("interpreter", environment.interpreter.title)
    yield _entry("chosen", _reason(given, environment))
    for label, text in _origin(next(iter(environment.recipes.values()))):
        yield _entry(label, text)
    for path in environment.requirement_files:
        yield _entry("reads", _file(path, read))
    yield _entry("made anew", "when one of these changes: " + "; ".join(_key(environment)))


def _entry(label: str, text: str) -> str:
    return f"  {label + ':':<13}{text}\n"


def _reason(given: Workspace, environment: Environment) -> str:
    if environment.statement.flags.interpreter:
        return "by --interpreter on the line"
    if given.setting("PYENV_INTERPRETER"):
        return "by PYENV_INTERPRETER"
    return "by default"


def _origin(recipe: Recipe) -> Iterator[tuple[str, str]]:
    match recipe:
        case Build():
            yield "from", recipe.url
            yield "checksum", f"sha256:{recipe.sha256}"
            yield "for", f"{recipe.platform}, {_LIBC[recipe.libc]}"
        case Tarball():
            yield "from", recipe.url
            yield "checksum", f"sha256:{recipe.sha256}"
            yield "for", recipe.platform
        case Image():
            yield "for", recipe.platform
        case Base():
            yield "from", "the base image itself"


def _file(path: str, read: Read) -> str:
    try:
        return f"{path} (sha256:{sha256(read(path)).hexdigest()})"
    except OSError as error:
        return f"{path} ({error.strerror})"


def _key(environment: Environment) -> Iterator[str]:
    yield "the stage above the group of PYENV lines"
    yield "the words of this line"
    yield from environment.requirement_files
    if not environment.interpreter.is_base:
        yield "the interpreter"
    yield "uv or the installing program in the frontend's image"
