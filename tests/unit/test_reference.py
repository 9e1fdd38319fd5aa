"""The examples of the reference, as far as they need no engine; tests/engine/test_reference.py builds them."""

import itertools
import re
from datetime import date
from pathlib import Path

import pytest
from tests.reference import REFERENCE, Block, Example, blocks, examples
from tests.unit.planning import Files

from dockerfile_pyenv import checks, cli, lint, requirement_files
from dockerfile_pyenv.checks.choices import Choices
from dockerfile_pyenv.checks.rule import Subject
from dockerfile_pyenv.checks.rules import RULES
from dockerfile_pyenv.commands.workspace import Workspace
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.lexer import lex
from dockerfile_pyenv.offline import Given
from dockerfile_pyenv.stages import pyenv_lines

TODAY = date(2026, 11, 24)
EXAMPLES = examples()
KINDS = {"build", "plan", "warn", "error", "frontend"}


def spoken(example: Example) -> list[str]:
    """The rules that have something to say about an example. Raises DockerfileError for one that cannot be built."""
    dockerfile = lex(example.dockerfile.encode())
    plan = Workspace("Dockerfile", Path(), dockerfile, pyenv_lines(dockerfile), Given("linux/amd64"), {}).plan()
    read = requirement_files.collect(
        plan, Files({"dist/mypackage-1.0-py3-none-any.whl": b""} | {k: v.encode() for k, v in example.files.items()})
    )
    found = checks.find(Subject(dockerfile, lint.asked(plan, read), TODAY), Choices())
    return [warning.rule for warning in found]


def test_every_block_is_of_a_kind_that_a_test_knows() -> None:
    """A block without a language is grammar or a picture; what else there is, some test runs."""
    languages = {block.language for block in blocks()}
    assert languages <= {"", "dockerfile", "text", "console", "mermaid", "json"}
    assert {example.kind for example in EXAMPLES} <= KINDS
    assert all(example.block.attributes["plan"] for example in EXAMPLES if example.kind == "plan")


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.kind != "error"], ids=lambda one: one.id)
def test_an_example_is_planned_and_no_rule_speaks_but_the_one_named(example: Example) -> None:
    """What the page shows as right is right by the rules, and what it shows a rule by is found by it."""
    warned = example.block.attributes.get("warn", "")
    assert spoken(example) == [rule for rule in warned.split(",") if rule]


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.kind == "error"], ids=lambda one: one.id)
def test_a_wrong_example_gets_the_error_that_the_page_shows(example: Example) -> None:
    """The words below a wrong example are those of its error."""
    with pytest.raises(DockerfileError) as caught:
        spoken(example)
    assert str(caught.value) == example.says.strip()


@pytest.mark.parametrize(
    ("example", "commands"),
    [(one, block) for one in EXAMPLES for block in one.commands if "engine" not in block.attributes],
    ids=lambda value: f"line {value.line}" if isinstance(value, Block) else value.id,
)
def test_a_command_prints_what_the_page_shows(
    example: Example,
    commands: Block,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Run in the directory of the example above it."""
    example.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    for words, shown in commands.commands:
        assert words[0] == "dockerfile-pyenv"
        with pytest.raises(SystemExit):
            cli.main(list(itertools.takewhile(lambda word: word != ">", words[1:])))
        if ">" not in words:
            assert re.fullmatch(".*".join(map(re.escape, shown.split("…"))), capfd.readouterr().out)


def test_every_rule_has_its_section() -> None:
    """Warnings link to the sections, so each rule has one, in the order of the list."""
    page = REFERENCE.read_text()
    assert [line for line in page.splitlines() if line.startswith("### Pyenv")] == [
        f"### {rule.name}" for rule in RULES
    ]
    for rule in RULES:
        assert f"\n### {rule.name}\n\n{rule.description}." in page
