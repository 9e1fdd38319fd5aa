"""Warnings of a build, from the Dockerfile frontend and about PYENV lines, at the user's lines, once each.

The Dockerfile frontend lints a text in which PYENV lines are blanked, not expanded, so that it cannot warn about
generated lines.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from buildkit_llb.errors import Range, RpcError
from buildkit_llb.gateway import Result
from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks import warnings as checks
from dockerfile_pyenv.checks.rule import RuleContext
from dockerfile_pyenv.checks.warnings import LintWarning
from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.dockerfile.rewrite import Expansion, substitute
from dockerfile_pyenv.engine import build_options
from dockerfile_pyenv.engine.dockerfile_frontend import DockerfileFrontend
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.instruction.arguments import is_name
from dockerfile_pyenv.instruction.lines import PyenvLine
from dockerfile_pyenv.instruction.statement import RawStatement, env_names

REQUEST: Final = "frontend.lint"
_LAST: Final = "dockerfile-pyenv-last-stage"
_OF_WORDS: Final = frozenset({"UndefinedVar"})
"""Stock rules that also apply to a PYENV line, through the instruction that replaces it."""


def blanked(dockerfile: Dockerfile, lines: Sequence[PyenvLine], *, last: str = "") -> Expansion:
    """Replace each PYENV line by an ENV of its words and variables, and a RUN for each mount.

    So the Dockerfile frontend sees which variables a line reads and sets, and which secrets it requires. `last` is a
    name for the last stage if it has none.
    """
    replacements = {line.index: _blank(line) for line in lines}
    if last:
        index = max(index for index, item in enumerate(dockerfile.instructions) if item.keyword == "FROM")
        start, end = dockerfile.instructions[index].span
        text = dockerfile.source[start:end].decode("utf-8", "surrogateescape").rstrip("\r\n")
        word = "AS" if text.lstrip()[:4] == "FROM" else "as"
        replacements[index] = f"{text} {word} {last}\n"
    return substitute(dockerfile, replacements)


def _blank(line: PyenvLine) -> str:
    padding = "#\n" * (line.lines[1] - line.lines[0])
    if isinstance(line.statement, DockerfileError):
        return padding + "#\n"
    name = line.statement.name
    entries = [f"{variable}=/" for variable in env_names(name.raw)] if name and is_name(name.raw) else []
    entries += [f"PYENV_{line.number}_{i}={word.raw}" for i, word in enumerate(line.statement.words)]
    # One by one: upstream's outline lists the mounts of a single line in random order.
    mounts = "".join(f'RUN {mount} ["true"]\n' for mount in _mounts(line.statement))
    return f"{padding}ENV {' '.join(entries)}\n{mounts}"


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _mounts(statement: RawStatement) -> Iterator[str]:
    """The mounts of a line, as flags of RUN; the targets of secrets do not matter here."""
    for name, word in statement.flags:
        if name == "mount" and word:
            yield f"--mount={word.raw}"
        elif name == "secret" and word:
            parts = word.raw.split(",")
            identifier = next((part for part in parts if part.partition("=")[0] in {"id", "src", "source"}), "")
            required = not {"required=false", "required=0"} & set(parts)
            if identifier:
                yield f"--mount=type=secret,{identifier},required={'true' if required else 'false'}"


class StockFindings(NamedTuple):
    """Answer of the Dockerfile frontend's lint."""

    warnings: tuple[LintWarning, ...] = ()
    error: str = ""
    """Why the file cannot be built; "" if it can."""
    error_lines: tuple[int, int] | None = None


Findings = Callable[[], StockFindings]
"""Waits for the answer of the Dockerfile frontend's lint."""


def stock_findings(stock: DockerfileFrontend, text: Expansion, lines: Sequence[PyenvLine], target: str) -> Findings:
    """Start to lint a blanked text with the Dockerfile frontend; empty on engines without lint (BuildKit < 0.14).

    Without a target every stage is checked, and stages have no numbers here (dockerfile2llb/convert.go). So it is for a
    stage whose name is not UTF-8: options are (gateway.proto).
    """
    opts = {build_options.TARGET: target} if _is_utf8(target) and target else None
    answer = stock.start_request(text, REQUEST, opts)

    def wait() -> StockFindings:
        try:
            return _findings(answer(), text, lines)
        except RpcError:
            return StockFindings()  # the build itself reports the error

    return wait


def _findings(result: Result, text: Expansion, lines: Sequence[PyenvLine]) -> StockFindings:
    answer: dict[str, Any] = json.loads(result.metadata.get("result.json", b"{}"))
    ours = {number for line in lines for number in range(line.lines[0], line.lines[1] + 1)}
    found = []
    for entry in answer.get("warnings") or []:
        place = _users_lines(entry, text)
        rule, message = entry["ruleName"], entry.get("detail", "")
        if _LAST in message or (place and place[0] in ours and rule not in _OF_WORDS):
            continue
        found.append(
            LintWarning(
                rule,
                text.user_message(message),
                entry.get("description", ""),
                entry.get("url", ""),
                place,
            )
        )
    error = answer.get("buildError") or {}
    return StockFindings(tuple(found), text.user_message(error.get("message", "")), _users_lines(error, text))


def _users_lines(entry: Mapping[str, Any], text: Expansion) -> tuple[int, int] | None:
    """The lines of the user's file that an entry of the answer is about."""
    ranges = (entry.get("location") or {}).get("ranges") or []
    numbers = [one[side].get("line", 0) for one in ranges for side in ("start", "end") if one.get(side)]
    return text.user_lines(min(numbers), max(numbers)) if numbers and min(numbers) else None


def ask(stock: DockerfileFrontend, dockerfile: Dockerfile, lines: Sequence[PyenvLine]) -> Findings:
    """Start the Dockerfile frontend's lint of a file that is built. Its answer takes as long as that of a probe."""
    target = stock.build.opts.get(build_options.TARGET) or _last_stage(dockerfile)
    has_stages = any(item.keyword == "FROM" for item in dockerfile.instructions)
    text = blanked(dockerfile, lines, last="" if target or not has_stages else _LAST)
    return stock_findings(stock, text, lines, target or _LAST)


def warn(stock: DockerfileFrontend, context: RuleContext, findings: Findings = StockFindings) -> None:
    """Send all warnings about the file to the user; without `findings`, none of the Dockerfile frontend's own.

    Raises DockerfileError if the file has `# check=error=true` and there are warnings.
    """
    found = findings()
    wanted = choices.of_file(context.dockerfile, stock.build.opts.get(build_options.CHECK))
    warnings = [*checks.find_warnings(context, wanted), *found.warnings]
    _send(stock, warnings)
    if warnings and wanted.error:
        raise DockerfileError(violation(warnings), lines=_in_order(warnings)[0].lines or (1, 1))


def warn_of_failure(
    stock: DockerfileFrontend, context: RuleContext, findings: Findings, told: tuple[int, int] | None
) -> None:
    """Send the warnings about a file that cannot be built, as the Dockerfile frontend does up to its own errors.

    `told` are the lines of the error, which it tells better than a warning. Whoever found the error raises it: nothing
    is raised for what is wrong with the file here.
    """
    found = findings()
    with suppress(PyenvError, RpcError):
        wanted = choices.of_file(context.dockerfile, stock.build.opts.get(build_options.CHECK))
        warnings = [*checks.find_warnings(context, wanted), *found.warnings]
        _send(stock, (warning for warning in warnings if told is None or warning.lines != told))


def _in_order(warnings: Iterable[LintWarning]) -> list[LintWarning]:
    return sorted(warnings, key=lambda warning: warning.lines or (0, 0))


def _send(stock: DockerfileFrontend, warnings: Iterable[LintWarning]) -> None:
    info = stock.source.info
    for warning in _in_order(warnings):
        first, last = warning.lines or (0, -1)
        stock.gateway.warn(
            stock.source.definition.head,
            warning.short,
            detail=[warning.description],
            url=warning.url,
            source_info=info,
            ranges=tuple(Range(line, line) for line in range(first, last + 1)),
        )


_VIOLATION: Final = "lint violation found for rules: "
"""Upstream's message if warnings are errors (frontend/dockerfile/linter/linter.go, BuildKit 0.32)."""


def violation(warnings: Sequence[LintWarning]) -> str:
    """The error for a file whose warnings are errors."""
    return _VIOLATION + ", ".join(sorted({warning.rule for warning in warnings}))


def is_violation(message: str) -> bool:
    """Whether an error is about warnings only."""
    return message.startswith(_VIOLATION)


def _last_stage(dockerfile: Dockerfile) -> str:
    """Name of the last stage; "" if it has none."""
    froms = [item for item in dockerfile.instructions if item.keyword == "FROM"]
    words = froms[-1].text.split() if froms else []
    return words[-1].lower() if len(words) > 2 and words[-2].lower() == "as" else ""  # noqa: PLR2004 - base, as, name
