"""Finds the shared libraries that an environment requires and an image lacks.

An install writes down what the environment requires of others, in a file next to it; a step that stands on the stage
looks for that. So a changed stage is checked without the environment itself.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Iterator, List, Mapping, NamedTuple, Set, Tuple

import debian
import shared_objects
import tidy
from layout import ProvisionError, site_packages
from manifest import normal

if TYPE_CHECKING:
    from layout import Layout
    from log import Log

NOTE = ".libraries"
"""Next to the environment: a file with what it requires."""

LIBRARY = re.compile(r"\.so(?:\.[\d.]+)?$")
LIBC = re.compile(
    r"lib(?:c|m|pthread|dl|rt|util|resolv|anl|nsl)\.so(?:\.[0126])?|libnss_\w+\.so\.2|ld(?:64)?(?:-linux[\w-]*)?\.so\.\d"
    r"|libc\.musl-\w+\.so\.1|ld-musl-\w+\.so\.1"
)
"""The libraries of glibc and musl: every base image has its own."""
DRIVER = re.compile(r"lib(?:cuda|nvcuvid|nvidia-[\w-]+|OpenCL|ze_loader|hsa-runtime64|amdhip64|mpi)\.so[.\d]*")
"""Libraries of hardware: a machine brings them into the container."""

WEASYPRINT = ("libgobject-2.0.so.0", "libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz.so.0")
OPENED = {
    "cairocffi": ("libcairo.so.2",),
    "psycopg": ("libpq.so.5",),
    "pyenchant": ("libenchant-2.so.2",),
    "python-magic": ("libmagic.so.1",),
    "pyzbar": ("libzbar.so.0",),
    "weasyprint": (*WEASYPRINT, "libfontconfig.so.1"),
}
"""Libraries that packages open by name when they are imported (ctypes, cffi)."""
BUNDLES = {"psycopg": ("psycopg-binary", "psycopg-c")}
"""Packages that make this unnecessary."""

DIRECTORIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")


class Required(NamedTuple):
    """What an environment requires of the image."""

    libraries: Dict[str, str]
    """Libraries that are not in it, and a package that requires each."""
    glibc: Tuple[int, int] = (0, 0)
    glibc_of: str = ""
    """The newest version of glibc that a package requires, and the package."""


def required(path: Path, version: str, *, glibc: bool = False) -> Required:
    """Find out what an environment requires, with `glibc` the version of that, too.

    `version` is the X.Y of its Python.
    """
    packages = site_packages(path, version)
    files = [Path(one, name) for one, _, names in os.walk(str(path)) for name in names if LIBRARY.search(name)]
    there = {file.name for file in files} | _names(Path(sys.base_prefix, "lib"))
    found: Dict[str, Path] = {}
    highest: Tuple[int, int] = (0, 0)
    newest = None
    for file in sorted(files):
        read = shared_objects.read(file)
        if read is None:
            continue
        if glibc and read.glibc > highest:
            highest, newest = read.glibc, file
        for name in read.needed:
            if name not in there and not LIBC.fullmatch(name) and not DRIVER.fullmatch(name):
                found.setdefault(name, file)
    owners = _owners(packages, {*found.values(), *([newest] if newest else [])}) if found or newest else {}
    libraries = {name: owners.get(file, file.name) for name, file in found.items()}
    for package, names in _opened(packages):
        for name in names:
            libraries.setdefault(name, package)
    return Required(dict(sorted(libraries.items())), highest, owners.get(newest, "a package") if newest else "")


def leave(found: Required, layout: Layout) -> None:
    """Write down what an environment requires, for a step in the stage."""
    if found.libraries or found.glibc_of:
        note = layout.environments / NOTE
        note.write_text(json.dumps(found._asdict(), sort_keys=True) + "\n", encoding="utf-8")
        tidy.date(note)


def noted(*directories: Path) -> List[Required]:
    """Return what was written down in directories."""
    found = []
    for directory in directories:
        note = directory / NOTE
        if note.is_file():
            read = json.loads(note.read_text("utf-8"))
            found.append(Required(read["libraries"], tuple(read["glibc"]), read["glibc_of"]))
    return found


def take(directory: Path) -> List[Required]:
    """Return what was written down in a directory of the image, and remove it from there."""
    found = noted(directory)
    if found:
        (directory / NOTE).unlink()
    return found


def tell(found: Required, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Say what the image lacks. Raises ProvisionError for a glibc that is too old, which nobody can install."""
    own = _own_glibc()
    if own > (0, 0) and found.glibc > own:
        raise ProvisionError(
            f"{found.glibc_of} requires glibc {_dotted(found.glibc)}, but the image has glibc {_dotted(own)}: use a "
            "--builder whose distribution is not newer than the image's"
        )
    lacking = {name: package for name, package in found.libraries.items() if not has(name, environ, layout)}
    for package in sorted(set(lacking.values())):
        names = [name for name, of in lacking.items() if of == package]
        told = debian.advice({name: debian.package(name) for name in names})
        log(f"{package} requires {', '.join(names)}, which the image lacks: {told}")


def has(name: str, environ: Mapping[str, str], layout: Layout) -> bool:
    """Whether the image has a library where its loader looks: by ld.so.cache, and in the usual directories."""
    try:
        if b"\0" + name.encode() + b"\0" in layout.find("/etc/ld.so.cache").read_bytes():
            return True
    except OSError:
        pass
    directories = [*filter(None, environ.get("LD_LIBRARY_PATH", "").split(":")), *DIRECTORIES]
    for directory in map(layout.find, directories):
        if (directory / name).exists():
            return True
        # Debian's directories have the name of the architecture.
        if any((one / name).exists() for one in directory.glob("*-linux-*")):
            return True
    return False


def _opened(packages: Path) -> Iterator[Tuple[str, Tuple[str, ...]]]:
    names = {normal(one.name.split("-")[0]) for one in packages.glob("*.dist-info")}
    for package, libraries in OPENED.items():
        if package in names and not names & set(BUNDLES.get(package, ())):
            yield package, libraries


def _owners(packages: Path, files: Set[Path]) -> Dict[Path, str]:
    """Return the names of the packages that have these files, by their RECORDs."""
    wanted = {os.path.relpath(str(file), str(packages)): file for file in files}
    found: Dict[Path, str] = {}
    for record in sorted(packages.glob("*.dist-info/RECORD")):
        with record.open(encoding="utf-8", errors="replace", newline="") as lines:
            for row in csv.reader(lines):
                if row and row[0] in wanted:
                    found[wanted[row[0]]] = record.parent.name.split("-")[0]
    return found


def _names(directory: Path) -> Set[str]:
    return {one.name for one in directory.iterdir()} if directory.is_dir() else set()


def _own_glibc() -> Tuple[int, int]:
    try:
        words = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
        major, minor = words[1].split(".")[:2]
        return int(major), int(minor)
    except (OSError, ValueError, IndexError):
        return 0, 0


def _dotted(version: Tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
