"""Whether the interpreter that runs this works on this base, and with what."""

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
"""Standard modules that stand on shared libraries, which a base may lack or have in another version; and venv."""

SUMMARY = ".pyenv-interpreter.json"
"""What a prefix says of itself: see interpreter/finish."""

LIBRARY = re.compile(r"(?:^|[\s'])([^\s':]*\.so[.\d]*)(?::|'|\s|$)")
"""A shared library in a message of a dynamic loader: glibc puts it first, musl into the middle."""


def check(version: str, layout: Layout, *, base: bool = False) -> None:
    """Raise ProvisionError unless this is Python `version`, complete on this base, and its pip runs.

    `version` is X.Y, or X.Yt of a free-threaded build. `base` says that it is the base image's own, whose pip is not
    looked at.
    """
    own = "{}.{}".format(*sys.version_info) + ("t" if "t" in getattr(sys, "abiflags", "") else "")
    if own != version:
        raise ProvisionError(f"the interpreter says that it is Python {own}, not {version}")
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
        what = ", ".join(sorted(libraries)) or "what is named there"
        raise ProvisionError(
            f"Python {version} is not complete on this base image, it cannot import {', '.join(missing)}. "
            f"Install {what} before this line, or choose another interpreter"
        )
    if not base:
        _check_pip(layout)


def pip() -> Optional[Path]:
    """Return the directory of the interpreter's own pip, wherever its distribution keeps packages; None for none."""
    found = importlib.util.find_spec("pip")
    return Path(found.origin).parent if found and found.origin else None


def pip_wheel() -> Optional[Path]:
    """Return the wheel of pip that ensurepip would install; None where the distribution left it out."""
    found = importlib.util.find_spec("ensurepip")
    if not found or not found.origin:
        return None
    # Distributions that keep the wheel elsewhere say where in ensurepip or in sysconfig: Debian's place, and Fedora's.
    directories = [
        Path(found.origin).parent / "_bundled",
        Path("/usr/share/python-wheels"),
        Path("/usr/share/python3-wheels"),
    ]
    wheels = [wheel for directory in directories for wheel in sorted(directory.glob("pip-*.whl"))]
    return wheels[-1] if wheels else None


def _check_libc(summary: Path) -> None:
    """Compare what the prefix needs with what the base has, where both say so."""
    if not summary.is_file():
        return
    needed = json.loads(summary.read_text(encoding="utf-8")).get("glibc")
    own = glibc()
    if needed and own and _numbers(own) < _numbers(needed):
        raise ProvisionError(
            f"this base image has glibc {own}, and this build of Python {sys.version.split()[0]} needs {needed} or "
            "newer: choose a newer base, a standalone interpreter, or one that was made on an older distribution"
        )


def glibc() -> str:
    """Return the version of the base's glibc, such as "2.36"; "" for another libc."""
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
        raise ProvisionError(f"pip of the interpreter in {sys.base_prefix} does not run on this base image: {last}")
