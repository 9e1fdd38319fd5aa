"""Every way to run a task in another Python: in an environment of the image, or in one created for the task."""

from __future__ import annotations

import os

try:  # Airflow 3
    from airflow.providers.standard.operators.python import (
        BranchExternalPythonOperator,
        BranchPythonVirtualenvOperator,
        ExternalPythonOperator,
        PythonVirtualenvOperator,
    )
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.operators.python import (
        BranchExternalPythonOperator,
        BranchPythonVirtualenvOperator,
        ExternalPythonOperator,
        PythonVirtualenvOperator,
    )

# `expect_airflow=False` on each task: the environments have no Airflow, and without it each task logs a warning with a
# traceback. (Airflow 2 also prints the traceback of its own look for Airflow there; it is no error.)
EPO_PYTHON = os.environ["ASTRO_PYENV_epo_pyenv"]


def describe(greeting: str, day: str) -> dict[str, str]:
    """Return the task's own Python, and the values that Airflow's templates passed."""
    import platform
    import sys

    return {"python": platform.python_version(), "prefix": sys.prefix, "greeting": greeting, "day": day}


def toolz_version() -> str:
    """Return the version that the templated requirement installed."""
    from importlib.metadata import version

    return version("toolz")


def choose(left: str, right: str) -> str:
    """Choose a branch in another Python."""
    import sys

    return left if sys.version_info >= (3, 13) else right


@dag(schedule=None, catchup=False)
def isolated_environments() -> None:
    """Run the same small tasks in each way, and collect their results."""

    @task.external_python(python=EPO_PYTHON, expect_airflow=False)
    def external() -> dict[str, str]:
        import platform

        import pandas

        frame = pandas.DataFrame({"number": [1, 2, 3]})
        return {"python": platform.python_version(), "pandas": pandas.__version__, "sum": str(frame["number"].sum())}

    @task.external_python(python=EPO_PYTHON, expect_airflow=False)
    def external_context(logical_date=None) -> str:
        return f"{type(logical_date).__module__.split('.')[0]} {logical_date.to_date_string()}"

    external_operator = ExternalPythonOperator(
        task_id="external_operator",
        python=EPO_PYTHON,
        expect_airflow=False,
        python_callable=describe,
        op_kwargs={"greeting": "{{ var.value.greeting }}", "day": "{{ ds }}"},
    )

    @task.branch_external_python(python=EPO_PYTHON, expect_airflow=False)
    def branch_external() -> str:
        import sys

        return "newer" if sys.version_info >= (3, 13) else "older"

    branch_external_operator = BranchExternalPythonOperator(
        task_id="branch_external_operator",
        python=EPO_PYTHON,
        expect_airflow=False,
        python_callable=choose,
        op_kwargs={"left": "operator_newer", "right": "operator_older"},
    )

    @task.virtualenv(
        python_version="3.13", requirements=["toolz==1.0.0"], system_site_packages=False, expect_airflow=False
    )
    def virtualenv() -> dict[str, str]:
        import platform

        import toolz

        return {"python": platform.python_version(), "toolz": toolz.__version__}

    virtualenv_operator = PythonVirtualenvOperator(
        task_id="virtualenv_operator",
        python_version="3.9",
        python_callable=toolz_version,
        requirements=["toolz=={{ var.value.toolz }}"],
        system_site_packages=False,
        expect_airflow=False,
    )
    virtualenv_cached = PythonVirtualenvOperator(
        task_id="virtualenv_cached",
        python_version="3.13",
        python_callable=describe,
        op_kwargs={"greeting": "{{ var.value.greeting }}", "day": "{{ ds }}"},
        system_site_packages=False,
        expect_airflow=False,
        venv_cache_path="/tmp/venv-cache",
    )

    # Same requirements and Python as above: this task uses the cached environment.
    @task.branch_virtualenv(
        python_version="3.13", system_site_packages=False, expect_airflow=False, venv_cache_path="/tmp/venv-cache"
    )
    def branch_virtualenv() -> str:
        import sys

        return "decorated_newer" if sys.version_info >= (3, 13) else "decorated_older"

    branch_virtualenv_operator = BranchPythonVirtualenvOperator(
        task_id="branch_virtualenv_operator",
        python_version="3.13",
        python_callable=choose,
        op_kwargs={"left": "virtualenv_newer", "right": "virtualenv_older"},
        system_site_packages=False,
        expect_airflow=False,
    )

    @task
    def chosen(name: str) -> str:
        return name

    def branches(*names: str) -> list:
        return [chosen.override(task_id=name)(name) for name in names]

    ends = [external(), external_context(), external_operator, virtualenv(), virtualenv_operator, virtualenv_cached]
    for branch, names in (
        (branch_external(), ("newer", "older")),
        (branch_external_operator, ("operator_newer", "operator_older")),
        (branch_virtualenv(), ("decorated_newer", "decorated_older")),
        (branch_virtualenv_operator, ("virtualenv_newer", "virtualenv_older")),
    ):
        paths = branches(*names)
        branch >> paths
        ends += paths

    @task(trigger_rule="none_failed")
    def collect(task_ids: list[str], ti=None) -> dict[str, object]:
        """Print all results, for people to read and for tests to check."""
        import json

        found = {name: ti.xcom_pull(task_ids=name) for name in task_ids}
        print("collected:", json.dumps(found))
        return found

    names = [getattr(end, "task_id", None) or end.operator.task_id for end in ends]
    ends >> collect(names)


isolated_environments()
