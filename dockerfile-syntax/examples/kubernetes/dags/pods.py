"""Tasks in pods of the image that the Dockerfile of this example builds."""

from __future__ import annotations

import os

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator

try:  # Airflow 3
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task

IMAGE = os.environ.get("ETL_IMAGE", "registry.example.com/etl:1")


@dag(schedule=None, catchup=False)
def pods() -> None:
    """Run a function and a command in pods."""

    @task.kubernetes(image=IMAGE, do_xcom_push=True)
    def decorated(rows: list[list[int]]) -> dict[str, str]:
        import platform

        import tabulate

        return {"python": platform.python_version(), "table": tabulate.tabulate(rows, tablefmt="plain")}

    # A shell expands the variable of the image; Kubernetes' own $(NAME) knows only variables of the pod.
    version = "import json, tabulate; print(json.dumps(tabulate.__version__))"
    command = KubernetesPodOperator(
        task_id="command",
        name="command",
        image=IMAGE,
        cmds=["bash", "-c", f"\"$ASTRO_PYENV_etl\" -c '{version}' > /airflow/xcom/return.json"],
        do_xcom_push=True,
    )
    decorated([[1, 2], [3, 4]]) >> command


dag_of_pods = pods()
