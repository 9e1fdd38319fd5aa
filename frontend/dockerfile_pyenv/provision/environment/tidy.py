"""What a step must not leave behind."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, FrozenSet, List

from layout import site_packages

if TYPE_CHECKING:
    from pathlib import Path

TIME = 315532800
"""1980-01-01, the earliest time of zip: the modification time of all that a step makes."""

UV_CACHE = "uv_cache.json"
"""uv's record of a local file's time, in the metadata of what was installed from it."""


def listing(directory: Path) -> FrozenSet[Path]:
    """Return the entries of a directory; none if it does not exist."""
    return frozenset(directory.iterdir() if directory.is_dir() else ())


def remove_new(directory: Path, before: FrozenSet[Path]) -> None:
    """Remove new entries of a directory, and restore the directory's times."""
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
    """Remove an environment's lock file and uv's records of times; return the dist-info directories of its packages."""
    lock = path / ".lock"
    if lock.exists():
        lock.unlink()
    packages = sorted(site_packages(path, version).glob("*.dist-info"))
    for package in packages:
        note = package / UV_CACHE
        if note.exists():
            note.unlink()
            _forget(package / "RECORD", f"{package.name}/{UV_CACHE},")
    return packages


def date(path: Path) -> None:
    """Set the modification time of a file, or of a directory and everything below it, to TIME; of links themselves."""
    for directory, directories, files in os.walk(str(path)):
        for name in directories + files:
            _date(os.path.join(directory, name))  # noqa: PTH118 - thousands of files
    _date(str(path))


def _date(path: str) -> None:
    os.utime(path, (TIME, TIME), follow_symlinks=False)


def _forget(record: Path, prefix: str) -> None:
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join(line for line in lines if not line.startswith(prefix.encode())))
