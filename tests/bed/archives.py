"""Interpreters as python-build-standalone publishes them: archives, uv's table of them, and an HTTP server for both."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
import tarfile
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.version import Version
from tests.bed import network, process, settings, sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NAME: Final = "archives"
_SERVED: Final = settings.STATE / "archives"
TABLE: Final = _SERVED / "download-metadata.json"
TABLE_URL: Final = f"http://{settings.ARCHIVES}/{TABLE.name}"
# With the interpreters that only some tests ask for; TABLE, which is in the frontend image, stays as it is.
FULL_TABLE: Final = _SERVED / "all-download-metadata.json"
FULL_TABLE_URL: Final = f"http://{settings.ARCHIVES}/{FULL_TABLE.name}"
# With those for musl.
MUSL_TABLE: Final = _SERVED / "musl-download-metadata.json"
MUSL_TABLE_URL: Final = f"http://{settings.ARCHIVES}/{MUSL_TABLE.name}"
# Release tarballs, as below https://www.python.org/ftp/python.
SOURCES_URL: Final = f"http://{settings.ARCHIVES}/sources"


@dataclass(frozen=True, slots=True)
class Archive:
    """An interpreter, packed."""

    release: settings.Release
    path: Path

    @property
    def sha256(self) -> str:
        """The digest that the table names."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def file_name(release: settings.Release) -> str:
    """The name that python-build-standalone would give the archive of a release."""
    platform = f"x86_64-unknown-linux-{release.libc}"
    return f"cpython-{release.version}+{settings.DATE}-{platform}-install_only_stripped.tar.gz"


def pack(prefix: Path, target: Path) -> None:
    """Pack an installed interpreter as `python/…`; the same files give the same bytes."""

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = settings.EPOCH
        return member

    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        tar.add(prefix, "python", recursive=False, filter=anonymous)
        for path in sorted(prefix.rglob("*")):
            tar.add(path, f"python/{path.relative_to(prefix)}", recursive=False, filter=anonymous)


def table(archives: Sequence[Archive]) -> dict[str, dict[str, object]]:
    """The archives in the format of uv's `download-metadata.json` (uv 0.13)."""
    return {f"cpython-{one.release.version}-linux-x86_64-{one.release.libc}": _entry(one) for one in archives}


def _entry(archive: Archive) -> dict[str, object]:
    version = Version(archive.release.version)
    return {
        "name": "cpython",
        "arch": {"family": "x86_64", "variant": None},
        "os": "linux",
        "libc": archive.release.libc,
        "major": version.major,
        "minor": version.minor,
        "patch": version.micro,
        "prerelease": "".join(map(str, version.pre or ())),
        "url": f"http://{settings.ARCHIVES}/{settings.DATE}/{urllib.parse.quote(archive.path.name)}",
        "sha256": archive.sha256,
        "variant": None,
        "build": settings.DATE,
    }


def publish(archives: Sequence[Archive], target: Path = TABLE) -> None:
    """Serve these archives, their table and the cache's release tarballs on the bed's bridge."""
    directory = _SERVED / settings.DATE
    directory.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        _replace(directory / archive.path.name, archive.path)
    _replace(_SERVED / "sources", sources.DIRECTORY)
    text = json.dumps(table(archives), indent=2) + "\n"
    if not target.exists() or target.read_text() != text:
        new = target.with_suffix(".new")
        new.write_text(text)
        new.rename(target)
    if process.recall(_NAME) and network.reachable(settings.ARCHIVES):
        return
    process.stop(_NAME)
    host, _, port = settings.ARCHIVES.partition(":")
    log = settings.STATE / "archives.log"
    process.start(_NAME, [sys.executable, "-m", "http.server", "--bind", host, "--directory", str(_SERVED), port], log)
    process.wait_for(
        "the archive server",
        lambda: network.reachable(settings.ARCHIVES),
        lambda: process.recall(_NAME) is not None,
        log,
    )


def withdraw() -> None:
    """Forget what was published."""
    shutil.rmtree(_SERVED, ignore_errors=True)


def _replace(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    new = link.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.rename(link)
