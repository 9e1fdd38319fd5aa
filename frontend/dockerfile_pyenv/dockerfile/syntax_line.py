"""The frontend that a Dockerfile names, as BuildKit looks for it before it parses the file.

The rules are those of DetectSyntax in frontend/dockerfile/parser/directives.go (BuildKit 0.32). Unlike the parser, it
accepts no blank before `#`, skips a `#!` line, and reads `//` and JSON as well.
"""

import json
import re
from typing import Final

_BOM: Final = b"\xef\xbb\xbf"
_DIRECTIVES: Final = tuple(
    re.compile(rb"%s[\t\f\r ]*([a-zA-Z][a-zA-Z0-9]*)[\t\f\r ]*=.+" % comment) for comment in (b"#", b"//")
)
_KEYS: Final = frozenset({b"check", b"escape", b"syntax"})


def names_a_frontend(source: bytes) -> bool:
    """Whether a Dockerfile names the frontend that builds it."""
    text = source.removeprefix(_BOM)
    if text.startswith(b"#!"):
        text = text.partition(b"\n")[2]
    return any(_among_directives(text, directive) for directive in _DIRECTIVES) or _in_json(text)


def _among_directives(text: bytes, directive: re.Pattern[bytes]) -> bool:
    """Look through the lines at the top; the first one that is not a directive ends them, a second of a kind too."""
    seen: set[bytes] = set()
    while text:
        line, _, text = text.partition(b"\n")
        match = directive.fullmatch(line.removesuffix(b"\r"))
        key = match[1].lower() if match else b""
        if key == b"syntax":
            return True
        if key not in _KEYS or key in seen:
            return False
        seen.add(key)
    return False


def _in_json(text: bytes) -> bool:
    if not text.lstrip().startswith(b"{"):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    # Go takes keys of any case for the field.
    named = [one for key, one in value.items() if key.lower() == "syntax"]
    return bool(named) and all(isinstance(one, str) for one in named) and named[-1] != ""
