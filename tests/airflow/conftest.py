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
        if engine.kind is not settings.REAL:
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
def schedule_dag(request: pytest.FixtureRequest) -> RunDag:
    """Run a DAG of an image with Airflow 3 under its scheduler and LocalExecutor; return what `collect` collected.

    `airflow dags test` of Airflow 3.3 never answers a task in another Python that reads a Variable (task-sdk 1.3,
    execution_time/supervisor.py, InProcessTestSupervisor).
    """

    def run(engine: Engine, built: str, dag: str, variables: Mapping[str, str], before: str = "true") -> dict[str, Any]:
        options = [f"--env=AIRFLOW_VAR_{name.upper()}={value}" for name, value in variables.items()]
        core = {"LOAD_EXAMPLES": "false", "DAGS_ARE_PAUSED_AT_CREATION": "false", "EXECUTOR": "LocalExecutor"}
        options += [f"--env=AIRFLOW__CORE__{name}={value}" for name, value in core.items()]
        options.append(f"--env=AIRFLOW__API_AUTH__JWT_SECRET={'a' * 64}")
        # The run is there before anything starts: commands run together with a new scheduler wait for its SQLite.
        script = (
            "(airflow db migrate && airflow dags reserialize && "
            f"airflow dags trigger {dag} --logical-date 2025-01-02T00:00:00+00:00) > /tmp/trigger.log 2>&1; {before}; "
            "airflow api-server > /tmp/api.log 2>&1 & "
            # Tasks fail if their API is not there yet.
            "for i in $(seq 300); do (: < /dev/tcp/localhost/8080) 2> /dev/null && break; sleep 1; done; "
            "airflow scheduler > /tmp/scheduler.log 2>&1 & "
            f'for i in $(seq 300); do grep -rh collected: "$AIRFLOW_HOME/logs/dag_id={dag}" 2> /dev/null && exit 0; '
            'sleep 1; done; cat /tmp/*.log "$AIRFLOW_HOME/logs/dag_id="*/*/*/*.log; exit 1'
        )
        done = engine.docker("run", "--rm", *options, built, "bash", "-c", script, check=False)
        _log(request.node.name).write_text(done.stdout + done.stderr)
        assert done.returncode == 0, f"{dag} failed:\n{done.stdout[-6000:]}"
        event = str(json.loads(done.stdout.splitlines()[0])["event"])
        collected: dict[str, Any] = json.loads(event.removeprefix("collected: "))
        return collected

    return run


def _log(name: str) -> Path:
    """Where the log of a test's DAG run is kept."""
    path = LOGS / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name).strip('-')}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


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
        log = _log(request.node.name)
        log.write_text(done.stdout + done.stderr)
        assert done.returncode == 0, f"{dag} failed; its log is {log}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        found = _COLLECTED.findall(done.stdout + done.stderr)
        assert found, f"{dag} collected nothing; its log is {log}"
        # Users take this warning, with its traceback, for an error: `expect_airflow=False` prevents it.
        assert "When checking for Airflow installed in virtual environment got" not in done.stdout + done.stderr
        collected: dict[str, Any] = json.loads(found[-1])
        return collected

    return run
