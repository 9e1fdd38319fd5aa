"""Stand-ins for Astro Runtime and apache/airflow, with real Airflow from the package index.

They are built by the engine that uses them and stay in its image store, which the cache keeps: a later run installs
nothing. Their Dockerfiles say what they share with the real images.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bed import bases, interpreters, settings
from tests.bed.host import BedError, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bed.engine import Engine

_FOLDER: Final = settings.REPOSITORY / "tests/bed/images/airflow"
_LABEL: Final = "bed.recipe"
_PYTHON: Final = settings.Release("3.11.2")
# The official constraints lie where the bed does not reach: what the index had then fits as well.
_AIRFLOW_2: Final = {"AIRFLOW": "2.10.5", "AS_OF": "2025-02-10", "UV": "0.9.10"}
_OLDEST: Final = {"AIRFLOW": "2.9.3", "AS_OF": "2024-07-20", "UV": "0.9.10"}
_AIRFLOW_3: Final = {"AIRFLOW": "3.1.3", "AS_OF": "2025-11-20", "UV": "0.9.10"}
_NEWEST_2: Final = {"AIRFLOW": "2.11.2", "AS_OF": "2026-03-20", "UV": "0.9.10"}
_NEWEST_3: Final = {"AIRFLOW": "3.3.2", "AS_OF": "2026-09-25", "UV": "0.9.10"}
_ASTRO_2: Final = "quay.io/astronomer/astro-runtime"
_ASTRO_3: Final = "astrocrpublic.azurecr.io/runtime"


@dataclass(frozen=True, slots=True)
class Standin:
    """One image: what it is built from, and the names that it has."""

    names: tuple[str, ...]
    file: str
    arguments: dict[str, str]
    target: str = ""

    @property
    def recipe(self) -> str:
        """A digest of all that decides what is in the image."""
        digest = hashlib.sha256(f"{self.target} {self.arguments}".encode())
        for path in sorted(_FOLDER.iterdir()):
            digest.update(path.read_bytes())
        for archive in interpreters.ensure([_PYTHON]):
            if archive.release == _PYTHON:
                digest.update("".join(layer.diff_id for layer in bases.python(archive, "bookworm").layers).encode())
        return digest.hexdigest()[:16]


def _astro(arguments: dict[str, str], names: dict[str, tuple[str, ...]]) -> tuple[Standin, ...]:
    return tuple(Standin(given, "astro-runtime.Dockerfile", arguments, target) for target, given in names.items())


# Tags that users' files name share one image: they differ in what is no matter here.
ASTRO_2: Final = _astro(
    _AIRFLOW_2,
    {
        "base": tuple(f"{_ASTRO_2}:{tag}-base" for tag in ("12.7.1", "9.6.0", "11.20.0-python-3.11")),
        "scripts": tuple(f"{_ASTRO_2}:{tag}" for tag in ("12.7.1", "11.20.0-python-3.11")),
        "inline": (f"{_ASTRO_2}:9.6.0",),
    },
)
ASTRO_3: Final = _astro(_AIRFLOW_3, {"base": (f"{_ASTRO_3}:3.1-5-base",), "scripts": (f"{_ASTRO_3}:3.1-5",)})
APACHE_2: Final = (
    Standin(("apache/airflow:2.10.5",), "apache-airflow.Dockerfile", {**_AIRFLOW_2, "VIRTUALENV": "virtualenv"}),
)
APACHE_2_9: Final = (Standin(("apache/airflow:2.9.3",), "apache-airflow.Dockerfile", _OLDEST),)
"""The oldest Airflow that airflow-provider-pyenv is for."""
APACHE_3: Final = (Standin(("apache/airflow:3.1.3",), "apache-airflow.Dockerfile", {**_AIRFLOW_3, "LAYOUT": "linked"}),)
# The newest of both majors; they are built only in the slow run.
APACHE_2_11: Final = (
    Standin(("apache/airflow:2.11.2",), "apache-airflow.Dockerfile", {**_NEWEST_2, "VIRTUALENV": "virtualenv"}),
)
ASTRO_3_3: Final = _astro(_NEWEST_3, {"base": (f"{_ASTRO_3}:3.3-2-base",), "scripts": (f"{_ASTRO_3}:3.3-2",)})


def ensure(engine: Engine, wanted: Sequence[Standin]) -> None:
    """Build what the engine lacks of these images.

    Raises:
        BedError: one cannot be built.
    """
    for standin in wanted:
        recipe = standin.recipe
        found = engine.docker(
            "image", "inspect", "--format", f'{{{{index .Config.Labels "{_LABEL}"}}}}', *standin.names, check=False
        ).stdout.split()
        if found == [recipe] * len(standin.names):
            continue
        with timed(f"building the stand-in of {standin.names[0]}"):
            words = [
                *(f"--build-arg={name}={value}" for name, value in standin.arguments.items()),
                *(f"--tag={name}" for name in standin.names),
                *([f"--target={standin.target}"] if standin.target else []),
                "--provenance=false",
                f"--label={_LABEL}={recipe}",
                f"--file={_FOLDER / standin.file}",
                _FOLDER,
            ]
            done = engine.build(*words, check=False)
        if done.returncode:
            raise BedError(f"the stand-in of {standin.names[0]} cannot be built:\n{done.log[-4000:]}")
