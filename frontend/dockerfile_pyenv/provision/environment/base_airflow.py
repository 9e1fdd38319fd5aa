"""The Airflow of the image, found without running it: what `--airflow` adds to an environment.

A task in another Python can only read Variables and Connections, and only gets the Airflow part of its context, if the
same version of Airflow that runs the task is installed there too (ExternalPythonOperator compares the versions,
providers/standard/operators/python.py): its task SDK in Airflow 3, or all of Airflow.
"""

from __future__ import annotations

import email.parser
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Dict, FrozenSet, Iterable, Iterator, Mapping, NamedTuple, Tuple

import manifest
import uv_installer
from layout import ProvisionError

if TYPE_CHECKING:
    from install import Install
    from layout import Layout
    from log import Log
    from resolve_includes import RequirementSet

ALL = ("apache-airflow", "apache-airflow-core")
"""Distributions of Airflow itself. Airflow 3 has its code in the second; the first may be missing."""
SDK = "apache-airflow-task-sdk"

DIST_INFO = ".dist-info"
RELEASE = re.compile(
    r"(?P<name>[A-Z0-9](?:[A-Z0-9_.]*[A-Z0-9])?)-(?P<version>(?:\d+!)?\d[A-Z0-9_.]*(?:\+[A-Z0-9_.]+)?)", re.IGNORECASE
)
"""Name of a dist-info directory; an interrupted pip leaves others, such as ~ip-24.0."""
SPECIFIER = re.compile(r"\s*(?P<operator>[=!~]=|[<>]=?)\s*(?P<version>\d+(?:\.\d+)*)(?P<any>\.\*)?\s*$")
FROM_INDEX = re.compile(r"^Tag: \S+-(?:many|musl)linux", re.MULTILINE)
"""In a dist-info's WHEEL: a platform tag of wheels from an index (PEP 600, 656), not of one built in the image."""
SHEBANG = re.compile(rb"#!\s*(\S+)(?:[ \t]+(\S+))?|'''exec' (\S+) ")
"""The program that runs a script; the last form is for long paths (distlib's scripts.py)."""


class Airflow(NamedTuple):
    """The packages of the image's Airflow."""

    versions: Dict[str, str]
    """By normalized name."""
    compiled: FrozenSet[str]
    """Packages with a wheel for a platform: there may be none for every Python."""
    pythons: Dict[str, str]
    """Requires-Python of the Airflow distributions."""

    def requirement(self, choice: str, python: Tuple[int, ...]) -> str:
        """Return the requirement of `--airflow=<choice>`, "same" or "task-sdk", for an environment with this Python.

        Raises ProvisionError.
        """
        names = ALL if choice == "same" else (SDK,)
        name = next((name for name in names if name in self.versions), "")
        own = next((self.versions[name] for name in (*ALL, SDK) if name in self.versions), "")
        if not name:
            raise ProvisionError(
                f"--airflow=task-sdk: the image has Airflow {own}, but the task SDK starts at Airflow 3: use "
                "--airflow=same"
                if choice == "task-sdk"
                else f"--airflow=same: the image has {SDK} but not Airflow: use --airflow=task-sdk"
            )
        if not allows(self.pythons[name], python):
            raise ProvisionError(
                f"--airflow={choice}: the image's {name} {self.versions[name]} requires Python {self.pythons[name]}, "
                f"but this environment has Python {python[0]}.{python[1]}: use another Python version, or remove the "
                "flag"
            )
        # A version such as 2.10.5+astro.1 is only on its vendor's index; every index has it without the local part.
        return f"{name}=={self.versions[name].partition('+')[0]}"


def allows(specifiers: str, python: Tuple[int, ...]) -> bool:
    """Whether a Requires-Python allows a Python; a clause that is not understood allows all.

    uv ignores upper bounds (seen with 0.13), but Airflow's matter.
    """
    for clause in specifiers.split(","):
        match = SPECIFIER.match(clause)
        if match is None:
            continue
        wanted = tuple(map(int, match["version"].split(".")))
        size = max(len(wanted), len(python))
        left, right = (part + (0,) * (size - len(part)) for part in (python, wanted))
        begins = python[: len(wanted)] == wanted
        equal = begins if match["any"] else left == right
        compatible = left >= right and python[: len(wanted) - 1] == wanted[:-1]
        known = {"==": equal, "!=": not equal, "~=": compatible, ">=": left >= right, "<=": left <= right}
        if not {**known, ">": left > right, "<": left < right}[match["operator"]]:
            return False
    return True


def add(airflow: Airflow, choice: str, step: Install, requirements: RequirementSet) -> RequirementSet:
    """Return requirements with `--airflow=<choice>` added.

    Airflow's dependencies get the image's versions where they fit, unless the line names them. Raises ProvisionError.
    """
    requirement = airflow.requirement(choice, sys.version_info[:3])
    if requirements.needs_hashes:
        raise ProvisionError(
            f"--airflow={choice} cannot add to {requirements.title}: with hashes, every package must be listed. Remove "
            f"the flag and add {requirement} to the list"
        )
    own = requirements.names()
    title = ", ".join(filter(None, [requirements.title, f"--airflow={choice}"]))
    added = requirements._replace(title=title, requirements=[*requirements.requirements, requirement])
    versions = {name: version for name, version in airflow.versions.items() if name not in own}
    found = uv_installer.preferred_versions(step, added, versions=versions, compiled=airflow.compiled)
    parts = [one for one in (*ALL, SDK) if one in found]
    public = {one: versions[one].partition("+")[0] for one in parts if found[one] != versions[one]}
    if any(found[one] != version for one, version in public.items()):
        versions.update(public)
        found = uv_installer.preferred_versions(step, added, versions=versions, compiled=airflow.compiled) or found
    if not found:
        step.log("not using the image's versions: uv finds no solution with them")
    _log_versions(requirement.partition("==")[0], found, airflow.versions, step.log)
    constraints = [*requirements.constraints, *(f"{one}=={version}" for one, version in found.items())]
    return added._replace(constraints=constraints)


def _log_versions(name: str, found: Mapping[str, str], versions: Mapping[str, str], log: Log) -> None:
    """Log which of the image's versions an install uses; `name` is its Airflow distribution."""
    same = sum(version == versions[one] for one, version in found.items())
    if name in found:
        like = ", as in the image" if found[name] == versions[name] else ""
        log(f"{name} {found[name]}{like}; {same} of {len(found)} packages have the image's version")
    for one in (*ALL, SDK):
        if one in found and found[one] != versions[one]:
            log(
                f"the image has {one} {versions[one]}, but this environment gets {found[one]}: because the versions "
                "differ, Airflow does not pass its own objects (dag_run, params, …) to tasks in this environment"
            )


def find(environ: Mapping[str, str], layout: Layout) -> Airflow:
    """Find the packages of the `airflow` on PATH. Raises ProvisionError if there is none."""
    script = _on_path("airflow", environ, layout)
    if script is None:
        raise ProvisionError(
            "--airflow uses the image's own Airflow, but there is no airflow on PATH at this line: move the line below "
            "the one that installs Airflow, or remove the flag"
        )
    for directory in _packages(script, environ, layout):
        # Native code is in a directory of its own on some distributions: lib64.
        python, name = directory.parts[-2:]
        paths = dict(_distributions(sorted(directory.parents[2].glob(f"lib*/{python}/{name}"))))
        airflow = {one for one in (*ALL, SDK) if one in paths}
        if airflow:
            return Airflow(
                versions={one: path.name[: -len(DIST_INFO)].partition("-")[2] for one, path in paths.items()},
                compiled=frozenset(one for one, path in paths.items() if _is_compiled(path)),
                pythons={one: _requires_python(paths[one]) for one in airflow},
            )
    raise ProvisionError(
        f"--airflow uses the image's own Airflow, but the Python of {script} has no package {ALL[0]}: add Airflow to "
        "the requirements, or remove the flag"
    )


def _on_path(name: str, environ: Mapping[str, str], layout: Layout) -> Path | None:
    places = (layout.find(directory) / name for directory in environ.get("PATH", "").split(os.pathsep) if directory)
    return next((path for path in places if path.is_file()), None)


def _packages(script: Path, environ: Mapping[str, str], layout: Layout) -> Iterator[Path]:
    """Yield directories that may hold the packages of a script: next to it, and those of the Python that runs it."""
    starts = [script, *_interpreters(script, environ, layout)]
    prefixes = [path.parent.parent for start in starts for path in (start, start.resolve())]
    for prefix in dict.fromkeys(prefixes):
        yield from sorted(prefix.glob("lib*/python3*/*-packages"))


def _interpreters(script: Path, environ: Mapping[str, str], layout: Layout) -> Iterator[Path]:
    with script.open("rb") as file:
        head = file.read(1024)
    for match in SHEBANG.finditer(head):
        program, argument = (os.fsdecode(group or b"") for group in (match[1] or match[3], match[2]))
        found = _on_path(argument, environ, layout) if Path(program).name == "env" else layout.find(program)
        if found is not None:
            yield found


def _distributions(directories: Iterable[Path]) -> Iterator[Tuple[str, Path]]:
    """Yield normalized package names and dist-info directories."""
    for directory in directories:
        for path in sorted(directory.glob(f"*-*{DIST_INFO}")):
            match = RELEASE.fullmatch(path.name[: -len(DIST_INFO)])
            if match:
                yield manifest.normal(match["name"]), path


def _requires_python(path: Path) -> str:
    text = (path / "METADATA").read_text(encoding="utf-8", errors="replace")
    return str(email.parser.HeaderParser().parsestr(text)["Requires-Python"] or "")


def _is_compiled(path: Path) -> bool:
    try:
        return FROM_INDEX.search((path / "WHEEL").read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return False
