"""Builds of a base image: other bytes under the same tag."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed import bases, registry

if TYPE_CHECKING:
    from collections.abc import Mapping


def push(name: str, build: str, attributes: Mapping[str, str] | None = None) -> None:
    """Push Debian to the bed's registry under a name of Docker Hub, with a file that only this build of it has.

    `attributes` are extended attributes of this file, `/etc/build`.
    """
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        member = tarfile.TarInfo("etc/build")
        member.size = len(build.encode())
        # As GNU tar and Docker write them (`pax_headers` of archive/tar in Go).
        member.pax_headers = {f"SCHILY.xattr.{name}": value for name, value in (attributes or {}).items()}
        tar.addfile(member, io.BytesIO(build.encode()))
    with tempfile.NamedTemporaryFile(suffix=".tar.gz") as file:
        file.write(gzip.compress(data.getvalue(), mtime=0))
        file.flush()
        diff_id = f"sha256:{hashlib.sha256(data.getvalue()).hexdigest()}"
        layer = registry.Layer(Path(file.name), diff_id, f"RUN echo {build} > /etc/build")
        base = bases.debian("bookworm")
        registry.push(replace(base, name=name, layers=(*base.layers, layer)))
