"""Reads what a shared library requires of the dynamic loader: other libraries, and the version of glibc.

Field names and numbers are those of the System V ABI, chapter 5, and of elf.h of glibc for symbol versions.
"""

from __future__ import annotations

import mmap
import re
import struct
from typing import TYPE_CHECKING, Dict, Iterator, List, NamedTuple, Tuple

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"\x7fELF"
WIDE = 2
"""ELFCLASS64."""
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB = 1, 5
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
GLIBC = re.compile(rb"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")


class SharedObject(NamedTuple):
    """What one file requires."""

    needed: Tuple[str, ...]
    glibc: Tuple[int, int]
    """The newest version of glibc that a symbol requires; (0, 0) for none."""


def read(path: Path) -> SharedObject | None:
    """Read a file; return None if it is not an ELF file, has no dynamic section, or is damaged."""
    try:
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(data).read()
    except (OSError, ValueError, struct.error, LookupError, StopIteration, UnicodeDecodeError):
        return None


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._wide = data[4] == WIDE
        self._mark = "<" if data[5] == 1 else ">"
        self._loads: List[Tuple[int, int, int]] = []

    def read(self) -> SharedObject | None:
        header = self._fields("HHIQQQIHHH" if self._wide else "HHIIIIIHHH", 16)
        table, size, count = header[4], header[8], header[9]
        dynamic = None
        for number in range(count):
            at = table + number * size
            if self._wide:
                kind, _, offset, address, _, length = self._fields("IIQQQQ", at)
            else:
                kind, offset, address, _, length = self._fields("IIIII", at)
            if kind == PT_LOAD:
                self._loads.append((offset, address, length))
            elif kind == PT_DYNAMIC:
                dynamic = (offset, length)
        if dynamic is None:
            return None
        entries = list(self._entries(*dynamic))
        single = dict(entries)
        strings = self._place(single[DT_STRTAB])
        needed = tuple(self._text(strings + value).decode() for tag, value in entries if tag == DT_NEEDED)
        return SharedObject(needed, max(map(_glibc, self._versions(single, strings)), default=(0, 0)))

    def _entries(self, start: int, length: int) -> Iterator[Tuple[int, int]]:
        layout = "qQ" if self._wide else "iI"
        for offset in range(start, start + length, struct.calcsize("<" + layout)):
            tag, value = self._fields(layout, offset)
            if tag == 0:
                return
            yield tag, value

    def _versions(self, single: Dict[int, int], strings: int) -> Iterator[bytes]:
        if DT_VERNEED not in single:
            return
        offset = self._place(single[DT_VERNEED])
        for _ in range(single[DT_VERNEEDNUM]):
            _, count, _, first, following = self._fields("HHIII", offset)
            at = offset + first
            for _ in range(count):
                _, _, _, name, after = self._fields("IHHII", at)
                yield self._text(strings + name)
                at += after
            offset += following

    def _place(self, address: int) -> int:
        return next(
            offset + address - start for offset, start, length in self._loads if start <= address < start + length
        )

    def _text(self, offset: int) -> bytes:
        end = self._data.find(b"\0", offset)
        if end < 0:
            raise ValueError("unterminated string")
        return self._data[offset:end]

    def _fields(self, layout: str, offset: int) -> Tuple[int, ...]:
        return struct.unpack_from(self._mark + layout, self._data, offset)


def _glibc(version: bytes) -> Tuple[int, int]:
    match = GLIBC.fullmatch(version)
    return (int(match[1]), int(match[2])) if match else (0, 0)
