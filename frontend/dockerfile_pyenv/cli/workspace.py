"""What the commands share: the user's Dockerfile, read from disk and planned without an engine."""

import argparse
import os
import platform
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dockerfile_pyenv.cli import astro_images, image_configs
from dockerfile_pyenv.cli.directory import Directory
from dockerfile_pyenv.cli.engine_images import EngineImages
from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.dockerfile.generated import GeneratedTextError
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, lex
from dockerfile_pyenv.dockerfile.rewrite import Edits
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.instruction.lines import PyenvLine, pyenv_lines
from dockerfile_pyenv.interpreters import libc
from dockerfile_pyenv.plan import astro, make, offline
from dockerfile_pyenv.plan.astro import AstroEdits, Runtime, RuntimeConfig
from dockerfile_pyenv.plan.line_scope import LineScope
from dockerfile_pyenv.plan.model import Plan
from dockerfile_pyenv.plan.offline import OfflineBuild

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm/v7"}

STDIN = "-"
_IMAGE = "docker-image://"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Dockerfile, its build context on disk, and what the command line says about the build: a plan.facts.Facts."""

    name: str
    """The Dockerfile, as the command line names it."""
    context: Path
    dockerfile: Dockerfile
    lines: tuple[PyenvLine, ...]
    build: OfflineBuild
    settings: Mapping[str, str]
    platforms: tuple[str, ...] = ()
    """What is built for: more than one for a command that takes several."""

    syntax = ""

    def for_any_user(self) -> "Workspace":
        """The same with every unknown USER as root, for commands to which the owner does not matter."""
        return replace(self, build=replace(self.build, any_user=True))

    def on(self, platform: str) -> "Workspace":
        """The same for another platform."""
        return replace(self, build=replace(self.build, platform=platform))

    def around(self) -> AstroEdits:
        """What Astro mode changes around the PYENV lines. Raises DockerfileError."""
        return astro.edits(self.dockerfile, self.lines, self)

    def plan(self, around: AstroEdits | None = None) -> Plan:
        """Plan the PYENV lines that the target reaches; without a target, all. Raises PyenvError."""
        return make.make(self.dockerfile, self.lines, self, self.around() if around is None else around)

    @property
    def build_args(self) -> Mapping[str, str]:
        """Values of `--build-arg`, by name."""
        return self.build.build_args

    @property
    def tree(self) -> Directory:
        """The build context."""
        return Directory(self.context)

    def setting(self, name: str) -> str:
        """Value of `--build-arg name=…`, else of the environment's variable, else ""."""
        return self.build.build_args.get(name) or self.settings.get(name, "")

    def scopes(
        self, dockerfile: Dockerfile, lines: Sequence[PyenvLine], edits: Edits
    ) -> Mapping[int, tuple[LineScope, ...]]:
        """What the PYENV lines see, as far as the file and the command line tell. Raises PyenvError."""
        return offline.scopes(dockerfile, lines, self.build, edits)

    def builders(self, _: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Not known without an engine, and not required: a rendered file starts from a builder."""
        return {}

    def image_config(self, scope: LineScope) -> Mapping[str, Any]:
        """Config of a line's base image, as far as it is known."""
        return (self.build.image(scope.base.removeprefix(_IMAGE)).config or {}) if scope.base else {}

    def libc(self, scope: LineScope) -> str:
        """C library of a line's stage, as far as the name and config of its base image tell; else glibc."""
        return libc.told_by(scope.base, self.image_config(scope)) or "gnu"

    def download(self, address: str) -> bytes:
        """Nothing: the commands have no network. Raises PyenvError."""
        raise PyenvError(f"commands do not fetch {address}: download it and pass the file's path")

    def from_images(self, dockerfile: Dockerfile) -> Mapping[int, str]:
        """The images that FROM instructions name."""
        return offline.images(dockerfile, self.build)

    def runtime_config(self, _dockerfile: Dockerfile, runtime: Runtime) -> RuntimeConfig | None:
        """What the command line says of an Astro Runtime's images; what it does not say is as usual."""
        return astro_images.config(self.build, runtime)

    def present(self, names: Sequence[str]) -> Collection[str]:
        """Those of these files and directories that the build context has."""
        return [name for name in names if self.tree.has(name)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say which Dockerfile is meant, and how it would be built."""
    parser.add_argument("context", nargs="?", type=Path, default=Path(), help="the build context (default: .)")
    parser.add_argument(
        "-f", "--file", metavar="PATH", help=f"the Dockerfile (default: Dockerfile in the context; {STDIN}: stdin)"
    )
    add_build_arguments(parser)


def add_build_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say how a Dockerfile would be built."""
    parser.set_defaults(several_platforms=False)
    build = parser.add_argument_group("options of docker build")
    build.add_argument(
        "--build-arg", metavar="NAME[=VALUE]", action="append", default=[], help="value of an ARG, or a setting"
    )
    build.add_argument(
        "--platform", metavar="OS/ARCH", default=_platform(), help="platform to build for (default: %(default)s)"
    )
    build.add_argument(
        "--target", metavar="STAGE", help="stage to build, by name or number; stages that it does not need are left out"
    )
    images = parser.add_argument_group(
        "base images",
        "What only a base image can tell. With the extra `docker`, a running engine is asked for the images that it "
        "has; no image is pulled.",
    )
    images.add_argument("--no-engine", action="store_true", help="do not ask a running engine about base images")
    images.add_argument(
        "--user",
        metavar="[IMAGE=]USER",
        action="append",
        default=[],
        help="USER of a base image, or of all",
    )
    images.add_argument(
        "--env", metavar="NAME=VALUE", action="append", default=[], help="ENV variable of all base images"
    )
    images.add_argument(
        "--image-config",
        metavar="[IMAGE=]FILE",
        action="append",
        default=[],
        help="config of a base image, or of all, as `docker image inspect IMAGE` or `skopeo inspect --config "
        "docker://IMAGE` prints it",
    )


def load(options: argparse.Namespace) -> tuple[str, bytes]:
    """A Dockerfile, and what it is called. Raises PyenvError where it cannot be read."""
    if options.file == STDIN:
        return "Dockerfile", sys.stdin.buffer.read()
    names = [Path(options.file)] if options.file else [options.context / name for name in ("Dockerfile", "dockerfile")]
    for path in names:
        try:
            # A path that the command line names is the user's own choice, be it a pipe of the shell.
            return str(path), path.read_bytes() if options.file else Directory(options.context).read(path.name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise PyenvError(f"cannot read {path}: {error.strerror}") from None
    if not options.file and options.context.is_dir() and not any(options.context.iterdir()):
        raise PyenvError(
            f"the directory {options.context.resolve()} is empty: pass the build context. In a container, mount "
            'it: docker run --rm -v "$PWD":/src …'
        )
    raise PyenvError(f"{names[0]} does not exist: pass the Dockerfile with --file")


def read(options: argparse.Namespace, name: str, data: bytes) -> Workspace:
    """A Dockerfile, and what the arguments of `add_arguments` say. Raises PyenvError."""
    platforms = tuple(dict.fromkeys(options.platform.split(",")))
    if len(platforms) > 1 and not options.several_platforms:
        raise PyenvError(f"--platform={options.platform}: this command takes one platform, run it for each")
    try:
        for one in platforms:
            generated.platform(one, "--platform")
    except GeneratedTextError as error:
        raise PyenvError(str(error)) from None
    dockerfile = lex(data)
    given = image_configs.read(
        options.image_config, options.user, {key: value or "" for key, value in _pairs(options.env)}
    )
    asked = EngineImages(given)
    build = OfflineBuild(
        platform=platforms[0],
        build_args={
            key: os.environ.get(key, "") if value is None else value for key, value in _pairs(options.build_arg)
        },
        images=given if options.no_engine else asked,
        target=options.target,
        hint=asked.hint,
    )
    return Workspace(name, options.context, dockerfile, pyenv_lines(dockerfile), build, os.environ, platforms)


def _pairs(texts: list[str]) -> list[tuple[str, str | None]]:
    split = (text.partition("=") for text in texts)
    return [(name, value if equals else None) for name, equals, value in split]


def _platform() -> str:
    machine = platform.machine().lower()
    return f"linux/{_MACHINES.get(machine, machine)}"
