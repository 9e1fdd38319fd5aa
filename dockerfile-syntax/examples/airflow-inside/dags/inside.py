"""Tasks that use Airflow inside an environment, which has it through `PYENV --airflow=…`.

Airflow 3.3 has to run them under a scheduler: its `airflow dags test` never answers a Variable asked for elsewhere.
"""

from __future__ import annotations

import os

try:  # Airflow 3
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task

PYTHON = os.environ["ASTRO_PYENV_talking"]


@dag(schedule=None, catchup=False, params={"table": "orders"})
def inside() -> None:
    """Read a Variable and the context in the environment's own Python."""

    @task.external_python(python=PYTHON)
    def asks() -> dict[str, str]:
        import platform

        try:  # Airflow 3
            from airflow.sdk import Variable
        except ImportError:  # Airflow 2
            from airflow.models import Variable
        return {"python": platform.python_version(), "greeting": Variable.get("greeting")}

    @task.external_python(python=PYTHON)
    def is_given(logical_date=None, params=None) -> dict[str, str]:
        return {"day": logical_date.to_date_string(), "table": params["table"]}

    @task
    def collect(one: dict, two: dict) -> None:
        import json

        print("collected:", json.dumps({**one, **two}))

    collect(asks(), is_given())


inside()
