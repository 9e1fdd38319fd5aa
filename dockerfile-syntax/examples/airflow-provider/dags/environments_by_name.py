"""Tasks in environments by name, with airflow-provider-pyenv."""

from __future__ import annotations

from airflow_provider_pyenv import pyenv_python

try:  # Airflow 3
    from airflow.providers.standard.operators.python import ExternalPythonOperator
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.operators.python import ExternalPythonOperator


def version() -> str:
    """Return the version of the Python that runs the task."""
    import platform

    return platform.python_version()


@dag(schedule=None, catchup=False)
def environments_by_name() -> None:
    """Run one task by the decorator and one by an operator."""

    @task.venv("reports", multiple_outputs=True, expect_airflow=False)
    def decorated(factor: int) -> dict[str, object]:
        import sys

        return {"python": f"{sys.version_info[0]}.{sys.version_info[1]}", "product": factor * 2}

    operator = ExternalPythonOperator(
        task_id="operator", python=pyenv_python("reports"), python_callable=version, expect_airflow=False
    )

    @task
    def collect(one: dict, two: str) -> None:
        import json

        print("collected:", json.dumps({"decorated": one, "operator": two}))

    collect(decorated(21), operator.output)


environments_by_name()
