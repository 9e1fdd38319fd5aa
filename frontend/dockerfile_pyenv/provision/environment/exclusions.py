"""Releases that exclude this Python (Requires-Python), for which uv takes older ones: from the log of its resolver.

Pure text to text. What uv prints does not tell that there are newer releases; an index need not be asked anew, for the
resolver's log has it (uv 0.13, crates/uv-resolver/src/resolver/mod.rs and candidate_selector.rs): it looks for the best
release of a package in a range, and records a conflict where Python is not one that this release is for.
"""

from __future__ import annotations

import re
from typing import Dict, Tuple

VARIABLES = {"RUST_LOG": "uv_resolver::resolver=debug,uv_resolver::candidate_selector=trace"}
"""What makes uv log this, and nothing of its downloads."""

_LOG = ("DEBUG ", "TRACE ")
_NAME = r"(?P<name>[\w.-]+)(?:[\[{].*?[\]}])*"  # the extras and markers that a name may have are of no interest
_SEARCH = re.compile(rf"DEBUG Searching for a compatible version of {_NAME} \((?P<range>.*)\)$")
_FOUND = re.compile(
    rf"TRACE Found candidate for package {_NAME} with range (?P<range>.*) after .*: (?P<version>\S+) version$"
)
_EXCLUDED = re.compile(rf"DEBUG Recording unit propagation conflict of Python from incompatibility of \({_NAME}\)$")
_INSTALLED = re.compile(r" \+ (?P<name>[\w.-]+)==(?P<version>\S+)$")
_RELEASE = re.compile(r"(?:(\d+)!)?(\d+(?:\.\d+)*)")


class Exclusions:
    """Reads what uv writes to its standard error, line by line."""

    def __init__(self) -> None:
        self._range: Dict[str, str] = {}
        self._best: Dict[Tuple[str, str], str] = {}
        self._excluded: Dict[str, str] = {}  # not yet searched again
        self._instead: Dict[Tuple[str, str], str] = {}  # by the ranges that are searched after an exclusion
        self._newer: Dict[str, str] = {}
        self._older: Dict[str, str] = {}
        self._failed = False

    def read(self, line: str) -> bool:
        """Take in a line; whether it is of the resolver's log, which is not to be shown."""
        # An error may quote what a build has logged in the same manner.
        self._failed = self._failed or line.startswith("error: ")
        line = line.rstrip()
        if not line.startswith(_LOG) or self._failed:
            match = _INSTALLED.match(line)
            if match:
                self._install(match["name"], match["version"])
            return False
        match = _SEARCH.match(line)
        if match:
            name = match["name"]
            self._range[name] = match["range"]
            if name in self._excluded:
                self._instead[name, match["range"]] = self._excluded.pop(name)
            return True
        match = _FOUND.match(line)
        if match:
            self._best[match["name"], match["range"]] = match["version"]
            return True
        match = _EXCLUDED.match(line)
        if match:
            name = match["name"]
            searched = name, self._range.get(name, "")
            self._excluded[name] = self._instead.get(searched) or self._best.get(searched, "")
        return True

    def sentence(self, python: str) -> str:
        """Say which packages are older than they could be for another Python; "" for none. `python` is this X.Y."""
        if not self._older:
            return ""
        pairs = (f"{name} {version} instead of {self._newer[name]}" for name, version in sorted(self._older.items()))
        return f"older releases, since newer ones exclude Python {python} (Requires-Python): " + ", ".join(pairs)

    def _install(self, name: str, version: str) -> None:
        # Only what was the best after an exclusion is older because of it: the resolver may have come back to the
        # package with other bounds, and so to a newer release, or to one that another package's bounds ask for.
        newer = [
            excluded
            for searched, excluded in self._instead.items()
            if searched[0] == name and self._best.get(searched) == version and _release(excluded) > _release(version)
        ]
        if newer:
            self._older[name], self._newer[name] = version, max(newer, key=_release)


def _release(version: str) -> Tuple[int, ...]:
    """Epoch and release of a version, for comparison; () for none. What follows makes no release newer here."""
    match = _RELEASE.match(version)
    return (int(match[1] or 0), *map(int, match[2].split("."))) if match else ()
