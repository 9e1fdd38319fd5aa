"""PyenvNameNotShell: a name that makes a variable which no shell can read."""

from collections.abc import Iterator

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, Subject
from dockerfile_pyenv.instruction import env_names


def _find(subject: Subject) -> Iterator[Finding]:
    for asked in subject.asked:
        name = asked.statement.name
        if name and len(variables := env_names(name)) > 1:
            yield Finding(
                f"a shell cannot read the variable {variables[0]}: read {variables[1]}, which holds the same, or "
                "write the name with _ alone",
                asked.line.lines,
            )


RULE = Rule(
    name="PyenvNameNotShell",
    description="The variable of an environment whose name has - or . in it can be read only under its alias",
    find=_find,
    good=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 data_science\n"),
    bad=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 data-science\n"),
)
