"""PyenvAstroBase: a `-base` Astro Runtime, where the predecessor did the work that ONBUILD does on other tags."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Final

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext
from dockerfile_pyenv.checks.shell_words import arguments, commands, flags
from dockerfile_pyenv.dockerfile import stage_references
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction
from dockerfile_pyenv.dockerfile.mentions import ASTRO_OPTION
from dockerfile_pyenv.plan.astro import is_runtime

_SCRIPTS: Final = frozenset({"install-python-dependencies", "install-system-packages"})
"""Programs of the image that do the work (ONBUILD lines of Runtime 11 and newer)."""
_AIRFLOWS_OWN: Final = frozenset({"pip", "pip3", "uv", "python", "python3"})
"""Programs that install into Airflow's own Python; `python3.9 -m pip` installs into another one."""
_DAGS: Final = "dags"
_WHOLE: Final = frozenset({".", "*", ""})
_VARIABLE: Final = re.compile(r"\$(?:\w+|\{[^}]*\})")


def _find(context: RuleContext) -> Iterator[Finding]:
    words = context.dockerfile.directives.get("syntax", "").split()
    if context.astro or ASTRO_OPTION in words:
        return
    stages = _stages(context.dockerfile)
    froms = [_from(context, index) for index, _ in stages]
    parents = [_parent(number, froms) for number in range(len(stages))]
    mounted = {
        name
        for _, items in stages
        for item in items
        if item.keyword in {"ADD", "COPY", "RUN"}
        for name in stage_references.find(context.dockerfile, item)
    }
    for number, (index, _) in enumerate(stages):
        image, name = froms[number]
        family = [other for other in range(len(stages)) if number in _line(other, parents)]
        if not (is_runtime(image) and image.endswith("-base")) or any(_by_hand(stages[one][1]) for one in family):
            continue
        # A stage that only others copy from is no image of the project.
        if family == [number] and number < len(stages) - 1 and mounted & {name, str(number)}:
            continue
        yield _finding(context.dockerfile.instructions[index].lines)


def _stages(dockerfile: Dockerfile) -> list[tuple[int, Sequence[Instruction]]]:
    """The index of each FROM instruction, and the instructions of its stage."""
    items = dockerfile.instructions
    starts = [index for index, item in enumerate(items) if item.keyword == "FROM"]
    ends = [*starts[1:], len(items)]
    return [(start, items[start + 1 : end]) for start, end in zip(starts, ends, strict=False)]


def _from(context: RuleContext, index: int) -> tuple[str, str]:
    """The image or stage that a FROM instruction names, and the name of its own stage, in lower case."""
    words = [word for word in context.dockerfile.instructions[index].text.split() if not word.startswith("--")]
    # A variable without a known value hides a part of the tag.
    image = context.images.get(index) or _VARIABLE.sub("0", words[0] if words else "")
    return image, words[2].lower() if len(words) > 2 and words[1].lower() == "as" else ""  # noqa: PLR2004 - image, AS, name


def _parent(number: int, froms: Sequence[tuple[str, str]]) -> int | None:
    """The stage that a stage is built from; None for an image."""
    found = [other for other in range(number) if froms[other][1] and froms[other][1] == froms[number][0].lower()]
    return found[-1] if found else None


def _line(number: int | None, parents: Sequence[int | None]) -> Iterator[int]:
    """A stage, and those that it is built from."""
    while number is not None:
        yield number
        number = parents[number]


def _by_hand(items: Sequence[Instruction]) -> bool:
    """Whether a stage installs Airflow's requirements or packages, or copies the project or its DAGs."""
    return any(
        _copies_project(item)
        if item.keyword in {"ADD", "COPY"}
        else item.keyword == "RUN" and any(map(_installs, commands(item)))
        for item in items
    )


def _copies_project(item: Instruction) -> bool:
    if any(flag.startswith("--from=") for flag in flags(item)):
        return False
    sources = [posixpath.normpath(source.lstrip("/") or ".") for source in arguments(item)[:-1]]
    return any(source in _WHOLE or source.split("/")[0] == _DAGS for source in sources)


def _installs(words: Sequence[str]) -> bool:
    names = [posixpath.basename(word) for word in words]
    if not _SCRIPTS.isdisjoint(names) or "packages.txt" in names:
        return True
    files = {name.removeprefix("-r").removeprefix("--requirement=") for name in names}
    return names[0] in _AIRFLOWS_OWN and "install" in names and "requirements.txt" in files


def _finding(lines: tuple[int, int]) -> Finding:
    return Finding(
        "nothing in this stage installs packages.txt and requirements.txt or copies the project, and a -base image "
        f"does not do it by itself: write {ASTRO_OPTION} at the end of the syntax line, or drop -base here. If this is "
        "intended, build with --build-arg PYENV_ASTRO=off",
        lines,
    )


RULE = Rule(
    name="PyenvAstroBase",
    description="The -base tags of Astro Runtime leave packages, requirements and project to the Dockerfile",
    find=_find,
    good=Example(f"# syntax=dockerfile-pyenv:1 {ASTRO_OPTION}\nFROM quay.io/astronomer/astro-runtime:12.7.1-base\n"),
    bad=Example("# syntax=dockerfile-pyenv:1\nFROM quay.io/astronomer/astro-runtime:12.7.1-base\n"),
)
