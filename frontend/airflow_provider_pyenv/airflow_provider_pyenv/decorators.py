"""`@task.venv("name")`: Airflow's own `@task.external_python` with an environment's name instead of a path."""

from __future__ import annotations

from typing import Any, Callable

from airflow_provider_pyenv.environments import pyenv_python

try:  # Airflow 3
    from airflow.sdk.bases.decorator import task_decorator_factory
except ImportError:
    from airflow.decorators.base import task_decorator_factory
try:  # Airflow 3, and Airflow 2 where its decorators are the standard provider's
    from airflow.providers.standard.decorators.external_python import _PythonExternalDecoratedOperator
except ImportError:
    from airflow.decorators.external_python import _PythonExternalDecoratedOperator


class VenvDecoratedOperator(_PythonExternalDecoratedOperator):
    """A task that runs in an environment of the image."""

    # Airflow removes the line with this name from the function's source before it runs it elsewhere.
    custom_operator_name: str = "@task.venv"


def venv_task(name: str, **kwargs: Any) -> Callable[..., Any]:
    """Run a task in the environment `name`, with the keyword arguments of `@task.external_python`.

    Raises:
        TypeError: the name is missing
        UnknownEnvironmentError: the image has no such environment

    """
    if not isinstance(name, str):
        raise TypeError('@task.venv needs the name of an environment: write @task.venv("name")')
    return task_decorator_factory(python=pyenv_python(name), decorated_operator_class=VenvDecoratedOperator, **kwargs)
