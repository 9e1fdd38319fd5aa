"""Real requirement sets are built, and what they name is imported: tests/requirements/sets/.

A set is a requirements file, with its Python and a date in comments: no release after that date is installed. A third
comment names Debian packages, where wheels need libraries that a slim image lacks. Eight small ones are built at once
in every run, all others by `make test-sets`.
"""

import re
from pathlib import Path

import pytest
from tests.bed.engine import Engine
from tests.engine.conftest import Project

from dockerfile_pyenv.instruction import flags

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
SETS = sorted((Path(__file__).parents[1] / "requirements/sets").glob("*.txt"))
SMALL = ("boto3", "http-clients", "jinja-yaml", "old-sdists", "papermill", "slack-jira", "soda", "sqlalchemy")
BASE = "FROM debian:bookworm-slim\n{packages}USER 50000\n"
INSTALL = "RUN apt-get update -qq && apt-get install -qq --no-install-recommends {packages} > /dev/null\n"


def line(path: Path) -> str:
    """The PYENV line of a set."""
    text = path.read_text()
    python = re.search(r"^# python: (\S+)$", text, re.MULTILINE)
    date = re.search(r"^# date: (\S+)$", text, re.MULTILINE)
    assert python, f"{path.name} does not name its Python"
    assert date, f"{path.name} does not name its date"
    dated = [f"--exclude-newer={date[1]}"] if "exclude-newer" in flags.KNOWN else []
    return " ".join(["PYENV", *dated, "--check-imports", python[1], path.stem.replace("-", "_"), path.name]) + "\n"


def base(paths: list[Path]) -> str:
    """The lines above those of these sets."""
    named = [found[1] for path in paths if (found := re.search(r"^# packages: (.+)$", path.read_text(), re.MULTILINE))]
    return BASE.format(packages=INSTALL.format(packages=" ".join(named)) if named else "")


def build(engine: Engine, project: Project, paths: list[Path]) -> None:
    """Build sets in one image, which imports what they name."""
    files = {path.name: path.read_text() for path in paths}
    built = engine.build(
        project({"Dockerfile": SYNTAX + base(paths) + "".join(map(line, paths)), **files}), "--no-cache"
    )
    for path in paths:
        assert re.search(rf"{path.stem.replace('-', '_')}: imports: \w", built.log), built.log


def test_small_sets_build_and_import(engine: Engine, project: Project) -> None:
    paths = [path for path in SETS if path.stem in SMALL]
    assert len(paths) == len(SMALL)
    build(engine, project, paths)


@pytest.mark.sets
@pytest.mark.parametrize("path", [one for one in SETS if one.stem not in SMALL], ids=lambda one: str(one.stem))
def test_sets_build_and_import(engine: Engine, project: Project, path: Path) -> None:
    build(engine, project, [path])
