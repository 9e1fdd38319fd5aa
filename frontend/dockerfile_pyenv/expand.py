"""A plan to the text of a plain, sequential Dockerfile that carries it out.

Nothing in a generated line comes from the user but names of a restricted alphabet, USER, what stands in JSON, and the
mounts that a line has: flags of RUN are split, unquoted and expanded three times over upstream
(parser/split_command.go, instructions/commands_runmount.go), and are no place for a file's name.
"""

import json
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from dockerfile_pyenv import package_data
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.flags import Flags
from dockerfile_pyenv.instruction import RawStatement
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.plan import LABEL, PREFIX, Environment, Group, Plan
from dockerfile_pyenv.text import Edits, Expansion, substitute

if TYPE_CHECKING:
    from jinja2 import Template

TOOLS = "dockerfile-pyenv/tools"
REQUIREMENTS = "dockerfile-pyenv/requirements"
"""Names of the build contexts that the text mounts from. No stage of the user's can have a slash in its name."""

Rename = Callable[[str], str]

_NO_EDITS = Edits()
RUN = "/run/dockerfile-pyenv"
"""Where a step finds its mounts; nothing of it stays in the image."""


def expand(dockerfile: Dockerfile, plan: Plan, edits: Edits = _NO_EDITS, *, rename: Rename | None = None) -> Expansion:
    """The user's text with every PYENV line replaced by the instructions that build its environment.

    A line that the target does not reach becomes a comment, so that nothing in it can fail. With `rename` the text is
    for any builder: it mounts from stages, which have these names in place of the build contexts'.
    """
    replacements = {line.index: f"# not built: {line.text}\n" for line in plan.unreached}
    for group in plan.groups:
        for environment in group.environments:
            replacements[environment.line.index] = _instructions(dockerfile, group, environment, rename)
    return substitute(dockerfile, replacements, edits)


def _instructions(dockerfile: Dockerfile, group: Group, environment: Environment, renamed: Rename | None) -> str:
    rename = renamed or str
    return _template().render(
        first=environment is group.environments[0],
        last=environment is group.environments[-1],
        group=group,
        plain=renamed is not None,
        context="" if environment.interpreter.is_base else environment.context,
        interpreters={added: rename(context) for added, context in group.interpreters.items()},
        interpreter=environment.prefix,
        requirements=rename(REQUIREMENTS),
        directory=environment.requirements_directory,
        flags=run_flags(environment.statement.raw, environment.statement.flags),
        command=json.dumps(command(environment)),
        variables=group.variables,
        label=LABEL,
        entries=group.label.replace("'", r"\u0027"),
        user=_word(group.user, dockerfile.escape, environment),
        nl=dockerfile.escape,
        tools=rename(TOOLS),
        prefix=PREFIX,
        run=RUN,
    )


def command(environment: Environment) -> list[str]:
    """Arguments of the step that builds an environment."""
    interpreter, statement = environment.interpreter, environment.statement
    name = f"python{interpreter.minor}"
    # The base's own is found on the stage's PATH.
    python, prefix = (name, "base") if interpreter.is_base else (f"{environment.prefix}/bin/{name}", environment.prefix)
    arguments = {
        "name": statement.name or None,
        "version": interpreter.minor,
        "interpreter": prefix,
        "owner": environment.user,
        "link": environment.link or None,
    }
    return [
        f"{RUN}/busybox",
        "sh",
        f"{RUN}/provision/start.sh",
        python,
        "-I",
        "-B",
        f"{RUN}/provision",
        *(["--no-venv"] if statement.flags.no_venv else []),
        *statement.flags.of_environment,
        *(f"--{key}={value}" for key, value in arguments.items() if value is not None),
        *(f"--requirement={path}" for path in [*statement.files, *(body.name for body in statement.bodies)]),
        *statement.inline,
    ]


def run_flags(raw: RawStatement, chosen: Flags) -> list[str]:
    """Flags of RUN that a line hands on: secrets, the network, and mounts in the user's own words.

    Upstream reads the words of a mount by rules of its own, and expands its variables (commands_runmount.go).
    """
    mounts = [word.raw for name, word in raw.flags if name == "mount" and word]
    mounts += [mount for secret in chosen.secret for mount in secret.mounts(RUN)]
    return [f"--mount={mount}" for mount in mounts] + ([f"--network={chosen.network}"] if chosen.network else [])


def prepare() -> None:
    """Import what `expand` needs, which takes a while."""
    _template()


def _word(value: str, escape: str, environment: Environment) -> str:
    """A value as one word of a Dockerfile instruction that expands variables."""
    if "\n" in value:
        raise DockerfileError(f"USER holds a line break here: {value!r}", lines=environment.line.lines)
    quoted = "".join(escape + char if char in f'"${escape}' else char for char in value)
    return f'"{quoted}"'


@cache
def _template() -> "Template":
    # Imported where it is needed: a file without PYENV lines is not to wait for it.
    from jinja2 import Environment as Jinja  # noqa: PLC0415

    jinja = Jinja(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - no HTML
    return jinja.from_string(package_data.read("templates/pyenv.j2").decode())
