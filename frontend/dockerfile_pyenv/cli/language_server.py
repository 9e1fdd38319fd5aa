"""`dockerfile-pyenv language-server`: findings of `check` and completion of flags in editors.

It speaks the Language Server Protocol 3.17 on standard input and output, and has no rules and no parser of its own.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote, urlsplit

from dockerfile_pyenv import __version__
from dockerfile_pyenv.cli import check
from dockerfile_pyenv.cli.workspace import add_build_arguments
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.instruction.flags import KNOWN

_FULL_TEXT: Final = 1  # TextDocumentSyncKind
_PROPERTY: Final = 10  # CompletionItemKind
_ERROR, _WARNING = 1, 2  # DiagnosticSeverity
_METHOD_NOT_FOUND, _INTERNAL_ERROR = -32601, -32603  # JSON-RPC


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "language-server",
        help="serve the findings of check, and completion of flags, to editors",
        description="Serve the findings of `check` and the completion of flags to editors, by the Language Server "
        "Protocol on standard input and output. The build context of a Dockerfile is its directory.",
    )
    parser.add_argument("--context", type=Path, help="the build context of all Dockerfiles")
    add_build_arguments(parser)
    parser.set_defaults(run=run, reads_itself=True)


def run(options: argparse.Namespace) -> int:
    """Run the command, until the editor says exit or closes standard input."""
    return Server(options, sys.stdin.buffer, sys.stdout.buffer).serve()


class Server:
    """One editor's session: its open files, by their addresses."""

    def __init__(self, options: argparse.Namespace, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._options = options
        self._incoming, self._outgoing = incoming, outgoing
        self._texts: dict[str, str] = {}
        self._shut_down = False
        self._methods: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
            "initialize": self._initialize,
            "shutdown": self._shutdown,
            "textDocument/didOpen": self._opened,
            "textDocument/didChange": self._changed,
            "textDocument/didSave": lambda given: self._publish(given["textDocument"]["uri"]),
            "textDocument/didClose": self._closed,
            "textDocument/completion": self._complete,
        }

    def serve(self) -> int:
        """Answer until the session ends; the exit status is 1 if the editor did not shut down before."""
        while (message := self._read()) is not None:
            method = message.get("method", "")
            if method == "exit":
                break
            answer = self._answer(method, message.get("params") or {})
            if "id" in message and method:
                self._send({"id": message["id"], **answer})
        return 0 if self._shut_down else 1

    def _answer(self, method: str, given: Mapping[str, Any]) -> dict[str, Any]:
        if method not in self._methods:
            return {"error": {"code": _METHOD_NOT_FOUND, "message": f"{method} is not supported"}}
        try:
            return {"result": self._methods[method](given)}
        except Exception as error:  # noqa: BLE001 - a session survives a request that fails
            sys.stderr.write(f"dockerfile-pyenv: {method}: {type(error).__name__}: {error}\n")
            return {"error": {"code": _INTERNAL_ERROR, "message": f"{type(error).__name__}: {error}"}}

    def _initialize(self, _: Mapping[str, Any]) -> dict[str, Any]:
        sync = {"openClose": True, "change": _FULL_TEXT, "save": True}
        completion = {"triggerCharacters": ["-"]}
        return {
            "capabilities": {"textDocumentSync": sync, "completionProvider": completion},
            "serverInfo": {"name": "dockerfile-pyenv", "version": __version__},
        }

    def _shutdown(self, _: Mapping[str, Any]) -> None:
        self._shut_down = True

    def _opened(self, given: Mapping[str, Any]) -> None:
        document = given["textDocument"]
        self._texts[document["uri"]] = document["text"]
        self._publish(document["uri"])

    def _changed(self, given: Mapping[str, Any]) -> None:
        uri = given["textDocument"]["uri"]
        self._texts[uri] = given["contentChanges"][-1]["text"]
        self._publish(uri)

    def _closed(self, given: Mapping[str, Any]) -> None:
        uri = given["textDocument"]["uri"]
        self._texts.pop(uri, None)
        self._notify(uri, [])

    def _publish(self, uri: str) -> None:
        """Check a file as the editor has it; the files that its lines name are read from disk."""
        path = Path(unquote(urlsplit(uri).path))
        text = self._texts[uri]
        place = {"context": self._options.context or path.parent, "file": str(path)}
        options = argparse.Namespace(**{**vars(self._options), **place})
        try:
            found = diagnostics(check.report(options, str(path), text.encode()).to_json(), text)
        except PyenvError as error:
            found = [_diagnostic([1], text.split("\n"), _ERROR, str(error))]
        self._notify(uri, found)

    def _notify(self, uri: str, found: list[dict[str, Any]]) -> None:
        self._send({"method": "textDocument/publishDiagnostics", "params": {"uri": uri, "diagnostics": found}})

    def _complete(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        position = given["position"]
        lines = self._texts[given["textDocument"]["uri"]].split("\n")
        # Positions count UTF-16 units.
        last = lines[position["line"]].encode("utf-16-le")[: 2 * position["character"]].decode("utf-16-le", "ignore")
        return completions("\n".join([*lines[: position["line"]], last]))

    def _read(self) -> dict[str, Any] | None:
        """The next message; None at the end."""
        length = 0
        while line := self._incoming.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] | None = json.loads(self._incoming.read(length)) if length else None
        return message

    def _send(self, message: Mapping[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._outgoing.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self._outgoing.flush()


def diagnostics(report: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """The output of `check --format=json` as the protocol's diagnostics."""
    lines = text.split("\n")
    found = []
    for warning in report["warnings"]:
        one = _diagnostic(_numbers(warning), lines, _WARNING, warning["detail"], warning["ruleName"])
        found.append({**one, "codeDescription": {"href": warning["url"]}} if warning["url"] else one)
    if error := report.get("buildError"):
        found.append(_diagnostic(_numbers(error), lines, _ERROR, error["message"]))
    return found


def completions(before: str) -> list[dict[str, Any]]:
    """The flags that can follow a text, which ends where the cursor is."""
    try:
        last = lex(before.encode()).instructions[-1]
    except (PyenvError, IndexError):
        return []
    words = last.text.split()
    typed = words.pop() if words and not before[-1:].isspace() else ""
    flags = [word for word in words if word.startswith("--")]
    if last.keyword != "PYENV" or flags != words or last.heredocs or not "--".startswith(typed[:2]) or "=" in typed:
        return []
    line, column = before.count("\n"), len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
    where = {"start": {"line": line, "character": column - len(typed)}, "end": {"line": line, "character": column}}
    given = {flag.partition("=")[0].removeprefix("--") for flag in flags}
    return [
        {
            "label": f"--{name}",
            "kind": _PROPERTY,
            "detail": flag.value or "takes no value",
            "textEdit": {"range": where, "newText": f"--{name}{'=' if flag.value else ''}"},
        }
        for name, flag in KNOWN.items()
        if flag.many or name not in given
    ]


def _numbers(found: Mapping[str, Any]) -> list[int]:
    return [one["start"]["line"] for one in found["location"].get("ranges", [])] or [1]


def _diagnostic(numbers: list[int], lines: list[str], severity: int, message: str, rule: str = "") -> dict[str, Any]:
    last = min(numbers[-1], len(lines)) - 1
    end = len(lines[last].encode("utf-16-le")) // 2
    one = {
        "range": {"start": {"line": numbers[0] - 1, "character": 0}, "end": {"line": last, "character": end}},
        "severity": severity,
        "source": "dockerfile-pyenv",
        "message": message,
    }
    return {**one, "code": rule} if rule else one
