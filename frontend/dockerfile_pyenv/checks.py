"""Warnings and sub-requests: the Dockerfile frontend's own, about a text whose lines are the user's.

For these the PYENV lines are blanked, not expanded, so that every line keeps its number and nothing generated shows.
"""

import base64
import json
from dataclasses import replace

from buildkit_llb.errors import Range, RpcError
from buildkit_llb.gateway import Result
from buildkit_llb.sourcemap import source_info
from dockerfile_pyenv import options
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.handover import Handover
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.stages import Line, count_stages
from dockerfile_pyenv.text import Expansion, substitute

_LINT = "frontend.lint"


def blanked(dockerfile: Dockerfile, lines: tuple[Line, ...]) -> Expansion:
    """The user's text with empty comments for PYENV lines, line by line."""
    return substitute(dockerfile, {line.index: "#\n" * (line.lines[1] - line.lines[0] + 1) for line in lines})


def subrequest(handover: Handover, dockerfile: Dockerfile, lines: tuple[Line, ...]) -> Result:
    """Answer `docker build --call=…`: outline, targets, lint and the description of them."""
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
    target = handover.build.opts.get(options.TARGET) or str(count_stages(dockerfile) - 1)
    try:
        result = handover.request(blanked(dockerfile, lines), _LINT, {options.TARGET: target})
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


def _ranges(warning: dict[str, dict[str, list[dict[str, dict[str, int]]]]]) -> tuple[Range, ...]:
    ranges = (warning.get("location") or {}).get("ranges") or []
    return tuple(Range(one["start"].get("line", 0), one["end"].get("line", 0)) for one in ranges)


def _errors_wanted(handover: Handover, dockerfile: Dockerfile) -> bool:
    """Whether warnings are errors: `error=true` of the check directive, or of the build arg that replaces it."""
    check = handover.build.opts.get(options.CHECK, dockerfile.directives.get("check", ""))
    choices = dict(part.split("=", 1) for part in check.split(";") if "=" in part)
    return choices.get("error", "").strip().lower() in {"1", "t", "true"}
