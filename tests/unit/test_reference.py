"""The examples of the reference, as far as they need no engine; tests/engine/test_reference.py builds them."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.reference import REFERENCE, Block, Example, blocks, examples
from tests.unit.planning import Files

from dockerfile_pyenv.checks import warnings as checks
from dockerfile_pyenv.checks.choices import Choices
from dockerfile_pyenv.checks.context import checked_lines, rule_context
from dockerfile_pyenv.checks.registry import RULES
from dockerfile_pyenv.cli.main import main
from dockerfile_pyenv.cli.workspace import Workspace
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.lines import pyenv_lines
from dockerfile_pyenv.plan import requirement_files
from dockerfile_pyenv.plan.offline import OfflineBuild

TODAY = date(2026, 11, 24)
EXAMPLES = examples()
KINDS = {"build", "plan", "warn", "error", "frontend"}


def spoken(example: Example) -> list[str]:
    """The rules that have something to say about an example. Raises DockerfileError for one that cannot be built."""
    dockerfile = lex(example.dockerfile.encode())
    workspace = Workspace("Dockerfile", Path(), dockerfile, pyenv_lines(dockerfile), OfflineBuild("linux/amd64"), {})
    around = workspace.around()
    plan = workspace.plan(around)
    read = requirement_files.collect(
        plan, Files({"dist/mypackage-1.0-py3-none-any.whl": b""} | {k: v.encode() for k, v in example.files.items()})
    )
    context = rule_context(dockerfile, workspace, checked_lines(plan, read), around)

    def present(paths: Sequence[str]) -> list[str]:
        return [path for path in paths if any(f"{file}/".startswith(f"{path}/") for file in example.files)]

    found = checks.find_warnings(replace(context, today=TODAY, present=present, reached=True), Choices())
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
            main(list(itertools.takewhile(lambda word: word != ">", words[1:])))
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
