"""PyenvAirflowInstalled: Airflow or one of its providers in an environment for tasks."""

from collections.abc import Iterator

from dockerfile_pyenv.checks.packages import by_file, listed, packages
from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext

_ALLOWED = frozenset({"apache-airflow-task-sdk"})
"""Fine for tasks of Airflow 3: the SDK alone, without the scheduler's dependencies."""

_PARTS = ("apache-airflow-providers-", "apache-airflow-core", "astronomer-providers")


def _find(context: RuleContext) -> Iterator[Finding]:
    for checked in context.lines:
        if checked.statement.flags.airflow:
            continue  # intended, and in the right version
        found = [package for file in checked.files for package in packages(file) if _is_airflow(package.name)]
        if found:
            named = (
                f"{file} installs {listed([package.name + package.line_shown for package in some])}"
                for file, some in by_file(found)
            )
            yield Finding(
                f"{' and '.join(named)}: ExternalPythonOperator does not need Airflow in the environment, and "
                "Airflow's dependencies bring back the conflicts that the environment avoids. For dates of the task's "
                "context, pendulum and lazy-object-proxy are enough. For Variables, Connections and the rest of the "
                "context, write --airflow=task-sdk (Airflow 3) or --airflow=same on the PYENV line: it installs the "
                "base image's version",
                checked.line.lines,
            )


def _is_airflow(name: str) -> bool:
    return name == "apache-airflow" or (name.startswith(_PARTS) and name not in _ALLOWED)


RULE = Rule(
    name="PyenvAirflowInstalled",
    description="Airflow or one of its providers brings back the conflicts that the environment is there to avoid",
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
