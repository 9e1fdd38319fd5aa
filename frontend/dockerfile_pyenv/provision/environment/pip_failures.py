"""Failures of installs with pip, from what it wrote: pure text to text."""

from __future__ import annotations

import re
from typing import Match, Optional

import dates
import old_builds
from failure_words import CERTIFICATE_ADVICE, INDEX, REACH, SLOW_ADVICE, Failure, brief
from known_failures import LACKS, UNTRUSTED, of_machine, wrong_hash, wrong_python

_HASH = re.compile(
    r"DO NOT MATCH THE HASHES[^\n]*\n\s{1,20}(\S+)[^\n]*\n"
    r"(?:\s{1,20}Expected (?:or )?\w+ \w+\n)+\s{1,20}Got\s{1,20}(\w+)"
)
_MISSING = re.compile(
    r"Could not find a version that satisfies the requirement (?P<wanted>[^\n]{1,300}?)"
    r"(?: \(from (?P<by>[^\n]{1,300}?)\))? \(from versions: (?P<versions>[^)\n]+)\)"
)
_BROKEN = re.compile(r"Retrying \(Retry\(total=\d+[^\n]*after connection broken by '(?P<why>[^\n]+)': (?P<path>/\S*)")
_SHOWN = 3
"""How many of the versions that there are to show: pip lists all, oldest first."""


def explain(log: str, python: str) -> Failure:
    """Explain what pip wrote. `python` is the X.Y of the environment."""
    mismatch = _HASH.search(log)
    if mismatch:
        return wrong_hash(mismatch[1], mismatch[2])
    lack = _lack_in_build(log)
    if lack:
        return lack
    if "does not provide upload-time metadata" in log:
        return Failure("", "an index has no upload times, which --exclude-newer requires", dates.UPLOAD_TIMES)
    missing = _MISSING.search(log)
    if missing:
        return _missing(missing, log, python)
    reasons = [line[len("ERROR: ") :].strip() for line in log.splitlines() if line.startswith("ERROR: ")]
    return Failure("", brief(" ".join(reasons)) or "see pip's output above", "")


def _lack_in_build(log: str) -> Optional[Failure]:
    failed = re.search(r"Failed (?:building wheel for|to build(?: installable wheels for)?) '?([\w.-]+)", log)
    for lack in LACKS if failed else ():
        match = re.search(lack.pattern, log)
        if match:
            named = next((group for group in match.groups() if group), "").strip("'\"`:")
            return Failure(failed[1], lack.words.format(named), lack.advice)
    machine = of_machine(log)
    if machine and "subprocess-exited-with-error" in log:
        return machine._replace(reason=machine.reason.replace("the install", "the build of a package"))
    old = old_builds.explain("", "", log)
    if old and not machine:
        return old._replace(reason=old.reason.replace("building it", "building a package"))
    return machine


def _missing(match: Match[str], log: str, python: str) -> Failure:
    wanted, versions = match["wanted"], match["versions"].split(", ")
    broken = _BROKEN.search(log)
    if versions == ["none"] and broken:
        return _unreachable(broken["why"], broken["path"])
    by = f"{match['by']} depends on it, but " if match["by"] else ""
    pinned = wanted.partition("==")[2]
    other = pinned and re.search(rf"(?:: |; ){re.escape(pinned)} Requires-Python (?P<python>[^;\n]+)", log)
    if other:
        return wrong_python(wanted, other["python"].strip(), python, f"{by}it")
    if versions == ["none"]:
        return Failure(
            re.split(r"[^\w.-]", wanted)[0],
            f"{by}no index has a wheel of it for Python {python} on this platform, or a source distribution",
            "check the name, and that the stage's pip or uv settings name an index that has it. If it is there, its "
            "wheels are for other Python versions, architectures or C libraries (glibc, musl): use a version that has "
            "a wheel, or another Python version or base image",
        )
    there = ", ".join(versions[-_SHOWN:])
    return Failure(
        wanted,
        f"{by}no index has such a version for Python {python} on this platform; the newest versions are {there}",
        "use an available version",
    )


def _unreachable(why: str, path: str) -> Failure:
    if UNTRUSTED.search(why):
        return Failure(INDEX, f"its certificate is not trusted: {brief(why)}", CERTIFICATE_ADVICE)
    if "timed out" in why:
        return Failure(INDEX, f"it did not answer in time: {brief(why)}", SLOW_ADVICE)
    why = why.rpartition(">: ")[2].rstrip("')")
    return Failure(INDEX, f"the connection failed at {path}: {brief(why)}", REACH)
