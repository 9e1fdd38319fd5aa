"""Runs uv: an install with its output in the step's log, and questions about packages."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

import exclusions
import failure
import failure_words
import output
import redaction
from exclusions import Exclusions
from failure import Failure
from output import Text

if TYPE_CHECKING:
    from pathlib import Path

    from redaction import Redactor

SECONDS = 60
"""Timeout of a question whose answer only improves a message or the manifest."""


BUILDING = (
    "building {} from source: it has no compatible wheel, or wheels are disabled. The build may require a compiler and "
    "libraries"
)


def run(  # noqa: PLR0913 - a run and how it is shown
    command: Sequence[str],
    variables: Mapping[str, str],
    note: Callable[[str], None],
    redact: Redactor,
    *,
    tells_older: bool = True,
    hides_failure: Optional[Callable[[str], object]] = None,
    hides_builds: bool = False,
) -> Tuple[int, str]:
    """Run uv; return its exit status and what it wrote, which is also shown as it comes.

    `note` is called once for each package that is built from source and, if `tells_older`, at the end with the packages
    that are older because newer releases exclude this Python. `redact` removes secrets from a line: uv hides the
    passwords that it knows, a source build hides none. With `hides_failure`, what uv writes from its first error on
    (with `hides_builds`, from its first source build on) is only shown at the end, unless `hides_failure` is true of
    the whole output. Raises OSError if uv cannot be started.
    """
    held: Optional[List[str]] = None
    kept = Text()
    built: Set[str] = set()
    excluded = Exclusions()
    environment = {**variables, **(exclusions.VARIABLES if tells_older else {})}
    with subprocess.Popen(
        list(command), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for raw in output.raw_lines(process.stdout):
            if tells_older and excluded.read(raw[: redaction.LONGEST_LINE]):
                continue
            line = redact.line(raw)
            kept.add(line)
            package = failure.building(line)
            if hides_failure and held is None and ((package and hides_builds) or line.startswith("error: ")):
                held = []
            if held is not None:
                held.append(line)
                continue
            _show(line)
            if package and package not in built:
                built.add(package)
                note(BUILDING.format(package))
    text = str(kept)
    if held is not None and not (hides_failure and hides_failure(text)):
        _show(failure_words.without_hints("".join(held)))
    older = "" if process.returncode else excluded.sentence("{}.{}".format(*sys.version_info))
    if older:
        note(older)
    return process.returncode, text


def _show(text: str) -> None:
    sys.stderr.buffer.write(text.encode())
    sys.stderr.buffer.flush()


def explain(
    command: Sequence[str], variables: Mapping[str, str], log: str, python: str, redact: Callable[[str], str]
) -> Failure:
    """Explain why a command failed that wrote `log`, which has no secrets. `python` is the X.Y of the environment."""
    found = failure.explain(log, python)
    if found.kind == failure_words.NO_PACKAGE:
        # When uv searches all indexes for the best version, it silently skips those that deny access.
        more = failure.explain(redact(_dry_run(command, variables, ["--index-strategy=first-index"])), python)
        return more if failure_words.DENIED in more.reason else found
    if found.kind == failure_words.NO_VERSION:
        name, _, version = found.package.partition("==")
        below = _newest(command, variables, name, f"{name}<{version}", [])
        above = _newest(command, variables, name, f"{name}>{version}", ["--resolution=lowest-direct"])
        return failure.with_nearest(found, below, above)
    return found


class Uv(NamedTuple):
    """uv, for the questions about one environment."""

    program: str
    python: str
    """Path of the environment's interpreter."""
    variables: Mapping[str, str]

    def check(self, options: Sequence[str]) -> List[str]:
        """Return a sentence for each pair of installed packages that is incompatible.

        Raises OSError if uv cannot be started.
        """
        done = subprocess.run(
            [self.program, "pip", "check", "--no-config", "--color=never", f"--python={self.python}", *options],
            env=dict(self.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        found = sorted(line.replace("`", "") for line in lines if line.startswith("The package "))
        return found or ([line[: failure_words.LONGEST] for line in lines[-1:]] if done.returncode else [])

    def resolve(
        self,
        preferred: Mapping[str, str],
        options: Sequence[str],
        output: Path,
        failed: Callable[[str], None] = lambda _: None,
    ) -> Dict[str, str]:
        """Return the versions that uv would install if it took the preferred ones wherever they fit; {} if it fails.

        `options` are requirements files and the options of an install, `preferred` versions by package name. The answer
        has those of these packages that are required. `output` is a file to write: uv prefers the versions in it.
        `failed` gets what uv wrote to standard error when it failed.
        """
        output.write_text("".join(f"{name}=={version}\n" for name, version in preferred.items()), encoding="utf-8")
        command = [
            *(self.program, "pip", "compile", "--quiet", "--no-config", "--no-python-downloads", "--color=never"),
            *("--no-annotate", "--no-header", f"--python={self.python}", f"--output-file={output}", *options),
        ]
        done = subprocess.run(
            command,
            env=dict(self.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            failed(done.stderr.decode("utf-8", "replace"))
            return {}
        found = dict(re.findall(r"^([\w.-]+)==(\S+)", output.read_text(encoding="utf-8"), re.MULTILINE))
        return {name: version for name, version in found.items() if name in preferred}

    def origins(self, pins: Sequence[str], options: Sequence[str]) -> Dict[str, str]:
        """Return where uv finds packages, by name: the URL of an index, or a --find-links location.

        `pins` are requirements of one version each, `options` those of the install about indexes. The answer comes from
        uv's cache; it is empty if the cache does not have it.
        """
        command = [
            *(self.program, "pip", "compile", "-", "--offline", "--quiet", "--no-config", "--color=never", "--no-deps"),
            *("--emit-index-annotation", "--no-annotate", "--no-header", f"--python={self.python}"),
            *options,
        ]
        try:
            done = subprocess.run(
                command,
                env=dict(self.variables),
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
    command: Sequence[str], variables: Mapping[str, str], name: str, requirement: str, options: List[str]
) -> str:
    """Return the version that uv would install for a requirement; "" for none."""
    bare = [one for one in command if not one.startswith("--requirement")]
    log = _dry_run(bare, variables, ["--no-deps", *options, requirement])
    match = re.search(rf"^ \+ {re.escape(name)}==(\S+)$", log, re.MULTILINE)
    return match[1] if match else ""


def _dry_run(command: Sequence[str], variables: Mapping[str, str], options: List[str]) -> str:
    """Return what uv writes to standard error for a command that it does not carry out."""
    kept = [one for one in command if not any(one.split("=")[0] == option.split("=")[0] for option in options)]
    try:
        done = subprocess.run(
            [*kept, "--dry-run", *options],
            env={**variables, "UV_HTTP_RETRIES": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stderr.decode("utf-8", "replace")
