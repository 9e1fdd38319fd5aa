"""What the probe would find, where there is no engine to ask: from the file's own text and what the caller knows.

It serves the commands (`render`, `explain`, …). A build always asks the Dockerfile frontend. What only an image can
tell, the caller says: USER and ENV of base images.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from buildkit_llb import ops
from dockerfile_pyenv import instruction
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.lexer import Dockerfile, Instruction
from dockerfile_pyenv.probe import Site
from dockerfile_pyenv.stages import Line
from dockerfile_pyenv.variables import ExpansionError, UnsetError, expand

_OFFICIAL = "docker.io/library/"
"""Docker's official images; those that Dockerfiles start from have no USER but root."""

ANY = ""
"""Key of `Given.users` that stands for every base image."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller says about a build."""

    platform: str
    """What is built for: "linux/amd64"."""
    build_args: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    """USER of base images, by reference as the file has it; ANY stands for every other one."""
    env: Mapping[str, str] = field(default_factory=dict)
    """ENV of base images, as far as it is used."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage at one of its instructions."""

    name: str
    """In lower case; "" for none."""
    base: str
    """The image that the stage's file system starts from, as the file names it; "" for scratch."""
    platform: str
    user: str | None
    """None where only the base image can tell."""
    env: Mapping[str, str]
    args: Mapping[str, str]
    below: tuple[int, ...] = ()
    empty: bool = False

    @property
    def variables(self) -> Mapping[str, str]:
        """What words of the stage's instructions may use: ENV comes before ARG."""
        return {**self.args, **self.env}


def sites(dockerfile: Dockerfile, lines: Sequence[Line], given: Given) -> dict[int, tuple[Site, ...]]:
    """The sites of all PYENV lines by their numbers, whatever the target reaches.

    Raises DockerfileError where a word cannot be expanded, or where USER of a base image has to be known and is not.
    """
    numbers = {line.index: line for line in lines}
    found: dict[int, tuple[Site, ...]] = {}
    for index, stage in _walk(dockerfile, numbers, given):
        line = numbers[index]
        found[line.number] = (_site(dockerfile, line, stage),)
    return found


def _walk(dockerfile: Dockerfile, numbers: Mapping[int, Line], given: Given) -> Iterator[tuple[int, Stage]]:
    """Each PYENV line's index, and its stage as it stands there."""
    global_args = dict(_platform_args(given.platform))
    stages: list[Stage] = []
    for index, item in enumerate(dockerfile.instructions):
        match item.keyword:
            case "FROM":
                stages.append(_from(dockerfile, item, stages, global_args, given))
            case "ARG" if not stages:
                global_args |= _args(dockerfile, item, global_args, {}, given)
            case "ARG":
                args = _args(dockerfile, item, stages[-1].variables, global_args, given)
                stages[-1] = replace(stages[-1], args={**stages[-1].args, **args})
            case "ENV":
                added = _env(dockerfile, item, stages[-1].variables)
                stages[-1] = replace(stages[-1], env={**stages[-1].env, **added})
            case "USER":
                stages[-1] = replace(stages[-1], user=_word(dockerfile, item, item.text, stages[-1].variables))
            case "PYENV":
                yield index, stages[-1]
                stages[-1] = replace(stages[-1], below=(*stages[-1].below, numbers[index].number))
            case "COPY" | "ADD" | "RUN":
                stages[-1] = replace(stages[-1], empty=False)


def _from(
    dockerfile: Dockerfile, item: Instruction, stages: Sequence[Stage], args: Mapping[str, str], given: Given
) -> Stage:
    words = [_word(dockerfile, item, raw, args) for raw in item.text.split()]
    flags = [word for word in words if word.startswith("--")]
    base, *rest = [word for word in words if not word.startswith("--")] or [""]
    name = rest[1].lower() if len(rest) > 1 and rest[0].lower() == "as" else ""
    for stage in reversed(stages):
        if stage.name and stage.name == base.lower():
            return replace(stage, name=name)
    platform = next((flag.removeprefix("--platform=") for flag in flags if flag.startswith("--platform=")), "")
    empty = base == "scratch"
    return Stage(
        name=name,
        base="" if empty else base,
        platform=platform or given.platform,
        user="" if empty else _user_of(base, given),
        env={} if empty else dict(given.env),
        args={},
        empty=empty,
    )


def _user_of(base: str, given: Given) -> str | None:
    if base in given.users:
        return given.users[base]
    if ANY in given.users:
        return given.users[ANY]
    return "" if ops.normalize_image(base).startswith(_OFFICIAL) else None


def _args(
    dockerfile: Dockerfile,
    item: Instruction,
    variables: Mapping[str, str],
    outer: Mapping[str, str],
    given: Given,
) -> dict[str, str]:
    """Values that an ARG instruction gives; a name without one stays out."""
    found: dict[str, str] = {}
    for raw in instruction.split_words(item, dockerfile):
        name, equals, default = raw.partition("=")
        if name in given.build_args:
            found[name] = given.build_args[name]
        elif equals:
            found[name] = _word(dockerfile, item, default, {**variables, **found})
        elif name in outer:
            found[name] = outer[name]
    return found


def _env(dockerfile: Dockerfile, item: Instruction, variables: Mapping[str, str]) -> dict[str, str]:
    raws = instruction.split_words(item, dockerfile)
    if raws and "=" not in raws[0]:  # the old form: ENV <name> <the rest of the line>
        name, *rest = item.text.split(maxsplit=1)
        return {name: _word(dockerfile, item, "".join(rest), variables, lenient=True)}
    pairs = (raw.partition("=")[::2] for raw in raws)
    return {name: _word(dockerfile, item, raw, variables, lenient=True) for name, raw in pairs}


def _site(dockerfile: Dockerfile, line: Line, stage: Stage) -> Site:
    if stage.user is None:
        raise DockerfileError(
            f"the USER of {stage.base} is not known here, and an environment belongs to it: "
            f"give it with --user {stage.base}=<user>, or write a USER instruction before this line",
            lines=line.lines,
        )
    item = dockerfile.instructions[line.index]
    raws = [] if isinstance(line.statement, DockerfileError) else [word.raw for word in line.statement.words]
    return Site(
        number=line.number,
        target="",
        platform=stage.platform,
        user=stage.user,
        env=stage.env,
        words=tuple(_word(dockerfile, item, raw, stage.variables) for raw in raws),
        below=stage.below,
        empty=stage.empty,
        in_target=False,
        base=f"docker-image://{ops.normalize_image(stage.base)}" if stage.base else "",
    )


def _word(
    dockerfile: Dockerfile, item: Instruction, raw: str, variables: Mapping[str, str], *, lenient: bool = False
) -> str:
    """Expand a word of an instruction; with `lenient`, for a value that may be of no use, names without one stay."""
    try:
        return expand(raw, variables, escape=dockerfile.escape)
    except UnsetError as error:
        if lenient:
            return raw
        raise DockerfileError(
            f"{item.keyword} uses ${error.name}, which this file gives no value: say it with "
            f"--build-arg {error.name}=… for an ARG, or with --env {error.name}=… for a variable of the base image",
            lines=item.lines,
        ) from None
    except ExpansionError as error:
        if lenient:
            return raw
        raise DockerfileError(str(error), lines=item.lines) from None


def _platform_args(platform: str) -> Iterator[tuple[str, str]]:
    """The ARG values that every file has before its first FROM (docs.docker.com, "Automatic platform ARGs")."""
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    for prefix in ("TARGET", "BUILD"):
        yield f"{prefix}PLATFORM", platform
        yield f"{prefix}OS", system
        yield f"{prefix}ARCH", architecture
        yield f"{prefix}VARIANT", variant
