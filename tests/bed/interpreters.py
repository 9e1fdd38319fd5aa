"""Real CPython builds: upstream's tarballs out of Debian's pool, compiled by the project's own `compile.sh`."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bed import archives, rootfs, settings
from tests.bed.host import BedError, run, say, timed, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMPILE: Final = settings.REPOSITORY / "frontend/dockerfile_pyenv/provision/interpreter/compile.sh"
# Two at once, with two jobs each: `configure` and the linking steps leave half of two cores idle otherwise.
_AT_ONCE: Final = 2
_JOBS: Final = 2
# A quarter less time to compile than with -O2; nothing here runs long enough to make up for it.
_OPT: Final = "-DNDEBUG -fwrapv -O1"


def key(release: settings.Release) -> str:
    """A name for exactly this build of a release."""
    script = hashlib.sha256(_COMPILE.read_bytes()).hexdigest()
    words = (release.version, _OPT, rootfs.BUILDER.key, settings.DATE, script)
    return f"{release.version}-{hashlib.sha256(' '.join(words).encode()).hexdigest()[:12]}"


def ensure(releases: Sequence[settings.Release] = settings.RELEASES) -> list[archives.Archive]:
    """Archives of these releases, compiled if the cache lacks them, and of all others that it happens to have."""
    missing = [release for release in releases if not _path(release).exists()]
    if missing:
        root = rootfs.BUILDER.ensure()
        _fetch(missing)
        versions = ", ".join(release.version for release in missing)
        with (
            timed(f"compiling CPython {versions} (about a minute and a half each on two cores)"),
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            list(pool.map(lambda release: _compile(release, root), missing))
    ready = [archives.Archive(release, _path(release)) for release in settings.RELEASES if _path(release).exists()]
    for archive in ready:
        os.utime(archive.path.parent)
    return ready


def _path(release: settings.Release) -> Path:
    return settings.CACHE / "interpreters" / key(release) / archives.file_name(release)


def _tarball(release: settings.Release) -> Path | None:
    return next(iter((settings.CACHE / "sources").glob(f"python{release.minor}_{release.version}.orig.tar.*")), None)


def _fetch(releases: Sequence[settings.Release]) -> None:
    """Fetch upstream tarballs with an apt of our own, that leaves the host's lists and sources alone.

    Raises:
        BedError: a suite has another version by now.
    """
    releases = [release for release in releases if not _tarball(release)]
    if not releases:
        return
    kept = settings.CACHE / "sources"
    kept.mkdir(parents=True, exist_ok=True)
    with (
        timed("fetching the sources of CPython from Debian's pool"),
        tempfile.TemporaryDirectory(prefix=".new.", dir=kept) as work,
    ):
        lists, files, sources = (Path(work, name) for name in ("lists", "files", "sources.list"))
        (lists / "partial").mkdir(parents=True)
        files.mkdir()
        sources.write_text(
            "".join(
                f"deb-src [signed-by={settings.DEBIAN_KEYRING}] {settings.DEBIAN_MIRROR} {suite} main\n"
                for suite in sorted({release.suite for release in releases})
            )
        )
        options = {
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": lists,
            "Dir::Cache::srcpkgcache": "",
            "Dir::Cache::pkgcache": "",
            "APT::Sandbox::User": "root",
            "Acquire::Check-Valid-Until": "false",
            "Acquire::Languages": "none",
        }
        apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
        run(*apt, "update")
        for release in releases:
            run(*apt, "source", "--download-only", "--tar-only", f"python{release.minor}/{release.suite}", cwd=files)
        for file in files.iterdir():
            file.rename(kept / file.name)
    for release in releases:
        if not _tarball(release):
            raise BedError(f"Debian {release.suite} has no CPython {release.version} any more: see settings.RELEASES")


def _compile(release: settings.Release, root: Path) -> None:
    tarball = _tarball(release)
    assert tarball is not None
    say(f"compiling CPython {release.version}")
    with whole(_path(release).parent) as new:
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
