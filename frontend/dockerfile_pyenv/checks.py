"""Warnings and sub-requests: the Dockerfile frontend's own, about a text whose lines are the user's.

For these the PYENV lines are blanked, not expanded, so that every line keeps its number and nothing generated shows.
"""

import base64
import json
import re
from dataclasses import replace

from buildkit_llb.errors import Range, RpcError
from buildkit_llb.gateway import Result
from buildkit_llb.sourcemap import source_info
from dockerfile_pyenv import options
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.handover import Handover
from dockerfile_pyenv.instruction import env_names
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.stages import Line
from dockerfile_pyenv.text import Expansion, substitute

_LINT = "frontend.lint"
_LAST = "dockerfile-pyenv-last-stage"
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def blanked(dockerfile: Dockerfile, lines: tuple[Line, ...], *, last: str = "") -> Expansion:
    """The user's text with something as long in place of each PYENV line: a comment, and the variables that it sets.

    `last` names the last stage, which has no name.
    """
    replacements = {line.index: _blank(line) for line in lines}
    if last:
        index = max(index for index, item in enumerate(dockerfile.instructions) if item.keyword == "FROM")
        start, end = dockerfile.instructions[index].span
        text = dockerfile.source[start:end].decode("utf-8", "surrogateescape").rstrip("\r\n")
        word = "AS" if text.lstrip()[:4] == "FROM" else "as"
        replacements[index] = f"{text} {word} {last}\n"
    return substitute(dockerfile, replacements)


def _blank(line: Line) -> str:
    height = line.lines[1] - line.lines[0] + 1
    name = None if isinstance(line.statement, DockerfileError) else line.statement.name
    if name is None or not _NAME.fullmatch(name.raw):
        return "#\n" * height
    return "#\n" * (height - 1) + f"ENV {' '.join(f'{variable}=/' for variable in env_names(name.raw))}\n"


def subrequest(handover: Handover, dockerfile: Dockerfile, lines: tuple[Line, ...]) -> Result:
    """Answer `docker build --call=…`: outline, targets, lint and the description of them.

    Raises DockerfileError for a PYENV line that could not be built in any stage.
    """
    for line in lines:
        if isinstance(line.statement, DockerfileError):
            raise line.statement
    text = blanked(dockerfile, lines)
    result = handover.request(text, handover.build.opts[options.REQUEST_ID])
    ours, users = (base64.b64encode(data) for data in (text.text, handover.source.dockerfile))
    metadata = {
        # The excerpt of a source travels as base64 in JSON (frontend/subrequests), as text nowhere.
        key: value.replace(ours, users) if key == "result.json" else value
        for key, value in result.metadata.items()
    }
    return replace(result, metadata=metadata)


def warn(handover: Handover, dockerfile: Dockerfile, lines: tuple[Line, ...]) -> None:
    """Give the user the Dockerfile frontend's own warnings about their file.

    Raises DockerfileError where the file says `# check=error=true` and there are any.
    """
    # Without a target every stage is checked, and stages have no numbers here (dockerfile2llb/convert.go).
    target = handover.build.opts.get(options.TARGET) or _last_stage(dockerfile)
    text = blanked(dockerfile, lines, last="" if target else _LAST)
    try:
        result = handover.request(text, _LINT, {options.TARGET: target or _LAST})
    except RpcError:
        return  # BuildKit < 0.14 has no lint; and what is wrong with the file shows in the build itself
    warnings = json.loads(result.metadata.get("result.json", b"{}")).get("warnings") or []
    info = source_info(handover.source.filename, handover.source.dockerfile, definition=handover.source.definition)
    for warning in warnings:
        ranges = _ranges(warning)
        line = f" (line {ranges[0].start_line})" if ranges else ""
        handover.gateway.warn(
            handover.source.definition.head,
            f"{warning['ruleName']}: {warning.get('detail', '')}{line}",
            detail=[warning.get("description", "")],
            url=warning.get("url", ""),
            source_info=info,
            ranges=ranges,
        )
    if warnings and _errors_wanted(handover, dockerfile):
        rules = ", ".join(sorted({warning["ruleName"] for warning in warnings}))
        first = _ranges(warnings[0]) or (Range(1, 1),)
        raise DockerfileError(
            f"lint violation found for rules: {rules}", lines=(first[0].start_line, first[-1].end_line)
        )


def _last_stage(dockerfile: Dockerfile) -> str:
    """Name of the last stage; "" where it has none."""
    *_, last = (item for item in dockerfile.instructions if item.keyword == "FROM")
    words = last.text.split()
    return words[-1].lower() if len(words) > 2 and words[-2].lower() == "as" else ""  # noqa: PLR2004 - base, as, name


def _ranges(warning: dict[str, dict[str, list[dict[str, dict[str, int]]]]]) -> tuple[Range, ...]:
    ranges = (warning.get("location") or {}).get("ranges") or []
    return tuple(Range(one["start"].get("line", 0), one["end"].get("line", 0)) for one in ranges)


def _errors_wanted(handover: Handover, dockerfile: Dockerfile) -> bool:
    """Whether warnings are errors: `error=true` of the check directive, or of the build arg that replaces it."""
    check = handover.build.opts.get(options.CHECK, dockerfile.directives.get("check", ""))
    choices = dict(part.split("=", 1) for part in check.split(";") if "=" in part)
    return choices.get("error", "").strip().lower() in {"1", "t", "true"}
