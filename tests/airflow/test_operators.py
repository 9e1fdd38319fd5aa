"""The guide's operators run tasks in the environments of images, on both Airflow majors and both vendors' images."""

import pytest
from tests.airflow.conftest import Example, RunDag, Runtimes
from tests.bed import standins
from tests.bed.standins import Standin

VARIABLES = {"greeting": "hello", "toolz": "0.12.0"}
EXPECTED = {
    "external": {"python": "3.9.2", "pandas": "1.4.4", "sum": "6"},
    "external_context": "pendulum 2025-01-02",
    "external_operator": {
        "python": "3.9.2",
        "prefix": "/opt/astro-pyenv/envs/epo_pyenv",
        "greeting": "hello",
        "day": "2025-01-02",
    },
    "virtualenv": {"python": "3.13.5", "toolz": "1.0.0"},
    "virtualenv_operator": "0.12.0",
    "newer": None,
    "older": "older",
    "operator_newer": None,
    "operator_older": "operator_older",
    "decorated_newer": "decorated_newer",
    "decorated_older": None,
    "virtualenv_newer": "virtualenv_newer",
    "virtualenv_older": None,
}

_RUNTIME_2 = {"astrocrpublic.azurecr.io/runtime:3.1-5": "quay.io/astronomer/astro-runtime:12.7.1"}
IMAGES = [
    pytest.param((standins.ASTRO_2, "Dockerfile", _RUNTIME_2), id="astro-2"),
    pytest.param((standins.ASTRO_3, "Dockerfile", {}), id="astro-3"),
    pytest.param(
        (standins.APACHE_2, "Dockerfile.apache", {"airflow:3.1.3": "airflow:2.10.5"}),
        id="apache-2",
        marks=pytest.mark.slow,
    ),
    pytest.param((standins.APACHE_3, "Dockerfile.apache", {}), id="apache-3", marks=pytest.mark.slow),
    pytest.param(
        (standins.APACHE_2_11, "Dockerfile.apache", {"airflow:3.1.3": "airflow:2.11.2"}),
        id="apache-2.11",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        (standins.ASTRO_3_3, "Dockerfile", {"runtime:3.1-5": "runtime:3.3-2"}), id="astro-3.3", marks=pytest.mark.slow
    ),
]
CORE_3 = [
    pytest.param(*one.values, id=one.id, marks=[] if one.id == "astro-3" else [pytest.mark.slow]) for one in IMAGES
]


@pytest.mark.parametrize("on", IMAGES)
def test_tasks_run_in_environments(
    runtimes: Runtimes, example: Example, run_dag: RunDag, on: tuple[tuple[Standin, ...], str, dict[str, str]]
) -> None:
    """Every operator and decorator of the guide returns what its own Python computed, seen through XCom."""
    wanted, file, changes = on
    engine = runtimes(wanted)
    context = example("airflow", changes)
    image = engine.build(f"--file={context / file}", context).image
    collected = run_dag(engine, image, "isolated_environments", VARIABLES)
    cached = collected.pop("virtualenv_cached")
    assert cached.pop("prefix").startswith("/tmp/venv-cache/venv-")
    assert cached == {"python": "3.13.5", "greeting": "hello", "day": "2025-01-02"}
    assert collected == EXPECTED


@pytest.mark.parametrize("on", CORE_3)
def test_the_operators_parameters_work(
    runtimes: Runtimes, example: Example, run_dag: RunDag, on: tuple[tuple[Standin, ...], str, dict[str, str]]
) -> None:
    """Each in a task of its own, in the image of the test above."""
    wanted, file, changes = on
    engine = runtimes(wanted)
    context = example("airflow", changes)
    image = engine.build(f"--file={context / file}", context).image
    assert run_dag(engine, image, "operator_parameters", {}) == {
        "product": 6,
        "templates": "2025-01-02",
        "dilled": 21,
        "string_args": ["a", "b"],
        "env_vars": {"TEAM": "data", "AIRFLOW_HOME": None},
        "indexes": "1.0.0",
        "squares": [1, 4, 9],
    }


@pytest.mark.parametrize(
    "wanted", [standins.ASTRO_2, pytest.param(standins.ASTRO_3, marks=pytest.mark.slow)], ids=["2", "3"]
)
def test_the_scheduler_sees_the_variables(runtimes: Runtimes, example: Example, wanted: tuple[Standin, ...]) -> None:
    """Started as root through the entrypoint and gosu, the scheduler is the image's user and knows the environments."""
    engine = runtimes(wanted)
    base = wanted[0].names[0]
    context = example("airflow", {})
    (context / "Dockerfile").write_text("# syntax=dockerfile-pyenv:dev\n" + f"FROM {base}\nPYENV 3.9 epo_pyenv\n")
    image = engine.build(context).image
    script = (
        "airflow db migrate > /tmp/migrate.log 2>&1; airflow scheduler > /tmp/scheduler.log 2>&1 & "
        "for i in $(seq 240); do for p in /proc/[0-9]*; do "
        # The brackets keep the pattern from matching this very script.
        "if tr '\\0' ' ' < $p/cmdline 2> /dev/null | grep -q 'bin/airflow[ ]scheduler'; then "
        "tr '\\0' '\\n' < $p/environ | grep ^ASTRO_PYENV_; stat -c %U $p; exit; fi; done; "
        "sleep 0.5; done; cat /tmp/*.log"
    )
    said = engine.run(image, "bash", "-c", script, options=("--user=root",))
    assert said.splitlines() == ["ASTRO_PYENV_epo_pyenv=/opt/astro-pyenv/envs/epo_pyenv/bin/python", "astro"]
