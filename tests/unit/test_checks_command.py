"""`dockerfile-pyenv check`."""

import base64
import json
from pathlib import Path

import pytest

from dockerfile_pyenv.checks.registry import RULES
from dockerfile_pyenv.cli.main import main


def run(*arguments: str) -> int:
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as caught:
        main(["check", *arguments])
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
        "WARNING: PyenvUnpinnedRequirement\n"
        "reqs.txt does not pin pandas (line 1): write name==version, lock the line with "
        "`dockerfile-pyenv lock`, or add a date, --exclude-newer=<date>, so that every build installs the same versions"
        "\n"
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
    assert answer["buildError"]["message"].startswith("missing.txt does not exist in the build context")
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
    assert run(".", skipped) == 1
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


def test_several_files_are_checked_in_one_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A directory is a build context, a Dockerfile's directory is one too; the worst exit status counts."""
    clean, bad = tmp_path / "clean", tmp_path / "bad"
    for folder, line in ((clean, "etl"), (bad, "a-b")):
        folder.mkdir()
        write(folder, f"#syntax=a\nFROM debian\nPYENV 3.14 {line} reqs.txt\n")
    assert run(str(clean), str(bad / "Dockerfile")) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{clean}/Dockerfile: no warnings\n\nWARNING: PyenvNameNotShell\n")
    assert out.endswith(f"{bad}/Dockerfile: 1 warning\n")
    assert run(str(clean), str(clean / "Dockerfile")) == 0
    assert run(str(clean), str(tmp_path / "missing"), str(bad)) == 2
    out, err = capsys.readouterr()
    assert err == f"dockerfile-pyenv: {tmp_path}/missing does not exist: pass the Dockerfile with --file\n"
    assert out.endswith(f"{bad}/Dockerfile: 1 warning\n")


def test_files_of_one_build_context(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --file as for docker build, or with --context where a hook names the files."""
    (tmp_path / "docker").mkdir()
    for name in ("a", "b"):
        write(tmp_path / "docker", "#syntax=a\nFROM debian\nPYENV 3.14 etl reqs.txt\n")
        (tmp_path / "docker/Dockerfile").rename(tmp_path / f"docker/Dockerfile.{name}")
    (tmp_path / "docker/reqs.txt").rename(tmp_path / "reqs.txt")
    paths = [str(tmp_path / "docker" / f"Dockerfile.{name}") for name in ("a", "b")]
    said = "".join(f"{path}: no warnings\n" for path in paths).replace("\n/", "\n\n/")
    assert run(str(tmp_path), *(f"--file={path}" for path in paths)) == 0
    assert capsys.readouterr().out == said
    assert run(f"--context={tmp_path}", *paths) == 0
    assert capsys.readouterr().out == said
    assert run(*paths) == 1
    assert "reqs.txt does not exist in the build context" in capsys.readouterr().out
    assert run("--file=a", "one", "two") == 2
    assert "--file takes one build context" in capsys.readouterr().err


def test_json_of_several_files_is_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of one it is the object that `docker build --call=check,format=json` prints."""
    context = write(tmp_path, "#syntax=a\nFROM debian\nPYENV 3.14 etl reqs.txt\n")
    assert run("--format=json", context, context) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [report["warnings"] for report in reports] == [[], []]
    assert run("--format=json", context) == 0
    assert json.loads(capsys.readouterr().out) == reports[0]


def test_sarif_has_each_finding_at_its_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It fits the schema of SARIF 2.1.0 as far as forges read it: paths are relative to where the command runs."""
    context = write(tmp_path, "#syntax=a\nFROM debian\nENV 3.8 \\\n  name reqs.txt\nPYENV 3.14 etl missing.txt\n")
    assert run("--format=sarif", context) == 1
    log = json.loads(capsys.readouterr().out)
    (one,) = log["runs"]
    assert log["version"] == "2.1.0"
    rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert rules == [*(rule.name for rule in RULES), "PyenvError"]
    assert {result["ruleId"] for result in one["results"]} <= set(rules)
    warning, error = one["results"]
    place = warning["locations"][0]["physicalLocation"]
    assert (warning["level"], place["region"]) == ("warning", {"startLine": 3, "endLine": 4})
    assert place["artifactLocation"]["uri"] == f"{context}/Dockerfile"
    assert error["level"] == "error"
    assert error["message"]["text"].startswith("missing.txt does not exist in the build context")
    assert error["locations"][0]["physicalLocation"]["region"] == {"startLine": 5, "endLine": 5}


def test_a_file_that_is_not_read_as_a_dockerfile_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In every format."""
    context = write(tmp_path, "#syntax=a\nFROM debian\nPYENV 3.14 etl <<E\nnever closed\n")
    assert run(context) == 1
    assert capsys.readouterr().out.startswith("ERROR: ")
    assert run(context, "--format=sarif") == 1
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"][0]["ruleId"] == "PyenvError"
