"""The step's log: each line starts with the environment's name, and secrets are hidden."""

from __future__ import annotations

from typing import Mapping

import redaction
import secret_parts
from redaction import Redactor


class Log:
    """Writes lines that start with a name."""

    def __init__(self, name: str, environ: Mapping[str, str] | None = None) -> None:
        self._name = name
        self.redact = Redactor(secret_parts.values(environ or {}, (), ()))
        """Hides secrets in a text. Those of build secrets are known when the stage's settings have been read."""

    def __call__(self, text: str) -> None:
        """Write a text of one or more lines."""
        for line in self.redact(text).splitlines():
            print(f"{self._name}: {line[: redaction.LONGEST_LINE]}", flush=True)
