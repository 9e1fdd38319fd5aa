"""The `dockerfile-pyenv` command."""

import argparse
import os
import sys
from collections.abc import Sequence

from dockerfile_pyenv import __version__
from dockerfile_pyenv.commands import check, explain, graph, lock, render, workspace
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.excerpt import excerpt

COMMANDS = (check, render, explain, graph, lock)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its status.

    0: all is well; 1: there is something to say about the Dockerfile; 2: the command cannot do what it was asked.
    """
    parser = argparse.ArgumentParser(
        prog="dockerfile-pyenv",
        description="BuildKit frontend for Dockerfiles with PYENV lines: put `# syntax=dockerfile-pyenv:1` on the "
        "first line of a Dockerfile and run `docker build`. The commands look at such a file without building it.",
        epilog="The exit status is 0 where all is well, 1 where there is something to say about the Dockerfile, and 2 "
        "where a command cannot do what it was asked.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="")
    for command in COMMANDS:
        command.add_to(commands)
    options = parser.parse_args(arguments)
    if "run" not in options:
        parser.print_help()
        return
    try:
        name, data = workspace.load(options)
    except PyenvError as error:
        sys.exit(_said(error))
    try:
        status = options.run(options, workspace.read(options, name, data))
    except PyenvError as error:
        status = _said(error, name, data)
    except BrokenPipeError:
        # Whoever read the output wants no more of it; what Python has left to write would end in a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


def _said(error: PyenvError, name: str = "", data: bytes = b"") -> int:
    """Write an error as compilers do, so that editors find its line; the exit status."""
    if not error.lines:
        sys.stderr.write(f"dockerfile-pyenv: {error}\n")
        return 2
    place = ":".join(str(number) for number in error.at or error.lines[:1])
    _, _, shown = excerpt(data, name, error.lines).partition("\n")
    sys.stderr.write(f"{name}:{place}: {error}\n{shown}")
    return 1
