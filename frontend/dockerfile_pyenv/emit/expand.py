"""Expand a plan to the text of a plain, sequential Dockerfile.

Generated lines contain no user text except names of a restricted alphabet, the mounts of a line, and what
dockerfile/generated.py writes: USER and JSON strings. Upstream splits, unquotes and expands flags of RUN three times
(parser/split_command.go, instructions/commands_runmount.go), so file names cannot go there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.dockerfile.generated import GeneratedTextError
from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.dockerfile.rewrite import NO_EDITS, Edits, Expansion, substitute
from dockerfile_pyenv.emit import instructions
from dockerfile_pyenv.emit.commands import BUILDER, ENVIRONMENTS, RUN, command, finish, own_cache
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.flags import Flags
from dockerfile_pyenv.instruction.statement import RawStatement
from dockerfile_pyenv.interpreters.provider import PREFIX
from dockerfile_pyenv.plan.model import LABEL, Environment, Group, Plan

TOOLS = "dockerfile-pyenv/tools"
REQUIREMENTS = "dockerfile-pyenv/requirements"
"""Names of the build contexts that the text mounts from. Names of the user's stages cannot have a slash."""

Rename = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Split:
    """What a text for any builder has of lines that are installed in stages of their own (plain_apart.py)."""

    heads: Mapping[int, str] = field(default_factory=dict)
    """Stages that stand before a group, by the index of its first line."""
    installed: Mapping[int, str] = field(default_factory=dict)
    """Names of the stages that install lines, by the lines' indexes."""
    added: tuple[tuple[str, ...], ...] = ()
    """For each of the user's stages, the names of those that stand in front of its last part."""


_UNSPLIT = Split()
NO_DIGESTS: Mapping[int, str] = MappingProxyType({})


def expand(  # noqa: PLR0913 - the text for any builder has parts of its own
    dockerfile: Dockerfile,
    plan: Plan,
    edits: Edits = NO_EDITS,
    *,
    rename: Rename | None = None,
    split: Split = _UNSPLIT,
    digests: Mapping[int, str] = NO_DIGESTS,
) -> Expansion:
    """The user's text with every PYENV line replaced by the instructions that build its environment.

    A line that the target does not reach becomes a comment, so that it cannot fail. With `rename` the text is for any
    builder: it mounts from stages, whose names `rename` makes from those of the build contexts, and lines that `split`
    has are installed in stages of their own. `digests` is that of RequirementFiles.
    """
    replacements = {line.index: f"# not built: {generated.comment(line.text)}\n" for line in plan.unreached}
    for group in plan.groups:
        for environment in group.environments:
            try:
                cache_id = own_cache(environment, digests.get(environment.line.number, ""))
                text = _instructions(dockerfile, group, environment, rename, split, cache_id)
                replacements[environment.line.index] = text
            except GeneratedTextError as error:
                raise DockerfileError(str(error), lines=environment.line.lines) from None
    return substitute(dockerfile, replacements, edits)


def _instructions(  # noqa: PLR0913, PLR0917 - all that a line's text depends on
    dockerfile: Dockerfile, group: Group, environment: Environment, renamed: Rename | None, split: Split, cache_id: str
) -> str:
    rename = renamed or str
    index = environment.line.index
    installed = split.installed.get(index, "")
    text = instructions.render(
        first=environment is group.environments[0],
        last=environment is group.environments[-1],
        plain=renamed is not None,
        context="" if environment.interpreter.is_base else environment.context,
        interpreters={added: rename(context) for added, context in group.interpreters.items()},
        interpreter=environment.prefix,
        requirements=rename(REQUIREMENTS),
        directory=environment.requirements_directory,
        builder="" if renamed else environment.builder,
        builder_target=BUILDER,
        flags=run_flags(environment.statement.raw, environment.statement.flags),
        installed=installed,
        cache=cache_id,
        environments=ENVIRONMENTS,
        command=generated.command(finish(environment) if installed else command(environment)),
        variables=group.variables,
        label=LABEL,
        entries=group.label.replace("'", r"\u0027"),
        user=generated.quoted(group.user, "USER", dockerfile.escape),
        nl=dockerfile.escape,
        tools=rename(TOOLS),
        prefix=PREFIX,
        run=RUN,
    )
    return split.heads.get(index, "") + "".join(text)


def run_flags(raw: RawStatement, chosen: Flags) -> list[str]:
    """Flags of RUN that a line passes on: secrets, the network, and mounts in the user's own words.

    Upstream has its own rules for the words of a mount, and expands their variables (commands_runmount.go).
    """
    mounts = [word.raw for name, word in raw.flags if name == "mount" and word]
    mounts += [mount for secret in chosen.secret for mount in secret.mounts(RUN)]
    return [f"--mount={mount}" for mount in mounts] + ([f"--network={chosen.network}"] if chosen.network else [])
