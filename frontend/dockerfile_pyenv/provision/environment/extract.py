"""The root file system for installs apart from a stage: what the stage's C library and certificates are.

The interpreter, uv and this program are mounts. Of the stage they use the dynamic loader, the C library, what that
loads for host names (nsswitch.conf(5)), and certificates. All these are copied at their own paths, together with the
symlinks on the way to them. The copy depends on nothing else in the stage.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import sys
from pathlib import Path
from typing import Iterator, List, Optional

import answers
from layout import CERTIFICATES, Layout

MAPS = Path("/proc/self/maps")

COMPANIONS = re.compile(r"lib(?:nss_files|nss_dns|resolv|anl|gcc_s|pthread|dl|rt|util|m)(?:\.so\.\d+|-\d[\d.]*\.so)")
"""Libraries that glibc loads by itself, or that programs for a glibc before 2.34 require."""

NSSWITCH = "/etc/nsswitch.conf"
HOSTS = "hosts: files dns\n"
"""The answer for every stage: modules other than those of glibc are not in the copy."""

CERTIFICATE_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")
"""Where distributions keep certificates by their hashes."""

LONGEST_CHAIN = 40
"""As many symlinks as Linux follows (path_resolution(7))."""

INTERPRETER_PROGRAM = 3
"""PT_INTERP of elf(5): the program header that names the dynamic loader."""


def write(layout: Layout, *, maps: Path = MAPS, program: Optional[str] = None) -> None:
    """Write the root file system below the step's answers.

    `maps` lists the files that the running interpreter has mapped (proc_pid_maps(5)), `program` is that interpreter.
    """
    copy = _Copy(layout)
    loader = _loader(Path(program or sys.executable))
    if loader:
        copy.bring(loader)
    for path in _libraries(maps, layout):
        copy.bring(path)
    for path in CERTIFICATES:
        if layout.find(path).is_file():
            copy.content(path)
    for directory in CERTIFICATE_DIRECTORIES:
        for one in sorted(_names(layout.find(directory))):
            if answers.is_certificate(one):
                copy.content(f"{directory}/{one}")
    copy.text(NSSWITCH, HOSTS)
    for name, mode in (("root", 0o700), ("tmp", 0o1777)):
        (copy.top / name).mkdir(exist_ok=True)
        (copy.top / name).chmod(mode)


class _Copy:
    """Copies files of the image."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.top = layout.answers / answers.ROOT
        self.top.mkdir(parents=True)

    def bring(self, path: str) -> None:
        """Copy a file, and each symlink on the way to it."""
        for _ in range(LONGEST_CHAIN):
            link = self._first_link(path)
            if not link:
                break
            target = os.readlink(str(self._layout.find(link)))  # noqa: PTH115 - Path.readlink is of 3.9
            self._link(link, target)
            rest = path[len(link) :]
            path = os.path.normpath(os.path.join(os.path.dirname(link), target) + rest)  # noqa: PTH118, PTH120
        if self._layout.find(path).is_file():
            self.content(path, mode=0o755)

    def content(self, path: str, *, mode: int = 0o644) -> None:
        """Copy what a file holds, under a path whose parents become directories if they are not there."""
        target = self._target(path)
        if not os.path.lexists(target):
            shutil.copyfile(str(self._layout.find(path)), str(target))
            target.chmod(mode)

    def text(self, path: str, content: str) -> None:
        """Write a file."""
        target = self._target(path)
        target.write_text(content, encoding="utf-8")
        target.chmod(0o644)

    def _first_link(self, path: str) -> str:
        """Return the first part of a path that is a symlink in the image; "" for none."""
        parts = path.strip("/").split("/")
        for count in range(1, len(parts) + 1):
            part = "/" + "/".join(parts[:count])
            if self._layout.find(part).is_symlink():
                return part
        return ""

    def _link(self, path: str, target: str) -> None:
        here = self._target(path)
        if not os.path.lexists(here):
            here.symlink_to(target)

    def _target(self, path: str) -> Path:
        target = self.top / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def _libraries(maps: Path, layout: Layout) -> Iterator[str]:
    """Yield the image's libraries that the interpreter has loaded, by all their names, and their companions."""
    prefix = os.path.realpath(sys.base_prefix)
    mapped: List[str] = []
    for line in maps.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        path = line[line.index("/") :] if "/" in line else ""
        is_library = re.search(r"\.so(?:\.[\w.]+)?$", path) is not None
        if is_library and path not in mapped and not path.startswith((f"{prefix}/", f"{layout.run}/")):
            mapped.append(path)
    for directory in sorted({os.path.dirname(path) for path in mapped}):  # noqa: PTH120
        here = layout.find(directory)
        has_libc = any(re.match(re.escape(directory) + r"/libc[.-][^/]*$", path) for path in mapped)
        for name in sorted(_names(here)):
            real = layout.name(Path(os.path.realpath(str(here / name))))
            is_loaded = real in mapped and not (name.endswith(".so") and (here / name).is_symlink())  # a linker's name
            if is_loaded or (has_libc and COMPANIONS.fullmatch(name)):
                yield f"{directory}/{name}"


def _names(directory: Path) -> List[str]:
    return [one.name for one in directory.iterdir()] if directory.is_dir() else []


def _loader(program: Path) -> str:
    """Return the dynamic loader that an ELF file names; "" for a static program, or a file of another kind."""
    with program.open("rb") as file:
        data = file.read(64)
    if data[:4] != b"\x7fELF":
        return ""
    order = "<" if data[5] == 1 else ">"
    if data[4] == 2:  # noqa: PLR2004 - ELFCLASS64
        header, offset, fields = order + "IIQQQQQQ", struct.unpack_from(order + "Q", data, 32)[0], (0, 2, 5)
        size, count = struct.unpack_from(order + "HH", data, 54)
    else:
        header, offset, fields = order + "IIIIIIII", struct.unpack_from(order + "I", data, 28)[0], (0, 1, 4)
        size, count = struct.unpack_from(order + "HH", data, 42)
    with program.open("rb") as file:
        for number in range(count):
            file.seek(offset + number * size)
            entry = struct.unpack(header, file.read(struct.calcsize(header)))
            kind, start, length = (entry[field] for field in fields)
            if kind == INTERPRETER_PROGRAM:
                file.seek(start)
                return file.read(length).rstrip(b"\0").decode("utf-8", "surrogateescape")
    return ""
