"""Warnings about a Dockerfile, from rules about PYENV lines; the Dockerfile frontend has rules for all lines."""

from typing import Final, NamedTuple

from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks.choices import Choices
from dockerfile_pyenv.checks.registry import RULES
from dockerfile_pyenv.checks.rule import RuleContext
from dockerfile_pyenv.errors import legible


class LintWarning(NamedTuple):
    """A warning, ours or the Dockerfile frontend's, at the user's lines."""

    rule: str
    message: str
    description: str
    url: str
    lines: tuple[int, int] | None

    @property
    def short(self) -> str:
        """The warning in one line (LintFormatShort, frontend/dockerfile/linter/linter.go)."""
        return f"{self.rule}: {self.message}" + (f" (line {self.lines[0]})" if self.lines else "")


_LONGEST: Final = 50
"""Lines that a warning marks. Each warning about an instruction has them, and an answer has a limit of some MB."""


def _marked(lines: tuple[int, int]) -> tuple[int, int]:
    """The lines to show: of a long instruction only the first."""
    return lines if lines[1] - lines[0] < _LONGEST else (lines[0], lines[0])


def find_warnings(context: RuleContext, wanted: Choices) -> tuple[LintWarning, ...]:
    """Run the rules that the user does not skip; warnings are in line order."""
    found = [
        LintWarning(rule.name, legible(finding.message), rule.description, rule.url, _marked(finding.lines))
        for rule in RULES
        if not wanted.skips(rule.name)
        for finding in rule.find(context)
        if not choices.of_line(context.dockerfile, finding.lines[0]).skips(rule.name)
    ]
    return tuple(sorted(found, key=lambda warning: warning.lines or (0, 0)))
