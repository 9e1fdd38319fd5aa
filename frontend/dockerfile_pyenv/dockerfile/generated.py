"""Write values into generated instructions: the one place where a value becomes Dockerfile text.

A value comes from a build argument, a base image, a setting, a table or a file's name, and may hold anything. Each
function here returns text in which a value is exactly one word, or raises GeneratedTextError: a value must not add an
instruction, a word, a flag or an option of a mount.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from dockerfile_pyenv.errors import brief

LONGEST_LINE: Final = 65_535
"""Bytes that upstream reads as one line (bufio.MaxScanTokenSize - 1)."""
_PIECE: Final = 15_000
"""Characters of a line that is split: each has at most four bytes."""
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line separators, and bytes that are not UTF-8."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=~?&;!-]+")
"""Words that need no quotes in any instruction."""
_REFERENCE: Final = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._/:@+\[\]-]*")
_PLATFORM: Final = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+){0,2}")


class GeneratedTextError(ValueError):
    """Why a value cannot be written into a Dockerfile."""


def shown(value: str) -> str:
    """A value for a message on one line."""
    return brief(_CONTROL.sub(lambda match: repr(match[0])[1:-1], value))


def checked(value: str, what: str) -> str:
    """The value, if it can stand on one line; `what` names it. Raises GeneratedTextError."""
    if found := _CONTROL.search(value):
        kind = "a line break" if found[0] in "\n\r" else f"the control character {found[0]!r}"
        if "\ud800" <= found[0] <= "\udfff":
            kind = "bytes that are not UTF-8"
        raise GeneratedTextError(f"{what} contains {kind}: {shown(value)}")
    return value


def quoted(value: str, what: str, escape: str) -> str:
    """A value in double quotes, for an instruction that expands variables. Raises GeneratedTextError."""
    return '"' + re.sub(f'["${re.escape(escape)}]', lambda match: escape + match[0], checked(value, what)) + '"'


def word(value: str, what: str, escape: str) -> str:
    """A value as the only argument of USER or WORKDIR, without quotes where it needs none."""
    return value if _PLAIN.fullmatch(value) else quoted(value, what, escape)


def image(value: str, what: str) -> str:
    """An image reference, as FROM takes it. Raises GeneratedTextError."""
    if not _REFERENCE.fullmatch(value):
        raise GeneratedTextError(f"{what}: {shown(value) or 'an empty string'} is not an image reference")
    return value


def platform(value: str, what: str) -> str:
    """A platform, as FROM takes it. Raises GeneratedTextError."""
    if not _PLATFORM.fullmatch(value):
        raise GeneratedTextError(
            f"{what}: {shown(value) or 'an empty string'} is not a platform: write one such as linux/amd64"
        )
    return value


def command(arguments: Sequence[str]) -> str:
    """A command in JSON form, which RUN takes as it is."""
    return json.dumps(list(arguments))


def add(url: str, target: str, escape: str) -> str:
    """ADD of a download. Raises GeneratedTextError."""
    if _PLAIN.fullmatch(url) and _PLAIN.fullmatch(target):
        return f"ADD {url} {target}\n"
    return f"ADD {_expanded([url, target], 'the address of a download', escape)}\n"


def copy(path: str, target: str, escape: str) -> str:
    """COPY of one file or directory, in whose path no character is a pattern. Raises GeneratedTextError."""
    # Go's filepath.Match takes a class for each of its characters, but for the backslash.
    literal = re.sub(r"[*?\[\\]", lambda match: f"[{match[0]}]" if match[0] != "\\" else r"\\", path)
    return f"COPY {_expanded([literal, target], 'the path of a file', escape)}\n"


def comment(text: str) -> str:
    """Text of a comment, on one line that is not too long."""
    line = _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)
    return line if len(line) <= _PIECE else line[:_PIECE] + "…"


def continued(text: str, escape: str) -> str:
    """Split lines that are longer than upstream reads; their instructions stay the same."""
    if len(text.encode("utf-8", "surrogateescape")) <= LONGEST_LINE:
        return text
    return "".join(
        f"{escape}\n".join(_pieces(line, escape))
        if len(line.encode("utf-8", "surrogateescape")) > LONGEST_LINE and not line.startswith("#")
        else line
        for line in re.findall(r"[^\n]*\n|[^\n]+", text)
    )


def _expanded(values: Sequence[str], what: str, escape: str) -> str:
    """Words in JSON form, for an instruction that expands the variables and removes the quotes in them."""
    special = f"[\"'${re.escape(escape)}]"
    words = [re.sub(special, lambda match: escape + match[0], checked(value, what)) for value in values]
    return json.dumps(words, ensure_ascii=False)


def _pieces(line: str, escape: str) -> Iterator[str]:
    """Split a line where a continuation changes nothing: not in an escape, and not before a blank or a comment."""
    start = 0
    while len(line) - start > _PIECE:
        end = start + _PIECE
        while end > start and (
            line[end - 1] in {escape, "\\"} or line[end - 1].isspace() or line[end] == "#" or line[end].isspace()
        ):
            end -= 1
        if end == start:
            break
        yield line[start:end]
        start = end
    yield line[start:]
