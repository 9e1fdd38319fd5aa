"""`--builder` and `--check-imports`, with packages from PyPI."""

import pytest
from tests.bed.engine import Engine
from tests.engine.conftest import Project
from tests.engine.test_builds import ENVS, SYNTAX, python_of

BUILDER = (
    "FROM debian:bookworm-slim AS build\nRUN echo header > /only-here.h\nENV BUILD_FLAGS=-O3\n"
    "FROM debian:bookworm-slim\nUSER 50000\n"
)
APT = "apt-get update -qq && apt-get install -qq --no-install-recommends"
SETUP = """\
import os
from setuptools import setup

assert os.path.exists("/only-here.h"), "only-here.h: No such file"
setup(name="compiled", version="1.0", py_modules=["compiled"])
open("compiled.py", "w").write(f"flags = {os.environ['BUILD_FLAGS']!r}\\n")
"""


DYNAMIC = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "dynamic"
version = "1.0"
dynamic = ["dependencies"]

[tool.setuptools.dynamic]
dependencies = {file = ["dependencies.txt"]}
"""


def test_packages_are_built_in_the_builder(engine: Engine, project: Project) -> None:
    """With its files and its ENV; the image gets the environment alone, and belongs to its own USER.

    A project whose dependencies only a build tells is built from a copy, here as in the stage.
    """
    files = {"words.txt": "docopt==0.6.2\n./compiled\n", "compiled/setup.py": SETUP, "compiled/compiled.py": ""}
    files |= {"dynamic/pyproject.toml": DYNAMIC, "dynamic/dependencies.txt": "python-slugify==8.0.4\n"}
    line = (
        "PYENV --builder=build --check-imports 3.11 words words.txt\n"
        "PYENV --check-imports 3.11 dynamic dynamic/pyproject.toml\n"
    )
    context = project({"Dockerfile": SYNTAX + BUILDER + line, **files})
    built = engine.build(context, "--no-cache-filter=words", "--no-cache-filter=dynamic")
    assert "words: installing in the builder: compiled is a project directory" in built.log
    assert "words: imports: compiled, docopt" in built.log
    assert "dynamic: installing in the build stage: only a build tells the dependencies of dynamic/pyproject.toml" in (
        built.log
    )
    assert "dynamic: imports: slugify" in built.log
    assert python_of(engine, built.image, "words", "import compiled, docopt; print(compiled.flags)") == "-O3"
    assert engine.run(built.image, "stat", "-c", "%u", f"{ENVS}/words/bin/pip") == "50000"
    left = "ls -d /only-here.h /run/dockerfile-pyenv 2> /dev/null || echo nothing"
    assert engine.run(built.image, "sh", "-c", left) == "nothing"
    sequential = engine.build(context, "--build-arg=PYENV_PARALLEL=0")
    assert python_of(engine, sequential.image, "words", "import compiled; print(compiled.flags)") == "-O3"


def test_what_an_image_lacks_is_told(engine: Engine, project: Project) -> None:
    """A wheel's shared library that the image does not have is in the log, and fails a check of imports."""
    line = "FROM debian:bookworm-slim\nPYENV 3.11 odbc pyodbc==5.2.0\n"
    told = "pyodbc requires libodbc.so.2, which the image lacks: install unixodbc (on Debian and Ubuntu) in this stage"
    assert f"odbc: {told}" in engine.build(project({"Dockerfile": SYNTAX + line}), "--no-cache-filter=odbc").log
    checked = project({"Dockerfile": SYNTAX + line})
    failed = engine.build(checked, "--build-arg=PYENV_CHECK_IMPORTS=true", check=False)
    assert failed.returncode
    assert (
        "odbc: cannot import pyodbc of pyodbc: ImportError: libodbc.so.2: cannot open shared object file: "
        "No such file or directory\n"
    ) in failed.log
    assert "the image lacks the shared library libodbc.so.2: install unixodbc" in failed.log
    assert ">>> PYENV 3.11 odbc pyodbc==5.2.0" in failed.log


@pytest.mark.slow
def test_a_compiler_stays_in_the_builder(engine: Engine, project: Project) -> None:
    """psycopg2 is compiled there; what it requires at run time is told, and once installed it can be imported."""
    builder = BUILDER.replace("RUN echo header > /only-here.h", f"RUN {APT} gcc libc6-dev libpq-dev")
    line = "PYENV --builder=build 3.11 pg psycopg2==2.9.9\n"
    built = engine.build(project({"Dockerfile": SYNTAX + builder + line}), "--no-cache-filter=pg")
    assert "pg: psycopg2 requires libpq.so.5, which the image lacks: install libpq5 (on Debian and Ubuntu)" in built.log
    assert engine.run(built.image, "sh", "-c", "command -v gcc || echo none") == "none"
    checked = builder.replace("\nUSER", f"\nRUN {APT} libpq5\nUSER") + line.replace("3.11", "--check-imports 3.11")
    log = engine.build(project({"Dockerfile": SYNTAX + checked}), "--no-cache-filter=pg").log
    assert "pg: imports: psycopg2" in log
    assert "which the image lacks" not in log
