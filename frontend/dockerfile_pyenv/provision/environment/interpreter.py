"""Checks that the running interpreter works on this base image, and finds its pip."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Optional

from layout import Layout, ProvisionError

NEEDED = ("bz2", "ctypes", "hashlib", "lzma", "readline", "sqlite3", "ssl", "uuid", "venv", "zlib")
"""Standard modules with shared libraries, which a base image may lack or have in another version; and venv."""

SUMMARY = ".pyenv-interpreter.json"
"""Summary of a prefix: see interpreter/finish."""

LIBRARY = re.compile(r"(?:^|[\s'])([^\s':]*\.so[.\d]*)(?::|'|\s|$)")
"""A shared library in a message of a dynamic loader: first in glibc's, in the middle of musl's."""


BASE = "base"
"""Instead of a prefix: the base image's own interpreter."""


def check(version: str, layout: Layout, *, base: bool = False) -> None:
    """Raise ProvisionError unless this is Python `version`, is complete on this base image, and its pip runs.

    `version` is X.Y, or X.Yt for a free-threaded build. `base` means the base image's own, whose pip is not checked.
    """
    own = "{}.{}".format(*sys.version_info) + ("t" if "t" in getattr(sys, "abiflags", "") else "")
    if own != version:
        raise ProvisionError(f"the interpreter is Python {own}, not {version}")
    _check_libc(Path(sys.base_prefix, SUMMARY))
    missing = []
    libraries = set()
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
            libraries.update(LIBRARY.findall(str(error))[:1])
    if missing:
        what = ", ".join(sorted(libraries)) or "what they require"
        raise ProvisionError(
            f"Python {version} cannot import {', '.join(missing)} on this base image: install {what} above this line, "
            "or choose another interpreter"
        )
    if not base:
        _check_pip(layout)


def pip() -> Optional[Path]:
    """Return the directory of the interpreter's pip, wherever its distribution keeps packages; None for none."""
    found = importlib.util.find_spec("pip")
    return Path(found.origin).parent if found and found.origin else None


def pip_wheel() -> Optional[Path]:
    """Return the wheel of pip that ensurepip would install; None if the distribution removed it."""
    found = importlib.util.find_spec("ensurepip")
    if not found or not found.origin:
        return None
    # Distributions may keep the wheel elsewhere: these are the directories of Debian and Fedora.
    directories = [
        Path(found.origin).parent / "_bundled",
        Path("/usr/share/python-wheels"),
        Path("/usr/share/python3-wheels"),
    ]
    wheels = [wheel for directory in directories for wheel in sorted(directory.glob("pip-*.whl"))]
    return wheels[-1] if wheels else None


def _check_libc(summary: Path) -> None:
    """Compare the glibc that the prefix requires with that of the base image, if both are known."""
    if not summary.is_file():
        return
    needed = json.loads(summary.read_text(encoding="utf-8")).get("glibc")
    own = glibc()
    if needed and own and _numbers(own) < _numbers(needed):
        raise ProvisionError(
            f"this build of Python {sys.version.split()[0]} requires glibc {needed} or newer, but this base image has "
            f"{own}: use a newer base image, a standalone interpreter, or one built on an older distribution"
        )


def glibc() -> str:
    """Return the version of the base image's glibc, such as "2.36"; "" for another C library."""
    try:
        name, _, number = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (OSError, ValueError):
        return ""
    return number if name == "glibc" else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _check_pip(layout: Layout) -> None:
    if pip() is None:
        raise ProvisionError(f"the interpreter in {sys.base_prefix} has no pip")
    layout.home.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [sys.executable, "-I", "-B", "-m", "pip", "--version"],
        env={"HOME": str(layout.home), "PIP_CONFIG_FILE": os.devnull},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        check=False,
    )
    if result.returncode:
        last = (result.stderr.strip().splitlines() or [f"exit status {result.returncode}"])[-1]
        raise ProvisionError(f"the pip of the interpreter in {sys.base_prefix} does not run on this base image: {last}")
