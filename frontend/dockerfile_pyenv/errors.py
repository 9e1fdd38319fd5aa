"""Errors that a user can meet, each at its place in their Dockerfile.

PyenvError
├── DockerfileError   an error in the Dockerfile; has its lines, and the place of the wrong word
└── EngineError       the engine lacks a required feature; has no line
"""

import re
from typing import Final

_WORD: Final = 300
_SENTENCE: Final = 1600
"""Characters that a message shows of a word and of a line."""
_HALVES: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Halves of characters: JSON can hold them, UTF-8 cannot."""
_LONG_WORD: Final = re.compile(rf"\S{{{_WORD + 1},}}")


def legible(text: str) -> str:
    """Replace what is not UTF-8 in a text that quotes a file by U+FFFD."""
    return _HALVES.sub("\ufffd", text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def brief(text: str) -> str:
    """As much of a text as a message shows."""
    return text if len(text) <= 100 else text[:99] + "…"  # noqa: PLR2004 - fits a terminal


def _readable(message: str) -> str:
    """A message without words that no terminal shows; a value in it may be as long as a file."""
    short = _LONG_WORD.sub(lambda match: match[0][:_WORD] + "…", message)
    if len(short) <= _SENTENCE or "\n" in short:  # several lines are a program's output
        return short
    return f"{short[: _SENTENCE // 2]} … {short[-_SENTENCE // 4 :]}"


def about_limits(error: BaseException) -> str:
    """What to say of a file that is too much for this program; "" for any other error."""
    if isinstance(error, RecursionError):
        return "the Dockerfile, or a file that it names, is nested too deeply to be read"
    if isinstance(error, MemoryError):
        return "the Dockerfile, or a file that it names, needs more memory than there is"
    return ""


class PyenvError(Exception):
    """Base of all errors that a user can fix.

    The message says what is wrong and what to do, in that order, without a trailing full stop on single sentences.
    """

    def __init__(
        self, message: str, *, lines: tuple[int, int] | None = None, at: tuple[int, int] | None = None
    ) -> None:
        self.message = _readable(legible(message))
        super().__init__(self.message)
        self.lines = lines
        """First and last line in the Dockerfile, 1-based and inclusive; None without a line to blame."""
        self.at = at
        """Line and column, both 1-based, of the word to blame; None if it is not a single word."""

    @property
    def placed(self) -> str:
        """The message with the place of the word, since clients mark only lines."""
        return f"{self.message} (line {self.at[0]}, column {self.at[1]})" if self.at else self.message


class DockerfileError(PyenvError):
    """An error in the user's Dockerfile."""

    def __init__(self, message: str, *, lines: tuple[int, int], at: tuple[int, int] | None = None) -> None:
        super().__init__(message, lines=lines, at=at)


class EngineError(PyenvError):
    """The engine lacks a feature that this frontend requires."""
