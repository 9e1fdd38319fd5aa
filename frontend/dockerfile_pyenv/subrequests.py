"""`docker build --check` and `--call=…`: the Dockerfile frontend's answers, about the user's file.

It is asked about a text in which PYENV lines are blanked (see lint.py). What it says about lines is pointed at the
user's, and excerpts are the user's own file, so nothing generated shows.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from buildkit_llb.errors import RpcError
from buildkit_llb.gateway import Result
from dockerfile_pyenv import checks, lint, options
from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks.choices import Choices
from dockerfile_pyenv.checks.report import Report
from dockerfile_pyenv.checks.rule import Subject
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.handover import Handover
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.source import Source
from dockerfile_pyenv.stages import Line
from dockerfile_pyenv.text import Expansion

_JSON: Final = "result.json"
ABOUT_THE_FILE: Final = frozenset({lint.REQUEST, "frontend.outline", "frontend.targets"})
"""What is answered here; the Dockerfile frontend alone answers the others."""
_VERSION: Final = "1.0.0"
"""Of the answer to frontend.lint (frontend/subrequests/lint/lint.go, BuildKit 0.32)."""


def answer(handover: Handover, dockerfile: Dockerfile, lines: Sequence[Line], subject: Callable[[], Subject]) -> Result:
    """Answer one sub-request.

    `subject` finds out what the rules look at; the DockerfileError that it raises for a PYENV line which cannot be
    built is part of the answer to lint, and of no other.
    """
    request = handover.build.opts[options.REQUEST_ID]
    if request == lint.REQUEST:
        return _lint(handover, dockerfile, lines, subject)
    text = lint.blanked(dockerfile, lines)
    # Warnings are for builds and lint: upstream would give them here, too, about the blanked text.
    result = handover.request(text, request, {options.CHECK: "skip=all"})
    metadata = dict(result.metadata)
    if _JSON in metadata:
        value = json.loads(metadata[_JSON])
        metadata[_JSON] = json.dumps(_users(value, text, handover.source), indent=2).encode()
    return replace(result, metadata=metadata)


def _users(value: Any, text: Expansion, source: Source) -> Any:  # noqa: ANN401 - any JSON
    """The same JSON with the user's file and lines: `sources` and `ranges`, at whatever depth."""
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


def _lint(handover: Handover, dockerfile: Dockerfile, lines: Sequence[Line], subject: Callable[[], Subject]) -> Result:
    text = lint.blanked(dockerfile, lines)
    found = lint.stock(handover, text, lines, handover.build.opts.get(options.TARGET, ""))
    error, error_lines = found.error, found.error_lines
    wanted, looked_at = Choices(), Subject(dockerfile, (), datetime.now(UTC).date())
    try:
        wanted = choices.of_file(dockerfile, handover.build.opts.get(options.CHECK))
        looked_at = subject()
    except (PyenvError, RpcError) as caught:
        # Where upstream has nothing against the text, or its own rules alone, this is why there can be no build.
        if not error or lint.is_violation(error):
            error, error_lines = _about(caught)
    warnings = sorted((*found.warnings, *checks.find(looked_at, wanted)), key=lambda warning: warning.lines or (0, 0))
    if wanted.error and warnings and (not error or lint.is_violation(error)):
        error, error_lines = lint.violation(warnings), None
    report = Report(
        handover.source.filename,
        handover.source.dockerfile,
        warnings,
        error,
        error_lines,
        handover.source.definition.to_json(),
    )
    metadata = {
        _JSON: json.dumps(report.to_json(), indent=2).encode(),
        "result.txt": report.warnings_text().encode(),
        "result.statuscode": b"0" if report.is_clean else b"1",
        "version": _VERSION.encode(),
    }
    return Result({}, metadata=metadata)


def _about(error: PyenvError | RpcError) -> tuple[str, tuple[int, int] | None]:
    """What an error says, and the user's lines that it shows."""
    if isinstance(error, PyenvError):
        return error.placed, error.lines
    ranges = [one for source in error.status.sources() for one in source.ranges]
    lines = (min(one.start_line for one in ranges), max(one.end_line for one in ranges)) if ranges else None
    return error.status.message, lines
