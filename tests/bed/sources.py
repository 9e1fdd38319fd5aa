"""CPython's release tarballs out of Debian's pool: upstream's own files, checked, laid out as python.org has them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final

from packaging.version import Version
from tests.bed import settings
from tests.bed.host import BedError, timed, whole

if TYPE_CHECKING:
    from pathlib import Path

DIRECTORY: Final = settings.CACHE / "sources"
# Of each release the name that python.org has for its tarball, and the digest, both as the frontend knows them.
_KNOWN: Final[dict[str, dict[str, str]]] = json.loads(
    (settings.REPOSITORY / "frontend/dockerfile_pyenv/interpreters/data/sources.json").read_text()
)


def newest(minor: str) -> settings.Release | None:
    """The newest release of `X.Y` that the frontend knows and the cache or Debian's pool has; None for none.

    The suites in the making move on: what one of them had may be gone from the pool, or its index names what the
    mirror has not.
    """
    for version in sorted(_KNOWN, key=Version, reverse=True):
        if version.rpartition(".")[0] == minor and (_path(version).exists() or _offered(version)):
            return settings.Release(version)
    return None


def ensure(release: settings.Release) -> Path:
    """The tarball of a release; fetches it first if the cache has none.

    Raises:
        BedError: the pool has no such file, or another one by its name.
    """
    advice = (
        "Where a suite has another version by now, name that in settings.RELEASES and in the frontend's "
        "data/sources.json"
    )
    path = _path(release.version)
    return _fetch(path, _url(release.version), _KNOWN[release.version]["sha256"], advice)


def library(file: str, sha256: str) -> Path:
    """The tarball of a library, by its path below Debian's pool; fetches it first if the cache has none.

    Raises:
        BedError: the pool has no such file, or another one by its name.
    """
    name = file.rpartition("/")[2]
    url = f"{settings.debian_mirror()}/pool/main/{file}"
    return _fetch(DIRECTORY / name.partition("_")[0] / name, url, sha256, "Name another release in musl.py")


def _fetch(path: Path, url: str, sha256: str, advice: str) -> Path:
    if not path.exists():
        with timed(f"fetching {url}"), whole(path.parent) as new:
            new.mkdir()
            try:
                with (
                    urllib.request.urlopen(url, timeout=60) as answer,  # noqa: S310 - the mirror of settings.py
                    (new / path.name).open("wb") as file,
                ):
                    shutil.copyfileobj(answer, file)
            except OSError as error:
                raise BedError(f"cannot fetch a tarball from Debian's pool: {url}: {error}. {advice}") from None
            digest = hashlib.sha256((new / path.name).read_bytes()).hexdigest()
            if digest != sha256:
                raise BedError(f"{url} has another digest than {sha256}, which is known of it: {digest}. {advice}")
    os.utime(path.parent)
    return path


def _path(version: str) -> Path:
    return DIRECTORY / Version(version).base_version / _KNOWN[version]["file"]


def _url(version: str) -> str:
    package = f"python{version.rpartition('.')[0]}"
    ending = "xz" if _KNOWN[version]["file"].endswith(".xz") else "gz"
    upstream = version.replace("rc", "~rc")  # as Debian has it, so that it sorts before the release
    return f"{settings.debian_mirror()}/pool/main/p/{package}/{package}_{upstream}.orig.tar.{ending}"


def _offered(version: str) -> bool:
    request = urllib.request.Request(_url(version), method="HEAD")  # noqa: S310 - as above
    try:
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return False
