"""Warnings about one file as JSON and as text: the answer to frontend.lint.

Both have the format that BuildKit's own lint has (frontend/subrequests/lint/lint.go, BuildKit 0.32).
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dockerfile_pyenv.checks.warnings import LintWarning
from dockerfile_pyenv.dockerfile.excerpt import excerpt


class Report(NamedTuple):
    """The warnings about a file, and the error that prevents a build."""

    filename: str
    data: bytes
    warnings: Sequence[LintWarning]
    error: str = ""
    """Why the file cannot be built; "" if it can."""
    error_lines: tuple[int, int] | None = None
    definition: Mapping[str, object] | None = None
    """The graph that the file was read from (see `Definition.to_json`)."""

    @property
    def is_clean(self) -> bool:
        """There are no warnings and no error."""
        return not self.warnings and not self.error

    def to_json(self) -> dict[str, Any]:
        """The report as JSON."""
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
        """The warnings as text, with excerpts of the file."""
        return "".join(
            f"\nWARNING: {one.rule}{f' - {one.url}' if one.url else ''}\n{one.message}\n"
            f"{excerpt(self.data, self.filename, one.lines)}"
            for one in self.warnings
        )

    def error_text(self) -> str:
        """The error as text, with an excerpt of the file; "" without an error."""
        if not self.error:
            return ""
        return f"\nERROR: {self.error}\n{excerpt(self.data, self.filename, self.error_lines)}"


def _entry(warning: LintWarning) -> dict[str, Any]:
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
