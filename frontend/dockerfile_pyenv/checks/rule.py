"""What a rule is: a name, what it looks at, what it finds, and a good and a bad example of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from dockerfile_pyenv.instruction import Statement
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.requirements import RequirementsFile
from dockerfile_pyenv.stages import Line

REFERENCE = "https://github.com/dockerfile-pyenv/dockerfile-pyenv/blob/main/dockerfile-syntax/reference.md"


@dataclass(frozen=True, slots=True)
class Asked:
    """One PYENV line with its variables expanded, and the requirements that it reads."""

    line: Line
    statement: Statement
    python: str
    """`X.Y` of its interpreter."""
    files: tuple[RequirementsFile, ...] = ()
    """All that say what to install: named, included, heredocs, and what stands on the line itself."""
    constraints: tuple[RequirementsFile, ...] = ()
    locked: bool = False
    """A lock of `dockerfile-pyenv lock` stands in for all of these."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What all rules look at."""

    dockerfile: Dockerfile
    asked: tuple[Asked, ...]
    """The PYENV lines whose words are known, in the order of the file."""
    today: date
    build_args: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Values of the build arguments that the caller gives, by name."""
    reached: bool = True
    """Whether a build finds this frontend, be it without a syntax line."""
    astro: bool = False
    """Whether PYENV_ASTRO is set, one way or the other."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One warning: what is wrong at which lines, and what to do."""

    message: str
    lines: tuple[int, int]
    """First and last line of the instruction, 1-based and inclusive."""


@dataclass(frozen=True, slots=True)
class Example:
    """A Dockerfile, and the files of its build context."""

    dockerfile: str
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, as users name it in `# check=skip=<name>`."""

    name: str
    description: str
    """One sentence about the rule, the same for all findings."""
    find: Callable[[Subject], Iterator[Finding]]
    good: Example
    bad: Example

    @property
    def url(self) -> str:
        """Where the reference explains the rule."""
        return f"{REFERENCE}#{self.name.lower()}"
