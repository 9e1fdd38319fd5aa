"""Packages come from where the stage's settings say, and from nowhere else."""

import re

from tests.bed.engine import Engine
from tests.bed.index import Index
from tests.engine.conftest import Project
from tests.engine.wheels import wheel

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
PYTHON = "/opt/astro-pyenv/envs/one/bin/python"


def test_an_index_from_the_stages_variables(engine: Engine, project: Project, index: Index) -> None:
    """PIP_INDEX_URL counts; what would bind the environment to the base's own packages does not.

    The log tells of releases that exclude this Python.
    """
    for version in ("1.0", "2.0"):
        index.add(*wheel("given", version, requires=("needed>=1",)))
    index.add(*wheel("given", "3.0", python=">=3.10"))
    index.add(*wheel("needed", "1.5"))
    context = project(
        {
            "Dockerfile": SYNTAX
            + f"FROM debian:bookworm-slim\nENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"
            + "RUN echo given==1.0 > /constraints.txt\nENV PIP_CONSTRAINT=/constraints.txt PIP_TARGET=/elsewhere\n"
            + "PYENV 3.9 one one.txt\n",
            "one.txt": "given\n",
        }
    )
    result = engine.build(context)
    code = "import given, needed; print(given.__version__, needed.__version__)"
    assert engine.run(result.image, PYTHON, "-c", code) == "2.0 1.5"
    told = "one: older releases, because newer ones do not support Python 3.9: given 2.0 instead of 3.0\n"
    assert told in result.log
    assert not [path for path in engine.files(result.image) if path.startswith("elsewhere")]


def test_an_index_from_pips_configuration(engine: Engine, project: Project, index: Index) -> None:
    """/etc/pip.conf counts as it does for pip, and its constraint does not, whoever chooses the installer."""
    index.add(*wheel("given", "1.0"))
    index.add(*wheel("given", "3.0"))
    config = f"[global]\\nindex-url = {index.url}\\ntrusted-host = {index.host}\\nconstraint = /c.txt\\n"
    context = project(
        {
            "Dockerfile": SYNTAX
            + f"FROM debian:bookworm-slim\nRUN printf '{config}' > /etc/pip.conf && echo 'given<2' > /c.txt\n"
            + "PYENV 3.11 one one.txt\n",
            "one.txt": "given\n",
        }
    )
    for choice in ("--build-arg=PYENV_INSTALLER=pip", "--build-arg=PYENV_INSTALLER=uv"):
        result = engine.build(choice, context)
        assert (re.search(r"one: installing with pip [0-9.]+", result.log, re.MULTILINE) is not None) == (
            "pip" in choice
        )
        assert engine.run(result.image, PYTHON, "-c", "import given; print(given.__version__)") == "3.0"


def test_a_package_that_no_index_has(engine: Engine, project: Project, index: Index) -> None:
    """What is missing is named, at the PYENV line."""
    context = project(
        {
            "Dockerfile": SYNTAX
            + f"FROM debian:bookworm-slim\nENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"
            + "PYENV 3.9 one one.txt\n",
            "one.txt": "absent==1.0\n",
        }
    )
    result = engine.build(context, check=False)
    assert result.returncode != 0
    assert "absent" in result.log
    assert ">>> PYENV 3.9 one one.txt" in result.log
