"""The words of an instruction, and their places in the file.

Words are split as upstream splits those of ENV (parseWords, frontend/dockerfile/parser/line_parsers.go, BuildKit 0.32),
because ENV is where upstream expands them for us: a raw word is one word after the `=` of an ENV line, at its end too.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from dockerfile_pyenv.dockerfile import lexer
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction
from dockerfile_pyenv.dockerfile.shell import SPACES
from dockerfile_pyenv.errors import DockerfileError, brief


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written, with its quotes, escapes and variables."""

    raw: str
    line: int
    """Line that the word starts on, 1-based."""
    column: int
    """Column of its first character on that line, 1-based."""

    @property
    def place(self) -> tuple[int, int]:
        """Line and column, for an error about the word."""
        return self.line, self.column

    def shown(self, value: str) -> str:
        """The word's value for a message, with the variable that it comes from."""
        text = brief(value if value.isprintable() else ascii(value))
        return f"{text} (from {self.raw})" if "$" in self.raw else text


def split(text: str, escape: str) -> tuple[list[tuple[int, str]], tuple[int, str] | None]:
    """Split a text into words with their offsets, and the rest from the first unclosed quote on."""
    words: list[tuple[int, str]] = []
    pattern = _word_pattern(escape)
    at = 0
    while match := pattern.match(text, at):
        words.append((match.start(1), match[1]))
        at = match.end()
    rest = text[at:].lstrip(SPACES)
    if rest and rest != escape:  # upstream skips an escape character at the end
        return words, (len(text) - len(rest), rest)
    return words, None


def about_quote(rest: str) -> str:
    """The message for an unclosed quote, given the text from the quote on."""
    return f"the quote at the start of {brief(rest)} is not closed"


@cache
def _word_pattern(escape: str) -> re.Pattern[str]:
    r"""Match a word: quotes may stand anywhere in it, the escape character takes the next one along but not in '…'."""
    e = re.escape(escape)
    # Each alternative is one character, so that there is nothing to try again; possessive quantifiers, which would say
    # so, match wrongly before Python 3.11.5 (python/cpython#106052).
    word = rf"""(?:[^{SPACES}'"{e}]|{e}.|'[^']*'|"(?:[^"{e}]|{e}.)*")+"""
    return re.compile(rf"[{SPACES}]*+({word})", re.DOTALL)


def placed(words: Iterable[tuple[int, str]], instruction: Instruction, dockerfile: Dockerfile) -> Iterator[Word]:
    """Give words of an instruction's text their places in the file."""
    pieces = list(lexer.pieces(dockerfile, instruction))
    logical = b"".join(piece for _, _, piece in pieces).decode().rstrip(SPACES)
    before = len(logical) - len(instruction.text)
    starts = list(accumulate((len(piece) for _, _, piece in pieces), initial=0))
    for start, raw in words:
        offset = len(logical[: before + start].encode())
        index = bisect_right(starts, offset) - 1
        line, column, piece = pieces[index]
        yield Word(raw, line, column + len(piece[: offset - starts[index]].decode(errors="surrogateescape")))


def split_words(item: Instruction, dockerfile: Dockerfile) -> list[str]:
    """Raw words of any instruction whose words are split as those of ENV. Raises DockerfileError for an open quote."""
    words, quote = split(item.text, dockerfile.escape)
    if quote is not None:
        raise DockerfileError(about_quote(quote[1]), lines=item.lines)
    return [raw for _, raw in words]
