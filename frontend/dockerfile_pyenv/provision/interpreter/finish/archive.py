"""A standalone archive as the files of a prefix."""

import posixpath
import tarfile
from copy import copy
from pathlib import Path, PurePosixPath

from tree import FinishError, wanted

TOP = "python"


def extract(archive: Path, output: Path) -> None:
    """Write every wanted member of python-build-standalone's ``install_only`` archive below `output`.

    That is a tar.gz whose one top-level directory is ``python``. Raises FinishError or tarfile.TarError for an archive
    of another layout, or one that would write outside `output`.
    """
    with tarfile.open(archive, "r:*") as tar:
        # Python 3.12 and newer warn without a choice; what matters of it is checked here, whatever the version.
        tar.extraction_filter = lambda member, _path: member
        for member in tar:
            parts = PurePosixPath(member.name).parts
            if parts[:1] != (TOP,):
                raise FinishError(f"{member.name!r} does not lie in {TOP}/")
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
    """Refuse a member that would write outside, as tarfile's own filter does, which Debian 12's Python lacks."""
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise FinishError(f"{member.name!r} is neither a file, a directory nor a link")
    target = member.name
    if member.issym():
        target = posixpath.join(posixpath.dirname(member.name), member.linkname)
    elif member.islnk():
        target = member.linkname
    for path in (member.name, target):
        if posixpath.isabs(path) or posixpath.normpath(path).split("/")[0] == "..":
            what = "lies" if path == member.name else "leads"
            raise FinishError(f"{member.name!r} {what} outside {TOP}/")
