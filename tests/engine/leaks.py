"""Where the bytes of a secret are, in whatever a build leaves: image archives, cache exports, logs."""

from __future__ import annotations

import base64
import gzip
import io
import re
import tarfile
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.bed.engine import Engine

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


def find(place: Path | bytes, secrets: Sequence[str], *, name: str = "") -> list[str]:
    """Names of the files that hold a secret, as it is, for a URL, or for a header of HTTP.

    Args:
        place: a directory, a file, or a file's bytes; archives in archives are looked into
        secrets: what must not be found
        name: what to call the bytes

    """
    wanted = {form for secret in secrets for form in _forms(secret)}
    return sorted({found for found, data in _files(place, name) if any(form in data for form in wanted)})


def check_caches(engine: Engine, pattern: str) -> None:
    """Search the cache mounts of all PYENV lines on an engine for an extended regular expression.

    Raises:
        AssertionError: a file matches; the message holds its path.
    """
    listed = engine.docker("buildx", "du", "--verbose").stdout
    # BuildKit may have removed some, to make room.
    found = sorted({"dockerfile-pyenv", *re.findall(r'with id "/?(dockerfile-pyenv[^"]*)"', listed)})
    mounts = " ".join(f"--mount=type=cache,id={one},target=/caches/{one}" for one in found)
    text = f"FROM debian:bookworm-slim\nRUN {mounts} ! grep -rlE '{pattern}' /caches\n"
    engine.build("--no-cache", "-", input=text)


def _forms(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield quote(secret, safe="").encode()
    for before in range(3):  # the characters at both ends depend on what stands beside it: `user:` in HTTP
        yield base64.b64encode(bytes(before) + secret.encode()).rstrip(b"=")[before + (before > 0) : -2]


def _files(place: Path | bytes, name: str) -> Iterator[tuple[str, bytes]]:
    if isinstance(place, bytes):
        yield from _unpacked(name, place)
        return
    for path in [place] if place.is_file() else sorted(place.rglob("*")):
        if path.is_file():
            yield from _unpacked(f"{name}{path.relative_to(place) if place.is_dir() else path.name}", path.read_bytes())


def _unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file, or what is in it."""
    assert not data.startswith(_ZSTD), f"{name} is packed in a way that is not looked into"
    if data.startswith(_GZIP):
        yield from _unpacked(f"{name}!", gzip.decompress(data))
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                header = repr((member.name, member.linkname, member.pax_headers)).encode()
                yield f"{name}/{member.name}", header
                if content:
                    yield from _unpacked(f"{name}/{member.name}", content.read())
    else:
        yield name, data
