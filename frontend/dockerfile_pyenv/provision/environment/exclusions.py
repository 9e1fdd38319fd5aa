"""Finds releases that exclude this Python (Requires-Python), so that uv installs older ones: in its resolver's log.

Pure text to text. uv's output does not mention newer releases, but the resolver's log does (uv 0.13,
crates/uv-resolver/src/resolver/mod.rs and candidate_selector.rs): it searches for the best release of a package in a
range, and records a conflict if that release does not support this Python. So no further request to an index is needed.
"""

from __future__ import annotations

import re
from typing import Dict, Tuple

VARIABLES = {"RUST_LOG": "uv_resolver::resolver=debug,uv_resolver::candidate_selector=trace"}
"""Makes uv log this, but not its downloads."""

_LOG = ("DEBUG ", "TRACE ")
_NAME = r"(?P<name>[\w.-]+)(?:[\[{][^\]}]*[\]}])*"  # extras and markers of a name do not matter
_SEARCH = re.compile(rf"DEBUG Searching for a compatible version of {_NAME} \((?P<range>.*)\)$")
_FOUND = re.compile(
    rf"TRACE Found candidate for package {_NAME} with range (?P<range>.*) after .*: (?P<version>\S+) version$"
)
_EXCLUDED = re.compile(rf"DEBUG Recording unit propagation conflict of Python from incompatibility of \({_NAME}\)$")
_INSTALLED = re.compile(r" \+ (?P<name>[\w.-]+)==(?P<version>\S+)$")
_RELEASE = re.compile(r"(?:(\d+)!)?(\d+(?:\.\d+)*)")


class Exclusions:
    """Reads uv's standard error line by line."""

    def __init__(self) -> None:
        self._range: Dict[str, str] = {}
        self._best: Dict[Tuple[str, str], str] = {}
        self._excluded: Dict[str, str] = {}  # not yet searched again
        self._instead: Dict[Tuple[str, str], str] = {}  # by the ranges that are searched after an exclusion
        self._newer: Dict[str, str] = {}
        self._older: Dict[str, str] = {}
        self._failed = False

    def read(self, line: str) -> bool:
        """Read a line; return whether it is from the resolver's log, which must not be shown."""
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
        """Return a sentence with the packages that are older because of this Python; "" for none. `python` is X.Y."""
        if not self._older:
            return ""
        pairs = (f"{name} {version} instead of {self._newer[name]}" for name, version in sorted(self._older.items()))
        return f"older releases, because newer ones do not support Python {python}: " + ", ".join(pairs)

    def _install(self, name: str, version: str) -> None:
        # A package is older because of an exclusion only if this was the best release after it: the resolver may return
        # to the package with other bounds, and so to a newer release, or to one that another package requires.
        newer = [
            excluded
            for searched, excluded in self._instead.items()
            if searched[0] == name and self._best.get(searched) == version and _release(excluded) > _release(version)
        ]
        if newer:
            self._older[name], self._newer[name] = version, max(newer, key=_release)


def _release(version: str) -> Tuple[int, ...]:
    """Return epoch and release of a version, for comparison; () if it has none."""
    match = _RELEASE.match(version)
    return (int(match[1] or 0), *map(int, match[2].split("."))) if match else ()
