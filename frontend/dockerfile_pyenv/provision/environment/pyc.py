"""Bytecode files (PEP 552) that know no place yet: compiled once, they serve every environment.

A code object has the path of its source in it, written into the file once, as a string of the marshal format. In its
place here stands a marker that is the source's own hash, so that nothing in the source can be taken for it; `place`
puts the path there. What comes out is what compiling at that path gives, byte for byte.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal

UNCHECKED_HASH = (1).to_bytes(4, "little")
"""Flags of a file that is never compared with its source: an image's file times may be rewritten."""

_SHORT = {ord("z"): b"a", ord("Z"): b"A"}
"""Types of an ASCII string of up to 255 characters, to those of a longer one (CPython, Python/marshal.c)."""
_INTERNED = b"Z"
_REF = 0x80
"""Set on the type of an object that is referred to again."""


def compiled(source: bytes) -> bytes:
    """Compile a source file for no place in particular. Raises whatever `compile` does with a source that is wrong."""
    code = compile(source, marker(source), "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(source) + marshal.dumps(code)


def marker(source: bytes) -> str:
    """What stands for the path of a source file."""
    return digest_marker(hashlib.sha256(source).hexdigest())


def digest_marker(digest: str) -> str:
    """What stands for the path of a source file of this SHA-256."""
    return f"<{digest}>"


def place(data: bytes, marked: str, path: str) -> bytes:
    """Put a source file's path where `marked` stands in its bytecode."""
    needle = bytes([len(marked)]) + marked.encode("ascii")
    first, *rest = data.split(needle)
    pieces = [first]
    for piece in rest:
        kind = pieces[-1][-1]
        pieces[-1] = pieces[-1][:-1]
        pieces += [_string(kind, path), piece]
    return b"".join(pieces)


def _string(kind: int, text: str) -> bytes:
    """A string as marshal writes it, in the place of a short ASCII one of this type."""
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
