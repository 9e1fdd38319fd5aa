"""The `dockerfile-pyenv` command."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper

from dockerfile_pyenv import FRONTEND, __version__
from dockerfile_pyenv.cli import blank, check, explain, graph, language_server, lock, render, workspace
from dockerfile_pyenv.dockerfile.excerpt import excerpt
from dockerfile_pyenv.errors import PyenvError, about_limits

COMMANDS = (check, render, explain, graph, lock, blank, language_server)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its status.

    0: success; 1: warnings or errors about the Dockerfile; 2: the command cannot run.
    """
    parser = argparse.ArgumentParser(
        prog="dockerfile-pyenv",
        description=f"BuildKit frontend for Dockerfiles with PYENV lines: put `# syntax={FRONTEND}` on the "
        "first line of a Dockerfile and run `docker build`. The commands inspect such a file without building it.",
        epilog="The exit status is 0 on success, 1 if there are warnings or errors about the Dockerfile, and 2 "
        "if a command cannot run.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="<command>")
    parser.set_defaults(reads_itself=False)  # True for a command that takes several files
    for command in COMMANDS:
        command.add_to(commands)
    options = parser.parse_args(arguments)
    if "run" not in options:
        parser.print_help()
        return
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name or a value may hold bytes that are not UTF-8
            stream.reconfigure(errors="backslashreplace")
    name, data = "", b""
    try:
        if options.reads_itself:
            status = options.run(options)
        else:
            name, data = workspace.load(options)
            status = options.run(options, workspace.read(options, name, data))
    except PyenvError as error:
        status = _said(error, name, data)
    except BrokenPipeError:
        # The reader closed the pipe. Without this, Python would print a traceback when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except Exception as error:  # noqa: BLE001 - a user gets a sentence, whatever happens
        message = about_limits(error)
        if not message:
            traceback.print_exc()
            message = (
                f"internal error: {type(error).__name__}. This is a bug in dockerfile-pyenv, not in your Dockerfile"
            )
        status = _said(PyenvError(message))
    sys.exit(status)


def _said(error: PyenvError, name: str = "", data: bytes = b"") -> int:
    """Print an error as compilers do, so that editors find its line, and return the exit status."""
    if not error.lines:
        sys.stderr.write(f"dockerfile-pyenv: {error}\n")
        return 2
    place = ":".join(str(number) for number in error.at or error.lines[:1])
    _, _, shown = excerpt(data, name, error.lines).partition("\n")
    sys.stderr.write(f"{name}:{place}: {error}\n{shown}")
    return 1
