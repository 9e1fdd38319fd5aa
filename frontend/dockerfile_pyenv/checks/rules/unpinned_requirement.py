"""PyenvUnpinnedRequirement: a requirement without an exact version."""

from collections.abc import Iterator

from dockerfile_pyenv.checks.packages import by_file, listed, packages
from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext


def _find(context: RuleContext) -> Iterator[Finding]:
    for checked in context.lines:
        pinned = {package.name for file in checked.constraints for package in packages(file) if package.pinned}
        fixed = checked.locked or checked.statement.flags.exclude_newer
        files = () if fixed else checked.files
        named = [package for file in files for package in packages(file)]
        loose = [package for package in named if not package.pinned and package.name not in pinned]
        if loose:
            said = (
                f"{file} does not pin {listed([package.name + package.line_shown for package in some])}"
                for file, some in by_file(loose)
            )
            yield Finding(
                f"{' and '.join(said)}: write name==version, lock the line with `dockerfile-pyenv lock`, or add a "
                "date, --exclude-newer=<date>, so that every build installs the same versions",
                checked.line.lines,
            )


RULE = Rule(
    name="PyenvUnpinnedRequirement",
    description="Requirements without an exact version install other versions on another day",
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
