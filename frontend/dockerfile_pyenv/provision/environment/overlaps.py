"""Files that several packages have, with different content: the package whose name sorts last wins.

uv installs packages in parallel, so with opencv-python and opencv-python-headless, for one, each file that both have
would come from either, and an environment would differ from one build to the next. uv's cache has all of them.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import shutil
from pathlib import Path, PurePosixPath
from typing import Dict, Iterator, Sequence, Tuple

import uv_cache

ALGORITHM = "sha256="


def settle(packages: Sequence[Path], cache: Path) -> None:
    """Write the winner's content of each file that packages disagree about; `packages` are dist-info directories."""
    owners: Dict[str, Dict[Path, str]] = {}
    for package in packages:
        for name, digest in _recorded(package):
            owners.setdefault(name, {})[package] = digest
    for name, digests in owners.items():
        if len(set(digests.values())) > 1:
            winner = max(digests, key=lambda package: package.name.lower())
            _write(winner.parent / name, winner.name, name, digests[winner], cache)


def _recorded(package: Path) -> Iterator[Tuple[str, str]]:
    """Yield the files of a package in site-packages, with their hashes (the recording format of wheels)."""
    try:
        text = (package / "RECORD").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for row in csv.reader(text.splitlines()):
        if len(row) > 1 and row[1].startswith(ALGORITHM):
            path = PurePosixPath(row[0])
            if not path.is_absolute() and ".." not in path.parts:
                yield str(path), row[1][len(ALGORITHM) :]


def _write(target: Path, package: str, name: str, digest: str, cache: Path) -> None:
    if _digest(target) == digest:
        return
    for source in sorted((cache / uv_cache.ARCHIVES).glob(f"*/{package}")):
        file = source.parent / name
        if _digest(file) == digest:
            shutil.copyfile(str(file), str(target))
            shutil.copymode(str(file), str(target))
            return


def _digest(path: Path) -> str:
    try:
        found = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return ""
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()
