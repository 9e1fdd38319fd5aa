"""What to build for the PYENV lines that a target reaches: pure, from the lines' words and places."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from dockerfile_pyenv import instruction
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.flags import FlagError
from dockerfile_pyenv.instruction import Statement
from dockerfile_pyenv.interpreters import InterpreterNotFoundError
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.probe import Site
from dockerfile_pyenv.providers import Interpreter, Recipe, minor
from dockerfile_pyenv.stages import Line, constants, count_stages

LABEL = "dockerfile-pyenv.environments"
PREFIX = "/opt/astro-pyenv"
PYTHON = "dockerfile-pyenv/python"
"""What the names of the build contexts of interpreters begin with."""

Select = Callable[[Statement, Site], Interpreter]
"""Chooses the interpreter of a line at its place; raises InterpreterNotFoundError or FlagError."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment to build."""

    line: Line
    statement: Statement
    interpreter: Interpreter
    recipes: Mapping[str, Recipe]
    """How to come by the interpreter, by the platform that is built for ("" for just one)."""
    context: str
    """Name of the build context that holds the interpreter."""
    user: str
    env: Mapping[str, str]
    """ENV, and the values of ARG, at the line."""
    platforms: tuple[str, ...]
    """What the line's stage is built for: "linux/amd64"."""
    link: str = ""
    """A further path by which the environment is to be found; "" for none."""
    constants: frozenset[str] = frozenset()
    """Variables whose values the Dockerfile and the build's arguments alone say: `stages.constants`."""

    @property
    def prefix(self) -> str:
        """Where the interpreter lives in the image."""
        return f"{PREFIX}/python/{self.interpreter.id}"

    @property
    def path(self) -> str:
        """Where the environment lives in the image: with `--no-venv`, the interpreter itself."""
        return self.prefix if self.statement.flags.no_venv else f"{PREFIX}/envs/{self.statement.name}"

    @property
    def python(self) -> str:
        """What the line's variables hold."""
        name = f"python{self.interpreter.minor}" if self.statement.flags.no_venv else "python"
        return f"{self.path}/bin/{name}"

    @property
    def requirement_files(self) -> tuple[str, ...]:
        """Paths in the build context of the requirement files that the line names."""
        return self.statement.files

    @property
    def requirements_directory(self) -> str:
        """Directory of the requirements context that holds what the step reads; "" where it reads nothing.

        It depends on nothing but what the line says, so that other lines' files do not enter a step's cache key, and
        lines that say the same share it.
        """
        statement = self.statement
        archives = [one for one in statement.inline if one.startswith("./")]
        if not statement.files and not statement.bodies and not archives:
            return ""
        named = json.dumps([statement.files, archives, [(body.name, body.text) for body in statement.bodies]])
        return "/" + sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def place(self) -> tuple[int, int]:
        """Line and column of the environment's name, or of its version where it has none."""
        return (self.statement.raw.name or self.statement.raw.version).place

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the ENV variables that hold the path of the environment's python."""
        return instruction.env_names(self.statement.name) if self.statement.name else ()


@dataclass(frozen=True, slots=True)
class Group:
    """PYENV lines that stand together, and what they leave in the image."""

    environments: tuple[Environment, ...]
    interpreters: Mapping[str, str]
    """Names of the interpreters that the group adds to the image, and of the build contexts that hold them."""
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
    """All groups that the target reaches, and the lines that it does not."""

    groups: tuple[Group, ...]
    unreached: tuple[Line, ...]
    stages: int
    """How many stages the user's file has."""

    def title(self, interpreter: str) -> str:
        """What progress and history call the step that adds an interpreter to the image."""
        one = next(item.interpreter for item in self.environments if item.interpreter.id == interpreter)
        return f"PYENV {one.minor} ({one.title})"

    @property
    def environments(self) -> tuple[Environment, ...]:
        """All environments, in the order of the file."""
        return tuple(environment for group in self.groups for environment in group.environments)


def make(  # noqa: PLR0913 - a plan is made from this many facts
    dockerfile: Dockerfile,
    lines: Sequence[Line],
    sites: Mapping[int, tuple[Site, ...]],
    select: Select,
    *,
    label: Callable[[Site], str] = lambda _: "",
    installer: str = "",
) -> Plan:
    """Plan the environments of the PYENV lines that are reached.

    `installer` is what the build or the site chooses for lines that do not; `label` finds the value that the image
    label has in the image that a line's stage starts from. Raises DockerfileError for the first line that cannot be
    built as it stands.
    """
    environments: dict[int, Environment] = {}
    own = constants(dockerfile)
    for line in lines:
        if line.number in sites:
            environment = replace(_environment(line, sites[line.number], select, installer), constants=own)
            _check_names(environment, sites[line.number], environments)
            _check_interpreter(environment, sites[line.number], environments)
            _check_base(environment, label(sites[line.number][0]))
            environments[line.number] = environment
    numbers: dict[int, list[int]] = {}
    for number, environment in environments.items():
        numbers.setdefault(environment.line.group, []).append(number)
    return Plan(
        groups=tuple(_group(members, environments, sites, label(sites[members[0]][0])) for members in numbers.values()),
        unreached=tuple(line for line in lines if line.number not in sites),
        stages=count_stages(dockerfile),
    )


def linked(plan: Plan, directories: Mapping[int, str]) -> Plan:
    """The same plan with links to environments, in directories by the numbers of their lines."""

    def link(item: Environment) -> Environment:
        number, statement = item.line.number, item.statement
        if number not in directories or not statement.name or statement.flags.no_venv:
            return item
        return replace(item, link=f"{directories[number]}/{statement.name}")

    groups = (replace(group, environments=tuple(map(link, group.environments))) for group in plan.groups)
    return replace(plan, groups=tuple(groups))


def _environment(line: Line, sites: tuple[Site, ...], select: Select, installer: str) -> Environment:
    if isinstance(line.statement, DockerfileError):
        raise line.statement
    site = sites[0]
    for other in sites[1:]:
        if (other.words, other.user) != (site.words, site.user):
            raise DockerfileError(
                f"this line reads {' '.join(site.words)} for {site.platform} and {' '.join(other.words)} for "
                f"{other.platform}: its words and USER must be the same on every platform of the build",
                lines=line.lines,
            )
    if any(site.empty for site in sites):
        raise DockerfileError(
            "PYENV needs a base image with a C library, and FROM scratch has none: start from a distribution, "
            "or copy a root file system into the stage first",
            lines=line.lines,
        )
    statement = instruction.resolve(line.statement, site.words, site.env, installer=installer)
    try:
        interpreter = select(statement, site)
    except InterpreterNotFoundError as error:
        raise DockerfileError(str(error), lines=line.lines, at=line.statement.version.place) from error
    except FlagError as error:
        raise DockerfileError(str(error), lines=line.lines, at=line.statement.flag_place(error)) from error
    platforms = tuple(dict.fromkeys(site.platform for site in sites))
    recipes = {site.target: interpreter.recipes[site.platform] for site in sites}
    return Environment(
        line, statement, interpreter, recipes, _context(sites, interpreter), site.user, site.env, platforms
    )


def _context(sites: tuple[Site, ...], interpreter: Interpreter) -> str:
    """Name the build context of a line's interpreter.

    Upstream looks a named context up for the platform that is built for, whatever the stage's own one is
    (dockerfile2llb/convert.go, BuildKit v0.25 at least). So lines whose stages stand to that in different ways need
    contexts of different names.
    """
    name = f"{PYTHON}-{interpreter.id}"
    if all(site.target in {"", site.platform} for site in sites):
        return name
    return "-".join([name, *dict.fromkeys(site.platform.replace("/", "-") for site in sites)])


def _check_names(environment: Environment, sites: tuple[Site, ...], earlier: Mapping[int, Environment]) -> None:
    name = environment.statement.name
    for site in sites:
        for number in site.below:
            other = earlier[number]
            if name and other.statement.name == name:
                raise DockerfileError(
                    f"the name {name} is taken: line {other.line.lines[0]} makes an environment of that name. "
                    "Choose another name",
                    lines=environment.line.lines,
                    at=environment.place,
                )
            if shared := set(environment.variables) & set(other.variables):
                raise DockerfileError(
                    f"the names {name} and {other.statement.name} (line {other.line.lines[0]}) would share the "
                    f"variable {min(shared)}: choose a name that differs in more than punctuation",
                    lines=environment.line.lines,
                    at=environment.place,
                )
        for variable in environment.variables:
            if variable in site.env:
                raise DockerfileError(
                    f"the name {name} is taken: {variable} is already {site.env[variable]} in the environment that "
                    "this line starts from. Choose another name",
                    lines=environment.line.lines,
                    at=environment.place,
                )


def _check_interpreter(environment: Environment, sites: tuple[Site, ...], earlier: Mapping[int, Environment]) -> None:
    own = environment.interpreter
    for site in sites:
        for number in site.below:
            other = earlier[number].interpreter
            if other.minor != own.minor or other.id == own.id or "base" in {own.id, other.id}:
                continue
            name = f"python{own.minor}"
            raise DockerfileError(
                f"two builds of Python {own.minor} cannot stand in one stage, since {name} would be ambiguous: "
                f"this line asks for {own.version} ({own.provider}), line {earlier[number].line.lines[0]} for "
                f"{other.version} ({other.provider}). Ask for the same in both",
                lines=environment.line.lines,
                at=environment.statement.raw.version.place,
            )


def _check_base(environment: Environment, label: str) -> None:
    """Refuse a second build of a version that the base image, itself made with PYENV lines, brings along."""
    own = environment.interpreter
    for entry in _entries(label):
        ids = {own.id, entry["interpreter"]}
        if minor(entry["version"]) == own.minor and len(ids) > 1 and "base" not in ids:
            raise DockerfileError(
                f"this line asks for Python {own.version} ({own.provider}), and the base image has another build, "
                f"{entry['interpreter']}, for its environment {entry['name']}: python{own.minor} would be ambiguous. "
                "Ask for the same, or build the base image anew",
                lines=environment.line.lines,
                at=environment.statement.raw.version.place,
            )


def _group(
    members: Sequence[int],
    environments: Mapping[int, Environment],
    sites: Mapping[int, tuple[Site, ...]],
    label: str,
) -> Group:
    below = [number for number in sites[members[0]][0].below if number not in members]
    present = {environments[number].interpreter.id for number in below} | {"base"}
    present |= {entry["interpreter"] for entry in _entries(label)}
    group = [environments[number] for number in members]
    # By version, not by line: a line that is put first or moved then changes no copy of another interpreter.
    added = {
        item.interpreter.id: item.context
        for item in sorted(group, key=lambda item: _numbers(item.interpreter.version))
        if item.interpreter.id not in present
    }
    named = [item for item in [*(environments[number] for number in below), *group] if item.statement.name]
    entries = [*_entries(label), *map(_entry, named)]
    return Group(tuple(group), added, json.dumps(entries, separators=(",", ":")))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall("[0-9]+", version)))


def _entry(environment: Environment) -> dict[str, str]:
    return {
        "name": environment.statement.name,
        "version": environment.interpreter.version,
        "interpreter": environment.interpreter.id,
        "path": environment.path,
    }


def _entries(label: str) -> list[dict[str, str]]:
    """Entries of a label that the base image has; what is not ours counts as none."""
    try:
        entries = json.loads(label or "[]")
    except ValueError:
        return []
    return [entry for entry in entries if _is_entry(entry)] if isinstance(entries, list) else []


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(entry.get(key), str) for key in ("name", "version", "interpreter", "path")
    )
