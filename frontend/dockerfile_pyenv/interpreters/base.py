"""The `base` provider: the base image's own interpreter, found on the stage's PATH. Nothing is added."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dockerfile_pyenv.instruction.flags import FlagError
from dockerfile_pyenv.interpreters.provider import BASE, Interpreter, Request, minor


class BaseProvider:
    """`--interpreter=base`."""

    word: Final = BASE
    flags: Final[Mapping[str, str]] = MappingProxyType({})

    def accepts(self, word: str) -> bool:
        """Whether a value of `--interpreter` means it."""
        return word == self.word

    def choose(self, request: Request) -> Interpreter:
        """Whatever the base image has of that X.Y: the step finds out. Raises FlagError."""
        if request.flags.no_venv:
            raise FlagError("--no-venv cannot be used with --interpreter=base, which adds no interpreter: remove one")
        return Interpreter(BASE, minor(request.version), BASE, {})
