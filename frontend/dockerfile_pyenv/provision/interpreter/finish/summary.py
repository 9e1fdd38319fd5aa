"""Summary of a prefix: which Python it is, and the libc that it requires."""

import json
import re
from pathlib import Path

import elf
import tree

NAME = ".pyenv-interpreter.json"


def write(output: Path, provider: str, origin: dict[str, str]) -> None:
    """Write the summary of a prefix. Raises FinishError if it is not CPython for Linux."""
    python = tree.executable(output)
    program = elf.read(python)
    if program is None:
        raise tree.FinishError(f"bin/{python.name} is not a program for Linux")
    files = [python, *output.glob("lib*/**/*.so"), *output.glob("lib*/*.so.*")]
    glibc = max((found.glibc for path in files if not path.is_symlink() and (found := elf.read(path))), default=(0, 0))
    musl = "ld-musl" in program.loader
    summary = {
        "provider": provider,
        "version": version(output, python),
        "libc": "musl" if musl else "gnu",
        "glibc": None if musl else "{}.{}".format(*glibc),
        "origin": origin,
    }
    (output / NAME).write_text(json.dumps(summary, indent=1) + "\n")


def version(output: Path, python: Path) -> str:
    """Return the full version of a prefix: from its headers, else from the program or its library.

    Raises FinishError if none has it.
    """
    minor = python.name.removeprefix("python").removesuffix("t")
    for header in output.glob("include/python3*/patchlevel.h"):
        if found := re.search(r'(?m)^#define PY_VERSION\s+"([^"+]+)', header.read_text("utf-8")):
            return found[1]
    for path in (python, *sorted(output.glob("lib*/libpython3.*.so.*"))):
        if full := version_in(path, minor):
            return full
    raise tree.FinishError(f"bin/{python.name} is not Python {minor}")


def version_in(path: Path, minor: str) -> str:
    """Return the full version of Python X.Y that a file has as a separate string; empty for none."""
    found = re.search(rb"\0(" + re.escape(minor.encode()) + rb"\.\d+(?:(?:a|b|rc)\d+)?)\+?\0", path.read_bytes())
    return found[1].decode() if found else ""
