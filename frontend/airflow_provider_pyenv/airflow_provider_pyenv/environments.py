"""The environments of an image, by the variables that PYENV lines leave in it."""

from __future__ import annotations

import os
from typing import Final, Mapping

PREFIX: Final = "ASTRO_PYENV_"


class UnknownEnvironmentError(LookupError):
    """There is no environment of a name; the message lists those that there are."""


def pyenv_python(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Path of an environment's python, for the `python=` of operators.

    Raises UnknownEnvironmentError.
    """
    path = environ.get(PREFIX + name)
    if path is None:
        names = sorted(variable[len(PREFIX) :] for variable in environ if variable.startswith(PREFIX))
        there = f"there are {', '.join(names)}" if names else "there is none: was the image built from PYENV lines?"
        raise UnknownEnvironmentError(f"there is no environment {name} in this image; {there}")
    return path
