"""What a step found in a stage for the installs of its lines: written by `--step=ask`, read by `--step=install`.

    answers/root/                          the root file system that the installs run in: see extract.py
    answers/lines/<name>/environment.json  owner, variables, the image's Airflow
    answers/lines/<name>/files/            files of the image, at their paths: pip.conf, netrc, certificates, wheels

The install of a line has these files in its cache key, by content. So nothing in them may depend on what an install
does not use: names and order are fixed, all modification times are the same, and modes are those of plain files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional

from base_airflow import Airflow
from owner import Owner

if TYPE_CHECKING:
    from layout import Layout

ENVIRONMENT = "environment.json"
FILES = "files"
ROOT = "root"
LINES = "lines"

ARCHIVE = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.\w+|html?)$", re.IGNORECASE)
"""Names of files that --find-links takes from a directory."""
CERTIFICATE = re.compile(r"\.(?:pem|crt)$|^[0-9a-f]{8}\.[0-9]+$")
"""Names of files that programs load from a directory of certificates."""


class Answers(NamedTuple):
    """What an install of one line uses of its stage."""

    owner: Owner
    variables: Dict[str, str]
    """Variables of the stage that an installer reads, or that a requirements file names."""
    in_stage: str = ""
    """Why the line cannot be installed apart from its stage; "" if it may be tried."""
    airflow: Optional[Airflow] = None
    airflow_error: str = ""
    """Why `--airflow` finds nothing in the image."""


def read(layout: Layout) -> Answers:
    """Read the answers for the one line of a step, and put the files of the image at their paths."""
    place(layout)
    found: Dict[str, Any] = json.loads((layout.answers / ENVIRONMENT).read_text("utf-8", "surrogateescape"))
    airflow = found["airflow"]
    return Answers(
        Owner(**found["owner"]),
        found["variables"],
        found["in_stage"],
        Airflow(airflow["versions"], frozenset(airflow["compiled"]), airflow["pythons"]) if airflow else None,
        found["airflow_error"],
    )


def place(layout: Layout) -> None:
    """Put the files of the image at their paths, as links; what a mount put there stays."""
    top = str(layout.answers / FILES)
    for directory, _, names in os.walk(top):
        there = layout.find("/" + os.path.relpath(directory, top))
        there.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not os.path.lexists(there / name):
                (there / name).symlink_to(Path(directory, name))


class Writer:
    """Writes the answers for one line."""

    def __init__(self, name: str, layout: Layout) -> None:
        self._layout = layout
        self._directory = layout.answers / LINES / name
        self._files = self._directory / FILES
        self._files.mkdir(parents=True)

    def text(self, path: str, content: str) -> None:
        """Add a text as a file of the image."""
        target = self._target(path)
        target.write_text(content, encoding="utf-8", errors="surrogateescape")
        target.chmod(0o644)

    def bring(self, path: str) -> None:
        """Add a file of the image, or of a directory the packages and certificates directly in it."""
        found = self._layout.find(path)
        if found.is_file():
            self._copy(found, path)
        elif found.is_dir():
            self._target(path).mkdir(exist_ok=True)
            for one in sorted(found.iterdir()):
                if one.is_file() and (ARCHIVE.search(one.name) or CERTIFICATE.search(one.name)):
                    self._copy(one, f"{path}/{one.name}")

    def close(self, answers: Answers) -> None:
        """Write the answers themselves."""
        found = {
            "owner": answers.owner._asdict(),
            "variables": answers.variables,
            "in_stage": answers.in_stage,
            "airflow": _airflow(answers.airflow),
            "airflow_error": answers.airflow_error,
        }
        text = json.dumps(found, indent=1, sort_keys=True) + "\n"
        path = self._directory / ENVIRONMENT
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        path.chmod(0o644)

    def _copy(self, source: Path, path: str) -> None:
        target = self._target(path)
        if not target.exists():
            shutil.copyfile(str(source), str(target))
            target.chmod(0o644)

    def _target(self, path: str) -> Path:
        normal = PurePosixPath(os.path.normpath("/" + path.lstrip("/")))
        target = self._files / normal.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def is_certificate(name: str) -> bool:
    """Whether a file in a directory of certificates is one that programs look up: by its hash (openssl-rehash(1))."""
    return re.fullmatch(r"[0-9a-f]{8}\.[0-9]+", name) is not None


def _airflow(airflow: Optional[Airflow]) -> Optional[Dict[str, Any]]:
    return airflow and {
        "versions": airflow.versions,
        "compiled": sorted(airflow.compiled),
        "pythons": airflow.pythons,
    }
