"""What a rule consists of: a name, its input, its findings, and a good and a bad example."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from dockerfile_pyenv import REPOSITORY
from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.instruction.lines import PyenvLine
from dockerfile_pyenv.instruction.statement import Statement
from dockerfile_pyenv.plan.astro import AstroStage
from dockerfile_pyenv.requirements.requirements_txt import RequirementsFile

REFERENCE = f"{REPOSITORY}/blob/main/dockerfile-syntax/reference.md" if REPOSITORY else ""


class CheckedLine(NamedTuple):
    """One PYENV line with its variables expanded, and the requirements that it reads."""

    line: PyenvLine
    statement: Statement
    python: str
    """`X.Y` of its interpreter."""
    files: tuple[RequirementsFile, ...] = ()
    """Files that list requirements: named, included, heredocs, and the line itself for inline requirements."""
    constraints: tuple[RequirementsFile, ...] = ()
    locked: bool = False
    """A lock of `dockerfile-pyenv lock` replaces all of these."""


@dataclass(frozen=True, slots=True)
class RuleContext:
    """The input of all rules."""

    dockerfile: Dockerfile
    lines: tuple[CheckedLine, ...]
    """The PYENV lines whose words are known, in file order."""
    today: date
    build_args: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Values of the build arguments, by name."""
    reached: bool = True
    """Whether a build finds this frontend even without a syntax line."""
    astro: bool = False
    """Whether PYENV_ASTRO is set, on or off, or the build's own syntax line enables Astro mode."""
    astro_stages: tuple[AstroStage, ...] = ()
    """The stages in Astro mode."""
    images: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """The images that FROM instructions name, variables expanded, by the indexes of these."""
    present: Callable[[Sequence[str]], Collection[str]] = lambda _: ()
    """Finds those of some paths that the build context has."""


class Finding(NamedTuple):
    """One warning: what is wrong at which lines, and what to do."""

    message: str
    lines: tuple[int, int]
    """First and last line of the instruction, 1-based and inclusive."""


@dataclass(frozen=True, slots=True)
class Example:
    """A Dockerfile, and the files of its build context."""

    dockerfile: str
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Rule(NamedTuple):
    """A rule, as users name it in `# check=skip=<name>`."""

    name: str
    description: str
    """One sentence about the rule, the same for all findings."""
    find: Callable[[RuleContext], Iterator[Finding]]
    good: Example
    bad: Example

    @property
    def url(self) -> str:
        """Where the reference explains the rule; "" if the reference is not published."""
        return f"{REFERENCE}#{self.name.lower()}" if REFERENCE else ""
