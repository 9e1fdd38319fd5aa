"""What a user sees of a build while it runs."""

from collections.abc import Callable

import pytest
from tests.bed.engine import Engine
from tests.engine import progress
from tests.engine.conftest import Project
from tests.engine.wheels import wheel

NAME, DATA = wheel("given")
LINES = {
    "one": "[4/7] PYENV 3.9 one one.txt",
    "two": "[5/7] PYENV 3.11 two",
    "python3.13": "[6/7] PYENV --no-venv 3.13",
}
INTERPRETERS = {
    f"[4/7] PYENV {minor} (CPython {full}, standalone by default)"
    for minor, full in (("3.9", "3.9.2"), ("3.11", "3.11.2"), ("3.13", "3.13.5"))
}


@pytest.mark.parametrize("kind", ["28", "28-containerd"])
def test_a_line_is_one_step_under_its_own_words(engines: Callable[[str], Engine], project: Project, kind: str) -> None:
    """All that is made of a line is one group of its name, and what the installer says is plain text of that group."""
    text = (
        f"FROM debian:bookworm-slim\nRUN true\nCOPY {NAME} /tmp/\n"
        "PYENV 3.9   one one.txt\nPYENV 3.11 two\nPYENV --no-venv 3.13\nRUN true\n"
    )
    context = project({"Dockerfile": "# syntax=dockerfile-pyenv:dev\n" + text, NAME: DATA, "one.txt": f"/tmp/{NAME}\n"})
    made = progress.parse(engines(kind).build("--no-cache", "--output=type=cacheonly", context, progress="rawjson").log)
    lines = [step for step in made.steps.values() if "] PYENV " in step.name]
    merged = [step.name for step in lines if not step.group]
    assert merged == (["[6/7] PYENV one, two, python3.13"] if kind == "28-containerd" else [])
    groups = {step.group: [one.name for one in lines if one.group == step.group] for step in lines if step.group}
    assert set(groups) == set(LINES.values()) | INTERPRETERS
    assert all(set(names) == {group} for group, names in groups.items())
    for name, line in LINES.items():
        (log,) = [step.log for step in lines if step.group == line and step.log]
        assert log.startswith(f"{name}: Python 3.")
        assert not set(log) & set("\r\x1b\b")
    (log,) = [step.log for step in lines if step.group == LINES["one"] and step.log]
    assert f" + given==1.0 (from file:///tmp/{NAME})\n" in log
    others = [step.name for step in made.steps.values() if "dockerfile-pyenv/" in step.name]
    assert others == []
