"""Errors as BuildKit shows them: with the user's own Dockerfile, and the lines to blame."""

import traceback
from dataclasses import replace

from buildkit_llb.errors import SOURCE, Range, SourceDetail, Status
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.source import Source
from dockerfile_pyenv.text import Expansion, join_lines

_UNKNOWN = 2
"""gRPC's code for an error without a class of its own: clients print its message bare."""

ISSUES = "https://github.com/dockerfile-pyenv/dockerfile-pyenv/issues"


def located(error: PyenvError, source: Source | None) -> Status:
    """An error of the user's as a status that shows its lines."""
    status = Status(_UNKNOWN, error.placed)
    if source is None:
        return status
    return status.with_source(_detail(source, [error.lines] if error.lines else [], at=error.at))


def remapped(status: Status, source: Source, expansion: Expansion) -> Status:
    """A status of the Dockerfile frontend's about generated text, pointed at the user's lines."""

    def remap(detail: SourceDetail) -> SourceDetail:
        if detail.data != expansion.text:
            return detail
        mapped = (expansion.user_lines(one.start_line, one.end_line) for one in detail.ranges)
        return _detail(source, [lines for lines in mapped if lines])

    mapped = replace(status.map_sources(remap), message=expansion.user_message(status.message))
    return with_file(mapped, source)


def with_file(status: Status, source: Source) -> Status:
    """A status that names no place, as one of the user's file as a whole.

    With the file in it, if without a line, the daemon does not blame the line of the syntax comment
    (frontend/dockerfile/builder/build.go).
    """
    return status if status.has(SOURCE) else status.with_source(_detail(source, []))


def internal(error: BaseException, source: Source | None = None) -> Status:
    """A fault of ours: what happened, where, and where to report it."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " <- ".join(
        f"{frame.name} ({frame.filename.rsplit('/', 1)[-1]}:{frame.lineno})" for frame in reversed(frames)
    )
    status = Status(
        _UNKNOWN,
        f"dockerfile-pyenv: internal error: {type(error).__name__}: {error}\n  at {where}\n"
        f"This is a fault of dockerfile-pyenv, not of your Dockerfile. Please report it at {ISSUES}",
    )
    return status if source is None else with_file(status, source)


def _detail(source: Source, lines: list[tuple[int, int]], *, at: tuple[int, int] | None = None) -> SourceDetail:
    """The user's file with these lines marked; `at` is the place of a word, for clients that mark characters."""
    numbers = (line for first, last in join_lines(lines) for line in range(first, last + 1))
    ranges = (Range(line, line, *([at[1] - 1] * 2 if at and at[0] == line else ())) for line in numbers)
    return SourceDetail(
        filename=source.filename,
        data=source.dockerfile,
        language="Dockerfile",
        definition=source.definition.to_json(),
        ranges=tuple(ranges),
    )
