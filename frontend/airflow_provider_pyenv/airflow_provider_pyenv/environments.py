"""The environments of an image, found by the `ASTRO_PYENV_` variables that PYENV lines set."""

from __future__ import annotations

import os
from typing import Final, Mapping

PREFIX: Final = "ASTRO_PYENV_"


class UnknownEnvironmentError(LookupError):
    """The image has no environment of this name; the message lists those it has."""


def pyenv_python(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """The path of an environment's python, for the `python=` argument of operators.

    Raises:
        UnknownEnvironmentError: the image has no such environment

    """
    path = environ.get(PREFIX + name)
    if path is None:
        names = sorted(variable[len(PREFIX) :] for variable in environ if variable.startswith(PREFIX))
        known = (
            f"its environments are {', '.join(names)}"
            if names
            else "it has none, so add a PYENV line to its Dockerfile"
        )
        raise UnknownEnvironmentError(f"this image has no environment {name}: {known}")
    return path
