"""The tutorial and the guides, as far as they need no engine; tests/airflow/test_tutorial.py runs the tutorial."""

import ast
import re
import sys
from pathlib import Path

import pytest
from tests.reference import GUIDES, LANGUAGE, TUTORIAL, Example, blocks, examples
from tests.unit.conftest import Run

PICTURE = LANGUAGE / "how-it-works.svg"
EXAMPLES = [pytest.param(one, id=f"{page.stem}-{one.block.line}") for page in GUIDES for one in examples(page)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_guides_dockerfile_has_no_mistakes(example: Example, tmp_path: Path, run: Run) -> None:
    example.write(tmp_path)
    assert run("check", "--platform=linux/amd64", tmp_path) == (0, f"{tmp_path}/Dockerfile: no warnings\n", "")


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guides_blocks_are_of_a_kind_that_a_reader_knows(page: Path) -> None:
    """Shell for commands with an output of no interest, `console` for those that tests run."""
    for block in blocks(page):
        assert block.language in {"console", "dockerfile", "python", "sh", "text"}, block.line
        if block.language == "python":
            ast.parse(block.text)
        if block.language == "console":
            assert page == TUTORIAL, block.line


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guides_builds_give_its_dockerfiles_what_they_name(page: Path) -> None:
    """Secrets and build contexts of `docker build`, by the names in the Dockerfile above it, and no others."""
    named: set[str] = set()
    for block in blocks(page):
        if block.language == "dockerfile":
            named = set(re.findall(r"--secret=id=([\w.]+)|from=(?!build)(\w+)", block.text))
            named = {secret or context for secret, context in named}
        for command in block.text.splitlines() if block.language == "sh" else ():
            given = set(re.findall(r"--secret id=([\w.]+)|--build-context ([\w-]+)=", command))
            given = {secret or context for secret, context in given} - {"pyenv-mirror"}
            if command.startswith("docker build"):
                assert given in ({*named}, set()), block.line


def test_the_picture_shows_the_tutorials_graph(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, *, regenerate: bool
) -> None:
    """`make table` draws it again with new Pythons; `REGENERATE=1` does so for this test alone."""
    (example,) = examples(TUTORIAL)
    example.write(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/dot").symlink_to(Path(sys.executable).with_name("graphviz-pure"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    status, drawn, said = run("graph", "--format=svg", "--platform=linux/amd64", "--user=airflow", tmp_path)
    assert (status, said) == (0, "")
    if regenerate:
        PICTURE.write_text(drawn)
    assert PICTURE.read_text() == drawn
