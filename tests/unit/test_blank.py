"""`dockerfile-pyenv blank`: what linters get to read."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from tests.unit.dockerfiles import dockerfiles

from dockerfile_pyenv.cli.blank import blank
from dockerfile_pyenv.dockerfile.lexer import lex

Run = Callable[..., tuple[int, str, str]]
CASES = sorted((Path(__file__).parents[2] / "dockerfile-syntax/cases").glob("**/Dockerfile"))
TEXT = b"""# syntax=dockerfile-pyenv:1
FROM debian
PYENV 3.13 etl \\
    # why
    pandas==2.2.3 <<EOF

RUN this is a requirement, or not
EOF
RUN cd /x
"""
BLANK = b"""# syntax=dockerfile-pyenv:1
FROM debian
# PYENV 3.13 etl \\
#     # why
#     pandas==2.2.3 <<EOF

# RUN this is a requirement, or not
# EOF
RUN cd /x
"""


def keeps(data: bytes) -> None:
    """Check that all other instructions are as they were, at the lines where they were."""
    said = blank(data)
    before, after = lex(data), lex(said)
    assert [(item.text, item.lines) for item in after.instructions] == [
        (item.text, item.lines) for item in before.instructions if item.keyword != "PYENV"
    ]
    assert after.directives == before.directives
    for old, new in zip(data.split(b"\n"), said.split(b"\n"), strict=True):
        assert new in {old, b"# " + old}


def test_each_line_becomes_a_comment() -> None:
    """Heredocs and the lines of a continued instruction too; empty lines stay."""
    assert blank(TEXT) == BLANK
    assert blank(TEXT.replace(b"\n", b"\r\n")) == BLANK.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("file", CASES, ids=lambda file: "/".join(file.parts[-3:-1]))
def test_nothing_else_changes_in_the_cases(file: Path) -> None:
    data = file.read_bytes()
    try:
        lex(data)
    except Exception:  # noqa: BLE001 - a file that no tool reads
        return
    keeps(data)


@given(dockerfiles())
def test_nothing_else_changes_in_random_files(text: str) -> None:
    keeps(text.encode())


def test_it_reads_stdin_and_files(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Dockerfile").write_bytes(TEXT)
    assert run("blank", tmp_path) == (0, BLANK.decode(), "")
    assert run("blank", "-f", tmp_path / "Dockerfile") == (0, BLANK.decode(), "")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT)))
    assert run("blank", "-f", "-") == (0, BLANK.decode(), "")
    assert run("blank", tmp_path / "missing")[0] == 2


def test_hadolint_reads_it_and_reports_the_right_lines() -> None:
    """Without it, hadolint stops at the first PYENV line."""
    hadolint = [str(Path(sys.executable).with_name("hadolint")), "--no-color", "-"]
    as_it_is = subprocess.run(hadolint, input=TEXT, capture_output=True, check=False)
    assert b"unexpected 'P'" in as_it_is.stdout + as_it_is.stderr
    blanked = subprocess.run(hadolint, input=blank(TEXT), capture_output=True, check=False)
    assert b"-:9 DL3003" in blanked.stdout
    assert b"unexpected" not in blanked.stdout + blanked.stderr
