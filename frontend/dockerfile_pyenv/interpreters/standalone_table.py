"""Which CPython builds exist, and where: the table of the `standalone` interpreters.

The table is in the format of uv's own download-metadata.json (uv 0.13, crates/uv-python-managed): an object whose
values describe one archive of python-build-standalone each. This release's own is frozen in data/standalone.json, cut
down to what is used here by tools/table.py; a site's table (UV_PYTHON_DOWNLOADS_JSON_URL) may be uv's uncut one.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeVar

from dockerfile_pyenv.errors import PyenvError, brief
from dockerfile_pyenv.instruction.arguments import OLDEST
from dockerfile_pyenv.interpreters.provider import InterpreterNotFoundError, is_address

_DATA: Final = Path(__file__).parent / "data/standalone.json"

UPSTREAM: Final = "https://github.com/astral-sh/python-build-standalone/releases/download"
"""What a mirror (UV_PYTHON_INSTALL_MIRROR) stands in for."""

_PLATFORMS: Final = {
    ("x86_64", "gnu"): ("linux/amd64", "gnu"),
    ("x86_64", "musl"): ("linux/amd64", "musl"),
    ("aarch64", "gnu"): ("linux/arm64", "gnu"),
    ("aarch64", "musl"): ("linux/arm64", "musl"),
    ("armv7", "gnueabihf"): ("linux/arm/v7", "gnu"),
    ("i686", "gnu"): ("linux/386", "gnu"),
    ("powerpc64le", "gnu"): ("linux/ppc64le", "gnu"),
    ("riscv64", "gnu"): ("linux/riscv64", "gnu"),
    ("s390x", "gnu"): ("linux/s390x", "gnu"),
}
"""Platform as containerd names it and C library, by architecture and C library as uv names them."""

LIBC: Final = {"gnu": "glibc", "musl": "musl"}
"""What C libraries are called in sentences."""

_NO_TABLE: Final = "the table of Python downloads is not in uv's format"
_STRIPPED: Final = "-install_only_stripped.tar.gz"
_ARCHIVES: Final = (_STRIPPED, "-install_only.tar.gz")
_PRERELEASE: Final = re.compile(r"(a|b|rc)([0-9]{1,4})")
_VERSION: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4})(?:(a|b|rc)([0-9]{1,4}))?)?")
_FINAL: Final = ("~", 0)
"""Sorts after every kind of pre-release: "a", "b" and "rc"."""

_LARGEST: Final = 9999
"""What a part of a version can be."""
_WORD: Final = re.compile(r"[!-~]+")

_Entry = Mapping[str, Any]
_Key = tuple[int, int, int, tuple[str, int]]
_Comparable = TypeVar("_Comparable", _Key, tuple[int, int])


class StandaloneArchive(NamedTuple):
    """One archive of an interpreter."""

    version: str
    """As Python reports it: "3.9.25", "3.15.0rc1"."""
    tag: str
    """Date of the python-build-standalone release, or what a site's table has in its place; may be empty."""
    platform: str
    """In the normal form of containerd/platforms: "linux/amd64", "linux/arm/v7"."""
    libc: str
    """ "gnu" or "musl"."""
    url: str
    """Where it is downloaded from."""
    upstream: str
    """The address that the table has, of which `url` may be a mirror's."""
    sha256: str

    @property
    def id(self) -> str:
        """Name of the interpreter's directory in an image: the version alone.

        The date is no part of it: it differs between the platforms of one version, and their images share one text.
        """
        return self.version


class Table:
    """The builds to choose from."""

    def __init__(self, entries: Iterable[_Entry], *, mirror: str = "") -> None:
        self._entries = tuple(entries)
        self._mirror = mirror
        self._archives: dict[tuple[str, str], dict[_Key, _Entry]] = {}

    @classmethod
    def default(cls, *, mirror: str = "") -> Self:
        """Read this release's own table."""
        return cls(_entries(_DATA.read_bytes()), mirror=mirror)  # `make table` wrote it: nothing to check

    @classmethod
    def loads(cls, data: bytes, *, mirror: str = "") -> Self:
        """Read a table in uv's format; downloads go through `mirror` where one is given. Raises PyenvError."""
        return cls(filter(_is_archive, _entries(data)), mirror=mirror)

    def select(self, version: str, platforms: Sequence[str], libc: str = "gnu") -> dict[str, StandaloneArchive]:
        """Choose the newest release of `version` that exists on all `platforms`, and its build for each of them.

        `version` is "X.Y", "X.Y.Z" or a pre-release such as "3.15.0rc1"; a pre-release is chosen only when it is
        asked for exactly. Raises InterpreterNotFoundError.
        """
        match = _VERSION.fullmatch(version)
        if match is None:
            raise InterpreterNotFoundError(f"{version!r} is not a Python version")
        known = {platform: self._of(platform, libc) for platform in platforms}
        for platform, archives in known.items():
            if not any(_fits(key, match) for key in archives):
                raise InterpreterNotFoundError(_missing(version, match, platform, libc, archives))
        common = set.intersection(*(set(archives) for archives in known.values()))
        fitting = [key for key in common if _fits(key, match)]
        if not fitting:
            newest = ", ".join(
                f"{_text(max(key for key in archives if _fits(key, match)))} for {platform}"
                for platform, archives in known.items()
            )
            raise InterpreterNotFoundError(
                f"no release of Python {version} exists for all platforms of this build ({LIBC[libc]}). "
                f"The newest are {newest}"
            )
        chosen = max(fitting)
        return {
            platform: StandaloneArchive(
                version=_text(chosen),
                tag=str(archives[chosen].get("build") or ""),
                platform=platform,
                libc=libc,
                url=mirrored(archives[chosen]["url"], self._mirror),
                upstream=archives[chosen]["url"],
                sha256=archives[chosen]["sha256"],
            )
            for platform, archives in known.items()
        }

    def _of(self, platform: str, libc: str) -> dict[_Key, _Entry]:
        """Archives for a platform and C library, by version: of each the stripped one of the latest date."""
        place = (platform, libc)
        if place not in self._archives:
            found = self._archives[place] = {}
            for entry in self._entries:
                if _place(entry) == place and _usable(entry):
                    key = _key_of(entry)
                    if key not in found or _rank(found[key]) < _rank(entry):
                        found[key] = entry
        return self._archives[place]


def _entries(data: bytes) -> Iterable[_Entry]:
    """Parse a table. Raises PyenvError."""
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PyenvError(f"the table of Python downloads is not valid JSON: {error}") from None
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise PyenvError(f"{_NO_TABLE}: expected an object of objects")
    return entries.values()


def _is_archive(entry: _Entry) -> bool:
    """Whether an entry is one to choose from. Raises PyenvError for one with values that cannot be a download."""
    try:
        if not _usable(entry):
            return False
        _check(entry)
        _key_of(entry)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise PyenvError(f"{_NO_TABLE}: {brief(json.dumps(entry))}") from None
    return True


def mirrored(url: str, mirror: str) -> str:
    """Return an archive's address on a mirror of upstream's releases, as UV_PYTHON_INSTALL_MIRROR names one.

    An address elsewhere, as a site's table may hold, stays as it is; so do all where the mirror is a directory.
    """
    if not is_address(mirror) or not url.startswith(UPSTREAM + "/"):
        return url
    return mirror.rstrip("/") + url.removeprefix(UPSTREAM)


def _place(entry: _Entry) -> tuple[str, str] | None:
    """Platform and C library of an entry; None where it is for no platform of containers."""
    return _PLATFORMS.get(((entry.get("arch") or {}).get("family", ""), entry.get("libc", "")))


def _usable(entry: _Entry) -> bool:
    """Whether an entry is a plain build of CPython for a platform of containers, with a checksum."""
    arch = entry.get("arch") or {}
    return bool(
        entry.get("name", "cpython") == "cpython"
        and entry.get("os", "linux") == "linux"
        and not entry.get("variant")
        and not arch.get("variant")
        and _place(entry)
        and entry.get("sha256")
        and entry.get("url", "").endswith(_ARCHIVES)
        and (entry["major"], entry["minor"]) >= OLDEST
    )


def _check(entry: _Entry) -> None:
    """Refuse an entry whose values cannot be a download: they become names of directories and words of a Dockerfile.

    Raises TypeError or ValueError.
    """
    numbers = all(type(entry[key]) is int and 0 <= entry[key] <= _LARGEST for key in ("major", "minor", "patch"))
    if not numbers or not _WORD.fullmatch(entry["sha256"]) or not _WORD.fullmatch(entry["url"]):
        raise ValueError(entry)


def _rank(entry: _Entry) -> tuple[bool, str]:
    return entry["url"].endswith(_STRIPPED), str(entry.get("build") or "")


def _key_of(entry: _Entry) -> _Key:
    pre = _PRERELEASE.fullmatch(entry.get("prerelease") or "")
    return entry["major"], entry["minor"], entry["patch"], (pre[1], int(pre[2])) if pre else _FINAL


def _key(match: re.Match[str]) -> _Key:
    major, minor, patch, kind, number = match.groups()
    return int(major), int(minor), int(patch), (kind, int(number)) if kind else _FINAL


def _fits(key: _Key, wanted: re.Match[str]) -> bool:
    if wanted[3] is None:
        return key[:2] == (int(wanted[1]), int(wanted[2])) and key[3] == _FINAL
    return key == _key(wanted)


def _text(key: _Key) -> str:
    major, minor, patch, (kind, number) = key
    return f"{major}.{minor}.{patch}" + (f"{kind}{number}" if (kind, number) != _FINAL else "")


def _missing(version: str, match: re.Match[str], platform: str, libc: str, builds: Iterable[_Key]) -> str:
    """Say what there is in place of a version: its neighbours, or the pre-releases of an unfinished X.Y."""
    place = f"{platform} ({LIBC[libc]})"
    if not builds:
        return f"no Python is available for {place}"
    minor = (int(match[1]), int(match[2]))
    finals = sorted(key for key in builds if key[3] == _FINAL)
    if match[3] is None:
        if unfinished := [key for key in builds if key[:2] == minor]:
            newest = _text(max(unfinished))
            return f"Python {version} has only pre-releases for {place}: write {newest} for the newest"
        series = sorted({key[:2] for key in finals})
        near = [f"{x}.{y}" for x, y in _neighbours(series, minor)]
    else:
        same = [key for key in builds if key[:2] == minor] or finals
        near = [_text(key) for key in _neighbours(sorted(same), _key(match))]
    exist = "the nearest versions are" if len(near) > 1 else "the nearest version is"
    return f"Python {version} is not available for {place}: {exist} {' and '.join(near)}"


def _neighbours(ordered: list[_Comparable], wanted: _Comparable) -> list[_Comparable]:
    """Return the last value below the wanted one and the first above it, as far as they exist."""
    below = [value for value in ordered if value < wanted][-1:]
    above = [value for value in ordered if value > wanted][:1]
    return below + above
