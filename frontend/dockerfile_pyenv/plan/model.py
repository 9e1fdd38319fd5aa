"""What to build for the PYENV lines that a target reaches: environments, and the groups they stand in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from dockerfile_pyenv.instruction.lines import PyenvLine
from dockerfile_pyenv.instruction.statement import Statement, env_names
from dockerfile_pyenv.interpreters.provider import PREFIX, Interpreter, Recipe

LABEL = "dockerfile-pyenv.environments"
PYTHON = "dockerfile-pyenv/python"
"""Prefix of the names of build contexts that hold interpreters."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment to build."""

    line: PyenvLine
    statement: Statement
    interpreter: Interpreter
    recipes: Mapping[str, Recipe]
    """How to get the interpreter, by target platform ("" if there is only one); none of the base's own."""
    context: str
    """Name of the build context that holds the interpreter."""
    user: str
    env: Mapping[str, str]
    """ENV, and the values of ARG, at the line."""
    platforms: tuple[str, ...]
    """Platforms of the line's build stage: "linux/amd64"."""
    home_link: str = ""
    """An additional path below a home directory, for Astro mode; "" for none."""
    check_imports: bool = False
    """Import the modules of what the line names, once it is installed."""
    builder_env: Mapping[str, str] = field(default_factory=dict)
    """ENV of the line's builder."""
    constants: frozenset[str] = frozenset()
    """Variables whose values depend only on the Dockerfile and the build arguments: `lines.constants`."""

    @property
    def prefix(self) -> str:
        """Where the interpreter lives in the image."""
        return self.interpreter.prefix

    @property
    def path(self) -> str:
        """Where the environment lives in the image: with `--no-venv`, the interpreter itself."""
        return self.prefix if self.statement.flags.no_venv else f"{PREFIX}/envs/{self.statement.name}"

    @property
    def python(self) -> str:
        """Value of the line's variables."""
        name = f"python{self.interpreter.minor}" if self.statement.flags.no_venv else "python"
        return f"{self.path}/bin/{name}"

    @property
    def builder(self) -> str:
        """The stage, image or named context in which packages are built; "" for the line's stage."""
        return "" if self.interpreter.uses_builder else self.statement.flags.builder

    @property
    def needs_stage(self) -> str:
        """The flag for which the environment has to be installed in its stage; "" where it can be installed apart."""
        flags = self.statement.flags
        found = {
            "--no-venv": flags.no_venv,
            "--interpreter=base": self.interpreter.is_base,
            "--system-site-packages": flags.system_site_packages,
            "--mount": bool(flags.mount),
        }
        return next((flag for flag, given in found.items() if given), "")

    @property
    def is_asked(self) -> bool:
        """Whether the stage is asked what the install needs to know: it is not done there."""
        return bool(self.builder) or not self.needs_stage

    @property
    def commands(self) -> tuple[str, ...]:
        """Programs of the environment that the line puts on PATH."""
        return tuple(dict.fromkeys(self.statement.flags.expose))

    @property
    def links(self) -> tuple[str, ...]:
        """Additional paths of the environment that the line names."""
        return tuple(dict.fromkeys(self.statement.flags.link))

    @property
    def requirement_files(self) -> tuple[str, ...]:
        """Paths in the build context of the requirements files that the line names."""
        return self.statement.files

    @property
    def requirements_directory(self) -> str:
        """Directory of the requirements context with the files that the step reads; "" if it reads none.

        It depends only on the words of the line, so that files of other lines do not enter a step's cache key, and
        lines with the same files share it.
        """
        statement = self.statement
        archives = [one for one in statement.inline if one.startswith("./")]
        more = statement.flags.constraint_files
        if not statement.files and not statement.bodies and not archives and not more:
            return ""
        bodies = [(body.name, body.text) for body in statement.bodies]
        named = json.dumps([statement.files, archives, bodies, *([more] if more else [])])
        return "/" + sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def place(self) -> tuple[int, int]:
        """Line and column of the environment's name, or of its version if it has no name."""
        return (self.statement.raw.name or self.statement.raw.version).place

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the ENV variables that hold the path of the environment's python."""
        return env_names(self.statement.name) if self.statement.name else ()


@dataclass(frozen=True, slots=True)
class Group:
    """Adjacent PYENV lines, and what they add to the image."""

    environments: tuple[Environment, ...]
    interpreters: Mapping[str, str]
    """Names of the interpreters that the group adds to the image, and of their build contexts."""
    label: str
    """Value of the image label after the group."""

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """ENV variables that the group adds, and their values."""
        return tuple((name, item.python) for item in self.environments for name in item.variables)

    @property
    def user(self) -> str:
        """USER at the group, as the image config has it."""
        return self.environments[0].user


@dataclass(frozen=True, slots=True)
class Plan:
    """The groups that the target reaches, and the lines that it does not reach."""

    groups: tuple[Group, ...]
    unreached: tuple[PyenvLine, ...]
    stages: int
    """Number of build stages in the user's file."""

    def title(self, interpreter: str) -> str:
        """Name in progress and history of the step that adds an interpreter to the image."""
        one = next(item.interpreter for item in self.environments if item.interpreter.id == interpreter)
        return f"PYENV {one.minor} ({one.title})"

    @property
    def environments(self) -> tuple[Environment, ...]:
        """All environments, in the order of the file."""
        return tuple(environment for group in self.groups for environment in group.environments)
