"""`dockerfile-pyenv check`."""

import base64
import json
from pathlib import Path

import pytest

from dockerfile_pyenv import cli
from dockerfile_pyenv.checks.rules import RULES


def run(*arguments: str) -> int:
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["check", *arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def write(folder: Path, dockerfile: str, requirements: str = "pandas==2.2.3\n") -> str:
    """Write a build context, and name it."""
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "reqs.txt").write_text(requirements)
    return str(folder)


def test_a_clean_file_has_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to say is said in one line; a base image's USER is not asked for."""
    context = write(
        tmp_path, "# syntax=dockerfile-pyenv:1\nFROM quay.io/astronomer/astro-runtime:13.2.0\nPYENV 3.14 etl reqs.txt\n"
    )
    assert run(context) == 0
    assert capsys.readouterr().out == f"{context}/Dockerfile: no warnings\n"


def test_findings_have_status_1_and_an_excerpt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text is that of `docker build --check`."""
    context = write(tmp_path, "# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.14 etl reqs.txt\n", "pandas\n")
    assert run(context) == 1
    assert capsys.readouterr().out == (
        "WARNING: PyenvUnpinnedRequirement - https://github.com/dockerfile-pyenv/dockerfile-pyenv/blob/main/"
        "dockerfile-syntax/reference.md#pyenvunpinnedrequirement\n"
        "reqs.txt has no exact version for pandas (line 1): write name==version, or lock the line with "
        "`dockerfile-pyenv lock`, so that every build installs the same\n"
        f"{context}/Dockerfile:3\n--------------------\n"
        "   1 |     # syntax=dockerfile-pyenv:1\n   2 |     FROM debian\n"
        "   3 | >>> PYENV 3.14 etl reqs.txt\n   4 |     \n--------------------\n"
        f"{context}/Dockerfile: 1 warning\n"
    )


def test_an_error_is_told_beside_the_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON in the shape of `docker build --call=check,format=json`."""
    context = write(tmp_path, "#syntax=a\nFROM debian\nENV 3.8 name reqs.txt\nPYENV 3.14 etl missing.txt\n")
    assert run(context, "--format=json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert [one["ruleName"] for one in answer["warnings"]] == ["PyenvTypo"]
    assert answer["buildError"]["message"].startswith("missing.txt cannot be read in the build context")
    assert answer["buildError"]["location"] == {"ranges": [{"start": {"line": 4}, "end": {"line": 4}}]}
    assert base64.b64decode(answer["sources"][0]["data"]) == (tmp_path / "Dockerfile").read_bytes()


def test_rules_are_skipped_by_build_arg(tmp_path: Path) -> None:
    """The build arg that a build would be given counts here too."""
    context = write(tmp_path, "#syntax=a\nFROM debian\nPYENV 3.14 a-b\n")
    assert run(context) == 1
    assert run(context, "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=PyenvNameNotShell") == 0


def test_the_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each, its name first."""
    assert run("--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [rule.name for rule in RULES]


BROKEN = sorted((Path(__file__).parents[2] / "dockerfile-syntax/cases/astro").glob("*/checked"))


@pytest.mark.parametrize("golden", BROKEN, ids=lambda golden: golden.parent.name)
def test_what_is_wrong_in_a_users_file_is_said(
    golden: Path,
    regenerate: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file that no build of the predecessor understood is explained; tests/airflow builds it."""
    monkeypatch.chdir(golden.parent)
    skipped = "--build-arg=BUILDKIT_DOCKERFILE_CHECK=skip=PyenvEndOfLifePython"  # its advice changes with the date
    assert run(".", "--build-arg=PYENV_ASTRO=off", skipped) == 1
    said = capsys.readouterr().out
    if regenerate:
        golden.write_text(said)
    assert said == golden.read_text()


def test_a_frontend_may_be_named_by_a_build_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without a syntax line is right then."""
    context = write(tmp_path, "FROM debian\nPYENV 3.14 etl\n")
    assert run(context) == 1
    assert "the file has no syntax line" in capsys.readouterr().out
    assert run(context, "--build-arg=BUILDKIT_SYNTAX=dockerfile-pyenv:1") == 0
