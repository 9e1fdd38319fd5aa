"""The commands of RUN instructions, as far as rules need them: their words, one command after the other."""

import json
import re
from collections.abc import Iterator
from typing import Final

from dockerfile_pyenv.dockerfile.lexer import Instruction

_TOKEN: Final = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|[0-9]*>>?|<|[;&|(){}\n]+|[^\s'"<>;&|(){}]+|\s+""")
_END: Final = frozenset(";&|(){}\n")
_KEYWORDS: Final = frozenset({"if", "then", "else", "elif", "do", "while", "until", "time", "!", "exec", "sudo", "env"})


def flags(item: Instruction) -> list[str]:
    """The flags in front of an instruction's other words."""
    found = []
    for word in item.text.split():
        if not word.startswith("--"):
            break
        found.append(word)
    return found


def arguments(item: Instruction) -> list[str]:
    """The words of a COPY or ADD without its flags: sources and destination."""
    text = _without_flags(item)
    return [str(word) for word in _json(text) or text.split()]


def commands(item: Instruction) -> Iterator[list[str]]:
    """The words of each command of a RUN, without quotes; a redirection is the word `>` or `<`."""
    text = _without_flags(item)
    words = _json(text)
    if words is not None:
        yield words
        return
    for part in (text, *(heredoc.content for heredoc in item.heredocs)):
        yield from _commands(part)


def _commands(text: str) -> Iterator[list[str]]:
    words: list[str] = []
    joined = ""
    for match in _TOKEN.finditer(text + "\n"):
        token = match[0]
        is_end = not _END.isdisjoint(token) and not token.startswith(("'", '"'))
        if is_end or token.isspace() or token[-1] in "<>":
            if joined and (words or joined not in _KEYWORDS):
                words.append(joined)
            joined = ""
            if token[-1] in "<>":
                words.append(token[-1])
            if is_end and words:
                yield words
                words = []
        else:
            joined += token[1:-1] if token[0] in "'\"" else token


def _without_flags(item: Instruction) -> str:
    text = item.text
    while (match := re.match(r"--\S+\s*", text)) is not None:
        text = text[match.end() :]
    return text


def _json(text: str) -> list[str] | None:
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return [str(word) for word in found] if isinstance(found, list) else None
