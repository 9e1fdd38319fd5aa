"""Unpacks a standalone archive."""

import posixpath
import tarfile
from copy import copy
from pathlib import Path, PurePosixPath

from tree import FinishError, wanted

TOP = "python"


def extract(archive: Path, output: Path) -> None:
    """Write every wanted member of python-build-standalone's ``install_only`` archive below `output`.

    That is a tar.gz with one top-level directory, ``python``. Raises FinishError or tarfile.TarError for another
    layout, or an archive that would write outside `output`.
    """
    with tarfile.open(archive, "r:*") as tar:
        # Python 3.12 and newer warn without a filter; `_check` does what matters of it on every version.
        tar.extraction_filter = lambda member, _path: member
        for member in tar:
            parts = PurePosixPath(member.name).parts
            if parts[:1] != (TOP,):
                raise FinishError(f"{member.name!r} is not in {TOP}/")
            inside = PurePosixPath(*parts[1:])
            if not parts[1:] or not wanted(inside):
                continue
            renamed = copy(member)
            renamed.name = str(inside)
            if member.islnk():
                renamed.linkname = str(PurePosixPath(member.linkname).relative_to(TOP))
            _check(renamed)
            tar.extract(renamed, output)


def _check(member: tarfile.TarInfo) -> None:
    """Reject a member that would write outside, as tarfile's filter does, which Debian 12's Python lacks."""
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise FinishError(f"{member.name!r} is not a file, directory or link")
    target = member.name
    if member.issym():
        target = posixpath.join(posixpath.dirname(member.name), member.linkname)
    elif member.islnk():
        target = member.linkname
    for path in (member.name, target):
        if posixpath.isabs(path) or posixpath.normpath(path).split("/")[0] == "..":
            what = "is" if path == member.name else "points"
            raise FinishError(f"{member.name!r} {what} outside {TOP}/")
