"""PyenvDuplicateRequirement: a package that is listed more than once."""

from collections.abc import Iterator

from dockerfile_pyenv.checks.packages import Package, listed, packages
from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext


def _find(context: RuleContext) -> Iterator[Finding]:
    for checked in context.lines:
        seen: dict[tuple[str, str], Package] = {}
        again: list[str] = []
        for file in checked.files:
            for package in packages(file):
                # With another marker it is the same requirement for another case, not a second one.
                first = seen.setdefault((package.name, package.marker), package)
                if first is not package:
                    again.append(f"{package.place} lists {package.name} again, after {first.place}")
        if again:
            yield Finding(f"{listed(again, '; ')}: keep one{' of each' * (len(again) > 1)}", checked.line.lines)


RULE = Rule(
    name="PyenvDuplicateRequirement",
    description="A package that is listed twice is easily changed in one place only",
    find=_find,
    good=Example(
        "# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl requirements.txt\n",
        {"requirements.txt": "pandas==2.2.3\nnumpy==2.1.0\n"},
    ),
    bad=Example(
        "# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl requirements.txt\n",
        {"requirements.txt": "pandas==2.2.3\nPandas==2.2.3\n"},
    ),
)
