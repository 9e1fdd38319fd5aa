"""Errors as BuildKit shows them: with the user's own Dockerfile, and the lines to blame."""

from dataclasses import replace
from typing import TYPE_CHECKING

from buildkit_llb.errors import SOURCE, Range, RpcError, SourceDetail, Status
from dockerfile_pyenv import REPOSITORY
from dockerfile_pyenv.engine.source import Source
from dockerfile_pyenv.errors import PyenvError, about_limits, brief, legible

if TYPE_CHECKING:
    from dockerfile_pyenv.dockerfile.rewrite import Expansion

_UNKNOWN = 2
"""gRPC's code for an error without a class of its own: clients print its message bare."""

ISSUES = f"{REPOSITORY}/issues" if REPOSITORY else ""


def located(error: PyenvError, source: Source | None) -> Status:
    """A user's error as a status that shows its lines."""
    status = Status(_UNKNOWN, error.placed)
    if source is None:
        return status
    return status.with_source(_detail(source, [error.lines] if error.lines else [], at=error.at))


def remapped(status: Status, source: Source, expansion: "Expansion") -> Status:
    """Map a status of the Dockerfile frontend about generated text to the user's lines."""

    def remap(detail: SourceDetail) -> SourceDetail:
        if detail.data != expansion.text:
            return detail
        mapped = (expansion.user_lines(one.start_line, one.end_line) for one in detail.ranges)
        return _detail(source, [lines for lines in mapped if lines])

    mapped = replace(status.map_sources(remap), message=expansion.user_message(status.message))
    return with_file(mapped, source)


def with_file(status: Status, source: Source) -> Status:
    """Add the user's file to a status without a place.

    With the file, even without a line, the daemon does not blame the line of the syntax comment
    (frontend/dockerfile/builder/build.go).
    """
    return status if status.has(SOURCE) else status.with_source(_detail(source, []))


def internal(error: BaseException, source: Source | None = None) -> Status:
    """A bug of ours: what happened, where, and where to report it."""
    if message := about_limits(error):
        return located(PyenvError(message), source)
    import traceback  # noqa: PLC0415 - for an error only

    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " <- ".join(
        f"{frame.name} ({frame.filename.rsplit('/', 1)[-1]}:{frame.lineno})" for frame in reversed(frames)
    )
    status = Status(
        _UNKNOWN,
        f"dockerfile-pyenv: internal error: {type(error).__name__}: {brief(legible(str(error)))}\n  at {where}\n"
        f"This is a bug in dockerfile-pyenv, not in your Dockerfile. Please report it "
        f"{f'at {ISSUES}' if ISSUES else 'to its maintainers'}",
    )
    return status if source is None else with_file(status, source)


def unanswered(error: RpcError, source: Source) -> Status:
    """The daemon did not accept the result of a build."""
    return with_file(Status(_UNKNOWN, f"the engine did not accept the result of this build: {error}"), source)


def _detail(source: Source, lines: list[tuple[int, int]], *, at: tuple[int, int] | None = None) -> SourceDetail:
    """The user's file with these lines marked; `at` is the place of the word, for clients that mark characters."""
    numbers = sorted({line for first, last in lines for line in range(first, last + 1)})
    ranges = (Range(line, line, *([at[1] - 1] * 2 if at and at[0] == line else ())) for line in numbers)
    return SourceDetail(
        filename=source.filename,
        data=source.dockerfile,
        language="Dockerfile",
        definition=source.definition.to_json(),
        ranges=tuple(ranges),
    )
