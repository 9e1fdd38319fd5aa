"""Tasks that ask Airflow for something, in environments with the image's own Airflow: `--airflow`."""

import pytest
from tests.airflow.conftest import Example, RunDag, Runtimes
from tests.bed import standins
from tests.bed.standins import Standin

CONNECTION = "postgres://shop.example.com/orders"
_BASE = "astrocrpublic.azurecr.io/runtime:3.1-5-base"


@pytest.mark.parametrize(
    ("wanted", "base", "line", "python", "table"),
    [
        (standins.ASTRO_2, "quay.io/astronomer/astro-runtime:12.7.1-base", "--airflow=same 3.9", "3.9.2", "orders"),
        (standins.ASTRO_3, _BASE, "--airflow=task-sdk 3.13", "3.13.5", "not with the SDK alone"),
        pytest.param(standins.ASTRO_3, _BASE, "--airflow=same 3.13", "3.13.5", "orders", marks=pytest.mark.whole),
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
    python: str,
    table: str,
) -> None:
    """Variables, Connections and the context reach a task in another Python; an environment without has none of it."""
    engine = runtimes(wanted)
    silent = f"PYENV {python[: python.rindex('.')]} silent\n"
    context = example("airflow-inside", {_BASE: base, "--airflow=task-sdk 3.13": line, "COPY": f"{silent}COPY"})
    built = engine.build(context)
    airflow = wanted[0].arguments["AIRFLOW"]
    assert f"apache-airflow{'-task-sdk 1.1.3' if 'sdk' in line else f' {airflow}'} as in the image" in built.log
    stored = wanted is standins.ASTRO_2  # Airflow 3 hands out what its database has from 3.1.4 on
    collected = run_dag(
        engine,
        built.image,
        "inside",
        {} if stored else {"greeting": "hello"},
        "airflow variables set greeting hello" if stored else "true",
        AIRFLOW_CONN_SHOP=CONNECTION,
    )
    assert collected == {
        "python": python, "greeting": "hello", "host": "shop.example.com", "day": "2025-01-02", "table": table,
    }  # fmt: skip
    said = engine.run(built.image, "bash", "-c", '"$ASTRO_PYENV_silent" -c "import airflow" 2>&1 | tail -1')
    assert said == "ModuleNotFoundError: No module named 'airflow'"
    # Where an image's own Python is another one, its versions count as far as they are for this one.
    script = "import importlib.metadata as m; print(*(m.version(name) for name in ('pendulum', 'jinja2', 'attrs')))"
    assert (
        len(
            {
                engine.run(built.image, one, "-c", script)
                for one in ("/opt/astro-pyenv/envs/talking/bin/python", "python")
            }
        )
        == 1
    )
