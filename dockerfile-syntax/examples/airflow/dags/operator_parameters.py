"""The parameters of Airflow's operators for other Pythons, each in a task of an environment without Airflow."""

from __future__ import annotations

import os

try:  # Airflow 3
    from airflow.providers.standard.operators.python import ExternalPythonOperator, PythonVirtualenvOperator
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.operators.python import ExternalPythonOperator, PythonVirtualenvOperator

EPO_PYTHON = os.environ["ASTRO_PYENV_epo_pyenv"]


def strings() -> list[str]:
    """Return `string_args`, which Airflow defines as a global of the script that it runs."""
    return list(virtualenv_string_args)  # noqa: F821 - defined there


def exits(code: int) -> None:
    """Leave with a status."""
    import sys

    sys.exit(code)


def variables(names: list[str]) -> dict[str, str | None]:
    """Return environment variables of the task's process."""
    import os

    return {name: os.environ.get(name) for name in names}


def installed() -> str:
    """Return the version that pip or uv installed for this task."""
    from importlib.metadata import version

    return version("toolz")


@dag(schedule=None, catchup=False)
def operator_parameters() -> None:
    """Run a task for each parameter, and collect what it saw."""

    @task.external_python(python=EPO_PYTHON, expect_airflow=False, multiple_outputs=True)
    def outputs() -> dict[str, int]:
        return {"rows": 3, "columns": 2}

    @task
    def product(rows: int, columns: int) -> int:
        return rows * columns

    @task.external_python(python=EPO_PYTHON, expect_airflow=False, templates_dict={"day": "{{ ds }}"})
    def templates(templates_dict=None) -> str:
        return templates_dict["day"]

    @task.external_python(python=EPO_PYTHON, expect_airflow=False)
    def mapped(number: int) -> int:
        return number * number

    # dill and cloudpickle have to be installed on both sides, in Airflow's Python and in the environment. Functions
    # pickled by either run only in the same minor version of Python: pass data.
    @task.external_python(python=EPO_PYTHON, expect_airflow=False, serializer="dill")
    def dilled(number: int) -> int:
        return number + 1

    string_args = ExternalPythonOperator(
        task_id="string_args",
        python=EPO_PYTHON,
        python_callable=strings,
        string_args=["a", "b"],
        expect_airflow=False,
    )
    skipped = ExternalPythonOperator(
        task_id="skipped",
        python=EPO_PYTHON,
        python_callable=exits,
        op_args=[99],
        skip_on_exit_code=99,
        expect_airflow=False,
    )
    # The variables of the image, ASTRO_PYENV_… and PATH included, are not inherited.
    env_vars = ExternalPythonOperator(
        task_id="env_vars",
        python=EPO_PYTHON,
        python_callable=variables,
        op_args=[["TEAM", "AIRFLOW_HOME"]],
        env_vars={"TEAM": "data"},
        inherit_env=False,
        expect_airflow=False,
    )
    indexes = PythonVirtualenvOperator(
        task_id="indexes",
        python_version="3.13",
        python_callable=installed,
        requirements=["toolz==1.0.0"],
        index_urls=[os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")],
        pip_install_options=["--no-deps"],
        system_site_packages=False,
        expect_airflow=False,
    )

    shape = outputs()
    area = product(shape["rows"], shape["columns"])
    squares = mapped.expand(number=[1, 2, 3])

    @task(trigger_rule="none_failed")
    def collect(found: dict[str, object], ti=None) -> None:
        """Print all results."""
        import json

        found["squares"] = list(ti.xcom_pull(task_ids="mapped"))
        print("collected:", json.dumps(found))

    found = {
        "product": area,
        "templates": templates(),
        "dilled": dilled(20),
        "string_args": string_args.output,
        "env_vars": env_vars.output,
        "indexes": indexes.output,
    }
    [squares, skipped] >> collect(found)


operator_parameters()
