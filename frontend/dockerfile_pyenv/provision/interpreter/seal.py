"""Finishes an interpreter from an image: what only its own Python can do, in a step of that image.

    /opt/astro-pyenv/python/<id>/bin/pythonX.Y -s -B /pyenv/provision/interpreter/seal.py

Follows `finish --image`, whose output is mounted at the interpreter's final prefix, writable, and is this step's
output; the root is the image, read-only, and this file is mounted at its path. Environment: PYTHONHASHSEED=0, so that
the same source is the same bytecode before Python 3.11 too; nothing of the image's config. No network. Runs on Python
3.8 and newer.

Loads every extension module, and checks that only libraries of the prefix and of libc are mapped; removes modules that
cannot be loaded even in their own image; compiles the standard library.
"""

import compileall
import importlib
import os
import py_compile
import re
import sys
from pathlib import Path
from typing import List

MTIME = 315532800
"""As in tree.py."""

NEEDED = ("bz2", "ctypes", "hashlib", "lzma", "readline", "sqlite3", "ssl", "uuid", "zlib")
"""As in environment/interpreter.py."""

SELDOM = re.compile(r"/(?:setuptools|pkg_resources|lib2to3|pydoc_data|ensurepip)/")
"""Paths that get no bytecode, as in tree.py."""

LIBC = re.compile(
    r"(?:lib(?:c|m|pthread|dl|rt|util|resolv|anl|nsl)(?:\.so\.[0126]|-2\.\d+\.so)|libnss_\w+(?:\.so\.2|-2\.\d+\.so)"
    r"|ld(?:64)?(?:-linux[\w-]*)?(?:\.so\.\d|-2\.\d+\.so)|libc\.so|ld-musl-\w+\.so\.1|libc\.musl-\w+\.so\.1)"
)
"""As in elf.py, and with the file names that glibc had before 2.34."""


def main() -> int:
    """Seal the prefix of the running interpreter; return the exit status."""
    prefix = Path(sys.base_prefix)
    stdlib = Path(os.__file__).parent
    for module in sorted((stdlib / "lib-dynload").glob("*.so")):
        name = module.name.partition(".")[0]
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever a module raises when it is loaded
            print(f"removed {name}: {error}", flush=True)
            module.unlink()
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"the Python of this image is incomplete: cannot import {name}: {error}", file=sys.stderr)
            return 1
    strangers = foreign(prefix, Path("/proc/self/maps").read_text())
    if strangers:
        print(f"this Python loads libraries from outside its prefix: {', '.join(strangers)}", file=sys.stderr)
        return 1
    compileall.compile_dir(
        str(prefix),
        rx=SELDOM,
        quiet=2,
        workers=0,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    settle(prefix)
    return 0


def foreign(prefix: Path, maps: str) -> List[str]:
    """Return the shared libraries in a process's map that belong neither to a prefix nor to libc."""
    paths = set(re.findall(r"(?m) (/\S+\.so(?:\.[\w.]+)?)$", maps))
    return sorted(
        path for path in paths if not path.startswith(f"{prefix}/") and not LIBC.fullmatch(path.rpartition("/")[2])
    )


def settle(prefix: Path) -> None:
    """Give everything one time again."""
    for directory, directories, files in os.walk(str(prefix), topdown=False):
        for name in files + directories:
            os.utime(str(Path(directory, name)), (MTIME, MTIME), follow_symlinks=False)
    os.utime(str(prefix), (MTIME, MTIME))


if __name__ == "__main__":
    sys.exit(main())
