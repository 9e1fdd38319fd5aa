"""Compares installed files with the RECORD of their packages.

Installers verify a wheel when they download it. uv then installs from its cache of unpacked wheels, which it trusts;
the hashes in RECORD come from the wheel. They do not cover RECORD itself, scripts, whose first line an installer
rewrites, and files for which a wheel gives no hash.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import posixpath
from typing import TYPE_CHECKING, AbstractSet, Dict, FrozenSet, Iterator, List, NamedTuple, Set, Tuple

if TYPE_CHECKING:
    from pathlib import Path

ALGORITHMS = ("sha256=", "sha384=", "sha512=")
"""Those that a RECORD may have (the recording format of wheels)."""

SUFFIX = ".dist-info"


class Difference(NamedTuple):
    """A file that is not what the RECORD of its package says."""

    file: str
    """Path in site-packages."""
    package: str = ""
    """Name of the dist-info directory; "" if no RECORD has the file."""

    def __str__(self) -> str:
        shown = self.file if self.file.isprintable() else ascii(self.file)
        if not self.package:
            return f"{shown} is in no package's RECORD"
        return f"{shown} differs from the RECORD of {self.package[: -len(SUFFIX)].replace('-', ' ', 1)}"


def files(packages: Path) -> FrozenSet[str]:
    """Return the paths of all files in a site-packages directory, relative to it."""
    start = len(str(packages)) + 1
    return frozenset(f"{directory}/{name}"[start:] for directory, _, names in os.walk(str(packages)) for name in names)


def differences(packages: Path, own: AbstractSet[str]) -> List[Difference]:
    """Compare a site-packages directory with the RECORDs in it; `own` are files that belong to no package.

    A file of several packages has to be that of one of them.
    """
    claims: Dict[str, Set[str]] = {}
    owners: Dict[str, str] = {}
    for info in sorted(packages.glob(f"*{SUFFIX}")):
        for name, digest in _recorded(info):
            claims.setdefault(name, set()).add(digest)
            owners[name] = info.name
    found = [
        Difference(name, owners[name])
        for name, digests in sorted(claims.items())
        if "" not in digests and not _is_one_of(f"{packages}/{name}", digests)
    ]
    return [*found, *map(Difference, sorted(files(packages) - own - claims.keys()))]


def _recorded(info: Path) -> Iterator[Tuple[str, str]]:
    """Yield the files in a package's RECORD, with their hashes as written there; "" for none."""
    try:
        text = (info / "RECORD").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for row in csv.reader(text.splitlines()):
        if row:
            digest = row[1] if len(row) > 1 else ""
            yield posixpath.normpath(row[0]), digest if digest.startswith(ALGORITHMS) else ""


def _is_one_of(path: str, digests: AbstractSet[str]) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - thousands of files
            content = file.read()
    except OSError:
        return False
    return any(_digest(content, one.partition("=")[0]) == one.rstrip("=") for one in digests)


def _digest(content: bytes, algorithm: str) -> str:
    found = hashlib.new(algorithm, content).digest()
    return f"{algorithm}={base64.urlsafe_b64encode(found).rstrip(b'=').decode()}"
