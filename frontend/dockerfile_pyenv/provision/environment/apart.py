"""What an install apart from its stage cannot do: build from source, and what stands on files that are not there.

A build may need the stage's compilers and libraries, and it runs code of the package. So it is left to the stage: a
requirement that is certain to be built is found before the installer starts, and any other one when the installer
comes to it, in which case it stops without having chosen another version (uv_cache.py, pip_apart.py).
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import requirement_lines
import tidy
import uv_cache
from layout import InStageError, Layout

if TYPE_CHECKING:
    from log import Log
    from resolve_includes import RequirementSet

NOTE = ".in-stage"
"""In place of the environment: a file with the reason."""

VCS = re.compile(r"(?:git|hg|svn|bzr)\+", re.IGNORECASE)

_NO_BUILD = re.compile(re.escape(f"/{uv_cache.BUILDS}`: "))
_PACKAGE = re.compile(r"(?:Failed to (?:download and )?build|Build failed for) `([^`]+)`")
_NO_FILE = re.compile(r"Distribution not found at: (?:file://)?(\S+)")
_NO_GIT = re.compile(r"Git operation failed|Git executable not found|Cannot find command '(?:git|hg|svn|bzr)'")
_NOT_TRUSTED = re.compile(r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED")


def check(requirements: RequirementSet) -> None:
    """Raise InStageError for a requirement that is certain to be built from source."""
    chosen = requirements.local() if requirements.locked else requirements
    for project in chosen.projects:
        if requirement_lines.needs_build(project.read_text("utf-8", "replace")):
            names = [name for name in chosen.files if name.endswith(project.name)]
            raise InStageError(f"only a build tells the dependencies of {', '.join(names)}")
    for line in chosen.requirements:
        bare = re.sub(r"^-e ", "", line.split(" --hash=")[0])
        name, at, url = (part.strip() for part in bare.partition("@"))
        if bare.startswith("/") or requirement_lines.is_url(bare) or not (at and requirement_lines.is_url(url)):
            name, url = "", bare
        path = requirement_lines.location(url).path
        shown = name or os.path.basename(path.rstrip("/"))  # noqa: PTH119 - may be a URL
        if VCS.match(url):
            raise InStageError(f"{name or 'a package'} is installed from a repository")
        if not (path.startswith("/") or requirement_lines.is_url(path)):
            continue
        local = Path(path[len("file://") :] if path.startswith("file:///") else path)
        if local.is_dir():
            raise InStageError(f"{shown} is a project directory")
        if requirement_lines.is_archive(path) and not path.lower().endswith(".whl"):
            raise InStageError(f"{shown} is a source distribution")


def of_uv(text: str) -> str:
    """Return the reason for the stage in what uv wrote when it failed; "" for none."""
    if _NO_BUILD.search(text):
        package = _PACKAGE.search(text)
        return no_wheel(package[1]) if package else "a project's metadata comes from its build"
    return _of_any(text)


def of_pip(text: str) -> str:
    """Return the reason for the stage in what pip wrote when it failed; "" for none."""
    return _of_any(text)


def no_wheel(package: str) -> str:
    """Return the reason for a package, written as `name==version`, `name @ URL` or by its name alone."""
    name, _, version = package.partition("==")
    name = name.partition("@")[0].strip()
    return f"{name}{' ' + version if version else ''} has no compatible wheel, or wheels are disabled"


def leave(path: Path, reason: str, layout: Layout, log: Log, *, has_builder: bool = False) -> None:
    """Leave the line to its stage or builder: write the reason in place of the environment at `path`."""
    reason = " ".join(log.redact(reason).split())
    shutil.rmtree(str(path), ignore_errors=True)
    layout.environments.mkdir(parents=True, exist_ok=True)
    note = layout.environments / NOTE
    note.write_text(reason + "\n", encoding="utf-8")
    tidy.date(note)
    log(f"installing in the {'builder' if has_builder else 'build stage'}: {reason}")


def note(layout: Layout) -> str:
    """Return the reason that an install apart left for the stage; "" for none."""
    try:
        return (layout.apart / NOTE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def take_note(layout: Layout) -> str:
    """Return the reason in a note that was copied into the image, and remove it from there; "" for none."""
    path = layout.environments / NOTE
    try:
        reason = path.read_text(encoding="utf-8").strip()
        path.unlink()
    except OSError:
        return ""
    return reason


def stop(reason_of: Callable[[str], str], text: str, requirements: RequirementSet, layout: Layout) -> None:
    """Raise InStageError if an installer failed, apart from the stage, for a reason that may not hold in it.

    A requirements file at a URL may have variables and paths that nobody looked for in the stage.
    """
    if layout.builds:
        return
    reason = reason_of(text)
    lines = [*requirements.requirements, *requirements.constraints]
    if not reason and any(re.match(r"--(?:requirement|constraint) ", line) for line in lines):
        reason = "a requirements file at a URL may require the stage"
    if reason:
        raise InStageError(reason)


def _of_any(text: str) -> str:
    missing = _NO_FILE.search(text)
    if missing:
        return f"{missing[1]} is a file that only the stage may have"
    if _NO_GIT.search(text):
        return "a package is installed from a repository"
    if _NOT_TRUSTED.search(text):
        return "a certificate is not trusted outside of the stage"
    return ""
