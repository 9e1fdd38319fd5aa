"""Reads what an ELF file requires of the dynamic loader: libraries and the version of libc.

Field names and numbers are those of the System V ABI, chapter 5, and of elf.h of glibc for symbol versions.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"\x7fELF"

Fields = Callable[[str, int], tuple[int, ...]]
"""Unpacks a struct layout at an offset."""

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 5, 14, 15, 29
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF

GLIBC = re.compile(rb"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
RELATIVE_RELOCATIONS = b"GLIBC_ABI_DT_RELR"
"""A symbol version for a feature of the loader of glibc 2.36 (its NEWS)."""

LIBC = re.compile(
    r"(?:lib(?:c|m|pthread|dl|rt|util|resolv|anl|nsl)\.so\.[0126]|libnss_\w+\.so\.2|ld(?:64)?(?:-linux[\w-]*)?\.so\.\d"
    r"|libc\.so|libc\.musl-\w+\.so\.1|ld-musl-\w+\.so\.1)"
)
"""The libraries of glibc and musl: the base image has them, and only its own fit its loader."""


@dataclass(frozen=True, slots=True)
class Elf:
    """The dynamic section of one file."""

    machine: tuple[int, int, int]
    """Class (32 or 64 bit), byte order and architecture, as in the header: equal in files that can be linked."""
    loader: str
    """Path of the dynamic loader; empty for a library."""
    needed: tuple[str, ...]
    rpath: str
    runpath: str
    glibc: tuple[int, int]
    """The newest version of glibc that a symbol requires; (0, 0) for none."""


def read(path: Path) -> Elf | None:
    """Read a file; None if it is not an ELF file, or has no dynamic section.

    Raises ValueError for a damaged one.
    """
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            return None
        try:
            return _read(file)
        except (struct.error, IndexError, KeyError) as error:
            raise ValueError(f"{path} is a damaged ELF file: {error!r}") from None


def _read(file: BinaryIO) -> Elf | None:  # noqa: C901 - see its docstring
    """Read the file from its header to its dynamic section.

    Long: all offsets of one part come from the parts before it.
    """
    kind, order = file.read(2)
    wide = kind == 2  # noqa: PLR2004 - ELFCLASS64
    mark = "<" if order == 1 else ">"

    def fields(layout: str, offset: int) -> tuple[int, ...]:
        file.seek(offset)
        layout = mark + layout
        return struct.unpack(layout, file.read(struct.calcsize(layout)))

    _, architecture, _, _, table, _, _, _, size, count = fields("HHIQQQIHHH" if wide else "HHIIIIIHHH", 16)
    segments = []
    for number in range(count):
        if wide:
            what, _, offset, address, _, length, *_ = fields("IIQQQQQQ", table + number * size)
        else:
            what, offset, address, _, length, *_ = fields("IIIIIIII", table + number * size)
        segments.append((what, offset, address, length))
    loads = [segment for segment in segments if segment[0] == PT_LOAD]
    dynamic = next((segment for segment in segments if segment[0] == PT_DYNAMIC), None)
    if dynamic is None:
        return None

    def place(address: int) -> int:
        return next(offset + address - start for _, offset, start, length in loads if start <= address < start + length)

    def text(offset: int) -> bytes:
        file.seek(offset)
        found = b""
        while b"\0" not in found:
            more = file.read(256)
            if not more:
                raise IndexError("unterminated string")
            found += more
        return found.partition(b"\0")[0]

    entry = "qQ" if wide else "iI"
    entries = []
    for offset in range(dynamic[1], dynamic[1] + dynamic[3], struct.calcsize("<" + entry)):
        tag, value = fields(entry, offset)
        if tag == 0:
            break
        entries.append((tag, value))
    single = dict(entries)
    strings = place(single[DT_STRTAB])
    versions = (
        [text(strings + name) for name in _needed_versions(fields, place(single[DT_VERNEED]), single[DT_VERNEEDNUM])]
        if DT_VERNEED in single
        else []
    )
    loader = next((segment for segment in segments if segment[0] == PT_INTERP), None)
    return Elf(
        machine=(kind, order, architecture),
        loader=text(loader[1]).decode() if loader else "",
        needed=tuple(text(strings + value).decode() for tag, value in entries if tag == DT_NEEDED),
        rpath=text(strings + single[DT_RPATH]).decode() if DT_RPATH in single else "",
        runpath=text(strings + single[DT_RUNPATH]).decode() if DT_RUNPATH in single else "",
        glibc=max(map(_glibc, versions), default=(0, 0)),
    )


def _needed_versions(fields: Fields, offset: int, count: int) -> Iterator[int]:
    for _ in range(count):
        _, versions, _, first, following = fields("HHIII", offset)
        at = offset + first
        for _ in range(versions):
            _, _, _, name, after = fields("IHHII", at)
            yield name
            at += after
        offset += following


def _glibc(version: bytes) -> tuple[int, int]:
    if version == RELATIVE_RELOCATIONS:
        return 2, 36
    match = GLIBC.fullmatch(version)
    return (int(match[1]), int(match[2])) if match else (0, 0)
