"""Where instructions name other stages: `COPY --from=…`, `RUN --mount=from=…`, by name or number."""

import re
from collections.abc import Callable, Iterator

from dockerfile_pyenv.lexer import Dockerfile, Instruction

_REFERENCE = re.compile(r"(?P<flag>--from=|--mount=(?:\S*,)?from=)(?P<stage>[^\s,]+)")
_KEYWORDS = frozenset({"ADD", "COPY", "RUN"})


def find(dockerfile: Dockerfile, item: Instruction) -> Iterator[str]:
    """What the flags of an instruction name; it may be an image as well."""
    yield from (match["stage"] for match in _REFERENCE.finditer(_split(dockerfile, item)[0]))


def replace(dockerfile: Dockerfile, item: Instruction, change: Callable[[str], str]) -> str | None:
    """An instruction's text with other names in its flags; None where that changes nothing."""
    head, rest = _split(dockerfile, item)
    changed = _REFERENCE.sub(lambda match: match["flag"] + change(match["stage"]), head)
    return changed + rest if changed != head else None


def _split(dockerfile: Dockerfile, item: Instruction) -> tuple[str, str]:
    """An instruction's text up to the end of its flags, and the rest."""
    if item.keyword not in _KEYWORDS:
        return "", ""
    text = dockerfile.source[item.span[0] : item.span[1]].decode("utf-8", "surrogateescape")
    escape = re.escape(dockerfile.escape)
    blank = rf"(?:[ \t]|{escape}[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\n)*)"
    head = re.match(rf"{blank}*[A-Za-z]+(?:{blank}+--\S+)*", text)
    end = head.end() if head else 0
    return text[:end], text[end:]
