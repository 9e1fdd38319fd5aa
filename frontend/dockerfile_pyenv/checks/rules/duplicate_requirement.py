"""PyenvDuplicateRequirement: one package asked for more than once."""

from collections.abc import Iterator

from dockerfile_pyenv.checks.packages import Package, packages
from dockerfile_pyenv.checks.rule import Example, Finding, Rule, Subject


def _find(subject: Subject) -> Iterator[Finding]:
    for asked in subject.asked:
        seen: dict[tuple[str, str], Package] = {}
        for file in asked.files:
            for package in packages(file):
                # Under another marker it is another case of one requirement, not a second one.
                first = seen.setdefault((package.name, package.marker), package)
                if first is not package:
                    yield Finding(
                        f"{package.place} asks for {package.name} again, after {first.place}: keep one",
                        asked.line.lines,
                    )


RULE = Rule(
    name="PyenvDuplicateRequirement",
    description="A package that is asked for twice is changed in one place and not in the other",
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
