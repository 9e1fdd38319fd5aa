"""The Airflow of the image, found without starting it: what `--airflow` brings into an environment.

A task in another Python reads Variables and Connections, and gets the Airflow part of its context, only where Airflow
of the very version that runs the task is installed as well (ExternalPythonOperator compares the two,
providers/standard/operators/python.py): its task SDK in Airflow 3, or all of it.
"""

from __future__ import annotations

import email.parser
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Dict, FrozenSet, Iterable, Iterator, Mapping, NamedTuple, Tuple

import installer
import manifest
from layout import ProvisionError

if TYPE_CHECKING:
    from layout import Layout
    from log import Log
    from owner import Owner
    from requirements import Asked
    from settings import Settings

ALL = ("apache-airflow", "apache-airflow-core")
"""Distributions that are Airflow itself; Airflow 3 has its code in the second, which the first may be left out for."""
SDK = "apache-airflow-task-sdk"

DIST_INFO = ".dist-info"
RELEASE = re.compile(
    r"(?P<name>[A-Z0-9](?:[A-Z0-9_.]*[A-Z0-9])?)-(?P<version>(?:\d+!)?\d[A-Z0-9_.]*(?:\+[A-Z0-9_.]+)?)", re.IGNORECASE
)
"""What a dist-info directory is called after; a pip that was cut off leaves others behind, such as ~ip-24.0."""
SPECIFIER = re.compile(r"\s*(?P<operator>[=!~]=|[<>]=?)\s*(?P<version>\d+(?:\.\d+)*)(?P<any>\.\*)?\s*$")
FROM_INDEX = re.compile(r"^Tag: \S+-(?:many|musl)linux", re.MULTILINE)
"""In a dist-info's WHEEL: code for a platform that an index has (PEP 600, 656), not one that was built in the image."""
SHEBANG = re.compile(rb"#!\s*(\S+)(?:[ \t]+(\S+))?|'''exec' (\S+) ")
"""The program that runs a script; the last form is that of long paths (distlib's scripts.py)."""


class Airflow(NamedTuple):
    """The packages that Airflow runs with in the image."""

    versions: Dict[str, str]
    """By names in their normal form."""
    compiled: FrozenSet[str]
    """Those that came as a wheel for the platform, which there may not be for every Python."""
    pythons: Dict[str, str]
    """The Requires-Python of those that are Airflow."""

    def requirement(self, choice: str, python: Tuple[int, ...]) -> str:
        """Say what to install for `--airflow=<choice>`, "same" or "task-sdk", into an environment of a Python.

        Raises ProvisionError.
        """
        names = ALL if choice == "same" else (SDK,)
        name = next((name for name in names if name in self.versions), "")
        own = next((self.versions[name] for name in (*ALL, SDK) if name in self.versions), "")
        if not name:
            raise ProvisionError(
                f"--airflow=task-sdk: the image has Airflow {own}, and tasks have an SDK of their own from Airflow 3 "
                "on: write --airflow=same"
                if choice == "task-sdk"
                else f"--airflow=same: the image has {SDK} alone, and no Airflow: write --airflow=task-sdk"
            )
        if not allows(self.pythons[name], python):
            raise ProvisionError(
                f"--airflow={choice}: the image's {name} {self.versions[name]} is for Python {self.pythons[name]}, and "
                f"this environment has {python[0]}.{python[1]}: write another version of Python, or leave the flag out"
            )
        # A version such as 2.10.5+astro.1 is on its maker's index only: every index has that without the local part.
        return f"{name}=={self.versions[name].partition('+')[0]}"


def allows(specifiers: str, python: Tuple[int, ...]) -> bool:
    """Whether a Requires-Python allows a Python; what is not understood forbids none.

    uv heeds no upper bounds (seen with 0.13), and Airflow means its own.
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


def add(  # noqa: PLR0913, PLR0917 - an install is described by this many facts
    airflow: Airflow,
    choice: str,
    path: Path,
    asked: Asked,
    chosen: Settings,
    owner: Owner,
    layout: Layout,
    log: Log,
) -> Asked:
    """Return what is asked for with `--airflow=<choice>` added.

    What else Airflow needs comes in the image's versions where they fit, unless the line names it. Raises
    ProvisionError.
    """
    requirement = airflow.requirement(choice, sys.version_info[:3])
    if installer.hashes(asked):
        raise ProvisionError(
            f"{asked.title} has hashes, and so says all that is installed, which --airflow={choice} would add to: "
            f"leave the flag out, and add {requirement} to the list"
        )
    own = asked.names()
    title = ", ".join(filter(None, [asked.title, f"--airflow={choice}"]))
    added = asked._replace(title=title, requirements=[*asked.requirements, requirement])
    versions = {name: version for name, version in airflow.versions.items() if name not in own}
    found = installer.fitting(path, added, chosen, owner, layout, versions=versions, compiled=airflow.compiled)
    parts = [one for one in (*ALL, SDK) if one in found]
    public = {one: versions[one].partition("+")[0] for one in parts if found[one] != versions[one]}
    if any(found[one] != version for one, version in public.items()):
        versions.update(public)
        found = (
            installer.fitting(path, added, chosen, owner, layout, versions=versions, compiled=airflow.compiled) or found
        )
    if not found:
        log("the image's versions are not kept to: uv finds no answer with them")
    _tell(requirement.partition("==")[0], found, airflow.versions, log)
    return added._replace(constraints=[*asked.constraints, *(f"{one}=={version}" for one, version in found.items())])


def _tell(name: str, found: Mapping[str, str], versions: Mapping[str, str], log: Log) -> None:
    """Say which of the image's versions an install keeps to, whose main package is `name`."""
    same = sum(version == versions[one] for one, version in found.items())
    if name in found:
        like = " as in the image" if found[name] == versions[name] else ""
        log(f"{name} {found[name]}{like}, {same} of {len(found)} packages in the image's versions")
    for one in (*ALL, SDK):
        if one in found and found[one] != versions[one]:
            log(
                f"the image has {one} {versions[one]}, and this environment gets {found[one]}: Airflow finds the "
                "versions different, and gives tasks in this environment no objects of its own (dag_run, params, …)"
            )


def find(environ: Mapping[str, str], layout: Layout) -> Airflow:
    """Find the packages of the `airflow` on PATH. Raises ProvisionError where there is none."""
    script = _on_path("airflow", environ, layout)
    if script is None:
        raise ProvisionError(
            "--airflow is about the image's own Airflow, and there is no program airflow on PATH at this line: leave "
            "the flag out, or write this line behind the one that installs Airflow"
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
        f"--airflow is about the image's own Airflow, and with {script} no package {ALL[0]} is installed: leave the "
        "flag out, or name Airflow among the requirements"
    )


def _on_path(name: str, environ: Mapping[str, str], layout: Layout) -> Path | None:
    places = (layout.find(directory) / name for directory in environ.get("PATH", "").split(os.pathsep) if directory)
    return next((path for path in places if path.is_file()), None)


def _packages(script: Path, environ: Mapping[str, str], layout: Layout) -> Iterator[Path]:
    """Directories that may hold the packages of a script: beside it, and those of the Python that runs it."""
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
    """Names of packages in their normal form, and their dist-info directories."""
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
