"""Builds of old source distributions that fail with a newer version of what they require.

They name it without an upper bound, or not at all: then setuptools is what every build gets (PEP 517).
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from failure_words import Failure


class _Removed(NamedTuple):
    """Something that a release of a build requirement removed."""

    pattern: str
    reason: str
    constraint: str


REMOVED = (
    _Removed(r"No module named '?pkg_resources", "setuptools 82 removed pkg_resources", "setuptools<82"),
    _Removed(r"No module named '?setuptools\.command\.test", "setuptools 72 removed its test command", "setuptools<72"),
    _Removed(
        r"No module named '?distutils\.msvccompiler|cannot import name 'msvccompiler'",
        "setuptools 74 removed distutils.msvccompiler",
        "setuptools<74",
    ),
    _Removed(r"use_2to3 is invalid", "setuptools 58 removed use_2to3", "setuptools<58"),
    _Removed(r"Invalid dash-separated key", "setuptools 78 rejects keys such as description-file", "setuptools<78"),
    _Removed(r"'build_ext' object has no attribute 'cython_sources'", "it requires Cython before 3", "cython<3"),
)
_MISSING = re.compile(r"No module named '?(?P<module>\w+)")
_OWN = frozenset({"distutils", "imp"})
"""Modules that Python itself had."""


def explain(package: str, none: str, log: str) -> Optional[Failure]:
    """Explain a failed build by what it requires; None if that is not the reason.

    `none` begins the reason: that there is no wheel. `log` is the installer's output.
    """
    for removed in REMOVED:
        if re.search(removed.pattern, log):
            return Failure(
                package,
                f"{none}building it from source failed: {removed.reason}",
                f"add --build-constraint='{removed.constraint}' to the PYENV line, or use a version that has a wheel",
            )
    match = _MISSING.search(log)
    if match is None or match["module"] in _OWN:
        return None
    return Failure(
        package,
        f"{none}building it from source requires the module {match['module']}, which it does not declare",
        "use a version that has a wheel, or build its wheel in another stage and COPY it here (pip wheel "
        "--no-build-isolation)",
    )
