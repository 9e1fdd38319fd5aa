"""What the tests of steps share: small wheels, and a look at what was built."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from layout import Layout

VERSION = "{}.{}".format(*sys.version_info)

Build = Callable[..., int]
"""Builds an environment for a requirements text; returns the exit status."""


def wheel(directory: Path, name: str, version: str, files: dict[str, str], *, requires: str = "") -> Path:
    """Write a small wheel."""
    directory.mkdir(exist_ok=True)
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
        archive.writestr(f"{info}/RECORD", "".join(f"{member},,\n" for member in [*files, *metadata, f"{info}/RECORD"]))
    return path


def packages(layout: Layout, name: str = "epo") -> Path:
    """Where an environment has its packages."""
    return layout.environments / name / "lib" / f"python{VERSION}" / "site-packages"


def output(*command: str | Path, **environ: str) -> str:
    """What a command prints."""
    result = subprocess.run(command, env=environ, capture_output=True, check=True, text=True)
    return result.stdout.strip()
