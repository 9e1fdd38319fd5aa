"""A Dockerfile's PYENV lines, and the facts about their build, to a plan."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.instruction.arguments import is_version
from dockerfile_pyenv.instruction.flags import FlagError, check_date
from dockerfile_pyenv.instruction.lines import PyenvLine, constants, count_stages
from dockerfile_pyenv.instruction.statement import Statement, resolve
from dockerfile_pyenv.interpreters.provider import BASE, Interpreter, InterpreterNotFoundError, minor
from dockerfile_pyenv.interpreters.providers import choose
from dockerfile_pyenv.plan import taken_names
from dockerfile_pyenv.plan.astro import NO_ASTRO, AstroEdits
from dockerfile_pyenv.plan.facts import Facts
from dockerfile_pyenv.plan.line_scope import LineScope
from dockerfile_pyenv.plan.model import LABEL, PYTHON, Environment, Group, Plan

Select = Callable[[Statement, LineScope], Interpreter]
"""Chooses the interpreter of a line at its place; raises InterpreterNotFoundError or FlagError."""


def make(dockerfile: Dockerfile, lines: Sequence[PyenvLine], facts: Facts, astro: AstroEdits = NO_ASTRO) -> Plan:
    """Plan the PYENV lines that the target reaches.

    Raises DockerfileError for the first line that cannot be built as it stands.
    """
    if not lines:
        return Plan((), (), count_stages(dockerfile))
    scopes = facts.scopes(dockerfile, lines, astro.edits)
    platforms = sorted({scope.platform for found in scopes.values() for scope in found})
    download = cache(facts.download)

    def select(statement: Statement, scope: LineScope) -> Interpreter:
        return choose(statement, lambda: facts.libc(scope), platforms, facts.setting, download)

    def label(scope: LineScope) -> str:
        """What the label says in the image that a line's stage starts from."""
        return str(((facts.image_config(scope).get("config") or {}).get("Labels") or {}).get(LABEL, ""))

    plan = plan_lines(dockerfile, lines, scopes, select, label=label, installer=facts.setting("PYENV_INSTALLER"))
    plan = _linked(_dated(plan, facts.setting("PYENV_EXCLUDE_NEWER")), astro.links)
    return _checked(_built(plan, facts), facts.setting("PYENV_CHECK_IMPORTS"))


def _dated(plan: Plan, date: str) -> Plan:
    """The plan with the default of `--exclude-newer` for lines without the flag. Raises DockerfileError."""
    if not date or not plan.groups:
        return plan
    try:
        checked = check_date(date, "PYENV_EXCLUDE_NEWER: ")
    except FlagError as error:
        raise DockerfileError(str(error), lines=plan.environments[0].line.lines) from None

    def dated(item: Environment) -> Environment:
        statement = item.statement
        if statement.flags.exclude_newer or statement.flags.no_venv:
            return item
        return replace(item, statement=replace(statement, flags=replace(statement.flags, exclude_newer=checked)))

    return _mapped(plan, dated)


def plan_lines(  # noqa: PLR0913 - a plan is made from this many facts
    dockerfile: Dockerfile,
    lines: Sequence[PyenvLine],
    scopes: Mapping[int, tuple[LineScope, ...]],
    select: Select,
    *,
    label: Callable[[LineScope], str] = lambda _: "",
    installer: str = "",
) -> Plan:
    """Plan the environments of the PYENV lines that are reached.

    `installer` is the default of the build or the site; `label` finds the value of our label in the base image of a
    line's stage. Raises DockerfileError for the first line that cannot be built.
    """
    environments: dict[int, Environment] = {}
    own = constants(dockerfile)
    for line in lines:
        if line.number in scopes:
            environment = replace(_environment(line, scopes[line.number], select, installer), constants=own)
            _check_names(environment, scopes[line.number], environments)
            taken_names.check(environment, scopes[line.number], environments)
            _check_interpreter(environment, scopes[line.number], environments)
            _check_base(environment, label(scopes[line.number][0]))
            environments[line.number] = environment
    numbers: dict[int, list[int]] = {}
    for number, environment in environments.items():
        numbers.setdefault(environment.line.group, []).append(number)
    return Plan(
        groups=tuple(
            _group(members, environments, scopes, label(scopes[members[0]][0])) for members in numbers.values()
        ),
        unreached=tuple(line for line in lines if line.number not in scopes),
        stages=count_stages(dockerfile),
    )


def _linked(plan: Plan, directories: Mapping[int, str]) -> Plan:
    """Add links to environments to a plan; `directories` has their directories by line number."""

    def link(item: Environment) -> Environment:
        number, statement = item.line.number, item.statement
        if number not in directories or not statement.name or statement.flags.no_venv:
            return item
        return replace(item, home_link=f"{directories[number]}/{statement.name}")

    return _mapped(plan, link)


def _mapped(plan: Plan, change: Callable[[Environment], Environment]) -> Plan:
    groups = (replace(group, environments=tuple(map(change, group.environments))) for group in plan.groups)
    return replace(plan, groups=tuple(groups))


def _built(plan: Plan, facts: Facts) -> Plan:
    """Add the variables of builders to a plan."""
    builders = list(dict.fromkeys(item.builder for item in plan.environments if item.builder))
    if not builders:
        return plan
    try:
        found = facts.builders(builders)
    except PyenvError as error:
        using = [item for item in plan.environments if item.builder]
        item = next((one for one in using if one.builder in str(error)), using[0])
        raise DockerfileError(
            f"cannot use --builder={item.builder}: {error}",
            lines=item.line.lines,
            at=next(word.place for name, word in item.statement.raw.flags if name == "builder" and word),
        ) from None
    return _mapped(plan, lambda item: replace(item, builder_env=found.get(item.builder, {})))


def _checked(plan: Plan, default: str) -> Plan:
    """Add to a plan which lines are checked; `default` is the setting of the build or the site."""
    if default not in {"", "0", "1", "true", "false"}:
        raise PyenvError(f"PYENV_CHECK_IMPORTS: {default} is not valid: write true or false")

    def check(item: Environment) -> Environment:
        flags = item.statement.flags
        chosen = flags.check_imports if flags.check_imports is not None else default in {"1", "true"}
        return replace(item, check_imports=chosen and not flags.no_venv)

    return _mapped(plan, check)


def _environment(line: PyenvLine, scopes: tuple[LineScope, ...], select: Select, installer: str) -> Environment:
    if isinstance(line.statement, DockerfileError):
        raise line.statement
    scope = scopes[0]
    for other in scopes[1:]:
        if (other.words, other.user) != (scope.words, scope.user):
            raise DockerfileError(
                f"this line expands to {' '.join(scope.words)} for {scope.platform} and to {' '.join(other.words)} for "
                f"{other.platform}: its words and USER must be the same on every platform of the build",
                lines=line.lines,
            )
    if any(scope.empty for scope in scopes):
        raise DockerfileError(
            "FROM scratch has no C library, which PYENV requires: start from a distribution's image, "
            "or copy a root file system into the stage first",
            lines=line.lines,
        )
    statement = resolve(line.statement, scope.words, scope.env, installer=installer)
    try:
        interpreter = select(statement, scope)
    except InterpreterNotFoundError as error:
        raise DockerfileError(str(error), lines=line.lines, at=line.statement.version.place) from error
    except FlagError as error:
        raise DockerfileError(str(error), lines=line.lines, at=line.statement.flag_place(error)) from error
    _check_builder(statement, interpreter)
    platforms = tuple(dict.fromkeys(scope.platform for scope in scopes))
    recipes = {} if interpreter.is_base else {scope.target: interpreter.recipes[scope.platform] for scope in scopes}
    return Environment(
        line, statement, interpreter, recipes, _context(scopes, interpreter), scope.user, scope.env, platforms
    )


def _check_builder(statement: Statement, interpreter: Interpreter) -> None:
    """Refuse a builder for packages where an environment is not made apart from its stage. Raises DockerfileError."""
    flags = statement.flags
    if not flags.builder or interpreter.uses_builder:
        return
    unfit = {
        "--no-venv": flags.no_venv,
        "--interpreter=base": interpreter.is_base,
        "--system-site-packages": flags.system_site_packages,
    }
    for flag, given in unfit.items():
        if given:
            reason = "installs no packages" if flag == "--no-venv" else "requires the Python of the stage"
            raise DockerfileError(
                f"--builder={flags.builder} cannot be used with {flag}, which {reason}: remove one",
                lines=statement.raw.lines,
                at=next(word.place for name, word in statement.raw.flags if name == "builder" and word),
            )


def _context(scopes: tuple[LineScope, ...], interpreter: Interpreter) -> str:
    """Name the build context of a line's interpreter.

    Upstream looks a named context up for the target platform, whatever the platform of the stage is
    (dockerfile2llb/convert.go, BuildKit v0.25 at least). So lines whose stages relate to it in different ways need
    contexts of different names.
    """
    name = f"{PYTHON}-{interpreter.id}"
    if all(scope.target in {"", scope.platform} for scope in scopes):
        return name
    return "-".join([name, *dict.fromkeys(scope.platform.replace("/", "-") for scope in scopes)])


def _check_names(environment: Environment, scopes: tuple[LineScope, ...], earlier: Mapping[int, Environment]) -> None:
    name = environment.statement.name
    for scope in scopes:
        for number in scope.below:
            other = earlier[number]
            if name and other.statement.name == name:
                raise DockerfileError(
                    f"the name {name} is taken by the environment of line {other.line.lines[0]}: choose another name",
                    lines=environment.line.lines,
                    at=environment.place,
                )
            if shared := set(environment.variables) & set(other.variables):
                raise DockerfileError(
                    f"the names {name} and {other.statement.name} (line {other.line.lines[0]}) share the "
                    f"variable {min(shared)}: choose a name that differs in more than punctuation",
                    lines=environment.line.lines,
                    at=environment.place,
                )
        for variable in environment.variables:
            if variable in scope.env:
                raise DockerfileError(
                    f"the name {name} is taken: {variable} is already set to {scope.env[variable]} in this stage or "
                    "its base image. Choose another name",
                    lines=environment.line.lines,
                    at=environment.place,
                )


def _check_interpreter(
    environment: Environment, scopes: tuple[LineScope, ...], earlier: Mapping[int, Environment]
) -> None:
    own = environment.interpreter
    for scope in scopes:
        for number in scope.below:
            other = earlier[number].interpreter
            if other.minor != own.minor or other.id == own.id or own.is_base or other.is_base:
                continue
            name = f"python{own.minor}"
            raise DockerfileError(
                f"two builds of Python {own.minor} in one stage make {name} ambiguous: "
                f"this line requires {own.version} ({own.provider}), line {earlier[number].line.lines[0]} requires "
                f"{other.version} ({other.provider}). Use one build for both",
                lines=environment.line.lines,
                at=environment.statement.raw.version.place,
            )


def _check_base(environment: Environment, label: str) -> None:
    """Refuse a second build of a version that the base image already has from PYENV lines of its own."""
    own = environment.interpreter
    for entry in _entries(label):
        if own.is_base or entry["interpreter"] in {own.id, BASE}:
            continue
        if minor(entry["version"]) == own.minor:
            raise DockerfileError(
                f"two builds of Python {own.minor} make python{own.minor} ambiguous: this line requires {own.version} "
                f"({own.provider}), and the base image has {entry['interpreter']} for its environment {entry['name']}. "
                "Use the base image's build, or rebuild the base image",
                lines=environment.line.lines,
                at=environment.statement.raw.version.place,
            )


def _group(
    members: Sequence[int],
    environments: Mapping[int, Environment],
    scopes: Mapping[int, tuple[LineScope, ...]],
    label: str,
) -> Group:
    below = [number for number in scopes[members[0]][0].below if number not in members]
    present = {environments[number].interpreter.id for number in below}
    present |= {entry["interpreter"] for entry in _entries(label)}
    group = [environments[number] for number in members]
    # By version, not by line: adding or moving a line then does not change the copy of another interpreter.
    added = {
        item.interpreter.id: item.context
        for item in sorted(group, key=lambda item: _numbers(item.interpreter.version))
        if not item.interpreter.is_base and item.interpreter.id not in present
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
    """Entries of the base image's label; entries that are not ours are ignored."""
    try:
        entries = json.loads(label or "[]")
    except (ValueError, RecursionError):
        return []
    return [entry for entry in entries if _is_entry(entry)] if isinstance(entries, list) else []


def _is_entry(entry: object) -> bool:
    """Whether it is one that PYENV wrote: a label can be set by anybody, and holds anything."""
    if not isinstance(entry, dict):
        return False
    values = [entry.get(key) for key in ("name", "version", "interpreter", "path")]
    return all(isinstance(one, str) and one.isprintable() for one in values) and is_version(entry["version"])
