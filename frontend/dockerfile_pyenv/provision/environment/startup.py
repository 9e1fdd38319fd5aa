"""Checks that an environment starts: packages may hold files that Python reads or runs whenever it does.

These are `.pth` files, `sitecustomize` (library/site of Python's documentation), and what replaces a file of the
environment itself.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, NamedTuple

from layout import ProvisionError, site_packages

if TYPE_CHECKING:
    from pathlib import Path

    from owner import Owner

SECONDS = 120
"""Timeout of a start: emulated platforms are slow."""

CONFIGURATION = "pyvenv.cfg"
LONGEST = 300
"""Maximum length of what an error repeats of Python's output."""


class OwnFiles(NamedTuple):
    """What makes a directory a virtual environment."""

    configuration: bytes
    program: str
    """Target of the link `bin/python`."""


def own_files(path: Path) -> OwnFiles:
    """Return the files of an environment that no package may replace."""
    program = os.path.realpath(str(path / "bin/python"))
    return OwnFiles((path / CONFIGURATION).read_bytes(), program)


def check_files(path: Path, version: str, before: OwnFiles) -> None:
    """Check, without running code of a package, that packages left the environment's own files alone.

    `before` has these files of the empty environment, `version` is X.Y. Raises ProvisionError, which names the package.
    """
    packages = site_packages(path, version)
    for name, is_same in (
        (CONFIGURATION, lambda: (path / CONFIGURATION).read_bytes() == before.configuration),
        ("bin/python", lambda: os.path.realpath(str(path / "bin/python")) == before.program),
    ):
        try:
            same = is_same()
        except OSError:
            same = False
        if not same:
            raise ProvisionError(
                f"{_owner_of(path / name, packages)} replaces {name} of the environment: use another version of it"
            )
    for file in sorted(packages.glob("*.pth")):
        try:
            file.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ProvisionError(
                f"{_owner_of(file, packages)} has a file with which Python does not start: {file.name} is not UTF-8. "
                "Use another version of it"
            ) from None


def check(path: Path, version: str, user: Owner, environ: Mapping[str, str]) -> str:
    """Start the environment once, as its user; return what Python wrote to standard error, on one line.

    Raises ProvisionError if it does not start, but would without the packages.
    """
    failed = _start(path, user, environ, [])
    if failed is None or not failed.status:
        return _brief(failed.text) if failed else ""
    bare = _start(path, user, environ, ["-S"])
    if bare is None or bare.status:  # USER cannot reach the directory, for example
        return ""
    packages = site_packages(path, version)
    found = re.findall(re.escape(str(packages)) + r"/([^\s\"':,]+)", failed.text)
    files = [packages / name for name in found if (packages / name).is_file()]
    files = files or [*sorted(packages.glob("*.pth")), *sorted(packages.glob("sitecustomize.py"))]
    names = ", ".join(f"{file.relative_to(packages)} of {_owner_of(file, packages)}" for file in files[:3])
    words = _last(failed.text) or failed.ending
    raise ProvisionError(
        f"Python does not start in the environment, because of code that a package runs at its start: {words}. "
        f"Use another version of the package{f': see {names}' if names else ''}"
    )


class _Ended(NamedTuple):
    status: int
    text: str
    ending: str


def _start(path: Path, user: Owner, environ: Mapping[str, str], options: List[str]) -> _Ended | None:
    """Start Python; return how it ended, or None if it cannot be executed."""
    variables: Dict[str, str] = {name: environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in environ}

    try:
        done = subprocess.run(
            [str(path / "bin/python"), "-I", "-B", *options, "-c", ""],
            env=variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            preexec_fn=become(user),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _Ended(1, "", f"it did not end in {SECONDS} seconds")
    except (OSError, subprocess.SubprocessError):
        return None
    return _Ended(done.returncode, done.stderr.decode("utf-8", "replace"), f"exit status {done.returncode}")


def become(user: Owner) -> Callable[[], None]:
    """Return what a child process calls to be that user."""

    def become_user() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(user.gid)
            os.setuid(user.uid)

    return become_user


def _owner_of(file: Path, packages: Path) -> str:
    """Return the name of the package that installed a file, by its RECORD; "a package" if none says so."""
    name = os.path.relpath(str(file), str(packages))
    for record in sorted(packages.glob("*.dist-info/RECORD")):
        lines = record.read_text("utf-8", "replace").splitlines()
        if any(line.split(",")[0].strip('"') == name for line in lines):
            return record.parent.name[: -len(".dist-info")].replace("-", " ", 1)
    return "a package"


def _last(text: str) -> str:
    lines = [line.strip() for line in text[-10 * LONGEST :].splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(?:Error|Exception|Exit)\b", line)]
    return _brief((errors or lines or [""])[-1])


def _brief(text: str) -> str:
    return " ".join(text[: 2 * LONGEST].split())[:LONGEST]
