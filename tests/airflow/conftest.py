"""Images with real Airflow, and projects on them."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed import image, settings, standins
from tests.engine.conftest import project  # noqa: F401 - a fixture here, too

if TYPE_CHECKING:
    from tests.bed.engine import Engine
    from tests.bed.standins import Standin

EXAMPLES = settings.REPOSITORY / "dockerfile-syntax/examples"
LOGS = Path(os.environ.get("DOCKERFILE_PYENV_LOGS") or settings.CACHE / "logs")
"""Where the logs of DAG runs are kept, by the names of the tests."""

_COLLECTED = re.compile(r"^collected: (\{.*\})$", re.MULTILINE)

Runtimes = Callable[["tuple[Standin, ...]"], "Engine"]
Example = Callable[[str, Mapping[str, str]], Path]
RunDag = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def runtimes(engine: Engine) -> Runtimes:
    """The engine, with these stand-ins in its image store."""

    def ensure(wanted: tuple[Standin, ...]) -> Engine:
        standins.ensure(engine, wanted)
        return engine

    return ensure


@pytest.fixture
def example(tmp_path: Path) -> Example:
    """An example of dockerfile-syntax/examples in a directory of its own, some words of its Dockerfiles changed."""

    def copy(name: str, changes: Mapping[str, str]) -> Path:
        shutil.copytree(EXAMPLES / name, tmp_path, dirs_exist_ok=True)
        for path in tmp_path.glob("Dockerfile*"):
            text = re.sub(r"\A# syntax=\S+", f"# syntax={image.NAME}", path.read_text())
            for old, new in changes.items():
                text = text.replace(old, new)
            path.write_text(text)
        return tmp_path

    return copy


@pytest.fixture
def run_dag(request: pytest.FixtureRequest) -> Iterator[RunDag]:
    """Run a DAG of an image to its end with `airflow dags test`, and return what its task `collect` collected."""

    def run(engine: Engine, built: str, dag: str, variables: Mapping[str, str], before: str = "true") -> dict[str, Any]:
        options = [f"--env=AIRFLOW_VAR_{name.upper()}={value}" for name, value in variables.items()]
        script = (
            "airflow db migrate > /tmp/migrate.log 2>&1 || { cat /tmp/migrate.log; exit 1; }; "
            f"{before}; airflow dags test {dag} 2025-01-02"
        )
        options.append("--env=AIRFLOW__CORE__LOAD_EXAMPLES=false")
        done = engine.docker("run", "--rm", *options, built, "bash", "-c", script, check=False)
        log = LOGS / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', request.node.name).strip('-')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout + done.stderr)
        assert done.returncode == 0, f"{dag} failed; its log is {log}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        found = _COLLECTED.findall(done.stdout + done.stderr)
        assert found, f"{dag} collected nothing; its log is {log}"
        collected: dict[str, Any] = json.loads(found[-1])
        return collected

    return run
