"""Gives every prefix the same form: its files, first lines of scripts, headers of bytecode, modes and times.

The tree becomes an image layer that many images share: the same input gives the same bytes, independent of the clock.
"""

import os
import re
import shutil
import stat
from pathlib import Path, PurePosixPath

import elf

MTIME = 315532800
"""1980-01-01, the earliest time that a zip archive can carry."""

UNCHECKED_HASH = (1).to_bytes(4, "little")
"""Flags of a .pyc that is never compared with its source (PEP 552): rewritten file times do not make it stale."""

PYTHON = re.compile(r"python3\.\d+t?")
"""Name of the executable and of the library's directory; a free-threaded build has the t (PEP 703)."""


LEFT_OUT = frozenset({"test", "tests", "idlelib", "tkinter", "turtledemo"})
"""Of the standard library: tests, and graphical modules, which a container cannot use. Debian's and the official slim
images have no Tk either."""

SELDOM = ("setuptools", "pkg_resources", "lib2to3", "pydoc_data", "ensurepip")
"""Packages that get no bytecode, as in seal.py."""

TCL = re.compile(r"(?:tcl|tk|itcl|tdbc[a-z]*|thread|sqlite)\d[\d.]*")
"""Directories of Tcl and Tk scripts in python-build-standalone."""

TCL_LIBRARIES = "lib/lib[it]*.so*"
TCL_LIBRARY = re.compile(r"lib(?:itcl|tcl|tk|tcl\d+tk)[\d.]*\.so[\d.]*")


REAL_EXECUTABLE = (
    "import os, sys; sys._base_executable = os.path.realpath(sys._base_executable); "
    "sys.executable = sys._base_executable if sys.prefix == sys.base_prefix else sys.executable\n"
)
"""Makes `venv`, `virtualenv` and uv write this prefix as a new environment's home, not the directory of a link to it.

Since Python 3.11, getpath uses home as it is, and falls back to the compiled-in prefix: an environment that was created
with the link /usr/local/bin/pythonX.Y would not start. `virtualenv`, which PythonVirtualenvOperator of Airflow 2 calls,
uses `sys.executable`.
"""


class FinishError(Exception):
    """The input is not a usable interpreter; the message is for the build's log."""


def wanted(path: PurePosixPath) -> bool:  # noqa: PLR0911 - one return per kind of file
    """Whether a file, relative to the prefix, belongs in an image."""
    if path.name == "EXTERNALLY-MANAGED" or path.suffix == ".a" or path.name.endswith((".opt-1.pyc", ".opt-2.pyc")):
        return False
    match path.parts:
        case ("bin", name):
            return not name.startswith("idle")
        case ("share", "man", *_):
            return False
        case ("lib" | "lib64", python, "site-packages", *_) if python.startswith("python3."):
            return True
        case ("lib" | "lib64", python, "lib-dynload", name) if python.startswith("python3."):
            return not name.startswith(("_test", "_xxtest", "_tkinter"))
        case ("lib" | "lib64", python, *module) if python.startswith("python3."):
            return LEFT_OUT.isdisjoint(module) and not path.name.startswith("turtle.")
        case ("lib", name, *_):
            return not TCL.fullmatch(name)
    return True


def copy(source: Path, output: Path) -> None:
    """Copy every wanted file of a prefix."""
    for directory, directories, files in os.walk(source):
        inside = PurePosixPath(Path(directory).relative_to(source))
        links = [name for name in directories if Path(directory, name).is_symlink()]
        for name in sorted([*files, *links]):
            if wanted(inside / name):
                target = output / inside / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(Path(directory, name), target, follow_symlinks=False)


def executable(output: Path) -> Path:
    """Return `bin/pythonX.Y`. Raises FinishError if there is none."""
    # Of python3.14 and python3.14t, the library is named after the second.
    found = sorted(path for path in output.glob("bin/python3.*") if PYTHON.fullmatch(path.name))
    if not found:
        raise FinishError("it has no bin/python3.X")
    return found[-1]


def rewrite_scripts(directory: Path, interpreter: str) -> None:
    """Give every Python script an absolute shebang, so that it needs no shell to find its interpreter."""
    for path in directory.iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            if file.read(2) != b"#!":
                continue
        text = path.read_bytes()
        first, _, rest = text.partition(b"\n")
        if first == b"#!/bin/sh" and rest.startswith(b"'''exec'"):
            # pip's form for relocatable scripts: a shell line that Python reads as a string.
            rest = rest.partition(b"\n")[2].partition(b"\n")[2]
        elif b"python" not in first:
            continue
        path.write_bytes(f"#!{interpreter}\n".encode() + rest)


def drop_tcl(output: Path) -> None:
    """Remove the shared libraries of Tcl and Tk, unless something needs them: in old archives Python itself does."""
    libraries = {path for path in output.glob(TCL_LIBRARIES) if TCL_LIBRARY.fullmatch(path.name)}
    if not libraries:
        return
    candidates = (*output.glob("bin/*"), *output.rglob("*.so*"))
    files = {path for path in candidates if path not in libraries and path.is_file() and not path.is_symlink()}
    needed = {name for path in files if (found := elf.read(path)) for name in found.needed}
    if needed.isdisjoint(path.name for path in libraries):
        for path in libraries:
            path.unlink()


def resolve_links(output: Path) -> None:
    """Make the interpreter use its real path, however it is started."""
    for pip in output.glob("**/*-packages/pip"):
        (pip.parent / "_pyenv_real_executable.pth").write_text(REAL_EXECUTABLE)


def drop_bytecode(output: Path) -> None:
    """Remove bytecode of rarely used packages: Python compiles them when they are imported."""
    for name in SELDOM:
        for directory in (*output.glob(f"lib*/python3.*/{name}"), *output.glob(f"**/*-packages/{name}")):
            for path in directory.rglob("*.pyc"):
                path.unlink()


def rewrite_bytecode(path: Path) -> None:
    """Turn a timestamp .pyc into an unchecked-hash one: only its header, as nothing compares the hash (PEP 552)."""
    with path.open("r+b") as file:
        header = file.read(16)
        if len(header) == 16:  # noqa: PLR2004 - magic number, flags, and a hash or a time with a size
            file.seek(4)
            file.write(UNCHECKED_HASH + (bytes(8) if header[4:8] == bytes(4) else header[8:]))


def settle(root: Path) -> None:
    """Set plain modes and one time on `root` and everything in it; remove empty directories."""
    for directory, _, files in os.walk(root, topdown=False):
        for name in files:
            path = Path(directory, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
            os.utime(path, (MTIME, MTIME), follow_symlinks=False)
        path = Path(directory)
        if path != root and not any(path.iterdir()):
            path.rmdir()
            continue
        path.chmod(0o755)
    for directory, directories, _ in os.walk(root, topdown=False):
        for name in directories:
            os.utime(Path(directory, name), (MTIME, MTIME), follow_symlinks=False)
    os.utime(root, (MTIME, MTIME))
