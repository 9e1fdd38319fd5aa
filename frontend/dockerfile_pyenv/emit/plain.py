"""A plan to a Dockerfile that needs no frontend of ours: for builders that know nothing of `# syntax=`.

It is the expanded text, with stages in front that make what a build of ours gets as build contexts: the tools, the
interpreters and the requirement files. What stands in it is understood by Docker's stock frontend, by podman 4.3 and by
buildah 1.28: no `COPY --link`, no `ADD --checksum`, no heredoc but the user's own.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dockerfile_pyenv import FRONTEND, IMAGE, __version__
from dockerfile_pyenv.dockerfile import generated, stage_references
from dockerfile_pyenv.dockerfile.generated import GeneratedTextError
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, lex
from dockerfile_pyenv.dockerfile.rewrite import NO_EDITS, Edits, substitute
from dockerfile_pyenv.emit import expand, plain_apart
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.instruction.lines import count_stages
from dockerfile_pyenv.interpreters.graphs import LOADER, PYTHON
from dockerfile_pyenv.interpreters.provider import Setting
from dockerfile_pyenv.interpreters.stages import InterpreterStages, run
from dockerfile_pyenv.plan.model import Plan
from dockerfile_pyenv.plan.requirement_files import Content, PathKind, RequirementFiles

TOOLS_IMAGE = f"{IMAGE}:{__version__}" if IMAGE else FRONTEND
"""The frontend image of this release, where the tools are."""


_SYNTAX = re.compile(rb"(?im)^#[\t ]*syntax[\t ]*=[^\n]*\n?")

_WRITE = (
    "import os, sys; os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True); "
    "open(sys.argv[1], 'wb').write(os.fsencode(sys.argv[2]))"
)
"""A program that writes a file: its path, its text."""


@dataclass(frozen=True, slots=True)
class Style:
    """Facts for the text that are not in the plan."""

    name: str
    """What the file is called in the comment at the head."""
    platform: str
    """What the plan is for."""
    tools: str = TOOLS_IMAGE
    """Reference of the frontend's image."""
    setting: Setting = lambda _: ""
    """Finds the mirrors, by the names of their settings."""


def render(dockerfile: Dockerfile, plan: Plan, files: RequirementFiles, style: Style, edits: Edits = NO_EDITS) -> bytes:
    """The user's Dockerfile as a plain one that builds the same image, with what Astro mode edits.

    Raises DockerfileError for a file without a stage, for a stage that has a name of ours, and for a value that cannot
    be written; PyenvError for a frontend image whose reference is not valid.
    """
    if not count_stages(dockerfile):
        raise DockerfileError("the Dockerfile has no build stage: add a FROM instruction", lines=(1, 1))
    split, edits = plain_apart.split(dockerfile, plan, edits, stage_name, files.digests)
    expansion = expand.expand(dockerfile, plan, edits, rename=stage_name, split=split, digests=files.digests)
    expanded = lex(expansion.text)
    stages = "".join(_stages(plan, files.contents, style, dockerfile.escape))
    names = [item.text.split()[-1] for item in lex(stages.encode()).instructions if item.keyword == "FROM"]
    _refuse_names(dockerfile, [*names, *(name for added in split.added for name in added)])
    places = [len(names) + number + sum(map(len, split.added[: number + 1])) for number in range(len(split.added))]
    items = list(enumerate(expanded.instructions))
    froms = [index for index, item in items if item.keyword == "FROM"]
    replacements = {
        index: changed
        for index, item in items
        if (changed := stage_references.replace(expanded, item, lambda stage: _shifted(stage, places))) is not None
    }
    head = (
        f"# Made by dockerfile-pyenv {__version__} from {generated.comment(style.name)} for "
        f"{generated.comment(style.platform)}, for builders that have no PYENV instruction: change that file, not this "
        "one.\n"
    )
    start, end = expanded.instructions[froms[0]].span
    replacements[froms[0]] = f"{head}{stages}{_text(expanded.source[start:end])}"
    text = substitute(expanded, replacements).text
    return _SYNTAX.sub(b"", text, count=1) if "syntax" in expanded.directives else text


def without_later_stages(dockerfile: Dockerfile, plan: Plan, target: int) -> tuple[Dockerfile, Plan]:
    """A file that ends with the stage of that number, and its plan."""
    froms = [item.span[0] for item in dockerfile.instructions if item.keyword == "FROM"]
    kept = lex(dockerfile.source[: [*froms, len(dockerfile.source)][target + 1]])
    unreached = tuple(line for line in plan.unreached if line.index < len(kept.instructions))
    return kept, replace(plan, unreached=unreached)


def stage_name(context: str) -> str:
    """Name of the stage that stands for a build context: stage names have no slash."""
    return context.replace("/", "-").lower()


def _refuse_names(dockerfile: Dockerfile, names: list[str]) -> None:
    for item in dockerfile.instructions:
        words = item.text.lower().split()
        if item.keyword == "FROM" and words[-2:-1] == ["as"] and words[-1] in names:
            raise DockerfileError(
                f"the stage name {words[-1]} is reserved for a stage that render adds: choose another name",
                lines=item.lines,
            )


def _stages(plan: Plan, contents: Mapping[str, Content], style: Style, escape: str) -> Iterator[str]:
    if not plan.environments:
        return
    try:
        yield f"FROM {generated.image(style.tools, 'the frontend image')} AS {stage_name(expand.TOOLS)}\n"
    except GeneratedTextError as error:
        raise PyenvError(str(error)) from None
    lines = {item.requirements_directory: item.line.lines for item in plan.environments}
    yield from _requirements(lines, contents, escape)
    seen: set[str] = set()
    for environment in plan.environments:
        if environment.context in seen or not environment.recipes:
            continue
        seen.add(environment.context)
        yield f"# {generated.comment(plan.title(environment.interpreter.id))}\n"
        recipe = next(iter(environment.recipes.values()))
        stages = InterpreterStages(
            stage_name(environment.context), stage_name(expand.TOOLS), style.platform, style.setting, escape
        )
        try:
            yield from recipe.stages(stages, environment.interpreter)
        except GeneratedTextError as error:
            raise DockerfileError(str(error), lines=environment.line.lines) from None


def _requirements(wanted: Mapping[str, tuple[int, int]], contents: Mapping[str, Content], escape: str) -> Iterator[str]:
    """The stage that holds what PYENV lines read. Our tools write heredocs: not every builder knows them.

    `wanted` has a PYENV line's lines for each directory. Raises DockerfileError.
    """
    name = stage_name(expand.REQUIREMENTS)
    found = {directory: content for directory, content in contents.items() if directory in wanted}
    bodies = [(directory, body) for directory, content in found.items() for body in content.bodies]
    if bodies:
        yield f"FROM {stage_name(expand.TOOLS)} AS {name}-heredocs\n"
    for directory, body in bodies:
        command = [LOADER, PYTHON, "-I", "-S", "-c", _WRITE, f"/heredocs{directory}/{body.name}", body.text]
        yield run(command)
    if found:
        yield f"FROM scratch AS {name}\n"
    if bodies:
        yield f"COPY --from={name}-heredocs /heredocs /\n"
    for directory, content in found.items():
        for path, place in content.paths.items():
            target = posixpath.join(directory, path) + ("/" if place is PathKind.DIRECTORY else "")
            try:
                yield generated.copy(path, target, escape)
            except GeneratedTextError as error:
                raise DockerfileError(str(error), lines=wanted[directory]) from None


def _shifted(stage: str, places: Sequence[int]) -> str:
    """What a flag names: a number is another one where stages were added. `places` has it for each user's stage."""
    number = stage_references.number(stage)
    if number is None:
        return stage
    last = len(places) - 1
    return str(places[number] if number <= last else places[last] + number - last)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
