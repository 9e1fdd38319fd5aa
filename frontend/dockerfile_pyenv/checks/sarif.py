"""Reports as SARIF 2.1.0, the format that code scanning of forges reads (docs.oasis-open.org/sarif)."""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from dockerfile_pyenv import REPOSITORY, __version__
from dockerfile_pyenv.checks.registry import RULES
from dockerfile_pyenv.checks.report import Report

ERROR: Final = "PyenvError"
"""The id of what prevents a build: an error has no rule."""
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(reports: Sequence[Report]) -> dict[str, Any]:
    """All reports as one run of the tool."""
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver()},
                "columnKind": "unicodeCodePoints",
                "results": [result for report in reports for result in _results(report)],
            }
        ],
    }


def _driver() -> dict[str, Any]:
    rules = [
        {
            "id": rule.name,
            "shortDescription": {"text": rule.description},
            "defaultConfiguration": {"level": "warning"},
            **({"helpUri": rule.url} if rule.url else {}),
        }
        for rule in RULES
    ]
    error = {
        "id": ERROR,
        "shortDescription": {"text": "The Dockerfile cannot be built"},
        "defaultConfiguration": {"level": "error"},
    }
    address = {"informationUri": REPOSITORY} if REPOSITORY else {}
    return {"name": "dockerfile-pyenv", "version": __version__, **address, "rules": [*rules, error]}


def _results(report: Report) -> Iterator[dict[str, Any]]:
    for warning in report.warnings:
        yield _result(warning.rule, "warning", warning.message, report.filename, warning.lines)
    if report.error:
        yield _result(ERROR, "error", report.error, report.filename, report.error_lines)


def _result(rule: str, level: str, message: str, filename: str, lines: tuple[int, int] | None) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(PurePath(filename).as_posix())}}
    if lines:
        place["region"] = {"startLine": lines[0], "endLine": lines[1]}
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }
