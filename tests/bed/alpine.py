"""Stand-ins for Alpine's images: musl and busybox of Debian, laid out as Alpine has them, and as poor.

No bash, no coreutils, no package manager, no Python. Of Alpine's own, the files that tell what it is: os-release, and
the database of apk's packages. The real images are what `make test-online` takes.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from tests.bed import archives, bases, musl, registry, rootfs, settings

_VERSION: Final = "3.22.1"
NAME: Final = "alpine:3.22"
BUILDER: Final = "alpine-builder:3.22"
"""Stands in for `alpine:3.22` with `apk add build-base` and the `-dev` packages that CPython requires."""
_RECIPE: Final = "1"  # another number builds the layer again
_CREATED_BY: Final = f"ADD alpine-minirootfs-{_VERSION}-x86_64.tar.gz / # buildkit"

# Directories that have nothing in them.
_EMPTY: Final = {
    **dict.fromkeys(("dev", "home", "media", "mnt", "opt", "proc", "run", "srv", "sys"), 0o755),
    **dict.fromkeys(("usr/local/bin", "usr/local/lib", "usr/local/share", "usr/share"), 0o755),
    **dict.fromkeys(("var/cache", "var/empty", "var/lib", "var/log"), 0o755),
    "root": 0o700,
    "tmp": 0o1777,
    "var/tmp": 0o1777,
}
# Applets that Alpine's busybox lacks, and by which a script may take this for another distribution.
_LEFT_OUT: Final = frozenset({"ar", "busybox", "dpkg", "dpkg-deb", "linuxrc", "rpm", "rpm2cpio"})
_PACKAGES: Final = {
    "alpine-baselayout": "3.7.0-r0",
    "alpine-release": f"{_VERSION}-r0",
    "busybox": "1.37.0-r18",
    "ca-certificates-bundle": "20250619-r0",
    "musl": "1.2.5-r10",
}
_FILES: Final = {
    "etc/alpine-release": f"{_VERSION}\n",
    "etc/apk/arch": "x86_64\n",
    "etc/apk/repositories": "".join(
        f"https://dl-cdn.alpinelinux.org/alpine/v3.22/{name}\n" for name in ("main", "community")
    ),
    "etc/apk/world": "alpine-baselayout\nalpine-release\nbusybox\n",
    "etc/group": "root:x:0:root\nbin:x:1:root,bin,daemon\nusers:x:100:games\nnogroup:x:65533:\nnobody:x:65534:\n",
    "etc/hosts": "127.0.0.1\tlocalhost localhost.localdomain\n::1\tlocalhost localhost.localdomain\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "etc/passwd": (
        "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/sbin/nologin\n"
        "guest:x:405:100:guest:/dev/null:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"
    ),
    "etc/shells": "/bin/sh\n/bin/ash\n",
    "lib/apk/db/installed": "".join(
        f"P:{name}\nV:{version}\nA:x86_64\no:{name}\n\n" for name, version in _PACKAGES.items()
    ),
    "usr/lib/os-release": (
        f'NAME="Alpine Linux"\nID=alpine\nVERSION_ID={_VERSION}\nPRETTY_NAME="Alpine Linux v3.22"\n'
        'HOME_URL="https://alpinelinux.org/"\nBUG_REPORT_URL="https://gitlab.alpinelinux.org/alpine/aports/-/issues"\n'
    ),
}
_LINKS: Final = {
    "etc/os-release": "../usr/lib/os-release",
    "etc/ssl/cert.pem": "certs/ca-certificates.crt",
    # What extension modules that were compiled on Alpine name.
    "lib/libc.musl-x86_64.so.1": "ld-musl-x86_64.so.1",
    "var/run": "../run",
}


def base() -> registry.Image:
    """The stand-in for `alpine:3.22`."""
    key = f"{_RECIPE} {settings.MUSL_SUITE} {bases.bundle_digest()} {_EMPTY} {_FILES} {_LINKS} {sorted(_LEFT_OUT)}"
    layer = bases.cached_layer("alpine", key, _write)
    return registry.Image(
        NAME,
        (registry.Layer(*layer, created_by=_CREATED_BY),),
        {"PATH": bases.PATH, **bases.certificates()},
        ("/bin/sh",),
    )


def python(archive: archives.Archive) -> registry.Image:
    """The stand-in for `python:<X.Y>-alpine`: the interpreter in /usr/local, as the official images have it."""
    image = bases.with_python(base(), archive)
    return replace(image, name=f"python:{archive.release.minor}-alpine")


def builder() -> registry.Image:
    """An image that compiles for musl: the bed's own toolchain."""

    def pack(target: Path) -> None:
        root = musl.TOOLCHAIN.ensure()
        with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
            for path in sorted(root.rglob("*")):
                if not path.is_relative_to(root / "dev"):
                    tar.add(path, str(path.relative_to(root)), recursive=False, filter=_dated)

    layer = bases.cached_layer("alpine-builder", musl.TOOLCHAIN.key, pack)
    layers = (registry.Layer(*layer, created_by="RUN apk add build-base # or what Debian has for it"),)
    return registry.Image(BUILDER, layers, {"PATH": bases.PATH, **bases.certificates()}, ("/bin/sh",))


def _write(target: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        debian = Path(directory, "debian")
        rootfs.bootstrap(settings.MUSL_SUITE, debian, ("busybox-static", "musl"), ["--variant=extract"])
        busybox = debian / "usr/bin/busybox"
        loader = (debian / "usr/lib/x86_64-linux-musl/libc.so").read_bytes()
        programs = {"bin/busybox": busybox.read_bytes(), "lib/ld-musl-x86_64.so.1": loader}
        applets = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True).stdout.split()
    links = {path: "/bin/busybox" for path in applets if path.rpartition("/")[2] not in _LEFT_OUT} | _LINKS
    texts = {path: text.encode() for path, text in _FILES.items()}
    if settings.CA_BUNDLE.exists():
        texts["etc/ssl/certs/ca-certificates.crt"] = settings.CA_BUNDLE.read_bytes()
    paths = (*_EMPTY, *programs, *texts, *links)
    parents = {str(parent) for path in paths for parent in PurePosixPath(path).parents if parent.name}
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted({*parents, *_EMPTY}):
            _add(tar, path, tarfile.DIRTYPE, mode=_EMPTY.get(path, 0o755))
        for path, data in (*programs.items(), *texts.items()):
            _add(tar, path, data=data, mode=0o755 if path in programs else 0o644)
        for path, link in sorted(links.items()):
            _add(tar, path, tarfile.SYMTYPE, link=link, mode=0o777)


def _add(
    tar: tarfile.TarFile, path: str, kind: bytes = tarfile.REGTYPE, *, mode: int, data: bytes = b"", link: str = ""
) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.mtime = kind, mode, settings.EPOCH
    member.size, member.linkname = len(data), link
    tar.addfile(member, io.BytesIO(data))


def _dated(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = settings.EPOCH
    return member
