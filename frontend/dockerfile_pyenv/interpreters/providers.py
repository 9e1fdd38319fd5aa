"""Where a PYENV line's interpreter comes from: the providers, and the choice of one.

The line chooses it (`--interpreter=`), else the build (`--build-arg PYENV_INTERPRETER=`), else the site, whose derived
image has the variable in its ENV.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from dockerfile_pyenv.instruction.flags import FlagError, Flags
from dockerfile_pyenv.instruction.statement import Statement
from dockerfile_pyenv.interpreters.base import BaseProvider
from dockerfile_pyenv.interpreters.image import ImageProvider
from dockerfile_pyenv.interpreters.provider import SETTING, Interpreter, Provider, Request, Setting
from dockerfile_pyenv.interpreters.source import SourceProvider
from dockerfile_pyenv.interpreters.standalone import StandaloneProvider

PROVIDERS: Final[tuple[Provider, ...]] = (
    StandaloneProvider(),
    SourceProvider(),
    BaseProvider(),
    ImageProvider(),
)
"""The first one is the default."""


def choose(
    statement: Statement,
    libc: Callable[[], str],
    platforms: Sequence[str],
    setting: Setting,
    download: Callable[[str], bytes],
) -> Interpreter:
    """Choose the interpreter of a line; the parameters are those of `Request`.

    Raises InterpreterNotFoundError where the provider has none of that version, FlagError for an unknown provider or a
    flag that it has no use for, PyenvError for a site's table that cannot be read.
    """
    given = statement.flags
    word, reason = given.interpreter, "by --interpreter"
    if not word:
        word = setting(SETTING)
        reason = f"by {SETTING}" if word else "by default"
    provider = _find(word, f"{SETTING}: " if not given.interpreter else "")
    _check_flags(provider, given)
    request = Request(statement.version, word, given, platforms, setting, libc, download)
    return replace(provider.choose(request), reason=reason)


def _find(word: str, start: str) -> Provider:
    """The provider that a word means, or the default; `start` begins the message where there is none."""
    if not word:
        return PROVIDERS[0]
    for provider in PROVIDERS:
        if provider.accepts(word):
            return provider
    *words, last = (provider.word for provider in PROVIDERS)
    raise FlagError(
        f"{start}{word} is not an interpreter provider: write {', '.join(words)} or {last}",
        "" if start else "interpreter",
    )


def _check_flags(chosen: Provider, given: Flags) -> None:
    """Refuse flags that only other providers have a use for."""
    for provider in PROVIDERS:
        for flag, message in provider.flags.items():
            if flag not in chosen.flags and getattr(given, flag.replace("-", "_")):
                raise FlagError(message, flag)
