"""Files of a solved graph: their metadata, and the daemon's errors as subclasses of OSError.

Messages: Stat of tonistiigi/fsutil types/stat.proto.
"""

import errno
import os
import re
import stat
from dataclasses import dataclass
from typing import Self

from buildkit_llb.errors import VERTEX, RpcError
from buildkit_llb.proto import gateway_pb2

_GO_MODE_DIR = 1 << 31
_GO_MODE_SYMLINK = 1 << 27
_GO_MODE_TYPE = 0x8F280000
"""Type bits of Go's io/fs.FileMode: dir, symlink, pipe, socket, device, character device, irregular."""


@dataclass(frozen=True, slots=True)
class Stat:
    """Metadata of a file, as `Gateway.stat_file` and `Gateway.read_dir` return it.

    `path` is the file's name in its directory. `mode` holds the bits of Go's io/fs.FileMode, which `is_dir`,
    `is_symlink`, `is_regular` and `permissions` read. `uid` and `gid` are its owner, `size` is in bytes. `mtime` is in
    nanoseconds since 1970. `linkname` is the target of a symbolic link, empty for other files.
    """

    path: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    linkname: str

    @classmethod
    def from_pb(cls, entry: gateway_pb2.Stat) -> Self:
        """Read the message `entry`."""
        return cls(entry.path, entry.mode, entry.uid, entry.gid, entry.size, entry.mod_time, entry.linkname)

    @property
    def is_dir(self) -> bool:
        """Whether this is a directory."""
        return bool(self.mode & _GO_MODE_DIR)

    @property
    def is_symlink(self) -> bool:
        """Whether this is a symbolic link."""
        return bool(self.mode & _GO_MODE_SYMLINK)

    @property
    def is_regular(self) -> bool:
        """Whether this is a regular file."""
        return not self.mode & _GO_MODE_TYPE

    @property
    def permissions(self) -> int:
        """The permission bits, such as 0o644."""
        return stat.S_IMODE(self.mode & 0o777)


_FILE_ERRORS = (
    (re.compile(r"no such file or directory$"), errno.ENOENT),
    (re.compile(r"not a directory$"), errno.ENOTDIR),
    (re.compile(r"is a directory$"), errno.EISDIR),
    (re.compile(r"is not a regular file$"), errno.EINVAL),
)
"""The daemon reports file errors as text with code Unknown (frontend/gateway/gateway.go, cache/util/fsutil.go)."""


def file_error(error: RpcError, path: str) -> OSError | None:
    """Convert the error of a file call, or return None where the build of the ref failed instead.

    The daemon builds a ref before it reads from it. Errors of that build name the vertex that failed, and must keep
    their details whatever their text says.
    """
    if error.status.has(VERTEX):
        return None
    numbers = (number for pattern, number in _FILE_ERRORS if pattern.search(error.status.message))
    number = next(numbers, None)
    return None if number is None else os_error(number, path)


def os_error(number: int, path: str) -> OSError:
    """Return the subclass of OSError for an error number."""
    words = "not a regular file" if number == errno.EINVAL else os.strerror(number)
    return OSError(number, words, path)
