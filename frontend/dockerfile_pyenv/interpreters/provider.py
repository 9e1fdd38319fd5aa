"""What a provider of interpreters is: it turns a version into recipes, one for each platform of the build.

A provider is a file here, with a class that is a `Provider` and a class that is its `Recipe`, and a line in
`providers.py`. All that the commands, the graph and the rendered text need of it are the members of these two.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.dockerfile.generated import GeneratedTextError
from dockerfile_pyenv.instruction.flags import FlagError, Flags
from dockerfile_pyenv.requirements.requirements_txt import without_credentials

if TYPE_CHECKING:
    from buildkit_llb.ops import State
    from dockerfile_pyenv.interpreters.graphs import InterpreterGraphs
    from dockerfile_pyenv.interpreters.stages import InterpreterStages

PREFIX = "/opt/astro-pyenv"
"""Where everything lives in the image."""

BASE = "base"
"""Name of the base image's own interpreter, which has no directory of ours."""

SETTING: Final = "PYENV_INTERPRETER"
"""The setting that chooses a provider for lines without `--interpreter`."""

_PLAIN: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?P<path>/[A-Za-z0-9._/+~-]+)")
"""An address without credentials, and with nothing to decode."""

Setting = Callable[[str], str]
"""Value of a build arg or of a site's default; "" for none."""


class InterpreterNotFoundError(Exception):
    """A provider has no interpreter of that version; the message names what it has, or what to do."""


class Download(NamedTuple):
    """A file that a recipe is made from."""

    url: str
    sha256: str
    mirror: str
    """The setting that names a mirror of such files; where that is a directory, the file is taken from there."""


class Recipe(Protocol):
    """How to come by an interpreter for one platform."""

    @property
    def platform(self) -> str:
        """In the normal form of containerd/platforms: "linux/amd64", "linux/arm/v7"."""

    @property
    def downloads(self) -> tuple[Download, ...]:
        """Files that it downloads."""

    @property
    def label(self) -> str:
        """What it is made from, in a word or two: a file's name, or an image."""

    @property
    def description(self) -> Mapping[str, str]:
        """What `explain` says of it: "platform", "libc", "builder", "from", "sha256" as far as they apply."""

    @property
    def origin(self) -> Mapping[str, str]:
        """What the interpreter's own record in the image says of where it comes from.

        It names no mirror and no credentials: the files stay the same whatever mirror they come from.
        """

    def graph(self, graphs: "InterpreterGraphs", interpreter: "Interpreter") -> "State":
        """A file system that holds the interpreter's prefix as its root, made for its place in the image.

        Raises RpcError where an image that is needed is not there.
        """

    def stages(self, stages: "InterpreterStages", interpreter: "Interpreter") -> Iterator[str]:
        """The same as stages of a plain Dockerfile, of which the last is named `stages.name`."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter, as a line and all lines like it get it."""

    id: str
    """Name of its directory; it differs where two interpreters of one X.Y do."""
    version: str
    """As far as it is known before the build: "3.9.25", or "3.9" of an image."""
    provider: str
    """What it comes from, in the words that users read: "standalone", "image python:3.9"."""
    recipes: Mapping[str, Recipe]
    """How to come by it, by the platform of a line's stage; none where the base image has it."""
    uses_builder: bool = False
    """It is what `--builder` is for, and not the packages."""
    reason: str = ""
    """Why it is this provider: "by default", "by --interpreter" or "by PYENV_INTERPRETER"."""

    @property
    def minor(self) -> str:
        """What its command is called after `python`: "3.9", "3.14t"."""
        return minor(self.version)

    @property
    def prefix(self) -> str:
        """Where it lives in the image."""
        return f"{PREFIX}/python/{self.id}"

    @property
    def is_base(self) -> bool:
        """It is the base image's own, and nothing of it is added."""
        return not self.recipes

    @property
    def title(self) -> str:
        """What progress and history call it."""
        return f"CPython {self.version}, {self.provider} {self.reason}".rstrip()


class Request(NamedTuple):
    """What a line asks a provider for, and what is known about the build."""

    version: str
    """ "3.9", "3.9.23", "3.15.0rc1", "3.14t"."""
    word: str
    """The word that chose the provider: "source", "image:python:3.9"; "" where it is the default."""
    flags: Flags
    platforms: Sequence[str]
    """Of the stages of the build's PYENV lines."""
    setting: Setting
    libc: Callable[[], str]
    """Finds the C library of the line's stage, "gnu" or "musl": only asked where nothing else says it."""
    download: Callable[[str], bytes]
    """Fetches a file over http."""


class Provider(Protocol):
    """Where interpreters come from."""

    @property
    def word(self) -> str:
        """How `--interpreter=` names it: "standalone", "image:<reference>"."""

    @property
    def flags(self) -> Mapping[str, str]:
        """The flags that only some providers have a use for and this one has; and what to say where one has none."""

    def accepts(self, word: str) -> bool:
        """Whether a value of `--interpreter` or PYENV_INTERPRETER means it."""

    def choose(self, request: Request) -> Interpreter:
        """Choose an interpreter, but for its `reason`.

        Raises InterpreterNotFoundError where there is none of that version, FlagError for a flag that contradicts.
        """


@lru_cache  # each line is compared with all others
def minor(version: str) -> str:
    """`X.Y` of a version, with the `t` of free-threaded builds."""
    major, number, *_ = version.removesuffix("t").split(".")
    return f"{major}.{number}" + ("t" if version.endswith("t") else "")


def short(text: str) -> str:
    """A few digits that tell apart what else has one name."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def image_of(value: str, setting: str, flag: str = "") -> str:
    """An image reference from a flag or a setting, whose name is `setting`. Raises FlagError."""
    try:
        return generated.image(value, setting)
    except GeneratedTextError as error:
        raise FlagError(str(error), flag) from None


def mirror_of(setting: Setting, name: str) -> str:
    """Value of a setting that names a mirror. Raises FlagError."""
    try:
        return generated.checked(setting(name), name)
    except GeneratedTextError as error:
        raise FlagError(str(error)) from None


def is_address(value: str) -> bool:
    """Whether a mirror is an address to download from, and no directory."""
    return value.startswith(("http://", "https://"))


def path_of(url: str) -> str:
    """Path on a mirror of the file with an address: the last two parts, decoded.

    "20261101/cpython-3.9.25+20261101-….tar.gz" of an archive, "3.13.5/Python-3.13.5.tar.xz" of a release tarball.
    """
    if plain := _PLAIN.fullmatch(url):
        path = plain["path"]
    else:
        from urllib.parse import unquote, urlsplit  # noqa: PLC0415 - costs 2 ms, which most addresses do not require

        path = unquote(urlsplit(url).path)
    return "/".join(path.split("/")[-2:])


def bare(url: str) -> str:
    """Leave out what may be a secret of an address: a table of a site's own may have signed ones."""
    if _PLAIN.fullmatch(url):
        return url
    from urllib.parse import urlsplit  # noqa: PLC0415 - likewise

    return without_credentials(urlsplit(url)._replace(query="", fragment="").geturl())
