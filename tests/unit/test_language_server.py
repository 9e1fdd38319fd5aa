"""`dockerfile-pyenv language-server`, by the messages of an editor."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dockerfile_pyenv.cli.language_server import completions
from dockerfile_pyenv.cli.main import main
from dockerfile_pyenv.instruction.flags import KNOWN

TEXT = "#syntax=a\nFROM debian\nPYENV 3.14 \\\n  a-b\nPYENV 3.14 etl\n"


def framed(message: dict[str, Any]) -> bytes:
    """A message as the protocol sends it."""
    data = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n" % len(data) + data


def session(
    monkeypatch: pytest.MonkeyPatch, messages: list[dict[str, Any]], *arguments: str
) -> tuple[int, list[dict[str, Any]]]:
    """The exit status of a session, and what the server says."""
    outgoing = io.BytesIO()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"".join(map(framed, messages)))))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=outgoing))
    with pytest.raises(SystemExit) as caught:
        main(["language-server", *arguments])
    said = [json.loads(part) for part in outgoing.getvalue().split(b"\r\n\r\n")[1:] for part in [cut(part)]]
    assert isinstance(caught.value.code, int)
    return caught.value.code, said


def cut(part: bytes) -> bytes:
    """A message without the header of the next one."""
    return part.rpartition(b"Content-Length")[0] or part


def document(path: Path, **more: object) -> dict[str, Any]:
    """What names an open file."""
    return {"textDocument": {"uri": path.as_uri(), **more}}


END = [{"id": 99, "method": "shutdown"}, {"method": "exit"}]


def test_findings_follow_the_text_of_the_editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not that of the disk; and they go when the file is closed."""
    path = tmp_path / "Dockerfile"
    fixed = TEXT.replace("a-b", "ab")
    status, said = session(
        monkeypatch,
        [
            {"id": 1, "method": "initialize", "params": {}},
            {"method": "initialized", "params": {}},
            {"method": "textDocument/didOpen", "params": document(path, text=TEXT, languageId="dockerfile")},
            {"method": "textDocument/didChange", "params": {**document(path), "contentChanges": [{"text": fixed}]}},
            {"method": "textDocument/didClose", "params": document(path)},
            *END,
        ],
    )
    assert status == 0
    started, opened, changed, closed, _ = said
    assert started["result"]["capabilities"]["textDocumentSync"]["change"] == 1
    (found,) = opened["params"]["diagnostics"]
    assert found["message"].startswith("a shell cannot read the variable ASTRO_PYENV_a-b")
    assert (found["code"], found["severity"], found["source"]) == ("PyenvNameNotShell", 2, "dockerfile-pyenv")
    assert found["range"] == {"start": {"line": 2, "character": 0}, "end": {"line": 3, "character": 5}}
    assert changed["params"] == closed["params"] == {"uri": path.as_uri(), "diagnostics": []}


def test_errors_are_findings_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing file at its line, and a file that cannot be read as a Dockerfile; files are those of the context."""
    (tmp_path / "r.txt").write_text("a==1\n")
    folder = tmp_path / "docker"
    path = folder / "Dockerfile"
    opened = {"method": "textDocument/didOpen"}
    messages = [
        {**opened, "params": document(path, text="#syntax=a\nFROM debian\nPYENV 3.14 a r.txt\n")},
        {**opened, "params": document(path, text="#syntax=a\nFROM debian\nPYENV 3.14 a <<E\n")},
        *END,
    ]
    _, (first, second, _) = session(monkeypatch, messages)
    (found,) = first["params"]["diagnostics"]
    assert found["message"].startswith("r.txt does not exist in the build context")
    assert (found["range"]["start"]["line"], found["severity"]) == (2, 1)
    assert second["params"]["diagnostics"][0]["severity"] == 1
    _, (first, *_) = session(monkeypatch, messages, f"--context={tmp_path}")
    assert first["params"]["diagnostics"] == []


def test_what_is_not_supported_is_said_and_the_session_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a shutdown before, the end is an error, as the protocol wants."""
    asked = {**document(tmp_path / "not-open"), "position": {"line": 0, "character": 0}}
    status, (unknown, failed) = session(
        monkeypatch,
        [
            {"id": 1, "method": "textDocument/hover", "params": {}},
            {"method": "$/setTrace", "params": {}},
            {"id": 2, "method": "textDocument/completion", "params": asked},
        ],
    )
    assert status == 1
    assert unknown["error"]["code"] == -32601
    assert failed["error"]["code"] == -32603


def test_flags_are_completed_at_the_cursor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Counted in UTF-16 units, as editors do."""
    path = tmp_path / "Dockerfile"
    text = "FROM debian\n# 😀\nPYENV --installer=😀 --se 3.14 a\n"
    asked = {**document(path), "position": {"line": 2, "character": len("PYENV --installer=😀 --se") + 1}}
    opened = {"method": "textDocument/didOpen", "params": document(path, text=text)}
    _, said = session(monkeypatch, [opened, {"id": 1, "method": "textDocument/completion", "params": asked}, *END])
    items = {item["label"]: item for item in said[1]["result"]}
    assert "--installer" not in items
    assert items["--secret"]["textEdit"] == {
        "range": {"start": {"line": 2, "character": 21}, "end": {"line": 2, "character": 25}},
        "newText": "--secret=",
    }


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ("FROM debian\nPYENV ", True),
        ("FROM debian\nPYENV -", True),
        ("FROM debian\nPYENV --seed \\\n  --", True),
        ("FROM debian\npyenv --secret=id=a --", True),
        ("FROM debian\nPYENV 3", False),
        ("FROM debian\nPYENV 3.9 a --", False),
        ("FROM debian\nPYENV --installer=", False),
        ("FROM debian\nPYENV 3.9 a <<E\n--", False),
        ("FROM debian\nRUN --", False),
        ("FROM debian\nRUN x \\\nPYENV --", False),
        ("", False),
    ],
)
def test_flags_are_offered_where_they_can_stand(before: str, offered: bool) -> None:  # noqa: FBT001
    expected = [f"--{name}" for name in KNOWN if f"--{name} " not in before]
    assert [item["label"] for item in completions(before)] == (expected if offered else [])
