"""Warnings of a build: the Dockerfile frontend's own and those about PYENV lines, at the user's lines, once each.

The Dockerfile frontend lints a text in which every PYENV line is blanked, not expanded, so that nothing generated can
be warned about.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from buildkit_llb.errors import Range, RpcError
from buildkit_llb.sourcemap import source_info
from dockerfile_pyenv import checks, options
from dockerfile_pyenv.checks import Warning, choices  # noqa: A004 - what BuildKit calls it
from dockerfile_pyenv.checks.rule import Asked, Subject
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.handover import Handover
from dockerfile_pyenv.instruction import RawStatement, env_names
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.plan import Plan
from dockerfile_pyenv.requirement_files import RequirementFiles
from dockerfile_pyenv.stages import Line
from dockerfile_pyenv.text import Expansion, substitute
from dockerfile_pyenv.values import is_name

REQUEST: Final = "frontend.lint"
_LAST: Final = "dockerfile-pyenv-last-stage"
_OF_WORDS: Final = frozenset({"UndefinedVar"})
"""Stock rules that say something about a PYENV line through the instruction that stands in its place."""


def asked(plan: Plan, read: RequirementFiles) -> tuple[Asked, ...]:
    """The lines of a plan, as rules look at them."""
    return tuple(
        Asked(
            environment.line,
            environment.statement,
            environment.interpreter.minor,
            tuple(file for file in read.files[environment.line.number] if not file.constraint),
            tuple(file for file in read.files[environment.line.number] if file.constraint),
            locked=environment.line.number in read.locked,
        )
        for environment in plan.environments
    )


def blanked(dockerfile: Dockerfile, lines: Sequence[Line], *, last: str = "") -> Expansion:
    """The user's text with an ENV in place of each PYENV line, of its words and its variables, and a RUN per mount.

    So the Dockerfile frontend sees which variables a line reads and sets, and which secrets it needs. `last` names the
    last stage, which has no name.
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
    padding = "#\n" * (line.lines[1] - line.lines[0])
    if isinstance(line.statement, DockerfileError):
        return padding + "#\n"
    name = line.statement.name
    entries = [f"{variable}=/" for variable in env_names(name.raw)] if name and is_name(name.raw) else []
    entries += [f"PYENV_{line.number}_{i}={word.raw}" for i, word in enumerate(line.statement.words)]
    # One by one: upstream's outline has what stands in one line in an order of chance.
    mounts = "".join(f'RUN {mount} ["true"]\n' for mount in _mounts(line.statement))
    return f"{padding}ENV {' '.join(entries)}\n{mounts}"


def _mounts(statement: RawStatement) -> Iterator[str]:
    """What a line mounts, as flags of RUN; where a secret goes is no matter here."""
    for name, word in statement.flags:
        if name == "mount" and word:
            yield f"--mount={word.raw}"
        elif name == "secret" and word:
            parts = word.raw.split(",")
            identifier = next((part for part in parts if part.partition("=")[0] in {"id", "src", "source"}), "")
            required = not {"required=false", "required=0"} & set(parts)
            if identifier:
                yield f"--mount=type=secret,{identifier},required={'true' if required else 'false'}"


@dataclass(frozen=True, slots=True)
class Stock:
    """What the Dockerfile frontend's lint says."""

    warnings: tuple[Warning, ...] = ()
    error: str = ""
    """Why the file cannot be built; "" where nothing speaks against it."""
    error_lines: tuple[int, int] | None = None


def stock(handover: Handover, text: Expansion, lines: Sequence[Line], target: str) -> Stock:
    """Ask the Dockerfile frontend's lint about a blanked text; nothing on engines that have none (BuildKit < 0.14).

    Without a target every stage is checked, and stages have no numbers here (dockerfile2llb/convert.go).
    """
    try:
        result = handover.request(text, REQUEST, {options.TARGET: target} if target else None)
    except RpcError:
        return Stock()  # what is wrong with the file shows in the build itself
    answer: dict[str, Any] = json.loads(result.metadata.get("result.json", b"{}"))
    ours = {number for line in lines for number in range(line.lines[0], line.lines[1] + 1)}
    found = []
    for entry in answer.get("warnings") or []:
        place = _users_lines(entry, text)
        rule, message = entry["ruleName"], entry.get("detail", "")
        if _LAST in message or (place and place[0] in ours and rule not in _OF_WORDS):
            continue
        found.append(
            Warning(
                rule,
                text.user_message(message),
                entry.get("description", ""),
                entry.get("url", ""),
                place,
            )
        )
    error = answer.get("buildError") or {}
    return Stock(tuple(found), text.user_message(error.get("message", "")), _users_lines(error, text))


def _users_lines(entry: Mapping[str, Any], text: Expansion) -> tuple[int, int] | None:
    """Where an entry of the answer points to in the user's file."""
    ranges = (entry.get("location") or {}).get("ranges") or []
    numbers = [one[side].get("line", 0) for one in ranges for side in ("start", "end") if one.get(side)]
    return text.user_lines(min(numbers), max(numbers)) if numbers and min(numbers) else None


def warn(handover: Handover, lines: Sequence[Line], subject: Subject, *, stock_rules: bool = True) -> None:
    """Give the user all warnings about their file; without `stock_rules` none of the Dockerfile frontend's own.

    Raises DockerfileError where the file says `# check=error=true` and there are any.
    """
    dockerfile = subject.dockerfile
    wanted = choices.of_file(dockerfile, handover.build.opts.get(options.CHECK))
    warnings = list(checks.find(subject, wanted))
    if stock_rules:
        target = handover.build.opts.get(options.TARGET) or _last_stage(dockerfile)
        text = blanked(dockerfile, lines, last="" if target else _LAST)
        warnings += stock(handover, text, lines, target or _LAST).warnings
    warnings.sort(key=lambda warning: warning.lines or (0, 0))
    info = source_info(handover.source.filename, handover.source.dockerfile, definition=handover.source.definition)
    for warning in warnings:
        first, last = warning.lines or (0, -1)
        handover.gateway.warn(
            handover.source.definition.head,
            warning.short,
            detail=[warning.description],
            url=warning.url,
            source_info=info,
            ranges=tuple(Range(line, line) for line in range(first, last + 1)),
        )
    if warnings and wanted.error:
        raise DockerfileError(violation(warnings), lines=warnings[0].lines or (1, 1))


_VIOLATION: Final = "lint violation found for rules: "
"""What upstream says where warnings are to be errors (frontend/dockerfile/linter/linter.go, BuildKit 0.32)."""


def violation(warnings: Sequence[Warning]) -> str:
    """Why a file cannot be built whose warnings are to be errors."""
    return _VIOLATION + ", ".join(sorted({warning.rule for warning in warnings}))


def is_violation(message: str) -> bool:
    """Whether nothing but warnings speaks against a file."""
    return message.startswith(_VIOLATION)


def _last_stage(dockerfile: Dockerfile) -> str:
    """Name of the last stage; "" where it has none."""
    *_, last = (item for item in dockerfile.instructions if item.keyword == "FROM")
    words = last.text.split()
    return words[-1].lower() if len(words) > 2 and words[-2].lower() == "as" else ""  # noqa: PLR2004 - base, as, name
