"""What the commands share: the user's Dockerfile, read from disk and planned without an engine."""

import argparse
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from stat import S_ISDIR
from typing import Any

from dockerfile_pyenv import libc, offline
from dockerfile_pyenv import plan as planning
from dockerfile_pyenv.commands import images
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.instruction import Statement
from dockerfile_pyenv.interpreters import Table
from dockerfile_pyenv.lexer import Dockerfile, lex
from dockerfile_pyenv.offline import ANY, Given, Image
from dockerfile_pyenv.plan import Plan
from dockerfile_pyenv.probe import Site
from dockerfile_pyenv.providers import Interpreter, choose
from dockerfile_pyenv.requirement_files import Found, Place
from dockerfile_pyenv.stages import Line, pyenv_lines

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm/v7"}

STDIN = "-"
_IMAGE = "docker-image://"


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
    platforms: tuple[str, ...] = ()
    """What is built for: more than one for a command that takes several."""

    def of_whomever(self) -> "Workspace":
        """The same where it is of no matter, and not worth a question, whom environments will belong to."""
        images = {ANY: Image(), **self.given.images}
        users = {name: replace(image, user=image.user or "") for name, image in images.items()}
        return replace(self, given=replace(self.given, images=users))

    def on(self, platform: str) -> "Workspace":
        """The same for another platform."""
        return replace(self, given=replace(self.given, platform=platform))

    @property
    def tree(self) -> "Directory":
        """The build context."""
        return Directory(self.context)

    def plan(self) -> Plan:
        """Plan the PYENV lines that the target reaches; without a target, all. Raises PyenvError."""
        table = cache(self._table)

        def select(statement: Statement, site: Site) -> Interpreter:
            def found() -> str:
                return libc.told_by(site.base, self._config(site)) or "gnu"

            return choose(statement, found, [site.platform], self.setting, table)

        def label(site: Site) -> str:
            return str(((self._config(site).get("config") or {}).get("Labels") or {}).get(planning.LABEL, ""))

        sites = offline.sites(self.dockerfile, self.lines, self.given)
        installer = self.setting("PYENV_INSTALLER")
        return planning.make(self.dockerfile, self.lines, sites, select, label=label, installer=installer)

    def _config(self, site: Site) -> Mapping[str, Any]:
        """The config of a line's base image, as far as it is known."""
        return (self.given.image(site.base.removeprefix(_IMAGE)).config or {}) if site.base else {}

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


@dataclass(frozen=True, slots=True)
class Directory:
    """A build context on disk: a requirement_files.Tree. What .dockerignore says is left to the engine."""

    path: Path

    def look(self, read: Sequence[str], find: Sequence[str]) -> Mapping[str, Found]:
        """Read some files, and find out what other paths are."""
        found: dict[str, Found] = {}
        for path in [*find, *read]:
            place = self.path / path
            try:
                found[path] = place.read_bytes() if path in read else _place(place)
            except OSError as error:
                found[path] = error
        return found

    def why_missing(self, path: str) -> str:
        """Say that a path is not there."""
        return f"{path} cannot be read in the build context {self.path}: No such file or directory"


def _place(path: Path) -> Place:
    return Place.DIRECTORY if S_ISDIR(path.stat().st_mode) else Place.FILE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say which Dockerfile is meant, and how it would be built."""
    parser.set_defaults(several_platforms=False)
    parser.add_argument("context", nargs="?", type=Path, default=Path(), help="the build context (default: .)")
    parser.add_argument(
        "-f", "--file", metavar="PATH", help=f"the Dockerfile (default: Dockerfile in the context; {STDIN}: stdin)"
    )
    build = parser.add_argument_group("as for docker build")
    build.add_argument(
        "--build-arg", metavar="NAME[=VALUE]", action="append", default=[], help="value of an ARG, or a setting"
    )
    build.add_argument(
        "--platform", metavar="OS/ARCH", default=_platform(), help="what is built for (default: %(default)s)"
    )
    build.add_argument(
        "--target", metavar="STAGE", help="the stage to be built, by name or number: what it does not need is left out"
    )
    images = parser.add_argument_group(
        "about base images",
        "Nothing is pulled and no engine is asked, so what only a base image can tell is said here.",
    )
    images.add_argument(
        "--user",
        metavar="[IMAGE=]USER",
        action="append",
        default=[],
        help="the USER that a base image has, or every one",
    )
    images.add_argument(
        "--env", metavar="NAME=VALUE", action="append", default=[], help="a variable that base images have"
    )
    images.add_argument(
        "--image-config",
        metavar="[IMAGE=]FILE",
        action="append",
        default=[],
        help="all that a base image says of itself, as `docker image inspect IMAGE` or `skopeo inspect --config "
        "docker://IMAGE` prints it",
    )


def load(options: argparse.Namespace) -> tuple[str, bytes]:
    """A Dockerfile, and what it is called. Raises PyenvError where it cannot be read."""
    if options.file == STDIN:
        return "Dockerfile", sys.stdin.buffer.read()
    names = [Path(options.file)] if options.file else [options.context / name for name in ("Dockerfile", "dockerfile")]
    for path in names:
        try:
            return str(path), path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise PyenvError(f"{path} cannot be read: {error.strerror}") from None
    if not options.file and options.context.is_dir() and not any(options.context.iterdir()):
        raise PyenvError(
            f"the directory {options.context.resolve()} is empty: name the build context. In a container it is what "
            'you mount: docker run --rm -v "$PWD":/src …'
        )
    raise PyenvError(f"there is no file {names[0]}: name the Dockerfile with --file")


def read(options: argparse.Namespace, name: str, data: bytes) -> Workspace:
    """A Dockerfile, and what the arguments of `add_arguments` say. Raises PyenvError."""
    platforms = tuple(dict.fromkeys(options.platform.split(",")))
    if len(platforms) > 1 and not options.several_platforms:
        raise PyenvError(f"--platform={options.platform}: name one platform, and run the command for each")
    dockerfile = lex(data)
    given = Given(
        platform=platforms[0],
        build_args={
            key: os.environ.get(key, "") if value is None else value for key, value in _pairs(options.build_arg)
        },
        images=images.read(
            options.image_config, options.user, {key: value or "" for key, value in _pairs(options.env)}
        ),
        target=options.target,
    )
    return Workspace(name, options.context, dockerfile, pyenv_lines(dockerfile), given, os.environ, platforms)


def _pairs(texts: list[str]) -> list[tuple[str, str | None]]:
    split = (text.partition("=") for text in texts)
    return [(name, value if equals else None) for name, equals, value in split]


def _platform() -> str:
    machine = platform.machine().lower()
    return f"linux/{_MACHINES.get(machine, machine)}"
