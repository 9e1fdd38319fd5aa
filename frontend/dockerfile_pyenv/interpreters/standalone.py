"""The `standalone` provider: builds of python-build-standalone, by a table of uv's or of the site's own."""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from buildkit_llb.ops import Mount, State
from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.instruction.flags import FlagError
from dockerfile_pyenv.interpreters.provider import (
    Download,
    Interpreter,
    InterpreterNotFoundError,
    Request,
    Setting,
    bare,
    is_address,
    mirror_of,
    path_of,
)
from dockerfile_pyenv.interpreters.standalone_table import LIBC, StandaloneArchive, Table

if TYPE_CHECKING:
    from dockerfile_pyenv.interpreters.graphs import InterpreterGraphs
    from dockerfile_pyenv.interpreters.stages import InterpreterStages

MIRROR: Final = "UV_PYTHON_INSTALL_MIRROR"
TABLE: Final = "UV_PYTHON_DOWNLOADS_JSON_URL"


class StandaloneProvider:
    """`--interpreter=standalone`, and the default."""

    word: Final = "standalone"
    flags: Final[Mapping[str, str]] = MappingProxyType(
        {"libc": "--libc requires a standalone interpreter: remove the flag"}
    )

    def accepts(self, word: str) -> bool:
        """Whether a value of `--interpreter` means it."""
        return word == self.word

    def choose(self, request: Request) -> Interpreter:
        """The newest release that the table has for all platforms.

        Raises InterpreterNotFoundError, FlagError for a setting that is not valid, or PyenvError.
        """
        version = request.version
        if version.endswith("t"):
            raise InterpreterNotFoundError(
                f"free-threaded Python {version} has no standalone build: add --interpreter=source"
            )
        libc = request.flags.libc or _libc(request.setting) or request.libc()
        table = _table(request.setting, request.download)
        archives = table.select(version, request.platforms, libc)
        one = next(iter(archives.values()))
        suffix = "-musl" if one.libc == "musl" else ""
        recipes = {platform: StandaloneRecipe(archive) for platform, archive in archives.items()}
        return Interpreter(f"{one.version}{suffix}", one.version, self.word, recipes)


class StandaloneRecipe(NamedTuple):
    """An archive to unpack: a Recipe."""

    archive: StandaloneArchive

    @property
    def platform(self) -> str:
        """What the archive is for."""
        return self.archive.platform

    @property
    def download(self) -> Download:
        """The archive."""
        return Download(self.archive.url, self.archive.sha256, MIRROR)

    @property
    def downloads(self) -> tuple[Download, ...]:
        """Just that."""
        return (self.download,)

    @property
    def label(self) -> str:
        """The archive's name."""
        return posixpath.basename(path_of(self.archive.url))

    @property
    def description(self) -> dict[str, str]:
        """What `explain` says."""
        archive = self.archive
        return {
            "platform": archive.platform,
            "libc": LIBC[archive.libc],
            "from": archive.url,
            "sha256": archive.sha256,
        }

    @property
    def origin(self) -> dict[str, str]:
        """What the interpreter's record says."""
        return {"url": bare(self.archive.upstream), "sha256": self.archive.sha256}

    def graph(self, graphs: "InterpreterGraphs", interpreter: Interpreter) -> State:
        """A download, and a step that unpacks it."""
        name = "archive.tar.gz"
        archive = graphs.download(interpreter, self.download, name)
        return graphs.finish(interpreter, self, {"archive": f"/archive/{name}"}, [Mount("/archive", archive)], "unpack")

    def stages(self, stages: "InterpreterStages", interpreter: Interpreter) -> Iterator[str]:
        """The same in a Dockerfile."""
        archive = "/archive.tar.gz"
        yield stages.start("finish")
        yield from stages.download(self.download, archive)
        yield stages.finish(interpreter, self, {"archive": archive})
        yield stages.result("finish", "/out")


def _libc(setting: Setting) -> str:
    """The C library that a build or a site sets; "" for none. Raises FlagError."""
    value = setting("PYENV_LIBC")
    if value and value not in LIBC:
        raise FlagError(f"PYENV_LIBC: {generated.shown(value)} is not a C library: write {' or '.join(LIBC)}")
    return value


def _table(setting: Setting, download: Callable[[str], bytes]) -> Table:
    """The table of builds: the site's, where it has one, else this release's own. Raises PyenvError or FlagError."""
    address, mirror = setting(TABLE), mirror_of(setting, MIRROR)
    return _loaded(_read(address, download), mirror) if address else _own(mirror)


def _read(address: str, download: Callable[[str], bytes]) -> bytes:
    try:
        return download(address) if is_address(address) else Path(address.removeprefix("file://")).read_bytes()
    except PyenvError as error:
        raise PyenvError(f"{TABLE}: {error}") from None
    except OSError as error:
        raise PyenvError(f"{TABLE}: cannot read {address}: {error.strerror}") from None
    except ValueError as error:
        raise PyenvError(f"{TABLE}: cannot read {generated.shown(address)}: {error}") from None


# The lines of a build have one table, and reading it takes some milliseconds.
@lru_cache(maxsize=1)
def _own(mirror: str) -> Table:
    return Table.default(mirror=mirror)


@lru_cache(maxsize=1)
def _loaded(data: bytes, mirror: str) -> Table:
    return Table.loads(data, mirror=mirror)
