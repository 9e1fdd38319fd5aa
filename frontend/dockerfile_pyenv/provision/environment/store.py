"""A store of files by key in a cache mount, which any number of steps can use at the same time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Optional

LARGEST = 1 << 30
"""Maximum size: some forty environments with pandas and scikit-learn."""

KEPT = LARGEST * 3 // 4
"""Maximum size after the least recently used files were removed."""

_LOCKS = ".locks"
_UNFINISHED = ".new-"


class Store:
    """Every file in it is complete. A key is a hexadecimal number."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._locks: IO[bytes] = (directory / _LOCKS).open("a+b")

    def close(self) -> None:
        """Release all locks."""
        self._locks.close()

    def read(self, key: str) -> Optional[bytes]:
        """Return a key's content, and record its use; None if the store does not have it."""
        path = self._directory / key
        try:
            content = path.read_bytes()
            os.utime(str(path))
        except OSError:  # another step may remove it at the same time
            return None
        return content

    def write(self, key: str, content: bytes) -> None:
        """Store a content, unless there is no space or permission."""
        with suppress(OSError):
            descriptor, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=str(self._directory))
            try:
                with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, no path
                    file.write(content)
                Path(name).replace(self._directory / key)
            except OSError:
                Path(name).unlink()

    def lock(self, key: str, *, wait: bool) -> bool:
        """Lock a key against other steps; return False if another one holds it.

        Two keys may share a lock, rarely: a step that holds one must not wait for another.
        """
        try:
            fcntl.lockf(self._locks, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, _byte(key))
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return True  # a file system without locks: work may be done twice
        return True

    def unlock(self, key: str) -> None:
        """Release a key's lock."""
        fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, _byte(key))

    def prune(self, largest: int = LARGEST, kept: int = KEPT) -> None:
        """Remove the least recently used files if the store is too large."""
        files = []
        for path in self._directory.iterdir():
            with suppress(OSError):
                status = path.stat()
                if path.name != _LOCKS:
                    files.append((status.st_mtime_ns, status.st_size, path))
        size = sum(one for _, one, _ in files)
        if size <= largest:
            return
        for _, one, path in sorted(files):
            with suppress(OSError):  # another step removes them, too
                path.unlink()
            size -= one
            if size <= kept:
                return


def _byte(key: str) -> int:
    return int(key[:7], 16)
