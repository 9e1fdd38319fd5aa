"""Warnings about one file as a program and as a person read them: the answer to frontend.lint.

Both have the shape that BuildKit's own lint has (frontend/subrequests/lint/lint.go, BuildKit 0.32).
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dockerfile_pyenv.checks import Warning  # noqa: A004 - what BuildKit calls it
from dockerfile_pyenv.excerpt import excerpt


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say about a file."""

    filename: str
    data: bytes
    warnings: Sequence[Warning]
    error: str = ""
    """Why the file cannot be built; "" where nothing speaks against it."""
    error_lines: tuple[int, int] | None = None
    definition: Mapping[str, object] | None = None
    """The graph that the file was read from (see `Definition.to_json`)."""

    @property
    def is_clean(self) -> bool:
        """There is nothing to say."""
        return not self.warnings and not self.error

    def to_json(self) -> dict[str, Any]:
        """The report for programs."""
        source: dict[str, Any] = {
            "filename": self.filename,
            "data": base64.b64encode(self.data).decode(),
            "language": "Dockerfile",
        }
        if self.definition is not None:
            source["definition"] = self.definition
        value: dict[str, Any] = {"warnings": [_entry(one) for one in self.warnings], "sources": [source]}
        if self.error:
            value["buildError"] = {"message": self.error, "location": _location(self.error_lines)}
        return value

    def warnings_text(self) -> str:
        """The warnings for people, with excerpts of the file."""
        return "".join(
            f"\nWARNING: {one.rule}{f' - {one.url}' if one.url else ''}\n{one.message}\n"
            f"{excerpt(self.data, self.filename, one.lines)}"
            for one in self.warnings
        )

    def error_text(self) -> str:
        """The error for people, with an excerpt of the file; "" without one."""
        if not self.error:
            return ""
        return f"\nERROR: {self.error}\n{excerpt(self.data, self.filename, self.error_lines)}"


def _entry(warning: Warning) -> dict[str, Any]:
    return {
        "ruleName": warning.rule,
        "description": warning.description,
        "url": warning.url,
        "detail": warning.message,
        "location": _location(warning.lines),
    }


def _location(lines: tuple[int, int] | None) -> dict[str, Any]:
    if lines is None:
        return {}
    return {"ranges": [{"start": {"line": n}, "end": {"line": n}} for n in range(lines[0], lines[1] + 1)]}
