"""The `source` provider: CPython compiled in a builder image from its release tarball, whose checksum is verified."""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from buildkit_llb import ops
from buildkit_llb.ops import Mount, Platform, State
from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.instruction.flags import FlagError
from dockerfile_pyenv.interpreters.graphs import SCRIPTS, step_prefix
from dockerfile_pyenv.interpreters.provider import (
    Download,
    Interpreter,
    InterpreterNotFoundError,
    Request,
    Setting,
    bare,
    image_of,
    is_address,
    mirror_of,
    path_of,
    short,
)

if TYPE_CHECKING:
    from dockerfile_pyenv.interpreters.graphs import InterpreterGraphs
    from dockerfile_pyenv.interpreters.stages import InterpreterStages

_SOURCES: Final = Path(__file__).parent / "data/sources.json"

DEFAULT_BUILDER: Final = "debian:bullseye-slim"
"""glibc 2.31: what is compiled there runs on every base whose distribution is not older."""

UPSTREAM: Final = "https://www.python.org/ftp/python"
"""Where CPython's release tarballs are: <X.Y.Z>/Python-<version>.tar.xz."""

MIRROR: Final = "PYENV_SOURCE_MIRROR"

_DIGEST: Final = re.compile("[0-9a-f]{64}")
_NOT_COMPILED: Final = "requires an interpreter that is compiled: add --interpreter=source"


class SourceProvider:
    """`--interpreter=source`."""

    word: Final = "source"
    flags: Final[Mapping[str, str]] = MappingProxyType(
        {"enable-optimizations": f"--enable-optimizations {_NOT_COMPILED}"}
    )

    def accepts(self, word: str) -> bool:
        """Whether a value of `--interpreter` means it."""
        return word == self.word

    def choose(self, request: Request) -> Interpreter:
        """The newest release whose checksum is known. Raises InterpreterNotFoundError or FlagError."""
        version, setting, optimize = request.version, request.setting, request.flags.enable_optimizations
        full, file, digest = _release(version.removesuffix("t"), setting)
        mirror = mirror_of(setting, MIRROR)
        mirror = mirror.rstrip("/") if is_address(mirror) else UPSTREAM
        if request.flags.builder:
            builder = image_of(request.flags.builder, "--builder", "builder")
        else:
            builder = image_of(setting("PYENV_BUILDER") or DEFAULT_BUILDER, "PYENV_BUILDER")
        free = version.endswith("t")
        recipes = {
            platform: SourceRecipe(
                url=f"{mirror}/{_final(full)}/{file}",
                upstream=f"{UPSTREAM}/{_final(full)}/{file}",
                sha256=digest,
                builder=builder,
                optimize=optimize,
                free_threaded=free,
                platform=platform,
            )
            for platform in request.platforms
        }
        named = full + ("t" if free else "")
        key = f"{builder} {optimize} {digest}"
        return Interpreter(f"{named}-{short(key)}", named, f"compiled in {builder}", recipes, uses_builder=True)


class SourceRecipe(NamedTuple):
    """A release tarball to compile, and how: a Recipe."""

    url: str
    """Where it is downloaded from."""
    upstream: str
    """Its address on python.org, of which `url` may be a mirror's."""
    sha256: str
    builder: str
    optimize: bool
    free_threaded: bool
    platform: str

    @property
    def download(self) -> Download:
        """The tarball."""
        return Download(self.url, self.sha256, MIRROR)

    @property
    def downloads(self) -> tuple[Download, ...]:
        """Just that."""
        return (self.download,)

    @property
    def label(self) -> str:
        """The tarball's name."""
        return posixpath.basename(path_of(self.url))

    @property
    def description(self) -> dict[str, str]:
        """What `explain` says."""
        return {"platform": self.platform, "builder": self.builder, "from": self.url, "sha256": self.sha256}

    @property
    def origin(self) -> dict[str, str]:
        """What the interpreter's record says."""
        return {"url": bare(self.upstream), "sha256": self.sha256, "builder": self.builder}

    def graph(self, graphs: "InterpreterGraphs", interpreter: Interpreter) -> State:
        """Three steps: a builder that has all that is needed, the compilation without network, the finish."""
        platform = Platform.parse(self.platform)
        name = posixpath.basename(self.url)
        step = step_prefix(interpreter.id)
        source = graphs.download(interpreter, self.download, name)
        env = graphs.environment(self.builder, platform)
        builder = ops.run(
            ["/bin/sh", f"{SCRIPTS}/builder.sh"],
            root=ops.image(self.builder, platform=platform, description=f"{step}builder {self.builder}"),
            mounts=[graphs.script("builder.sh")],
            env=env,
            platform=platform,
            description=f"{step}prepare {self.builder} for compiling",
        )
        prefix = interpreter.prefix
        compiled = ops.run(
            self._compile(prefix),
            root=builder.root,
            mounts=[
                graphs.script("compile.sh"),
                Mount("/source", source),
                Mount("/tmp", tmpfs=True),  # noqa: S108 - the step's own
                Mount(prefix, readonly=False, output=True),
            ],
            env=env,
            network="none",
            platform=platform,
            description=f"{step}compile {name}",
        )
        return graphs.finish(interpreter, self, {"tree": "/tree"}, [Mount("/tree", compiled.mounts[prefix])], "finish")

    def stages(self, stages: "InterpreterStages", interpreter: Interpreter) -> Iterator[str]:
        """The same in a Dockerfile."""
        name, prefix = stages.name, interpreter.prefix
        source = f"/{posixpath.basename(self.url)}"
        yield stages.start("source")
        yield from stages.download(self.download, source)
        yield stages.start("compile", self.builder, self.platform)
        yield "USER 0:0\n"
        yield stages.run(["/bin/sh", f"{SCRIPTS}/builder.sh"], mounts=[stages.script("builder.sh")])
        yield f"COPY --from={name}-source {source} /source/\nWORKDIR {prefix}\n"
        yield stages.run(self._compile(prefix), mounts=[stages.script("compile.sh"), "type=tmpfs,target=/tmp"])
        yield stages.start("finish")
        yield f"COPY --from={name}-compile {prefix} /tree\n"
        yield stages.finish(interpreter, self, {"tree": "/tree"})
        yield stages.result("finish", "/out")

    def _compile(self, prefix: str) -> list[str]:
        options = ["--optimize"] if self.optimize else []
        options += ["--free-threaded"] if self.free_threaded else []
        return ["/bin/sh", f"{SCRIPTS}/compile.sh", *options, "/source", prefix]


def _release(version: str, setting: Setting) -> tuple[str, str, str]:
    """Full version, file name and checksum of a release to compile: by build arg, else from the known ones."""
    if digest := setting("PYENV_SOURCE_SHA256"):
        if version.count(".") < 2:  # noqa: PLR2004 - X.Y.Z
            raise InterpreterNotFoundError(
                f"PYENV_SOURCE_SHA256 is the checksum of one release: write its full version in place of {version}"
            )
        digest = digest.strip().lower().removeprefix("sha256:")
        if not _DIGEST.fullmatch(digest):
            raise FlagError(f"PYENV_SOURCE_SHA256: {generated.shown(digest)} is not a SHA-256 checksum of 64 digits")
        return version, f"Python-{version}.tar.xz", digest
    from packaging.version import Version  # noqa: PLC0415 - costs 20 ms, for --interpreter=source only

    known = _known_sources()
    newer = [one for one in known if one.startswith(version + ".") and not Version(one).is_prerelease]
    fitting = [version] if version in known else newer if version.count(".") == 1 else []
    if not fitting:
        raise InterpreterNotFoundError(
            f"no checksum is known for the source of CPython {version} (known: "
            f"{', '.join(sorted(known, key=Version))}): pass it with --build-arg PYENV_SOURCE_SHA256=…"
        )
    full = max(fitting, key=Version)
    return full, known[full]["file"], known[full]["sha256"]


def _known_sources() -> Mapping[str, Mapping[str, str]]:
    """Release tarballs by version: their names on python.org, and SHA-256 as Debian's source packages record it."""
    known: Mapping[str, Mapping[str, str]] = json.loads(_SOURCES.read_bytes())
    return known


def _final(version: str) -> str:
    """The release that a pre-release leads to: "3.15.0" of "3.15.0rc1"; python.org keeps both in one directory."""
    return version.split("a", maxsplit=1)[0].split("b", maxsplit=1)[0].split("rc", maxsplit=1)[0]
