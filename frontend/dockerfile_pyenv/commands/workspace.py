"""What the commands share: the user's Dockerfile, read from disk and planned without an engine."""

import argparse
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dockerfile_pyenv import libc, offline
from dockerfile_pyenv import plan as planning
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.instruction import Statement
from dockerfile_pyenv.interpreters import Table
from dockerfile_pyenv.lexer import Dockerfile, lex
from dockerfile_pyenv.offline import Given
from dockerfile_pyenv.plan import Plan
from dockerfile_pyenv.probe import Site
from dockerfile_pyenv.providers import Interpreter, choose
from dockerfile_pyenv.stages import Line, pyenv_lines

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm/v7"}

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Dockerfile, its build context on disk, and what the command line says about the build."""

    name: str
    """The Dockerfile, as the command line names it."""
    context: Path
    dockerfile: Dockerfile
    lines: tuple[Line, ...]
    given: Given
    settings: Mapping[str, str]

    def plan(self) -> Plan:
        """Plan the PYENV lines of all stages. Raises DockerfileError."""
        table = cache(self._table)

        def select(statement: Statement, site: Site) -> Interpreter:
            return choose(statement, lambda: libc.told_by(site.base, {}) or "gnu", [site.platform], self.setting, table)

        sites = offline.sites(self.dockerfile, self.lines, self.given)
        return planning.make(self.dockerfile, self.lines, sites, select)

    def setting(self, name: str) -> str:
        """Value of `--build-arg name=…`, else of the environment's variable, else ""."""
        return self.given.build_args.get(name) or self.settings.get(name, "")

    def _table(self) -> Table:
        address = self.setting("UV_PYTHON_DOWNLOADS_JSON_URL")
        mirror = self.setting("UV_PYTHON_INSTALL_MIRROR")
        if not address:
            return Table.default(mirror=mirror)
        if address.startswith(("http://", "https://")):
            raise PyenvError(
                f"UV_PYTHON_DOWNLOADS_JSON_URL: {address} is not fetched here: download the table and name the file"
            )
        try:
            return Table.loads(Path(address.removeprefix("file://")).read_bytes(), mirror=mirror)
        except OSError as error:
            raise PyenvError(f"UV_PYTHON_DOWNLOADS_JSON_URL: cannot read {address}: {error.strerror}") from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say which Dockerfile is meant, and how it would be built."""
    parser.add_argument("context", nargs="?", type=Path, default=Path(), help="the build context (default: .)")
    parser.add_argument(
        "-f", "--file", metavar="PATH", help=f"the Dockerfile (default: Dockerfile in the context; {STDIN}: stdin)"
    )
    parser.add_argument(
        "--build-arg", metavar="NAME[=VALUE]", action="append", default=[], help="value of an ARG, or a setting"
    )
    parser.add_argument(
        "--platform", metavar="OS/ARCH", default=_platform(), help="what is built for (default: %(default)s)"
    )
    parser.add_argument(
        "--user",
        metavar="[IMAGE=]USER",
        action="append",
        default=[],
        help="USER of a base image, or of every one, as only an engine could ask it",
    )
    parser.add_argument(
        "--env", metavar="NAME=VALUE", action="append", default=[], help="a variable that the base image has"
    )


def read(options: argparse.Namespace) -> Workspace:
    """Read what the arguments of `add_arguments` name. Raises PyenvError where it cannot be read."""
    name = options.file or str(options.context / "Dockerfile")
    try:
        data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise PyenvError(f"{name} cannot be read: {error.strerror}. Name the Dockerfile with --file") from None
    dockerfile = lex(data)
    given = Given(
        platform=options.platform,
        build_args={
            key: os.environ.get(key, "") if value is None else value for key, value in _pairs(options.build_arg)
        },
        users=dict(_user(text) for text in options.user),
        env={key: value or "" for key, value in _pairs(options.env)},
    )
    shown = "Dockerfile" if name == STDIN else name
    return Workspace(shown, options.context, dockerfile, pyenv_lines(dockerfile), given, os.environ)


def _pairs(texts: list[str]) -> list[tuple[str, str | None]]:
    split = (text.partition("=") for text in texts)
    return [(name, value if equals else None) for name, equals, value in split]


def _user(text: str) -> tuple[str, str]:
    image, equals, user = text.rpartition("=")
    return (image, user) if equals else (offline.ANY, user)


def _platform() -> str:
    machine = platform.machine()
    return f"linux/{_MACHINES.get(machine, machine)}"
