"""Base images as poor as Docker Hub's own: no libssl, no SQLite, no Python, no documentation.

All they have beyond that is the host's CA bundle and the variables that point at it, as the images of companies with a
CA of their own have.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from tests.bed import archives, registry, rootfs, settings
from tests.bed.host import timed, whole

if TYPE_CHECKING:
    from collections.abc import Callable

_EXCLUDED: Final = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CERTIFICATE: Final = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_RECIPE: Final = "4"  # another number builds all base images again


def debian(suite: str) -> registry.Image:
    """The stand-in for `debian:<suite>-slim`."""
    layer = cached_layer(f"debian-{suite}", _RECIPE + bundle_digest(), lambda tar: _bootstrap(suite, tar))
    return registry.Image(
        f"debian:{suite}-slim",
        (registry.Layer(*layer, created_by=f"# debian.sh --arch 'amd64' out/ '{suite}'"),),
        {"PATH": PATH, **certificates()},
        ("bash",),
    )


def rebuilt(suite: str) -> registry.Image:
    """Another build of `debian:<suite>-slim`: one file more, and so no layer in common."""
    first = debian(suite)

    def add_file(tar: Path) -> None:
        with gzip.open(first.layers[0].path) as packed, tar.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
        text = b"2\n"
        with tarfile.open(tar, "a") as whole_layer:
            member = tarfile.TarInfo("./etc/base-build")
            member.size, member.mode, member.mtime = len(text), 0o644, settings.EPOCH
            whole_layer.addfile(member, io.BytesIO(text))

    layer = cached_layer(f"debian-{suite}-rebuilt", first.layers[0].diff_id, add_file)
    layers = (registry.Layer(*layer, created_by=first.layers[0].created_by),)
    return replace(first, name=f"debian:{suite}-slim-rebuilt", layers=layers)


def python(archive: archives.Archive, suite: str) -> registry.Image:
    """The stand-in for `python:<X.Y>-slim-<suite>`: the interpreter in /usr/local, as the official images have it."""
    return replace(with_python(debian(suite), archive), name=f"python:{archive.release.minor}-slim-{suite}")


def with_python(base: registry.Image, archive: archives.Archive) -> registry.Image:
    """An image with an interpreter in /usr/local above what it has."""
    version = archive.release.version
    layer = cached_layer(f"python-{version}", archive.sha256, lambda tar: _local(archive, tar))
    return replace(
        base,
        layers=(*base.layers, registry.Layer(*layer, created_by=f"RUN make install # CPython {version}")),
        env={**base.env, "LANG": "C.UTF-8", "PYTHON_VERSION": version},
        command=("python3",),
    )


def arm64() -> tuple[registry.Image, registry.Image]:
    """The stand-ins for `arm64v8/debian:bookworm-slim` and `arm64v8/python:3.11-slim-bookworm`.

    Their packages are unpacked and not configured, which needs no emulation. Python is Debian's, in /usr.
    """

    def image(name: str, *packages: str) -> registry.Image:
        options = ["--variant=extract", "--architectures=arm64", *_excluding()]
        layer = cached_layer(
            f"arm64-{name.partition(':')[0]}",
            " ".join((_RECIPE, *packages)),
            lambda tar: rootfs.bootstrap("bookworm", tar, packages, options),
        )
        layers = (registry.Layer(*layer, created_by=f"# arm64 {' '.join(packages)}"),)
        return registry.Image(f"arm64v8/{name}", layers, {"PATH": PATH}, ("sh",), architecture="arm64")

    base = ("base-files", "coreutils", "dash", "libc6")
    python = ("python3", "python3-pip", "python3-venv")
    return image("debian:bookworm-slim", *base), image("python:3.11-slim-bookworm", *base, *python)


def certificates() -> dict[str, str]:
    """The variables that point at the host's CA bundle, which the images have."""
    if not settings.CA_BUNDLE.exists():
        return {}
    return {"PIP_CERT": str(settings.CA_BUNDLE), "SSL_CERT_FILE": str(settings.CA_BUNDLE)}


def bundle_digest() -> str:
    """What stands for the host's CA bundle in the key of a layer."""
    return hashlib.sha256(settings.CA_BUNDLE.read_bytes()).hexdigest() if settings.CA_BUNDLE.exists() else ""


def cached_layer(name: str, key: str, make: Callable[[Path], None]) -> tuple[Path, str]:
    """A layer's file and diff id from the cache; `make` writes its plain tar file when they are not there."""
    directory = settings.CACHE / "layers" / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    packed, facts = directory / "layer.tar.gz", directory / "facts.json"
    if not directory.is_dir():
        with timed(f"making the layer {name}"), whole(directory) as new:
            new.mkdir()
            plain = new / "layer.tar"
            make(plain)
            with plain.open("rb") as tar:
                diff_id = hashlib.file_digest(tar, "sha256").hexdigest()
                tar.seek(0)
                with (new / packed.name).open("wb") as file:
                    _gzip(tar, file)
            plain.unlink()
            (new / facts.name).write_text(json.dumps({"diff_id": f"sha256:{diff_id}"}))
    os.utime(directory)
    return packed, json.loads(facts.read_text())["diff_id"]


def _gzip(source: IO[bytes], target: IO[bytes]) -> None:
    with gzip.GzipFile("", "wb", 6, target, mtime=0) as packer:
        shutil.copyfileobj(source, packer, 1 << 20)


def _bootstrap(suite: str, tar: Path) -> None:
    options = _excluding()
    with tempfile.TemporaryDirectory() as directory:
        extra = Path(directory, "ca-certificates")
        extra.mkdir(mode=0o755)
        if settings.CA_BUNDLE.exists():
            for number, certificate in enumerate(_own_certificates()):
                (extra / f"host-{number}.crt").write_text(f"{certificate}\n")
            options += [
                f'--customize-hook=mkdir -p "$1{settings.CA_BUNDLE.parent}"',
                f'--customize-hook=cat {settings.CA_BUNDLE} > "$1{settings.CA_BUNDLE}"',
                f'--customize-hook=cp -r {extra} "$1/usr/local/share/"',
            ]
        rootfs.bootstrap(suite, tar, options=options)


def _excluding() -> list[str]:
    return [f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED]


def _own_certificates() -> list[str]:
    """The host's certificates that are not Debian's: they survive an installation of Debian's ca-certificates."""
    known = {
        certificate
        for file in Path("/usr/share/ca-certificates").rglob("*.crt")
        for certificate in _CERTIFICATE.findall(file.read_text(errors="replace"))
    }
    bundle = _CERTIFICATE.findall(settings.CA_BUNDLE.read_text(errors="replace"))
    return [certificate for certificate in bundle if certificate not in known]


def _local(archive: archives.Archive, target: Path) -> None:
    """Turn an archive's `python/…` into `usr/local/…`."""
    with tarfile.open(archive.path) as source, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for directory in ("usr", "usr/local"):
            parent = tarfile.TarInfo(directory)
            parent.type, parent.mode, parent.mtime = tarfile.DIRTYPE, 0o755, settings.EPOCH
            tar.addfile(parent)
        for member in source:
            if member.name == "python":
                continue
            member.name = member.name.replace("python/", "usr/local/", 1)
            if member.islnk():
                member.linkname = member.linkname.replace("python/", "usr/local/", 1)
            tar.addfile(member, source.extractfile(member) if member.isreg() else None)
