"""Keeps pkg_resources where only dependencies require setuptools, and the Python is one whose venvs had it.

setuptools 82.0 removed pkg_resources. A dependency such as `setuptools>=40` is satisfied by it, but packages of that
time may import pkg_resources. pip in a venv of Python 3.11 or older keeps the setuptools that the venv was created
with. So an environment gets the newest release that has pkg_resources, unless the requirements name setuptools, or a
package requires a newer one. All other packages stay as they were selected.
"""

from __future__ import annotations

import email.parser
import re
import sys
from typing import TYPE_CHECKING, Iterator

import indexes
import uv_installer
from layout import site_packages
from manifest import normal
from removed_module import ADVICE, MODULE
from requirement_lines import NAME
from resolve_includes import BINARY

if TYPE_CHECKING:
    from pathlib import Path

    from install import Install
    from resolve_includes import RequirementSet

NAMED = "setuptools"
FIRST_WITHOUT = 82
"""First release of setuptools without pkg_resources."""
WITHOUT = (3, 12)
"""First Python whose venvs have no setuptools (venv, "Changed in version 3.12")."""
DIST_INFO = ".dist-info"

_QUOTED = re.compile(r"""["']?\bsetuptools\b(?!-|_)""")
_BUILD_SYSTEM = re.compile(r"^\s*\[\s*build-system\s*\].*?(?=^\s*\[|\Z)", re.MULTILINE | re.DOTALL)


def keep(step: Install, requirements: RequirementSet) -> None:
    """Replace a setuptools without pkg_resources by one that has it, if nothing requires the former.

    `requirements` are the line's own, without those of `--airflow`. Raises OSError if uv cannot be started.
    """
    packages = site_packages(step.path, "{}.{}".format(*sys.version_info))
    installed = next(iter(packages.glob(f"{NAMED}-*{DIST_INFO}")), None)
    if sys.version_info >= WITHOUT or installed is None or (packages / MODULE).exists():
        return
    if (installed / "direct_url.json").exists() or requirements.needs_hashes or is_named(requirements):
        return
    remote = [one.replace("--requirement ", "--constraint ") for one in requirements.requirements if "://" in one]
    lines = [ADVICE, *_required(packages), *(one for one in remote if one.startswith("--constraint "))]
    sources = [one for one in requirements.sources if one[0] not in BINARY]
    chosen = requirements._replace(requirements=lines, projects=[], sources=sources)
    if _replace(step, chosen):
        now = next(iter(packages.glob(f"{NAMED}-*{DIST_INFO}")), installed)
        step.log(
            f"{NAMED} {_version(now)} instead of {_version(installed)}, which has no {MODULE}: only dependencies "
            f"require {NAMED}. To select a version, add it to the requirements"
        )


def _replace(step: Install, requirements: RequirementSet) -> bool:
    while True:
        try:
            return uv_installer.replace(step, requirements, NAMED)
        except indexes.UnansweredError as error:  # pip went on without it
            left, requirements = indexes.without(error.place, step.settings, requirements)
            step = step._replace(settings=left)


def _version(directory: Path) -> str:
    return directory.name[: -len(DIST_INFO)].partition("-")[2]


def lacks(version: str) -> bool:
    """Whether a version of setuptools has no pkg_resources; not so for ""."""
    first = version.partition(".")[0]
    return first.isdigit() and int(first) >= FIRST_WITHOUT


def is_named(requirements: RequirementSet) -> bool:
    """Whether the line's files, words and locks name setuptools."""
    if NAMED in requirements.names():
        return True
    texts = [path.read_text("utf-8", "replace") for path in [*requirements.locks, *requirements.projects]]
    return any(_QUOTED.search(_BUILD_SYSTEM.sub("", text)) for text in texts)


def _required(packages: Path) -> Iterator[str]:
    """Yield what installed packages require of setuptools. What only an extra requires, uv leaves out."""
    for path in sorted(packages.glob(f"*{DIST_INFO}/METADATA")):
        text = path.read_text("utf-8", "replace").partition("\n\n")[0]
        for one in email.parser.HeaderParser().parsestr(text).get_all("Requires-Dist", []):
            match = NAME.match(one.strip())
            if match is not None and normal(match[0]) == NAMED:
                yield " ".join(one.split())
