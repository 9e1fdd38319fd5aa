"""The `dockerfile-pyenv` command."""

import argparse
import sys
from collections.abc import Sequence

from dockerfile_pyenv import __version__
from dockerfile_pyenv.commands import check, explain, graph, render
from dockerfile_pyenv.errors import PyenvError

COMMANDS = (check, render, explain, graph)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its status."""
    parser = argparse.ArgumentParser(
        prog="dockerfile-pyenv",
        description="BuildKit frontend for Dockerfiles with PYENV lines: put `# syntax=dockerfile-pyenv:1` on the "
        "first line of a Dockerfile and run `docker build`. The commands look at such a file without building it.",
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
        status = options.run(options)
    except PyenvError as error:
        sys.stderr.write(_located(error, options.file or "Dockerfile") + "\n")
        status = 1
    sys.exit(status)


def _located(error: PyenvError, name: str) -> str:
    """An error as compilers write it, so that editors find its line."""
    if error.at:
        return f"{name}:{error.at[0]}:{error.at[1]}: {error}"
    return f"{name}:{error.lines[0]}: {error}" if error.lines else f"dockerfile-pyenv: {error}"
