"""Unpacks a standalone CPython archive into the tree that goes into images.

Runs under the frontend image's own Python, in a build step whose root holds nothing but the mounts that it names:

    unpack.py --archive FILE --output DIRECTORY --prefix /opt/astro-pyenv/python/<id>

The archive is python-build-standalone's ``install_only`` kind: a tar.gz whose one top-level directory is ``python``.
What comes out is the same tree for the same archive and prefix, byte for byte and whatever the clock says, since it
becomes an image layer of its own that many images share.
"""

import argparse
import ast
import json
import os
import re
import stat
import sys
import tarfile
from pathlib import Path, PurePosixPath

MTIME = 315532800
"""1980-01-01, the earliest time that a zip archive can carry."""

UNCHECKED_HASH = (1).to_bytes(4, "little")
"""Flags of a .pyc that is never compared with its source (PEP 552): rewritten file times do not make it stale."""

TOP = "python"
STANDALONE_PREFIX = "/install"
"""The prefix that python-build-standalone configures with."""

COMPILER = re.compile(r"(?:\S*/)?(?:[\w.]+-)*(?P<kind>clang\+\+|g\+\+|c\+\+|clang|gcc|cc)(?:-[\d.]+)?")
BINUTIL = re.compile(r"(?:\S*/)?(?:[\w.]+-)*(?P<kind>gcc-ar|ar|gcc-ranlib|ranlib|gcc-nm|nm|readelf|strip)(?:-[\d.]+)?")
BUILD_PATH = re.compile(r"-[IL]/(?:tools|build)\b\S*")
"""Flags that name directories of the machine which built the archive."""

COMPILER_VARIABLES = frozenset({"BLDSHARED", "CC", "CXX", "LDCXXSHARED", "LDSHARED", "LINKCC", "MAINCC"})
BINUTIL_VARIABLES = frozenset({"AR", "NM", "RANLIB", "READELF", "STRIP"})


class UnpackError(Exception):
    """The archive is not what it is said to be."""


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="unpack.py")
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--prefix", required=True)
    options = parser.parse_args(arguments)
    try:
        unpack(options.archive, options.output, options.prefix)
    except (UnpackError, tarfile.TarError, OSError, EOFError) as error:
        print(f"the interpreter archive cannot be used: {error}", file=sys.stderr)
        return 1
    return 0


def unpack(archive: Path, output: Path, prefix: str) -> None:
    """Unpack `archive` into `output` as the tree that will be found at `prefix`.

    Raises UnpackError or tarfile.TarError for an archive of another layout, or one that would write outside `output`.
    """
    os.umask(0o022)
    output.mkdir(parents=True, exist_ok=True)
    extract(archive, output)
    executables = sorted(
        path.name for path in output.glob("bin/python3.*") if re.fullmatch(r"python3\.\d+t?", path.name)
    )
    if not executables:
        raise UnpackError(f"{archive.name} holds no {TOP}/bin/python3.X")
    rewrite_scripts(output / "bin", f"{prefix}/bin/{executables[0]}")
    for pattern in ("_sysconfigdata_*.py", "*/_sysconfigdata_*.py"):
        for path in (output / "lib").glob(pattern):
            rewrite_sysconfig(path, prefix)
    for path in (output / "lib").glob("*/_sysconfig_vars_*.json"):
        path.write_text(json.dumps(patched_all(json.loads(path.read_bytes()), prefix), indent=1, sort_keys=True))
    for pattern in ("lib/pkgconfig/*.pc", "lib/python3.*/config-*/Makefile", "lib/python3.*/build-details.json"):
        for path in output.glob(pattern):
            replace_prefix(path, prefix)
    for path in output.rglob("*.pyc"):
        rewrite_bytecode(path)
    settle(output)


def extract(archive: Path, output: Path) -> None:
    """Write every wanted member of the archive below `output`."""
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts
            if parts[:1] != (TOP,):
                raise UnpackError(f"{member.name!r} does not lie in {TOP}/")
            inside = PurePosixPath(*parts[1:])
            if not parts[1:] or not wanted(inside):
                continue
            renamed = member.replace(name=str(inside), deep=False)
            if member.islnk():
                renamed = renamed.replace(linkname=str(PurePosixPath(member.linkname).relative_to(TOP)), deep=False)
            tar.extract(renamed, output, filter=tarfile.data_filter)


def wanted(path: PurePosixPath) -> bool:  # noqa: PLR0911 - one return per kind of file
    """Whether a file, relative to the prefix, belongs into an image."""
    if path.name == "EXTERNALLY-MANAGED" or path.suffix == ".a" or path.name.endswith((".opt-1.pyc", ".opt-2.pyc")):
        return False
    match path.parts:
        case ("bin", name):
            return not name.startswith("idle")
        case ("share", "man", *_):
            return False
        case ("lib", python, "site-packages", *_) if python.startswith("python3."):
            return True
        case ("lib", python, "lib-dynload", name) if python.startswith("python3."):
            return not name.startswith(("_test", "_xxtest"))
        case ("lib", python, *module) if python.startswith("python3."):
            return not {"test", "tests", "idlelib", "turtledemo"} & set(module)
    return True


def rewrite_scripts(directory: Path, interpreter: str) -> None:
    """Give every Python script an absolute first line, so that none needs a shell to find its interpreter."""
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


def rewrite_sysconfig(path: Path, prefix: str) -> None:
    """Make sysconfig name the final prefix, and compilers by the names that they have everywhere."""
    values = None
    for statement in ast.parse(path.read_bytes()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "build_time_vars":
            values = ast.literal_eval(statement.value)
    if not isinstance(values, dict):
        raise UnpackError(f"{path.name} assigns no build_time_vars")
    lines = [f"    {name!r}: {value!r},\n" for name, value in sorted(patched_all(values, prefix).items())]
    path.write_text("build_time_vars = {\n" + "".join(lines) + "}\n")
    for stale in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        stale.unlink()


def patched_all(values: dict[str, object], prefix: str) -> dict[str, object]:
    """Return all of sysconfig's build-time variables as they should read for the final prefix."""
    built_in = str(values.get("prefix") or STANDALONE_PREFIX)
    return {name: patched(name, value, built_in, prefix) for name, value in values.items()}


def patched(name: str, value: object, built_in: str, prefix: str) -> object:
    """Return one of sysconfig's build-time variables as it should read for the final prefix.

    >>> patched("LDSHARED", "/usr/bin/aarch64-linux-gnu-gcc -shared", "/install", "/p")
    'cc -shared'
    >>> patched("BINDIR", "/install/bin", "/install", "/p")
    '/p/bin'
    """
    if not isinstance(value, str):
        return value
    value = prefixed(value, built_in, prefix)
    if name in COMPILER_VARIABLES | BINUTIL_VARIABLES:
        command, blank, rest = value.partition(" ")
        if match := (COMPILER if name in COMPILER_VARIABLES else BINUTIL).fullmatch(command):
            kind = match["kind"]
            if name in COMPILER_VARIABLES:
                kind = "c++" if kind.endswith("++") else "cc"
            value = kind.removeprefix("gcc-") + blank + rest
    if BUILD_PATH.search(value):
        value = " ".join(BUILD_PATH.sub("", value).split())
    return value


def prefixed(text: str, built_in: str, prefix: str) -> str:
    """Replace one prefix with another where it stands as a whole path or at the start of one."""
    return re.sub(rf"(?:(?<=-[ILR])|(?<![\w./-])){re.escape(built_in)}(?![\w.-])", lambda _: prefix, text)


def replace_prefix(path: Path, prefix: str) -> None:
    """Put the final prefix into a text file of the archive."""
    if path.is_symlink():
        return
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    new = prefixed(text, STANDALONE_PREFIX, prefix)
    if new != text:
        path.write_text(new, encoding="utf-8", errors="surrogateescape")


def rewrite_bytecode(path: Path) -> None:
    """Make a timestamp .pyc an unchecked-hash one: the header alone, as nothing compares the hash (PEP 552)."""
    with path.open("r+b") as file:
        header = file.read(16)
        if len(header) == 16:  # noqa: PLR2004 - magic number, flags, and a hash or a time with a size
            file.seek(4)
            file.write(UNCHECKED_HASH + (bytes(8) if header[4:8] == bytes(4) else header[8:]))


def settle(root: Path) -> None:
    """Give everything below `root`, and `root` itself, plain modes and one time; drop directories left empty."""
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
