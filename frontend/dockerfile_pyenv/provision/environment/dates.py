"""Failures of installs with a date, `--exclude-newer`."""

from __future__ import annotations

from typing import Match

from failure_words import Failure, explanation

UPLOAD_TIMES = (
    "use an index with upload times (PEP 700), such as PyPI, or remove --exclude-newer from the line "
    "(PYENV_EXCLUDE_NEWER, if it is a default)"
)


def missing(match: Match[str], log: str, python: str) -> Failure:
    """An index that does not say when a file was uploaded."""
    del log, python
    return Failure(match["file"], "its index has no upload times, which --exclude-newer requires", UPLOAD_TIMES)


def excluded(match: Match[str], log: str, python: str) -> Failure:
    """Requirements that need a newer upload."""
    del python
    return Failure(
        match["package"],
        f"--exclude-newer leaves out what was uploaded from {match['date']} on or has no upload time: "
        f"{explanation(log)}",
        f"use a later date, or other versions; for an index without upload times, {UPLOAD_TIMES}",
    )
