"""What a step must not leave behind."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, FrozenSet, List

if TYPE_CHECKING:
    from pathlib import Path

UV_CACHE = "uv_cache.json"
"""uv's note of a local file's time, in the metadata of what was installed from it."""


def listing(directory: Path) -> FrozenSet[Path]:
    """Return what is in a directory; nothing where it does not exist."""
    return frozenset(directory.iterdir() if directory.is_dir() else ())


def remove_new(directory: Path, before: FrozenSet[Path]) -> None:
    """Remove what was not in a directory before, and put back the directory's own times."""
    new = listing(directory) - before
    if not new:
        return
    times = directory.stat()
    for path in new:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    os.utime(directory, ns=(times.st_atime_ns, times.st_mtime_ns))


def settle(path: Path, version: str) -> List[Path]:
    """Remove an environment's lock and the times that uv notes; return the dist-info directories of its packages."""
    lock = path / ".lock"
    if lock.exists():
        lock.unlink()
    packages = sorted((path / "lib" / f"python{version}" / "site-packages").glob("*.dist-info"))
    for package in packages:
        note = package / UV_CACHE
        if note.exists():
            note.unlink()
            _forget(package / "RECORD", f"{package.name}/{UV_CACHE},")
    return packages


def _forget(record: Path, prefix: str) -> None:
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join(line for line in lines if not line.startswith(prefix.encode())))
