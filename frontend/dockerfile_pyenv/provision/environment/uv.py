"""Runs uv in the step's log, and asks it more when an install fails."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, Sequence, Tuple

import exclusions
import failure
from exclusions import Exclusions
from failure import Failure

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60
"""How long a question may take whose answer would only be good to know."""


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    note: Callable[[str], None],
    redact: Callable[[str], str],
    *,
    tells_older: bool = True,
) -> Tuple[int, str]:
    """Run uv, and return its status and what it wrote to standard error, all of which is shown as it comes.

    `note` is told, once, of each package that is built from source, and at the end of those that are older than others
    which exclude this Python, if it `tells_older`. `redact` takes out of a line what is not to be
    seen: uv hides the passwords that it knows, and a build from source nothing. Raises OSError where uv cannot be
    started.
    """
    lines: List[str] = []
    built = set()
    excluded = Exclusions()
    variables = {**environment, **(exclusions.VARIABLES if tells_older else {})}
    with subprocess.Popen(list(command), env=variables, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        for raw in process.stderr:
            text = raw.decode("utf-8", "replace")
            if tells_older and excluded.read(text):
                continue
            lines.append(redact(text))
            sys.stderr.buffer.write(lines[-1].encode())
            sys.stderr.buffer.flush()
            package = failure.building(lines[-1])
            if package and package not in built:
                built.add(package)
                note(
                    f"{package} is built from source, for which it may need a compiler and libraries of the image: "
                    "there is no wheel of it that fits, or wheels are not wanted"
                )
    older = "" if process.returncode else excluded.sentence("{}.{}".format(*sys.version_info))
    if older:
        note(older)
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


def check(uv: str, python: str, options: Sequence[str], environment: Mapping[str, str]) -> List[str]:
    """Ask whether what is installed fits together; return a sentence for each thing that does not.

    `python` is the environment's. Raises OSError where uv cannot be started.
    """
    command = [uv, "pip", "check", "--no-config", "--color=never", f"--python={python}", *options]
    done = subprocess.run(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    found = sorted(line.replace("`", "") for line in lines if line.startswith("The package "))
    return found or (lines[-1:] if done.returncode else [])


def resolve(  # noqa: PLR0913, PLR0917 - a resolution is described by this many facts
    uv: str,
    python: str,
    preferred: Mapping[str, str],
    options: Sequence[str],
    environment: Mapping[str, str],
    output: Path,
) -> Dict[str, str]:
    """Ask which versions of packages it would take if it took preferred ones wherever they fit; {} where that fails.

    `options` are requirement files and the options of an install, `preferred` versions by packages' names. The answer
    has those of these packages that are needed. `output` is a file to write: uv keeps to what such a file has.
    """
    output.write_text("".join(f"{name}=={version}\n" for name, version in preferred.items()), encoding="utf-8")
    command = [
        *(uv, "pip", "compile", "--quiet", "--no-config", "--no-python-downloads", "--color=never", "--no-annotate"),
        *("--no-header", f"--python={python}", f"--output-file={output}", *options),
    ]
    done = subprocess.run(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    found = dict(re.findall(r"^([\w.-]+)==(\S+)", output.read_text(encoding="utf-8"), re.MULTILINE))
    return {name: version for name, version in found.items() if name in preferred} if done.returncode == 0 else {}


def origins(
    uv: str, python: str, pins: Sequence[str], options: Sequence[str], environment: Mapping[str, str]
) -> Dict[str, str]:
    """Ask where uv finds packages, by name: the address of an index or of a place with packages.

    `pins` are requirements of one version each, `options` those of the install that say where to look. The answer
    comes out of uv's cache; it is empty where that does not do.
    """
    command = [
        *(uv, "pip", "compile", "-", "--offline", "--quiet", "--no-config", "--color=never", "--no-deps"),
        *("--emit-index-annotation", "--no-annotate", "--no-header", f"--python={python}"),
        *options,
    ]
    try:
        done = subprocess.run(
            command,
            env=dict(environment),
            input="\n".join(pins).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    text = done.stdout.decode("utf-8", "replace")
    return dict(re.findall(r"^([\w.-]+)==.*\n +# from (\S+)$", text, re.MULTILINE))


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
