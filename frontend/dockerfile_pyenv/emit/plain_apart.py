"""Stages of a plain Dockerfile in which lines are installed apart from the user's stage, as apart.py does in a graph.

The user's stage is split before a group, and goes on after these stages:

    FROM <base> AS before …            the user's lines above the group
    FROM before AS ask                 writes the answers
    FROM scratch AS root               COPY of the answers
    FROM root AS install               one for each line, with COPY of its answers and its requirements files
    FROM <builder> AS build            for a line with --builder, with COPY of the same and of what was installed
    FROM before AS <the user's name>   COPY of each environment, and a RUN that adds links, or installs in the stage

What comes from the stage, or from the build context, reaches an install by COPY: all builders key a COPY by content.
buildah 1.28 and podman 4.3 key a RUN by its text and the layers below it, without the content of its mounts (buildah
#4522).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction, lex
from dockerfile_pyenv.dockerfile.rewrite import Edits
from dockerfile_pyenv.emit import commands
from dockerfile_pyenv.emit.expand import REQUIREMENTS, TOOLS, Rename, Split, run_flags
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.plan.model import Environment, Group, Plan

_PREFIX = "dockerfile-pyenv-"

_INHERITED = frozenset(
    {"ADD", "ARG", "COPY", "ENV", "EXPOSE", "FROM", "LABEL", "RUN", "SHELL", "STOPSIGNAL", "USER", "WORKDIR"}
)
"""Instructions whose effect a stage takes over from the one that it starts from, or which can be repeated there.

Not so ONBUILD, which runs there, and CMD, which ENTRYPOINT resets if it is of another stage.
"""
_NAME = re.compile(r"(?:^|[\s\"'])([A-Za-z_]\w*)(?==|\s|$)")
_ALIAS = re.compile(r"\s+AS\s+(\S+)\s*$", re.IGNORECASE)


class _NotInheritedError(Exception):
    """A stage cannot be split: what it has above a group would not be the same below."""


@dataclass(slots=True)
class _Pieces:
    """What becomes of a file, in parts."""

    heads: dict[int, str] = field(default_factory=dict)
    installed: dict[int, str] = field(default_factory=dict)
    froms: dict[int, str] = field(default_factory=dict)
    added: list[tuple[str, ...]] = field(default_factory=list)


def split(
    dockerfile: Dockerfile, plan: Plan, edits: Edits, rename: Rename, digests: Mapping[int, str]
) -> tuple[Split, Edits]:
    """Find the groups whose lines are installed apart; the edits with the FROM lines of their stages changed.

    `digests` is that of RequirementFiles.
    """
    pieces = _Pieces()
    froms = [index for index, item in enumerate(dockerfile.instructions) if item.keyword == "FROM"]
    number = 0
    for start, end in zip(froms, [*froms[1:], len(dockerfile.instructions)], strict=True):
        groups = [one for one in plan.groups if start < one.environments[0].line.index < end]
        wanted = _wanted(dockerfile, groups, edits, start)
        source = _from(dockerfile, edits, start)
        alias = _ALIAS.search(source)
        befores = [f"{_PREFIX}before-{number + index}" for index in range(1, len(wanted) + 1)]
        followings = [*befores[1:], alias[1] if alias else ""]
        names: list[str] = []
        for before, following, (group, repeated) in zip(befores, followings, wanted, strict=False):
            number += 1
            installs = [
                f"{_PREFIX}{'build' if one.builder else 'install'}-{number}-{line}" for line, one in _apart(group)
            ]
            names += [before, f"{_PREFIX}ask-{number}", f"{_PREFIX}root-{number}", *_names(group, number)]
            text = "".join(_stages(group, number, repeated, rename, digests, dockerfile.escape))
            text += f"FROM {before}" + (f" AS {following}" if following else "") + f"\n{repeated}"
            pieces.heads[group.environments[0].line.index] = text
            indexes = [one.line.index for _, one in _apart(group)]
            pieces.installed |= dict(zip(indexes, installs, strict=True))
        if befores:
            pieces.froms[start] = _renamed(source, befores[0])
        pieces.added.append(tuple(names))
    replaced = {**edits.replaced, **pieces.froms}
    return Split(pieces.heads, pieces.installed, tuple(pieces.added)), Edits(replaced, edits.inserted)


def _apart(group: Group) -> list[tuple[int, Environment]]:
    """The lines that are not installed in their stage, with numbers."""
    return list(enumerate((one for one in group.environments if one.is_asked), 1))


def _names(group: Group, number: int) -> Iterator[str]:
    """Names of the stages that install a group's lines."""
    for line, environment in _apart(group):
        if not environment.needs_stage:
            yield f"{_PREFIX}install-{number}-{line}"
        if environment.builder:
            yield f"{_PREFIX}build-{number}-{line}"


def _wanted(dockerfile: Dockerfile, groups: Sequence[Group], edits: Edits, start: int) -> list[tuple[Group, str]]:
    """The groups of a stage before which it is split, and what has to be repeated after that."""
    found = []
    for group in groups:
        above = list(_above(dockerfile, edits, start, group.environments[0].line.index))
        try:
            repeated = "".join(_repeated(above))
        except _NotInheritedError:
            built = next((one for one in group.environments if one.builder), None)
            if built:
                raise DockerfileError(
                    "render cannot add a stage for --builder here: move ONBUILD, CMD, ENTRYPOINT and the like below "
                    "this line",
                    lines=built.line.lines,
                ) from None
            continue
        if _apart(group):
            found.append((group, repeated))
    return found


def _above(dockerfile: Dockerfile, edits: Edits, start: int, end: int) -> Iterator[Instruction]:
    """The instructions of a stage above an index, edits applied."""
    for index in range(start, end):
        if index in edits.replaced:
            yield from lex(edits.replaced[index].encode("utf-8", "surrogateescape")).instructions
        else:
            yield dockerfile.instructions[index]
        if index in edits.inserted:
            yield from lex(edits.inserted[index].text.encode("utf-8", "surrogateescape")).instructions


def _repeated(above: Sequence[Instruction]) -> Iterator[str]:
    """The instructions that a stage has to repeat when it starts from another one.

    buildah takes over no ARG (before 1.41), and an OCI image has no SHELL. A variable that ENV has set since is in the
    image. Raises _NotInheritedError.
    """
    shell = ""
    for number, item in enumerate(above):
        if item.keyword == "PYENV":
            continue
        if item.keyword not in _INHERITED or (item.keyword == "FROM" and item.text.startswith("--")):
            raise _NotInheritedError
        if item.keyword == "SHELL":
            shell = f"SHELL {item.text}\n"
        if item.keyword == "ARG":
            names = set(_NAME.findall(item.text))
            since = {name for one in above[number:] if one.keyword == "ENV" for name in _NAME.findall(one.text)}
            if names <= since:
                continue
            if names & since or "$" in item.text:
                raise _NotInheritedError
            yield f"ARG {item.text}\n"
    yield shell


def _from(dockerfile: Dockerfile, edits: Edits, start: int) -> str:
    """A stage's FROM instruction, and what an edit adds to it."""
    item = dockerfile.instructions[start]
    return edits.replaced.get(start, f"FROM {item.text}\n")


def _renamed(source: str, name: str) -> str:
    """A FROM instruction with another name for its stage."""
    first, newline, rest = source.partition("\n")
    return f"{_ALIAS.sub('', first).rstrip()} AS {name}{newline}{rest}"


def _stages(  # noqa: PLR0913, PLR0917 - all that their text depends on
    group: Group, number: int, repeated: str, rename: Rename, digests: Mapping[int, str], escape: str
) -> Iterator[str]:
    """The stages in front of a group, but for the one that goes on with the user's."""
    lines = _apart(group)
    ask, root = f"{_PREFIX}ask-{number}", f"{_PREFIX}root-{number}"
    yield f"FROM {_PREFIX}before-{number} AS {ask}\n{repeated}USER 0:0\n"
    for line, environment in lines:
        if environment.requirements_directory:
            yield _copy(rename(REQUIREMENTS), environment.requirements_directory, f"{commands.CONTEXTS}/{line - 1}")
    environments = [environment for _, environment in lines]
    yield _run(_mounts(environments[0], rename), commands.ask(environments), escape)
    yield f"FROM scratch AS {root}\nCOPY --from={ask} {commands.ANSWERS}/root/ /\n"
    for line, environment in lines:
        install, build = f"{_PREFIX}install-{number}-{line}", f"{_PREFIX}build-{number}-{line}"
        if not environment.needs_stage:
            yield f"FROM {root} AS {install}\nENV PATH={commands.PATH}\n"
            flags = _flags(environment, rename, commands.SHARED_CACHE)
            yield from _installing(environment, ask, rename, _run(flags, commands.install(environment), escape))
        if environment.builder:
            yield f"FROM {environment.builder} AS {build}\nUSER 0:0\n"
            if not environment.needs_stage:
                yield _copy(install, commands.ENVIRONMENTS, commands.ENVIRONMENTS)
            flags = _flags(
                environment, rename, commands.own_cache(environment, digests.get(environment.line.number, ""))
            )
            yield from _installing(environment, ask, rename, _run(flags, commands.build(environment), escape))


def _installing(environment: Environment, ask: str, rename: Rename, run: str) -> Iterator[str]:
    """What a stage that installs has after its FROM; `ask` is the stage with the answers."""
    yield _copy(ask, f"{commands.ANSWERS}/lines/{environment.statement.name}", commands.ANSWERS)
    if environment.requirements_directory:
        yield _copy(rename(REQUIREMENTS), environment.requirements_directory, commands.CONTEXT)
    yield run


def _flags(environment: Environment, rename: Rename, cache: str) -> list[str]:
    """Flags of the RUN that installs; `cache` is the id of its cache."""
    return [
        *_mounts(environment, rename),
        f"--mount=type=cache,id={cache},target={commands.CACHE}",
        *run_flags(environment.statement.raw, environment.statement.flags),
    ]


def _mounts(environment: Environment, rename: Rename) -> list[str]:
    tools, run = rename(TOOLS), commands.RUN
    return [
        f"--mount=type=bind,from={tools},source=/pyenv/busybox,target={commands.BUSYBOX}",
        f"--mount=type=bind,from={tools},source=/pyenv/uv,target={run}/uv",
        f"--mount=type=bind,from={tools},source=/pyenv/provision/environment,target={commands.PROVISION}",
        f"--mount=type=bind,from={rename(environment.context)},target={environment.prefix}",
        f"--mount=type=tmpfs,target={run}/home",
        f"--mount=type=tmpfs,target={run}/tmp",  # noqa: S108 - of the step
    ]


def _copy(stage: str, source: str, target: str) -> str:
    return f"COPY --from={stage} {source}/ {target}/\n"


def _run(flags: Sequence[str], arguments: Sequence[str], escape: str) -> str:
    words = "".join(f"{flag} {escape}\n    " for flag in flags)
    return f"RUN {words}{generated.command(arguments)}\n"
