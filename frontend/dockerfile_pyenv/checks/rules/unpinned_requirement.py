"""PyenvUnpinnedRequirement: a requirement that another day gives another version."""

from collections.abc import Iterator

from dockerfile_pyenv.checks.packages import packages
from dockerfile_pyenv.checks.rule import Example, Finding, Rule, Subject

_SHOWN = 3


def _find(subject: Subject) -> Iterator[Finding]:
    for asked in subject.asked:
        pinned = {package.name for file in asked.constraints for package in packages(file) if package.pinned}
        for file in () if asked.locked else asked.files:
            loose = [package for package in packages(file) if not package.pinned and package.name not in pinned]
            if loose:
                names = ", ".join(package.name + package.line_shown for package in loose[:_SHOWN])
                more = f" and {len(loose) - _SHOWN} more" if len(loose) > _SHOWN else ""
                yield Finding(
                    f"{loose[0].file_shown} has no exact version for {names}{more}: write name==version, or lock the "
                    "line with `dockerfile-pyenv lock`, so that every build installs the same",
                    asked.line.lines,
                )


RULE = Rule(
    name="PyenvUnpinnedRequirement",
    description="Requirements without an exact version give another environment on another day",
    find=_find,
    good=Example(
        "# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl requirements.txt\n",
        {"requirements.txt": "pandas==2.2.3\n"},
    ),
    bad=Example(
        "# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl requirements.txt\n",
        {"requirements.txt": "pandas>=2\n"},
    ),
)
