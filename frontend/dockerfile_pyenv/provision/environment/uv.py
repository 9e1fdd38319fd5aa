"""Runs uv in the step's log, and asks it more when an install fails."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Callable, List, Mapping, Sequence, Tuple

import failure
from failure import Failure

SECONDS = 60
"""How long a question may take whose answer would only be good to know."""


def run(command: Sequence[str], environment: Mapping[str, str], note: Callable[[str], None]) -> Tuple[int, str]:
    """Run uv, and return its status and what it wrote to standard error, all of which is shown as it comes.

    `note` is told, once, of each package that is built from source. Raises OSError where uv cannot be started.
    """
    lines: List[str] = []
    built = set()
    with subprocess.Popen(
        list(command), env=dict(environment), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        for raw in process.stderr:
            sys.stderr.buffer.write(raw)
            sys.stderr.buffer.flush()
            lines.append(raw.decode("utf-8", "replace"))
            package = failure.building(lines[-1])
            if package and package not in built:
                built.add(package)
                note(
                    f"{package} is built from source, for which it may need a compiler and libraries of the image: "
                    "there is no wheel of it that fits, or wheels are not wanted"
                )
    return process.returncode, "".join(lines)


def explain(command: Sequence[str], environment: Mapping[str, str], log: str, python: str) -> Failure:
    """Explain why a command failed that wrote `log`. `python` is the X.Y of the environment."""
    found = failure.explain(log, python)
    if found.kind == failure.NO_PACKAGE:
        # To search all indexes for the best version uv passes over those that refuse access, and does not tell.
        more = failure.explain(_ask(command, environment, ["--index-strategy=first-index"]), python)
        return more if failure.REFUSED in more.reason else found
    if found.kind == failure.NO_VERSION:
        name, _, version = found.package.partition("==")
        below = _newest(command, environment, name, f"{name}<{version}", [])
        above = _newest(command, environment, name, f"{name}>{version}", ["--resolution=lowest-direct"])
        return failure.with_nearest(found, below, above)
    return found


def _newest(
    command: Sequence[str], environment: Mapping[str, str], name: str, requirement: str, options: List[str]
) -> str:
    """Ask which version uv would take for a requirement; "" for none."""
    bare = [one for one in command if not one.startswith("--requirement")]
    log = _ask(bare, environment, ["--no-deps", *options, requirement])
    match = re.search(rf"^ \+ {re.escape(name)}==(\S+)$", log, re.MULTILINE)
    return match[1] if match else ""


def _ask(command: Sequence[str], environment: Mapping[str, str], options: List[str]) -> str:
    """What uv says to a command without carrying it out."""
    kept = [one for one in command if not any(one.split("=")[0] == option.split("=")[0] for option in options)]
    try:
        done = subprocess.run(
            [*kept, "--dry-run", *options],
            env={**environment, "UV_HTTP_RETRIES": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stderr.decode("utf-8", "replace")
