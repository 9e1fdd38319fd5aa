"""A build context on disk, in which the commands read what an engine would read, and nothing else.

An engine resolves symbolic links inside the context, as if that were the root of the file system (fsutil's FollowLinks,
containerd/continuity's RootPath). A link that leads out of the context finds nothing there, and is refused here. Named
pipes, sockets and devices are no files of a context: opening one may block, or have an effect.
"""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dockerfile_pyenv.plan.requirement_files import Found, PathKind

_LINKS: Final = 40
"""Symbolic links in one path, as Linux follows them (fs/namei.c, MAXSYMLINKS)."""
_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class Directory:
    """A build context on disk: a requirement_files.Tree. What .dockerignore says is left to the engine."""

    path: Path

    def look(self, read: Sequence[str], find: Sequence[str]) -> Mapping[str, Found]:
        """Read some files, and find out what other paths are."""
        found: dict[str, Found] = {}
        for path in [*find, *read]:
            try:
                found[path] = self.read(path) if path in read else self._kind(path)
            except OSError as error:
                found[path] = error
            except ValueError:  # a NUL character
                found[path] = OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return found

    def why_missing(self, path: str) -> str:
        """Say that a path is not there."""
        return f"{path} does not exist in the build context {self.path}"

    def read(self, path: str) -> bytes:
        """A file's content. Raises OSError for one that an engine would not read."""
        # Without blocking, since between the look and here the file may have become a pipe.
        file = os.open(self.resolve(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(file, "rb") as opened:
            _check(os.fstat(file).st_mode)
            return opened.read()

    def resolve(self, path: str) -> Path:
        """Where a path of the context is, without symbolic links. Raises OSError."""
        parts = _parts(path)
        place: list[str] = []
        links, outside = 0, ""
        root = self.path.resolve()
        try:
            while parts:
                part = parts.pop()
                if part == "..":
                    del place[-1:]
                    continue
                here = root.joinpath(*place, part)
                mode = here.lstat().st_mode
                if not stat.S_ISLNK(mode):
                    place.append(part)
                    continue
                links += 1
                if links > _LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                target = str(here.readlink()).replace(os.sep, "/")
                if not here.resolve().is_relative_to(root):
                    outside = target
                if target.startswith("/"):
                    place.clear()
                parts += _parts(target)
        except (FileNotFoundError, NotADirectoryError):
            if outside:
                raise OSError(
                    errno.EXDEV, f"it is a symbolic link to {outside}, outside the build context: copy the file there"
                ) from None
            raise
        except RuntimeError:  # Path.resolve() before Python 3.13, for links that go round in circles
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        found = root.joinpath(*place)
        _check(found.lstat().st_mode)
        return found

    def is_plain(self, path: str) -> bool:
        """Whether programs that know nothing of a context find the same file at a path as an engine does."""
        try:
            return self.resolve(path) == (self.path / path).resolve()
        except (FileNotFoundError, NotADirectoryError):
            return (self.path / path).resolve().is_relative_to(self.path.resolve())
        except (OSError, RuntimeError):
            return False

    def has(self, path: str) -> bool:
        """Whether there is a file or directory at a path."""
        try:
            self.resolve(path)
        except OSError:
            return False
        return True

    def _kind(self, path: str) -> PathKind:
        return PathKind.DIRECTORY if self.resolve(path).is_dir() else PathKind.FILE


def _parts(path: str) -> list[str]:
    """The parts of a path, from its end."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]


def _check(mode: int) -> None:
    if kind := _KINDS.get(stat.S_IFMT(mode)):
        raise OSError(errno.EINVAL, f"it is {kind}, not a file")
