"""Failures of installs whose packages have wheels for other systems, C libraries or Pythons only."""

from __future__ import annotations

import re
from typing import Match, Optional

from failure_words import Failure, hint_of

FOREIGN = re.compile(
    r"hint: Wheels are available for `(?P<name>[^`\n]+)` \(v(?P<version>[^)\n]+)\)"
    r" on the following platforms?: (?P<tags>[^\n]+)"
)


def explain(match: Match[str], log: str, python: str) -> Failure:
    """Wheels that do not fit, where there is no source distribution."""
    package, kind = match[1], match[2]
    foreign = FOREIGN.search(log)
    if foreign and not re.search(r"linux|any", foreign["tags"]):
        return _other_platform(foreign, log)
    other_libc = foreign and _other_libc(foreign, log)
    if other_libc:
        return other_libc
    there = re.search(r"(?:following [\w ]{1,60}?tags?|platforms?): (.+)", hint_of(log))
    have = f"; it has wheels for {there[1].replace('`', '')}" if there else ""
    what = f"Python {python}" if kind.startswith(("Python", "ABI")) else "this platform"
    return Failure(
        package,
        f"it has neither a wheel for {what} nor a source distribution{have}",
        "use a version of the package that supports it, or another Python version on the PYENV line",
    )


def _other_libc(match: Match[str], log: str) -> Optional[Failure]:
    """Explain that wheels are for the other C library (PEP 600, 656). `match` is of the hint that names their tags."""
    wanted = re.search(r"matching platform tag \(e\.g\., `(many|musl)linux_\d+_\d+_(\w+)`\)", log)
    other = wanted and ("musl" if wanted[1] == "many" else "many")
    tags = re.findall(r"`([^`]+)`", match["tags"])
    if not wanted or not any(one.startswith(f"{other}linux") and one.endswith(wanted[2]) for one in tags):
        return None
    there, here, base = ("glibc", "musl", "Debian") if other == "many" else ("musl", "glibc", "Alpine")
    by = _dependent(match["name"], log)
    subject = f"{by} depends on it, but it" if by else "it"
    return Failure(
        f"{match['name']}=={match['version']}",
        f"{subject} has wheels for {there} only, and no source distribution; the base image has {here}",
        f"use a base image with {there}, such as {base}, or a version of the package that has {wanted[1]}linux wheels",
    )


def _other_platform(match: Match[str], log: str) -> Failure:
    """Explain that wheels are for other systems than Linux. `match` is of the hint that names their tags."""
    name, tags = match["name"], match["tags"].replace("`", "")
    kinds = (("win", "Windows", "win32"), ("macosx", "macOS", "darwin"), ("ios", "iOS", "ios"))
    found = [kind for kind in kinds if re.search(rf"(?:^|, ){kind[0]}", tags)]
    systems = " and ".join(system for _, system, _ in found)
    limited = f', or limit it to its system: {name}; sys_platform == "{found[0][2]}"' if len(found) == 1 else ""
    by = _dependent(name, log)
    subject = f"{by} depends on it, but it" if by else "it"
    return Failure(
        f"{name}=={match['version']}",
        f"{subject} is for {systems or 'another system'}: it has wheels for {tags} and no source distribution",
        f"use a version of {by} that supports Linux" if by else f"remove it from the requirements{limited}",
    )


def _dependent(name: str, log: str) -> str:
    """The package that depends on this one, as uv tells it; "" for one that the requirements name."""
    by = re.search(rf"(?<!\S)(\S+) depends? on {re.escape(name)}(?![\w.-])", log)
    return by[1] if by else ""
