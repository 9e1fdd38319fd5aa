"""Tasks that ask Airflow for something, in environments with the image's own Airflow: `--airflow`."""

import pytest
from tests.airflow.conftest import Example, RunDag, Runtimes
from tests.bed import image, standins
from tests.bed.standins import Standin
from tests.engine.conftest import Project

BASE_2 = "quay.io/astronomer/astro-runtime:12.7.1-base"
BASE_3 = "astrocrpublic.azurecr.io/runtime:3.1-5-base"
CONNECTION = "AIRFLOW_CONN_SHOP=postgres://shop.example.com/orders"


@pytest.mark.parametrize(
    ("wanted", "base", "line", "installed"),
    [
        pytest.param(standins.ASTRO_2, BASE_2, "--airflow=same 3.9", "apache-airflow==2.10.5", marks=pytest.mark.slow),
        (standins.ASTRO_3, BASE_3, "--airflow=task-sdk 3.13", "apache-airflow-task-sdk==1.1.3"),
        pytest.param(standins.ASTRO_3, BASE_3, "--airflow=same 3.13", "apache-airflow==3.1.3", marks=pytest.mark.slow),
    ],
    ids=["2-same", "3-task-sdk", "3-same"],
)
def test_tasks_ask_airflow(  # noqa: PLR0917 - a row has this many words
    runtimes: Runtimes,
    example: Example,
    run_dag: RunDag,
    wanted: tuple[Standin, ...],
    base: str,
    line: str,
    installed: str,
) -> None:
    """Variables and the context reach a task in another Python; in an environment without Airflow nothing could ask."""
    engine = runtimes(wanted)
    version = line.rsplit(maxsplit=1)[-1]
    context = example(
        "airflow-inside",
        {BASE_3: base, "--airflow=task-sdk 3.13": line, "COPY": f"PYENV {version} silent\nCOPY"},
    )
    built = engine.build(context).image
    stored = wanted is standins.ASTRO_2  # Airflow 3 hands out what its database has from 3.1.4 on
    collected = run_dag(
        engine,
        built,
        "inside",
        {} if stored else {"greeting": "hello"},
        "airflow variables set greeting hello" if stored else "true",
    )
    python = {"3.9": "3.9.2", "3.13": "3.13.5"}[version]
    assert collected == {"python": python, "greeting": "hello", "day": "2025-01-02", "table": "orders"}
    package, release = installed.split("==")
    script = (
        '"$ASTRO_PYENV_silent" -c "import airflow" 2>&1 | tail -1; '
        # The image's Python is another one: its versions count all the same.
        "for python in $ASTRO_PYENV_talking python; do $python -c 'import importlib.metadata as m; "
        f'print(*(m.version(name) for name in ("{package}", "pendulum", "sqlalchemy", "attrs")))\'; done'
    )
    if stored:
        script += (
            "; $ASTRO_PYENV_talking -c 'from airflow.hooks.base import BaseHook; "
            'print(BaseHook.get_connection("shop").host)\' 2> /dev/null | tail -1'
        )
    silent, own, theirs, *host = engine.run(built, "bash", "-c", script, options=(f"--env={CONNECTION}",)).splitlines()
    assert silent == "ModuleNotFoundError: No module named 'airflow'"
    assert own == theirs
    assert own.startswith(f"{release} ")
    assert host == (["shop.example.com"] if stored else [])


NEWEST_3 = "astrocrpublic.azurecr.io/runtime:3.3-2-base"


@pytest.mark.slow
@pytest.mark.parametrize("line", ["--airflow=task-sdk 3.13", "--airflow=same 3.13"], ids=["task-sdk", "same"])
def test_tasks_ask_airflow_under_a_scheduler(
    runtimes: Runtimes, example: Example, schedule_dag: RunDag, line: str
) -> None:
    """What needs the task SDK of the newest Airflow runs as in production: `airflow dags test` would not answer."""
    engine = runtimes(standins.ASTRO_3_3)
    built = engine.build(example("airflow-inside", {BASE_3: NEWEST_3, "--airflow=task-sdk 3.13": line})).image
    collected = schedule_dag(engine, built, "inside", {"greeting": "hello"})
    assert collected == {"python": "3.13.5", "greeting": "hello", "day": "2025-01-02", "table": "orders"}


@pytest.mark.slow
def test_tasks_ask_the_newest_airflow_2(runtimes: Runtimes, example: Example, run_dag: RunDag) -> None:
    """Variables, dates and params reach a task in another Python; only `dag_run` does not (reference, --airflow)."""
    engine = runtimes(standins.APACHE_2_11)
    changes = {BASE_3: "apache/airflow:2.11.2\nUSER 50000", "--airflow=task-sdk 3.13": "--airflow=same 3.11"}
    built = engine.build(example("airflow-inside", {**changes, "astro:0": "airflow:0"})).image
    collected = run_dag(engine, built, "inside", {"greeting": "hello"})
    assert collected == {"python": "3.11.2", "greeting": "hello", "day": "2025-01-02", "table": "orders"}


@pytest.mark.parametrize(
    ("base", "line", "said"),
    [
        ("debian:bookworm-slim", "--airflow=same 3.9", "there is no airflow on PATH at this line"),
        (
            BASE_2,
            "--airflow=task-sdk 3.9",
            "--airflow=task-sdk: the image has Airflow 2.10.5, but the task SDK starts at Airflow 3",
        ),
        (
            BASE_2,
            "--airflow=same 3.13",
            "the image's apache-airflow 2.10.5 requires Python <3.13,>=3.8.1, but this environment has Python 3.13",
        ),
    ],
    ids=["none", "no-sdk", "python"],
)
def test_what_an_image_does_not_have_is_said(
    runtimes: Runtimes, project: Project, base: str, line: str, said: str
) -> None:
    """Before anything is downloaded, the step says what is wrong with the flag on this image."""
    engine = runtimes(standins.ASTRO_2)
    context = project({"Dockerfile": f"# syntax={image.NAME}\nFROM {base}\nPYENV {line} talking\n"})
    failed = engine.build(context, check=False)
    assert failed.returncode
    assert "talking: --airflow" in failed.log
    assert said in failed.log
    assert f"   3 | >>> PYENV {line} talking" in failed.log
