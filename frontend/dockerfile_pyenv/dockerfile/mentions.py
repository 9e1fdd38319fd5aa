"""Whether a Dockerfile may have anything for this frontend, found out before the rest of it is imported."""

import re
from typing import Final

ASTRO_OPTION: Final = "--astro"
"""What enables Astro mode on the syntax line."""
ASTRO_SETTING: Final = "PYENV_ASTRO"

_PYENV: Final = re.compile(rb"(?i:pyenv|p(?:y(?:en?)?)?[\\`][ \t]*\r*(?:\n|\Z))")
_ASTRO: Final = re.compile(rb"(?i)--astro|^[ \t]*from\b[^\n]*runtime[^\n]*-base", re.MULTILINE)


def mentions_pyenv(source: bytes) -> bool:
    """Whether `lex` could find a PYENV instruction, or an ONBUILD PYENV; False is certain.

    A cheap search for the letters anywhere, also with a continuation inside the word.
    """
    return _PYENV.search(source) is not None


def mentions_astro(source: bytes) -> bool:
    """Whether Astro mode may apply to a file without PYENV lines; False is certain."""
    return _ASTRO.search(source) is not None
