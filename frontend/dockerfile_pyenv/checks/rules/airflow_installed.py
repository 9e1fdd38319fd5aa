"""PyenvAirflowInstalled: Airflow itself, or a provider of it, in an environment for tasks."""

from collections.abc import Iterator

from dockerfile_pyenv.checks.packages import packages
from dockerfile_pyenv.checks.rule import Example, Finding, Rule, Subject

_ALLOWED = frozenset({"apache-airflow-task-sdk"})
"""What tasks of Airflow 3 may well have: the SDK alone, without the scheduler's dependencies."""


def _find(subject: Subject) -> Iterator[Finding]:
    for asked in subject.asked:
        if asked.statement.flags.airflow:
            continue  # it is wanted, and fits
        for file in asked.files:
            for package in packages(file):
                if package.name in _ALLOWED:
                    continue
                if package.name == "apache-airflow" or package.name.startswith(
                    ("apache-airflow-providers-", "apache-airflow-core", "astronomer-providers")
                ):
                    yield Finding(
                        f"{package.place} installs {package.name}: ExternalPythonOperator needs no "
                        "Airflow in the environment, and its dependencies are what the environment is to be free of. "
                        "For dates of the task's context pendulum and lazy-object-proxy will do. A task that reads "
                        "Variables, Connections or more of its context wants Airflow in the very version of the base "
                        "image, which --airflow=task-sdk (Airflow 3) or --airflow=same on the PYENV line installs",
                        asked.line.lines,
                    )


RULE = Rule(
    name="PyenvAirflowInstalled",
    description="Airflow or one of its providers in an environment brings back the conflicts that it is to avoid",
    find=_find,
    good=Example(
        "# syntax=dockerfile-pyenv:1\nFROM apache/airflow:3.1.3\nUSER 50000\n"
        "PYENV --airflow=task-sdk 3.13 etl requirements.txt\n",
        {"requirements.txt": "pandas==2.2.3\n"},
    ),
    bad=Example(
        "# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl requirements.txt\n",
        {"requirements.txt": "apache-airflow-providers-snowflake==6.0.0\n"},
    ),
)
