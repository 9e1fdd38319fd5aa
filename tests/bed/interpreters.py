"""Real CPython builds: upstream's tarballs, compiled by the project's own `compile.sh`."""

from __future__ import annotations

import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from tests.bed import archives, musl, rootfs, settings, sources
from tests.bed.host import BedError, say, timed, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_COMPILE: Final = settings.REPOSITORY / "frontend/dockerfile_pyenv/provision/interpreter/compile.sh"
# Two at once, with two jobs each: `configure` and the linking steps leave half of two cores idle otherwise.
_AT_ONCE: Final = 2
_JOBS: Final = 2
# A quarter less time to compile than with -O2; nothing here runs long enough to make up for it.
_OPT: Final = "-DNDEBUG -fwrapv -O1"


def key(release: settings.Release) -> str:
    """A name for exactly this build of a release."""
    script = hashlib.sha256(_COMPILE.read_bytes()).hexdigest()
    builder = musl.TOOLCHAIN.key if release.libc == "musl" else rootfs.BUILDER.key
    words = (release.version, _OPT, builder, settings.DATE, script)
    return f"{release.version}-{hashlib.sha256(' '.join(words).encode()).hexdigest()[:12]}"


def ensure(releases: Sequence[settings.Release] = settings.RELEASES) -> list[archives.Archive]:
    """Archives of these releases, compiled if the cache lacks them, and of all others that it happens to have."""
    missing = [release for release in releases if not path(release).exists()]
    if missing:
        roots = {release.libc: _root(release) for release in missing}
        for release in missing:
            sources.ensure(release)
        versions = ", ".join(release.version for release in missing)
        with (
            timed(f"compiling CPython {versions} (about a minute and a half each on two cores)"),
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            list(pool.map(lambda release: _compile(release, roots[release.libc]), missing))
    known = dict.fromkeys((*settings.RELEASES, *releases))
    ready = [archives.Archive(release, path(release)) for release in known if path(release).exists()]
    for archive in ready:
        os.utime(archive.path.parent)
    return ready


def path(release: settings.Release) -> Path:
    """Where the cache has, or will have, the archive of a release."""
    return settings.CACHE / "interpreters" / key(release) / archives.file_name(release)


def _root(release: settings.Release) -> Path:
    return musl.TOOLCHAIN.ensure() if release.libc == "musl" else rootfs.BUILDER.ensure()


def _compile(release: settings.Release, root: Path) -> None:
    tarball = sources.ensure(release)
    say(f"compiling CPython {release.version}")
    with whole(path(release).parent) as new:
        prefix = new / "install"
        prefix.mkdir(parents=True)
        log = new / "compile.log"
        status = rootfs.run_inside(
            root,
            {_COMPILE: "/compile/compile.sh", tarball: f"/compile/{tarball.name}", prefix: "/install"},
            ["sh", "/compile/compile.sh", f"--jobs={_JOBS}", f"/compile/{tarball.name}", "/install"],
            {"SOURCE_DATE_EPOCH": str(settings.EPOCH), "OPT": _OPT},
            log,
        )
        if status:
            raise BedError(f"compiling CPython {release.version} failed:\n{log.read_text(errors='replace')[-4000:]}")
        archives.pack(prefix, new / archives.file_name(release))
        shutil.rmtree(prefix)
