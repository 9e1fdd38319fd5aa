"""Bytecode files (PEP 552) without a path: compiled once, they can be used in every environment.

A code object holds the path of its source, written to the file once, as a string of the marshal format. Here it holds a
marker instead, the hash of the source, so that nothing in the source can equal it; `place` replaces it with the path.
The result equals, byte for byte, what compiling at that path gives.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal

UNCHECKED_HASH = (1).to_bytes(4, "little")
"""Flags of a file that is never compared with its source: file times of an image may change."""

_SHORT = {ord("z"): b"a", ord("Z"): b"A"}
"""Types of ASCII strings of up to 255 characters, with the types of longer ones (CPython, Python/marshal.c)."""
_INTERNED = b"Z"
_REF = 0x80
"""Flag in the type of an object that is referenced again."""


def compiled(source: bytes) -> bytes:
    """Compile a source file without a path. Raises what `compile` raises for an invalid source."""
    code = compile(source, marker(source), "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source) + marshal.dumps(code)


def marker(source: bytes) -> str:
    """Return the marker for the path of a source file."""
    return digest_marker(hashlib.sha256(source).hexdigest())


def digest_marker(digest: str) -> str:
    """Return the marker for the path of a source file with this SHA-256."""
    return f"<{digest}>"


def place(data: bytes, marked: str, path: str) -> bytes:
    """Replace the marker `marked` in bytecode with the path of its source."""
    needle = bytes([len(marked)]) + marked.encode("ascii")
    first, *rest = data.split(needle)
    pieces = [first]
    for piece in rest:
        kind = pieces[-1][-1]
        pieces[-1] = pieces[-1][:-1]
        pieces += [_string(kind, path), piece]
    return b"".join(pieces)


def _string(kind: int, text: str) -> bytes:
    """Return a string as marshal writes it, in place of a short ASCII string of this type."""
    flag, kind = kind & _REF, kind & ~_REF
    if not text.isascii():
        encoded = text.encode("utf-8", "surrogatepass")
        long_kind = b"t" if kind == _INTERNED[0] else b"u"
    else:
        encoded = text.encode("ascii")
        if len(encoded) <= 0xFF:  # noqa: PLR2004 - the length is one byte
            return bytes([kind | flag, len(encoded)]) + encoded
        long_kind = _SHORT[kind]
    return bytes([long_kind[0] | flag]) + len(encoded).to_bytes(4, "little") + encoded
