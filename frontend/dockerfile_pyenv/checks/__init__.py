"""Warnings about a Dockerfile: rules of PYENV lines, beside those that the Dockerfile frontend has for all lines."""

from dataclasses import dataclass

from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks.choices import Choices
from dockerfile_pyenv.checks.rule import Subject
from dockerfile_pyenv.checks.rules import RULES
from dockerfile_pyenv.errors import legible


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - what BuildKit calls it
    """A warning, of whoever found it, at the user's lines."""

    rule: str
    message: str
    description: str
    url: str
    lines: tuple[int, int] | None

    @property
    def short(self) -> str:
        """The warning in one line (LintFormatShort, frontend/dockerfile/linter/linter.go)."""
        return f"{self.rule}: {self.message}" + (f" (line {self.lines[0]})" if self.lines else "")


def find(subject: Subject, wanted: Choices) -> tuple[Warning, ...]:
    """What the rules find, in the order of lines, but for what the user does not want to hear."""
    found = [
        Warning(rule.name, legible(finding.message), rule.description, rule.url, finding.lines)
        for rule in RULES
        if not wanted.skips(rule.name)
        for finding in rule.find(subject)
        if not choices.of_line(subject.dockerfile, finding.lines[0]).skips(rule.name)
    ]
    return tuple(sorted(found, key=lambda warning: warning.lines or (0, 0)))
