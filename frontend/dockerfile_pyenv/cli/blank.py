"""`dockerfile-pyenv blank`: the Dockerfile with PYENV lines as comments, for tools that do not know them."""

import argparse
import re
import sys
from pathlib import Path

from dockerfile_pyenv.cli.workspace import STDIN, load
from dockerfile_pyenv.dockerfile.lexer import lex

_LINE = re.compile(rb"^(?=[^\r\n])", re.MULTILINE)
"""Where a line begins that is not empty."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "blank",
        help="print the Dockerfile with PYENV lines as comments, for linters that do not know them",
        description="Print the Dockerfile with each line of a PYENV instruction as a comment, and every other line in "
        "its place, so that linters report the right line numbers: dockerfile-pyenv blank | hadolint -",
    )
    parser.add_argument("context", nargs="?", type=Path, default=Path(), help="the build context (default: .)")
    parser.add_argument(
        "-f", "--file", metavar="PATH", help=f"the Dockerfile (default: Dockerfile in the context; {STDIN}: stdin)"
    )
    parser.set_defaults(run=run, reads_itself=True)


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises PyenvError."""
    _, data = load(options)
    sys.stdout.buffer.write(blank(data))
    sys.stdout.flush()
    return 0


def blank(data: bytes) -> bytes:
    """A Dockerfile with each line of a PYENV instruction, its heredocs included, as a comment.

    Raises DockerfileError for what is not a Dockerfile.
    """
    parts, end = [], 0
    for item in lex(data).instructions:
        if item.keyword == "PYENV":
            start, stop = item.span
            parts += [data[end:start], _LINE.sub(b"# ", data[start:stop])]
            end = stop
    return b"".join([*parts, data[end:]])
