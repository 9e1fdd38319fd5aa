"""Small ELF files with a dynamic section, such as the finishing step reads."""

import struct

LOADER = "/lib64/ld-linux-x86-64.so.2"


def library(*needed: str, glibc: str = "", rpath: str = "", runpath: str = "", machine: int = 62) -> bytes:
    """A shared library that needs others, and symbols of a version of glibc."""
    return _elf(needed, "", glibc, rpath, runpath, b"", machine)


def executable(
    version: str = "", *needed: str, glibc: str = "", runpath: str = "", loader: str = LOADER, machine: int = 62
) -> bytes:
    """A program; a Python says its version in a string of its own."""
    return _elf(needed, loader, glibc, "", runpath, f"\0{version}\0".encode(), machine)


def _elf(  # noqa: PLR0917 - one call for each kind
    needed: tuple[str, ...], loader: str, glibc: str, rpath: str, runpath: str, rest: bytes, machine: int
) -> bytes:
    """64-bit, little-endian: header, three program headers, then everything that they point to (System V ABI)."""
    strings = b"\0"

    def string(text: str) -> int:
        nonlocal strings
        strings += text.encode() + b"\0"
        return len(strings) - len(text) - 1

    base = 0x10000
    start = 64 + 3 * 56
    entries = [(1, string(name)) for name in needed]
    entries += [(tag, string(text)) for tag, text in ((15, rpath), (29, runpath)) if text]
    versions = struct.pack("<HHIIIIHHII", 1, 1, 0, 16, 0, 0, 0, 2, string(glibc), 0) if glibc else b""
    size = (len(entries) + 4) * 16
    interpreter, table = start + size, start + size + len(loader) + 1
    entries.append((5, base + table))
    if glibc:
        entries += [(0x6FFFFFFE, base + table + len(strings)), (0x6FFFFFFF, 1)]
    dynamic = b"".join(struct.pack("<qQ", *entry) for entry in [*entries, (0, 0)]).ljust(size, b"\0")
    body = dynamic + loader.encode() + b"\0" + strings + versions + rest
    header = b"\x7fELF\2\1\1".ljust(16, b"\0")
    header += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 3 if loader else 2, 0, 0, 0)
    length = start + len(body)
    segments = struct.pack("<IIQQQQQQ", 1, 4, 0, base, base, length, length, 4096)
    segments += struct.pack("<IIQQQQQQ", 2, 4, start, base + start, base + start, size, size, 8)
    segments += struct.pack("<IIQQQQQQ", 3, 4, interpreter, base, base, len(loader) + 1, len(loader) + 1, 1)
    return header + segments + body
