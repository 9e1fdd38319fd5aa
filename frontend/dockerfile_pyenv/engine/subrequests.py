"""`docker build --check` and `--call=…`: the Dockerfile frontend's answers, about the user's file.

It gets a text in which PYENV lines are blanked (see lint.py). Its line numbers are mapped to the user's lines, and
excerpts show the user's own file, so nothing generated is visible.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from buildkit_llb.errors import RpcError
from buildkit_llb.gateway import Result
from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks.choices import Choices
from dockerfile_pyenv.checks.context import rule_context
from dockerfile_pyenv.checks.report import Report
from dockerfile_pyenv.checks.rule import RuleContext
from dockerfile_pyenv.checks.warnings import find_warnings
from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.dockerfile.rewrite import Expansion
from dockerfile_pyenv.engine import build_options, lint
from dockerfile_pyenv.engine.dockerfile_frontend import DockerfileFrontend
from dockerfile_pyenv.engine.facts import DaemonFacts
from dockerfile_pyenv.engine.source import Source
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.instruction.lines import PyenvLine

_JSON: Final = "result.json"
ABOUT_THE_FILE: Final = frozenset({lint.REQUEST, "frontend.outline", "frontend.targets"})
"""Requests that are answered here; the Dockerfile frontend answers the others."""
_VERSION: Final = "1.0.0"
"""Of the answer to frontend.lint (frontend/subrequests/lint/lint.go, BuildKit 0.32)."""


def answer(
    stock: DockerfileFrontend, dockerfile: Dockerfile, lines: Sequence[PyenvLine], context: Callable[[], RuleContext]
) -> Result:
    """Answer one sub-request.

    `context` collects the input of the rules; a DockerfileError that it raises for a PYENV line becomes part of the
    answer to lint, and of no other answer.
    """
    request = stock.build.opts[build_options.REQUEST_ID]
    if not lines and (request != lint.REQUEST or not _finds(stock, dockerfile)):
        return stock.pass_through()
    if request == lint.REQUEST:
        return _lint(stock, dockerfile, lines, context)
    text = lint.blanked(dockerfile, lines)
    # Only builds and lint warn: upstream would also warn here, about the blanked text.
    result = stock.request(text, request, {build_options.CHECK: "skip=all"})
    metadata = dict(result.metadata)
    if _JSON in metadata:
        value = json.loads(metadata[_JSON])
        metadata[_JSON] = json.dumps(_users(value, text, stock.source), indent=2).encode()
    return replace(result, metadata=metadata)


def _finds(stock: DockerfileFrontend, dockerfile: Dockerfile) -> bool:
    """Whether rules of ours find something in a file without PYENV lines."""
    try:
        wanted = choices.of_file(dockerfile, stock.build.opts.get(build_options.CHECK))
    except PyenvError:
        return False  # upstream has words of its own for it
    return any(find_warnings(rule_context(dockerfile, DaemonFacts(stock)), wanted))


def _users(value: Any, text: Expansion, source: Source) -> Any:  # noqa: ANN401 - any JSON
    """Replace `sources` and `ranges` in JSON by the user's file and lines, at any depth."""
    if isinstance(value, list):
        return [_users(one, text, source) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: _users(one, text, source) for key, one in value.items()}
    if isinstance(found.get("ranges"), list):
        found["ranges"] = [_range(one, text) for one in found["ranges"]]
    if isinstance(found.get("sources"), list):
        found["sources"] = [base64.b64encode(source.dockerfile).decode() for _ in found["sources"]]
    return found


def _range(value: Mapping[str, Mapping[str, int]], text: Expansion) -> dict[str, dict[str, int]]:
    first, last = (value.get(side, {}).get("line", 0) for side in ("start", "end"))
    mapped = text.user_lines(first, max(first, last)) or (first, last)
    return {"start": {"line": mapped[0]}, "end": {"line": mapped[1]}}


def _lint(
    stock: DockerfileFrontend, dockerfile: Dockerfile, lines: Sequence[PyenvLine], context: Callable[[], RuleContext]
) -> Result:
    text = lint.blanked(dockerfile, lines)
    found = lint.stock_findings(stock, text, lines, stock.build.opts.get(build_options.TARGET, ""))()
    error, error_lines = found.error, found.error_lines
    wanted, warnings = Choices(), list(found.warnings)
    try:
        wanted = choices.of_file(dockerfile, stock.build.opts.get(build_options.CHECK))
        known = context()
    except (PyenvError, RpcError) as caught:
        known = rule_context(dockerfile, DaemonFacts(stock))
        # This is why the build fails, unless upstream finds an error other than its own rules.
        if not error or lint.is_violation(error):
            error, error_lines = _about(caught)
    warnings = sorted([*warnings, *find_warnings(known, wanted)], key=lambda warning: warning.lines or (0, 0))
    if wanted.error and warnings and (not error or lint.is_violation(error)):
        error, error_lines = lint.violation(warnings), None
    report = Report(
        stock.source.filename,
        stock.source.dockerfile,
        warnings,
        error,
        error_lines,
        stock.source.definition.to_json(),
    )
    metadata = {
        _JSON: json.dumps(report.to_json(), indent=2).encode(),
        "result.txt": report.warnings_text().encode(),
        "result.statuscode": b"0" if report.is_clean else b"1",
        "version": _VERSION.encode(),
    }
    return Result({}, metadata=metadata)


def _about(error: PyenvError | RpcError) -> tuple[str, tuple[int, int] | None]:
    """The message of an error, and the user's lines that it shows."""
    if isinstance(error, PyenvError):
        return error.placed, error.lines
    ranges = [one for source in error.status.sources() for one in source.ranges]
    lines = (min(one.start_line for one in ranges), max(one.end_line for one in ranges)) if ranges else None
    return error.status.message, lines
