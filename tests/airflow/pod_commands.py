"""Print the pods that the installed Kubernetes provider would start for the example's tasks, as JSON.

Runs in an image with Airflow and the provider. The operators themselves write their pods, so nothing here is copied
from the provider; only the calls to the cluster are left out.

    python pod_commands.py <file of the DAG>
"""

from __future__ import annotations

import inspect
import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

from airflow.providers.cncf.kubernetes import pod_template_file_examples
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import ApiClient

TEMPLATE = "dags_in_image_template.yaml"
pods: dict[str, object] = {}


def keep(operator: KubernetesPodOperator, _: object) -> None:
    """Stand in for the start of the pod."""
    pods[operator.task_id] = operator.build_pod_request_obj()


def executors_pod(template: Path) -> object:
    """Return the pod that KubernetesExecutor makes of its template, for a command in place of a task's."""
    command = ["bash", "-c", '"$ASTRO_PYENV_etl" -c "import tabulate; print(tabulate.__version__)"']
    return PodGenerator.construct_pod(
        dag_id="pods",
        task_id="any",
        pod_id="any",
        try_number=1,
        kube_image="image",
        date=None,
        args=command,
        pod_override_object=None,
        base_worker_pod=PodGenerator.deserialize_model_file(str(template)),
        namespace="default",
        scheduler_job_id="1",
        run_id="1",
    )


nothing = SimpleNamespace(
    is_in_cluster=False,
    get_namespace=lambda: "default",
    get_xcom_sidecar_container_image=lambda: None,
    get_xcom_sidecar_container_resources=lambda: None,
    get_xcom_sidecar_container_security_context=lambda: None,
)
KubernetesPodOperator.hook = property(lambda _: nothing)
KubernetesPodOperator.execute = keep
(dag,) = (value for value in runpy.run_path(sys.argv[1]).values() if hasattr(value, "task_dict"))
for operator in dag.tasks:
    inspect.unwrap(type(operator).execute)(operator, {})  # Airflow 3 refuses a call outside of its task runner
for path in pod_template_file_examples.__path__:
    pods["executor"] = executors_pod(Path(path) / TEMPLATE)
sys.stdout.write(f"pods: {json.dumps(ApiClient().sanitize_for_serialization(pods))}\n")
