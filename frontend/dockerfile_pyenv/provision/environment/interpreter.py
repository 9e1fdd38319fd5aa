"""Whether the interpreter that runs this works on this base, and with what."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from pathlib import Path

from layout import ProvisionError

NEEDED = ("bz2", "ctypes", "hashlib", "lzma", "readline", "sqlite3", "ssl", "uuid", "zlib")
"""Standard modules that stand on shared libraries: what a base may lack, or have in another version."""


def check(version: str) -> None:
    """Raise ProvisionError unless this is Python `version` and complete on this base."""
    own = "{}.{}".format(*sys.version_info)
    if own != version:
        raise ProvisionError(f"the interpreter says that it is Python {own}, not {version}")
    missing = []
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
    if missing:
        raise ProvisionError(
            f"Python {version} is not complete on this base image, it cannot import {', '.join(missing)}. "
            "Install the libraries named there before this line, or choose another interpreter"
        )
    if not (pip() / "__init__.py").is_file():
        raise ProvisionError(f"the interpreter in {sys.prefix} has no pip")


def pip() -> Path:
    """Return the directory of the interpreter's own pip."""
    return Path(sysconfig.get_paths()["purelib"], "pip")
