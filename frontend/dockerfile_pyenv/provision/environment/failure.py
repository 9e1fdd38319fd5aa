"""Explains to users why an install failed, from what uv wrote to standard error.

Pure text to text. Messages that are known are in known_failures.py; any other is repeated as uv wrote it.
"""

from __future__ import annotations

import re
import signal
from typing import Iterable, List, Optional

import pip_failures
from failure_words import IN_BUILDER, IN_STAGE, MEMORY_ADVICE, WRONG_HASH, Failure, brief, own_words
from known_failures import KNOWN
from requirement_lines import without_credentials

LONGEST_LINE = 4000
"""How much of a line is read here: uv explains in one line why versions are incompatible."""

SHELL = 128
"""A shell's exit status for signal 1 is this plus 1."""


def explain(log: str, python: str) -> Failure:
    """Explain what uv wrote to its standard error. `python` is the X.Y of the environment."""
    log = without_credentials(_bounded(log))
    for pattern, make in KNOWN:
        match = pattern.search(log)
        if match:
            return make(match, log, python)
    return Failure("", own_words(log), "")


def paragraph(failure: Failure) -> List[str]:
    """Return the last lines of the step's log; the first one completes the sentence "cannot install …: "."""
    # Names come from the output, too, which may be anything.
    lines = [brief(failure.package) or "see above", f"  why: {brief(failure.reason, LONGEST_LINE)}"]
    if failure.advice:
        lines.append(f"  do:  {brief(failure.advice, LONGEST_LINE)}")
    return lines


def building(line: str) -> str:
    """Return the package that uv builds from source, according to a line of its output; "" for any other line."""
    match = re.match(r" +Building (\S+)", line)
    return match[1] if match else ""


def in_builder(failure: Failure) -> Failure:
    """Correct where to install what a build lacks, for a build in the line's --builder."""
    return failure._replace(advice=failure.advice.replace(IN_STAGE, IN_BUILDER))


def with_nearest(failure: Failure, below: str, above: str) -> Failure:
    """Add the closest available versions below and above a missing one; "" for none."""
    near = " and ".join(version for version in (below, above) if version)
    if not near:
        return failure
    closest = "the closest versions are" if below and above else "the closest version is"
    return failure._replace(reason=f"{failure.reason}: {closest} {near}")


def of_signal(program: str, status: int) -> Optional[Failure]:
    """Explain why a program ended with a signal, from subprocess's exit status or a shell's; None if it did not."""
    number = -status if status < 0 else status - SHELL if status > SHELL else 0
    if not number:
        return None
    try:
        name = f"{signal.Signals(number).name}, exit status {SHELL + number}"
    except ValueError:
        return None
    if number == signal.SIGKILL:
        return Failure("", f"{program} was killed ({name}), most likely because memory ran out", MEMORY_ADVICE)
    return Failure("", f"{program} was ended by a signal ({name})", "build again; its output is above")


def of_pip(log: str, status: int, python: str) -> Failure:
    """Explain why pip failed, from what it wrote. `python` is the X.Y of the environment."""
    return of_signal("pip", status) or pip_failures.explain(without_credentials(_bounded(log)), python)


def _bounded(log: str) -> str:
    """Return a log without the ends of long lines, so that the time to explain it does not depend on them."""
    return "\n".join(line[:LONGEST_LINE] for line in log.splitlines()) + "\n"


def with_source_of_hash(failure: Failure, log: str, texts: Iterable[str]) -> Failure:
    """Correct what a wrong hash does not match, if none of the `texts` has it: uv and pip also check those of indexes.

    `texts` are requirements and lock files, `log` is what the installer wrote.
    """
    expected = re.findall(r"sha\d+[: ]([0-9a-f]{32,})", log)
    if failure.kind != WRONG_HASH or not expected or any(digest in text for text in texts for digest in expected):
        return failure
    return failure._replace(
        reason=failure.reason.replace(
            "does not match the requirements file", "does not match that on the index's page"
        ),
        advice="retry, in case a proxy or mirror has an old page or file; then contact the index's administrator",
    )
