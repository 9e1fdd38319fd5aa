"""PyenvEndOfLifePython: a Python that no longer gets security fixes."""

from collections.abc import Iterator, Mapping
from typing import Final

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext

END_OF_LIFE: Final[Mapping[str, str]] = {
    "3.8": "2024-10",
    "3.9": "2025-10",
    "3.10": "2026-10",
    "3.11": "2027-10",
    "3.12": "2028-10",
    "3.13": "2029-10",
    "3.14": "2030-10",
    "3.15": "2031-10",
}
"""The month after which a version gets no fixes: https://devguide.python.org/versions/ (release-cycle.json).

That of 3.15 is PEP 790's, five years after its first release.
"""


def _find(context: RuleContext) -> Iterator[Finding]:
    today = f"{context.today:%Y-%m}"
    for checked in context.lines:
        minor = checked.python.removesuffix("t")
        month = END_OF_LIFE.get(minor, "9999-12")
        if month < today:
            supported = [version for version, end in END_OF_LIFE.items() if end >= today]
            yield Finding(
                f"Python {minor} has had no security fixes since {month}: move to a supported version, "
                f"such as {supported[0] if supported else 'a newer release'}, when the packages allow it",
                checked.line.lines,
            )


RULE = Rule(
    name="PyenvEndOfLifePython",
    description="A Python past its end of life gets no security fixes",
    find=_find,
    good=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl\n"),
    bad=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.9 etl\n"),
)
