"""The directory of uv's cache.

Installs apart from their stage share it with all builds on the engine, and no package's code runs there. A step in a
stage has another cache mount (emit/commands.py).
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Collection, Dict

if TYPE_CHECKING:
    from pathlib import Path

    from layout import Layout
    from recorded import Difference

ARCHIVES = "archive-v0"
"""uv 0.13's cache bucket of unpacked wheels."""
WHEELS = "wheels-v8"
"""uv 0.13's cache bucket of what is known of wheels: their metadata, and where they are unpacked."""
SHARED = (ARCHIVES, "simple-v28", WHEELS)
"""uv 0.13's cache buckets for downloads."""

PRIVATE = ("interpreter-v5",)
"""uv 0.13's cache bucket that no other step may see: it knows an interpreter by path and time, the same everywhere."""
SOURCES = "sdists-v11"
"""uv 0.13's cache bucket for source distributions, and for wheels that were built from them."""
BUILDS = "builds-v0"
"""uv 0.13's cache bucket in which each source build gets its environment, before any code of the package runs."""

PIP = "pip"
"""Name of pip's own cache in the cache directory."""

APART = "apart"
"""Name of the cache directory for installs apart from their stage, in place of that of a base image."""


def directory(layout: Layout) -> Path:
    """Create the cache directory for this base image, and return it.

    Downloads are the same for all base images. A wheel that was built in a stage fits this C library and distribution
    release, but uv would use it with any: it only knows the platform's name. So each kind of base image has its own
    directory in the cache mount, in which the buckets for downloads are links to shared ones. uv's entries hold
    absolute paths, so the path must not change.
    """
    path = layout.cache / (base(layout) if layout.builds else APART)
    targets = {name: layout.cache / "shared" / name for name in SHARED}
    targets.update((name, layout.tmp / name) for name in (PRIVATE if layout.builds else (*PRIVATE, SOURCES)))
    path.mkdir(parents=True, exist_ok=True)
    for name, target in targets.items():
        target.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # an earlier step's link, or that of a step which runs at the same time
            (path / name).symlink_to(target)
    if not layout.builds:
        _forbid_builds(path / BUILDS)
    return path


def empty(layout: Layout) -> Layout:
    """Return the layout with an empty cache, which `remove` removes."""
    layout.cache.mkdir(parents=True, exist_ok=True)
    return layout._replace(cache_directory=tempfile.mkdtemp(prefix="empty-", dir=str(layout.cache)))


def remove(layout: Layout) -> None:
    """Remove a cache that `empty` created; leave others alone."""
    if layout.cache_directory:
        shutil.rmtree(layout.cache_directory, ignore_errors=True)


def forget(layout: Layout, differences: Collection[Difference]) -> None:
    """Remove the packages with these files from the cache: their unpacked wheels, and what leads to them."""
    names = {name for one in differences for name in (one.file, one.package) if name}
    if not names:
        return
    path = directory(layout)
    shutil.rmtree(str(path / PIP), ignore_errors=True)
    packages = set()
    for archive in (path / ARCHIVES).iterdir():
        if any(os.path.lexists(archive / name) for name in names):
            packages |= {info.name.partition("-")[0] for info in archive.glob("*.dist-info")}
            shutil.rmtree(str(archive), ignore_errors=True)
    for name in {re.sub(r"[-_.]+", "-", package).lower() for package in packages}:
        for place in ("*", "*/*"):  # pypi, index/<digest>, url/<digest>
            for entry in (path / WHEELS).glob(f"{place}/{name}"):
                shutil.rmtree(str(entry), ignore_errors=True)


def _forbid_builds(bucket: Path) -> None:
    """Make uv fail when it is about to build from source. Unlike --no-build this changes no resolution."""
    if bucket.is_symlink() or bucket.is_dir():
        bucket.rename(bucket.with_name(f"{bucket.name}-{os.getpid()}"))
    bucket.touch()


def base(layout: Layout) -> str:
    """Name the kind of base image that this is: machine, C library, distribution release."""
    try:
        libc = (os.confstr("CS_GNU_LIBC_VERSION") or "musl").replace(" ", "")
    except (OSError, ValueError):
        libc = "musl"
    release: Dict[str, str] = {}
    for path in map(layout.find, ("/usr/lib/os-release", "/etc/os-release")):
        if path.is_file():
            pairs = (line.strip().partition("=") for line in path.read_text("utf-8", "replace").splitlines())
            release = {key: value.strip("\"'") for key, _, value in pairs}
    number = release.get("VERSION_ID") or release.get("VERSION_CODENAME") or release.get("BUILD_ID") or "unversioned"
    machine = f"{os.uname().machine}-{struct.calcsize('P') * 8}bit"
    return "-".join((machine, libc, release.get("ID", "linux"), number)).replace("/", "_")
