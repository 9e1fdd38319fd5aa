"""PyenvAstroBase: a `-base` Astro Runtime, on which the predecessor did what ONBUILD does on the others."""

import re
from collections.abc import Iterator
from typing import Final

from dockerfile_pyenv.astro import OPTION, is_runtime
from dockerfile_pyenv.checks.rule import Example, Finding, Rule, Subject

_BY_HAND: Final = re.compile(
    r"requirements[\w.-]*\.txt|packages[\w.-]*\.txt|install-(?:python-dependencies|system-packages)"
    r"|(?:^|\s)\.{1,2}/?\s+\S+$"
)
"""What a file that does this work by itself has in a COPY, ADD or RUN."""


def _find(subject: Subject) -> Iterator[Finding]:
    words = subject.dockerfile.directives.get("syntax", "").split()
    if subject.astro or OPTION in words:
        return
    found: tuple[int, int] | None = None
    for item in subject.dockerfile.instructions:
        if item.keyword == "FROM":
            if found:
                yield _finding(found)
            image = next((word for word in item.text.split() if not word.startswith("--")), "")
            found = item.lines if is_runtime(image) and image.endswith("-base") else None
        elif item.keyword in {"ADD", "COPY", "RUN"} and _BY_HAND.search(item.text):
            found = None
    if found:
        yield _finding(found)


def _finding(lines: tuple[int, int]) -> Finding:
    return Finding(
        "nothing in this stage installs packages.txt and requirements.txt or copies the project, and a -base image "
        f"does not do it by itself. If it is to be done, write {OPTION} at the end of the syntax line, or drop -base "
        "here; if not, say so with --build-arg PYENV_ASTRO=off",
        lines,
    )


RULE = Rule(
    name="PyenvAstroBase",
    description="On the -base tags of Astro Runtime, packages, requirements and project are left to the Dockerfile",
    find=_find,
    good=Example(f"# syntax=dockerfile-pyenv:1 {OPTION}\nFROM quay.io/astronomer/astro-runtime:12.7.1-base\n"),
    bad=Example("# syntax=dockerfile-pyenv:1\nFROM quay.io/astronomer/astro-runtime:12.7.1-base\n"),
)
