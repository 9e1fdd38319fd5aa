"""Airflow tasks in the environments of PYENV lines: `@task.venv("name")` and `pyenv_python("name")`."""

from __future__ import annotations

from airflow_provider_pyenv.environments import UnknownEnvironmentError, pyenv_python

__version__ = "1.0.0.dev0"
__all__ = ["UnknownEnvironmentError", "provider_info", "pyenv_python"]


def provider_info() -> dict[str, object]:
    """The metadata that Airflow's provider manager requires (airflow/provider_info.schema.json, Airflow 2.9)."""
    return {
        "package-name": "airflow-provider-pyenv",
        "name": "PYENV environments",
        "description": "Tasks in the environments of a Dockerfile's PYENV lines.",
        "versions": [__version__],
        "task-decorators": [{"name": "venv", "class-name": "airflow_provider_pyenv.decorators.venv_task"}],
    }
