"""PyenvNameNotShell: a name whose variable no shell can read."""

from collections.abc import Iterator

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext
from dockerfile_pyenv.instruction.statement import env_names


def _find(context: RuleContext) -> Iterator[Finding]:
    for checked in context.lines:
        name = checked.statement.name
        if name and len(variables := env_names(name)) > 1:
            yield Finding(
                f"a shell cannot read the variable {variables[0]}: read {variables[1]}, which has the same value, or "
                "use _ in the name",
                checked.line.lines,
            )


RULE = Rule(
    name="PyenvNameNotShell",
    description="A shell can read the variable of an environment with - or . in its name only under its alias",
    find=_find,
    good=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 data_science\n"),
    bad=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 data-science\n"),
)
