"""Errors that a user can meet, each at its place in their Dockerfile.

PyenvError
├── DockerfileError   something in the Dockerfile is wrong; carries its lines
└── EngineError       the engine lacks what this frontend needs; has no line
"""


class PyenvError(Exception):
    """Base of every error that is the user's to fix.

    The message says what is wrong and what to do, in that order, without a trailing full stop on single sentences.
    """

    def __init__(self, message: str, *, lines: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.lines = lines
        """First and last line in the Dockerfile, 1-based and inclusive; None where no line is to blame."""


class DockerfileError(PyenvError):
    """Something in the user's Dockerfile is wrong."""

    def __init__(self, message: str, *, lines: tuple[int, int]) -> None:
        super().__init__(message, lines=lines)


class EngineError(PyenvError):
    """The engine that builds lacks something that this frontend cannot do without."""
