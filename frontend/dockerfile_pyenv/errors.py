"""Errors that a user can meet, each at its place in their Dockerfile.

PyenvError
├── DockerfileError   something in the Dockerfile is wrong; carries its lines, and the place of a wrong word
└── EngineError       the engine lacks what this frontend needs; has no line
"""


def legible(text: str) -> str:
    """A text that quotes a file which is not UTF-8, as it can be shown: what is no character becomes U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class PyenvError(Exception):
    """Base of every error that is the user's to fix.

    The message says what is wrong and what to do, in that order, without a trailing full stop on single sentences.
    """

    def __init__(
        self, message: str, *, lines: tuple[int, int] | None = None, at: tuple[int, int] | None = None
    ) -> None:
        self.message = legible(message)
        super().__init__(self.message)
        self.lines = lines
        """First and last line in the Dockerfile, 1-based and inclusive; None where no line is to blame."""
        self.at = at
        """Line and column, both 1-based, of the word to blame; None where it is not one word."""

    @property
    def placed(self) -> str:
        """The message with the place of the word, since clients mark lines alone."""
        return f"{self.message} (line {self.at[0]}, column {self.at[1]})" if self.at else self.message


class DockerfileError(PyenvError):
    """Something in the user's Dockerfile is wrong."""

    def __init__(self, message: str, *, lines: tuple[int, int], at: tuple[int, int] | None = None) -> None:
        super().__init__(message, lines=lines, at=at)


class EngineError(PyenvError):
    """The engine that builds lacks something that this frontend cannot do without."""
