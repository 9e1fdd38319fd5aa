"""Find where instructions name other stages: `COPY --from=…`, `RUN --mount=from=…`, by name or number."""

import re
from collections.abc import Callable, Iterator

from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction

_REFERENCE = re.compile(r"(?P<flag>--from=|--mount=(?:\S*,)?from=)(?P<stage>[^\s,]+)")
_NUMBER = re.compile("[0-9]{1,9}")
_KEYWORDS = frozenset({"ADD", "COPY", "RUN"})


def number(name: str) -> int | None:
    """The number that a reference is, in place of a stage's name; None for a name."""
    return int(name) if _NUMBER.fullmatch(name) else None


def find(dockerfile: Dockerfile, item: Instruction) -> Iterator[str]:
    """The stages that the flags of an instruction name; a name may also be an image."""
    yield from (match["stage"] for match in _REFERENCE.finditer(_split(dockerfile, item)[0]))


def replace(dockerfile: Dockerfile, item: Instruction, change: Callable[[str], str]) -> str | None:
    """Rename the stages in an instruction's flags; None if that changes nothing."""
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
