"""The step's log: each line under the environment's name, and without what is not to be seen."""

from __future__ import annotations

from typing import Callable


class Log:
    """Writes lines under a name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.redact: Callable[[str], str] = str
        """Takes out of a text what is not to be seen; nothing before the stage's settings are read."""

    def __call__(self, text: str) -> None:
        """Write a text of one or more lines."""
        for line in self.redact(text).splitlines():
            print(f"{self._name}: {line}", flush=True)
