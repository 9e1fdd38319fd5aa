"""What the probe would find, without an engine: from the text of the file and the facts that the caller passes.

The commands use it (`render`, `explain`, …). A build always asks the Dockerfile frontend. The caller passes what only
an image can tell: USER and ENV of base images.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from buildkit_llb import ops
from dockerfile_pyenv.dockerfile import generated, stage_references
from dockerfile_pyenv.dockerfile.generated import GeneratedTextError
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction, lex
from dockerfile_pyenv.dockerfile.rewrite import NO_EDITS, Edits, substitute
from dockerfile_pyenv.dockerfile.shell import ExpansionError, UnsetError, expand
from dockerfile_pyenv.dockerfile.words import split_words
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.instruction.lines import PyenvLine, pyenv_lines
from dockerfile_pyenv.plan import astro
from dockerfile_pyenv.plan.line_scope import LineScope

_OFFICIAL = "docker.io/library/"
"""Docker's official images; those that are used as base images run as root."""

ANY = ""
"""Key of `OfflineBuild.images` for base images without an entry of their own."""


@dataclass(frozen=True, slots=True)
class BaseImage:
    """What is known about a base image."""

    user: str | None = None
    """None for unknown."""
    env: Mapping[str, str] = field(default_factory=dict)
    """ENV, as far as it is known."""
    config: Mapping[str, Any] | None = None
    """Its whole config, as in a registry (OCI image spec, config.md), if known: `user` and `env` are then complete."""


@dataclass(frozen=True, slots=True)
class OfflineBuild:
    """What the caller knows about a build."""

    platform: str
    """Target platform: "linux/amd64"."""
    build_args: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, BaseImage] = field(default_factory=dict)
    """Base images, by their normalised references (`ops.normalize_image`)."""
    target: str | None = None
    """Name or number of the stage to build; None for all stages."""
    any_user: bool = False
    """The USER of the environments does not matter: an unknown one is root."""
    hint: Callable[[str], str] = lambda _: ""
    """What else would tell about an image, given by its reference, as the end of a sentence."""

    def image(self, reference: str) -> BaseImage:
        """What is known about an image."""
        full = ops.normalize_image(reference)
        image = self.images.get(full, self.images.get(ANY, BaseImage()))
        if image.user is None and image.config is None and astro.is_runtime(reference):
            return replace(image, user=astro.USER)
        official = image.config is None and full.startswith(_OFFICIAL)
        if image.user is None and (self.any_user or official):
            return replace(image, user="")
        return image


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage at one of its instructions."""

    name: str
    """In lower case; "" for none."""
    base: str
    """Base image of the stage, as the file names it; "" for scratch."""
    platform: str
    user: str | None
    """None if only the base image or an unknown variable can tell."""
    env: Mapping[str, str]
    args: Mapping[str, str]
    whole: bool
    """The whole ENV of the base image is known: a variable that is missing has no value."""
    needs: frozenset[int] = frozenset()
    """Stages that it is built from, by number."""
    below: tuple[int, ...] = ()
    empty: bool = False

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables for words of the stage's instructions: ENV overrides ARG."""
        known = {**self.args, **self.env}
        return _Whole(known) if self.whole else known


class _Whole(dict[str, str]):
    """Variables that are all known: one without a value is empty."""

    def __missing__(self, _: str) -> str:
        return ""


def scopes(
    dockerfile: Dockerfile, lines: Sequence[PyenvLine], build: OfflineBuild, edits: Edits = NO_EDITS
) -> dict[int, tuple[LineScope, ...]]:
    """The scopes of the PYENV lines that the target reaches, by their numbers; without a target, of all.

    `edits` is what else changes in the file. Raises DockerfileError if a word cannot be expanded or the USER of a base
    image is required and unknown, PyenvError if the target does not exist.
    """
    if edits:
        return _edited_scopes(dockerfile, build, edits)
    numbers = {line.index: line for line in lines}
    walk = _StageWalk(dockerfile, numbers, build)
    places = list(walk.places())
    reached = _reached(walk.stages, target_number(dockerfile, build))
    return {
        numbers[index].number: (_scope(dockerfile, numbers[index], stage, build),)
        for index, number, stage in places
        if number in reached
    }


def _edited_scopes(dockerfile: Dockerfile, build: OfflineBuild, edits: Edits) -> dict[int, tuple[LineScope, ...]]:
    """The scopes in the text that the edits make, with errors at the user's lines."""
    text = substitute(dockerfile, {}, edits)
    edited = lex(text.text)
    try:
        return scopes(edited, pyenv_lines(edited), build)
    except DockerfileError as error:
        lines = text.user_lines(*error.lines) if error.lines else None
        raise DockerfileError(error.message, lines=lines or (1, 1), at=error.at) from None


def target_number(dockerfile: Dockerfile, build: OfflineBuild) -> int | None:
    """Number of the stage to build; None for all. Raises PyenvError if the target does not exist."""
    if build.target is None:
        return None
    names = [_stage_name(item) for item in dockerfile.instructions if item.keyword == "FROM"]
    wanted = build.target.lower()
    if wanted in names:
        return len(names) - 1 - names[::-1].index(wanted)
    number = stage_references.number(wanted)
    if number is not None and number < len(names):
        return number
    known = ", ".join(filter(None, names)) or "without names"
    raise PyenvError(f"there is no stage {build.target}: the file has {len(names)} ({known})")


def _stage_name(item: Instruction) -> str:
    words = [word for word in item.text.split() if not word.startswith("--")]
    return words[2].lower() if len(words) > 2 and words[1].lower() == "as" else ""  # noqa: PLR2004 - image, AS, name


def _reached(stages: Sequence[Stage], target: int | None) -> set[int]:
    """Numbers of the stages that a stage is built from, including its own."""
    if target is None:
        return set(range(len(stages)))
    found: set[int] = set()
    left = {target}
    while left:
        number = left.pop()
        found.add(number)
        left |= stages[number].needs - found
    return found


def images(dockerfile: Dockerfile, build: OfflineBuild) -> dict[int, str]:
    """Images of FROM instructions, by their indexes, with variables expanded; without those of unknown value."""
    return dict(_StageWalk(dockerfile, {}, build).images())


class _StageWalk:
    """One pass over a file's stages."""

    def __init__(self, dockerfile: Dockerfile, lines: Mapping[int, PyenvLine], build: OfflineBuild) -> None:
        self.stages: list[Stage] = []
        self._dockerfile = dockerfile
        self._lines = lines
        self._build = build
        self._global_args = dict(_platform_args(build.platform))

    def places(self) -> Iterator[tuple[int, int, Stage]]:
        """Each PYENV line's index, the number of its stage, and the stage at that line."""
        for index, item in enumerate(self._dockerfile.instructions):
            if item.keyword == "FROM":
                self.stages.append(self._from(item))
            elif not self.stages:
                self._before_stages(item)
            elif item.keyword == "PYENV":
                yield index, len(self.stages) - 1, self.stages[-1]
                below = (*self.stages[-1].below, self._lines[index].number)
                self.stages[-1] = replace(self.stages[-1], below=below)
            else:
                self.stages[-1] = self._after(item, self.stages[-1])

    def images(self) -> Iterator[tuple[int, str]]:
        """Each FROM instruction's index, and the image or stage that it names."""
        started = False
        for index, item in enumerate(self._dockerfile.instructions):
            if item.keyword == "FROM":
                started = True
                raw = next((raw for raw in item.text.split() if not raw.startswith("--")), "")
                with suppress(DockerfileError):
                    yield index, _word(self._dockerfile, item, raw, self._global_args)
            elif not started:
                self._before_stages(item)

    def _before_stages(self, item: Instruction) -> None:
        if item.keyword == "ARG":
            known = self._args(item, _Whole(self._global_args), {})
            self._global_args = _changed(self._global_args, known)

    def _after(self, item: Instruction, stage: Stage) -> Stage:
        match item.keyword:
            case "ARG":
                return replace(stage, args=_changed(stage.args, self._args(item, stage.variables, self._global_args)))
            case "ENV":
                return replace(stage, env=_changed(stage.env, self._env(item, stage.variables)))
            case "USER":
                return replace(stage, user=self._value(item.text, stage.variables))
            case "COPY" | "ADD" | "RUN":
                named = (self._number(name) for name in stage_references.find(self._dockerfile, item))
                needs = stage.needs | {number for number in named if number is not None}
                return replace(stage, empty=False, needs=needs)
            case _:
                return stage

    def _from(self, item: Instruction) -> Stage:
        words = [_word(self._dockerfile, item, raw, self._global_args) for raw in item.text.split()]
        flags = [word for word in words if word.startswith("--")]
        base = next((word for word in words if not word.startswith("--")), "")
        name = _stage_name(item)
        for number, stage in reversed(list(enumerate(self.stages))):
            if stage.name and stage.name == base.lower():
                return replace(stage, name=name, needs=frozenset({number}))
        platform = next((flag.removeprefix("--platform=") for flag in flags if flag.startswith("--platform=")), "")
        try:
            platform = platform and generated.platform(platform, "FROM --platform")
        except GeneratedTextError as error:
            raise DockerfileError(str(error), lines=item.lines) from None
        image = BaseImage("", config={}) if base == "scratch" else self._build.image(base)
        return Stage(
            name=name,
            base="" if base == "scratch" else base,
            platform=platform or self._build.platform,
            user=image.user,
            env=image.env,
            args={},
            whole=image.config is not None,
            empty=base == "scratch",
        )

    def _number(self, name: str) -> int | None:
        """Number of the stage that a flag names; None for an image."""
        position = stage_references.number(name)
        if position is not None:
            return position if position < len(self.stages) - 1 else None
        numbers = [number for number, stage in enumerate(self.stages[:-1]) if stage.name == name.lower()]
        return numbers[-1] if numbers else None

    def _args(
        self, item: Instruction, variables: Mapping[str, str], outer: Mapping[str, str]
    ) -> Iterator[tuple[str, str | None]]:
        """Names that an ARG instruction declares, and their values; None for an unknown value."""
        found: dict[str, str] = {}
        for raw in split_words(item, self._dockerfile):
            name, equals, default = raw.partition("=")
            if name in self._build.build_args:
                value: str | None = self._build.build_args[name]
            elif equals:
                known = {**variables, **found}
                value = self._value(default, _Whole(known) if isinstance(variables, _Whole) else known)
            elif name in outer:
                value = outer[name]
            else:
                continue
            if value is not None:
                found[name] = value
            yield name, value

    def _env(self, item: Instruction, variables: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
        """Names that an ENV instruction sets, and their values; None for an unknown value."""
        raws = split_words(item, self._dockerfile)
        if raws and "=" not in raws[0]:  # the old form: ENV <name> <the rest of the line>
            name, *rest = item.text.split(maxsplit=1)
            yield name, self._value("".join(rest), variables)
            return
        for name, _, raw in (raw.partition("=") for raw in raws):
            yield name, self._value(raw, variables)

    def _value(self, raw: str, variables: Mapping[str, str]) -> str | None:
        """A word's value; None if unknown, which matters only if a PYENV line uses it."""
        try:
            return expand(raw, variables, escape=self._dockerfile.escape)
        except ExpansionError:
            return None


def _changed(values: Mapping[str, str], changes: Iterator[tuple[str, str | None]]) -> dict[str, str]:
    """Variables after an instruction, without those that become unknown."""
    changed: dict[str, str | None] = {**values, **dict(changes)}
    return {name: value for name, value in changed.items() if value is not None}


def _scope(dockerfile: Dockerfile, line: PyenvLine, stage: Stage, build: OfflineBuild) -> LineScope:
    if stage.user is None:
        raise DockerfileError(
            f"the environment would belong to the USER of {stage.base}, which is unknown: pass "
            f"--user {stage.base}=<user> (`docker image inspect -f '{{{{.Config.User}}}}' {stage.base}` prints it), "
            f"or the image's whole config with --image-config{build.hint(stage.base)}",
            lines=line.lines,
        )
    item = dockerfile.instructions[line.index]
    words: list[str] = []
    if not isinstance(line.statement, DockerfileError):
        own = len(line.statement.own_words)
        # An unset variable of a heredoc is reported with the line inside the heredoc.
        words = [
            (_word if number < own else _word_of_body)(dockerfile, item, word.raw, stage.variables)
            for number, word in enumerate(line.statement.words)
        ]
    return LineScope(
        number=line.number,
        target="",
        platform=stage.platform,
        user=stage.user,
        env=stage.variables,
        words=tuple(words),
        below=stage.below,
        empty=stage.empty,
        in_target=False,
        base=f"docker-image://{ops.normalize_image(stage.base)}" if stage.base else "",
    )


def _word(dockerfile: Dockerfile, item: Instruction, raw: str, variables: Mapping[str, str]) -> str:
    """Expand a word of an instruction. Raises DockerfileError for a variable of unknown value."""
    try:
        return expand(raw, variables, escape=dockerfile.escape)
    except UnsetError as error:
        raise DockerfileError(
            f"{item.keyword} uses ${error.name}, which has no value in this file: pass "
            f"--build-arg {error.name}=… for an ARG, and --env {error.name}=… or --image-config for a variable of the "
            "base image",
            lines=item.lines,
        ) from None
    except ExpansionError as error:
        raise DockerfileError(str(error), lines=item.lines) from None


def _word_of_body(dockerfile: Dockerfile, item: Instruction, raw: str, variables: Mapping[str, str]) -> str:
    """Expand a word of a heredoc; one with an unset variable stays, and `statement.resolve` refuses it."""
    try:
        return expand(raw, variables, escape=dockerfile.escape)
    except UnsetError:
        return raw
    except ExpansionError as error:
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
