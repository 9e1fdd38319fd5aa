"""A standalone archive as the files of a prefix."""

import tarfile
from pathlib import Path, PurePosixPath

from tree import FinishError, wanted

TOP = "python"


def extract(archive: Path, output: Path) -> None:
    """Write every wanted member of python-build-standalone's ``install_only`` archive below `output`.

    That is a tar.gz whose one top-level directory is ``python``. Raises FinishError or tarfile.TarError for an archive
    of another layout, or one that would write outside `output`.
    """
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts
            if parts[:1] != (TOP,):
                raise FinishError(f"{member.name!r} does not lie in {TOP}/")
            inside = PurePosixPath(*parts[1:])
            if not parts[1:] or not wanted(inside):
                continue
            renamed = member.replace(name=str(inside), deep=False)
            if member.islnk():
                renamed = renamed.replace(linkname=str(PurePosixPath(member.linkname).relative_to(TOP)), deep=False)
            tar.extract(renamed, output, filter=tarfile.data_filter)
