"""What the tests of steps share: small wheels, and a look at what was built."""

import base64
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from layout import Layout

VERSION = "{}.{}".format(*sys.version_info)

Build = Callable[..., int]
"""Builds an environment for a requirements text; returns the exit status."""


def wheel(
    directory: Path,
    name: str,
    version: str,
    files: dict[str, str],
    *,
    requires: str = "",
    record: Mapping[str, str] | None = None,
) -> Path:
    """Write a small wheel; its RECORD has the hashes of the files in `record`, and no others."""
    directory.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    path = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**files, **metadata}.items():
            archive.writestr(member, text)
        others = [one for one in [*files, *metadata, f"{info}/RECORD"] if one not in (record or {})]
        archive.writestr(f"{info}/RECORD", hashed(record or {}) + "".join(f"{member},,\n" for member in others))
    return path


def hashed(files: Mapping[str, str]) -> str:
    """What RECORD has for some files."""
    digests = {name: hashlib.sha256(text.encode()).digest() for name, text in files.items()}
    encoded = {name: base64.urlsafe_b64encode(digest).rstrip(b"=").decode() for name, digest in digests.items()}
    return "".join(f"{name},sha256={digest},{len(files[name])}\n" for name, digest in encoded.items())


def packages(layout: Layout, name: str = "epo") -> Path:
    """Where an environment has its packages."""
    return layout.environments / name / "lib" / f"python{VERSION}" / "site-packages"


def output(*command: str | Path, **environ: str) -> str:
    """What a command prints."""
    result = subprocess.run(command, env=environ, capture_output=True, check=True, text=True)
    return result.stdout.strip()
