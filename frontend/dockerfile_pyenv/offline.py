"""What the probe would find, where there is no engine to ask: from the file's own text and what the caller knows.

It serves the commands (`render`, `explain`, …). A build always asks the Dockerfile frontend. What only an image can
tell, the caller says: USER and ENV of base images.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from buildkit_llb import ops
from dockerfile_pyenv import references
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.lexer import Dockerfile, Instruction
from dockerfile_pyenv.probe import Site
from dockerfile_pyenv.stages import Line
from dockerfile_pyenv.variables import ExpansionError, UnsetError, expand
from dockerfile_pyenv.words import split_words

_OFFICIAL = "docker.io/library/"
"""Docker's official images; those that Dockerfiles start from have no USER but root."""

ANY = ""
"""Key of `Given.images` that stands for every base image that has no entry of its own."""


@dataclass(frozen=True, slots=True)
class Image:
    """What is known of a base image."""

    user: str | None = None
    """None for unknown."""
    env: Mapping[str, str] = field(default_factory=dict)
    """ENV, as far as it is known."""
    config: Mapping[str, Any] | None = None
    """All of its config, as a registry has it (OCI image spec, config.md), where that is known: `user` and `env` are
    then whole."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller says about a build."""

    platform: str
    """What is built for: "linux/amd64"."""
    build_args: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, Image] = field(default_factory=dict)
    """Base images, by their references in full (`ops.normalize_image`)."""
    target: str | None = None
    """Name or number of the stage to be built; None stands for all stages."""

    def image(self, reference: str) -> Image:
        """What is known of an image."""
        full = ops.normalize_image(reference)
        image = self.images.get(full, self.images.get(ANY, Image()))
        if image.user is None and image.config is None and full.startswith(_OFFICIAL):
            return replace(image, user="")
        return image


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage at one of its instructions."""

    name: str
    """In lower case; "" for none."""
    base: str
    """The image that the stage's file system starts from, as the file names it; "" for scratch."""
    platform: str
    user: str | None
    """None where only the base image can tell, or a variable that is unknown."""
    env: Mapping[str, str]
    args: Mapping[str, str]
    whole: bool
    """All of the base image's ENV is known: a variable that is not there has no value."""
    needs: frozenset[int] = frozenset()
    """Stages that it is built from, by number."""
    below: tuple[int, ...] = ()
    empty: bool = False

    @property
    def variables(self) -> Mapping[str, str]:
        """What words of the stage's instructions may use: ENV comes before ARG."""
        known = {**self.args, **self.env}
        return _Whole(known) if self.whole else known


class _Whole(dict[str, str]):
    """Variables of which none is unknown: one without a value is empty."""

    def __missing__(self, _: str) -> str:
        return ""


def sites(dockerfile: Dockerfile, lines: Sequence[Line], given: Given) -> dict[int, tuple[Site, ...]]:
    """The sites of the PYENV lines that the target reaches, by their numbers; without a target, of all.

    Raises DockerfileError where a word cannot be expanded, or where USER of a base image has to be known and is not;
    PyenvError where there is no such target.
    """
    numbers = {line.index: line for line in lines}
    walk = _Walk(dockerfile, numbers, given)
    places = list(walk.places())
    reached = _reached(walk.stages, target_number(dockerfile, given))
    return {
        numbers[index].number: (_site(dockerfile, numbers[index], stage),)
        for index, number, stage in places
        if number in reached
    }


def target_number(dockerfile: Dockerfile, given: Given) -> int | None:
    """Number of the stage that is to be built; None for all of them. Raises PyenvError where there is none such."""
    if given.target is None:
        return None
    names = [_stage_name(item) for item in dockerfile.instructions if item.keyword == "FROM"]
    wanted = given.target.lower()
    if wanted in names:
        return len(names) - 1 - names[::-1].index(wanted)
    if wanted.isdecimal() and int(wanted) < len(names):
        return int(wanted)
    known = ", ".join(filter(None, names)) or "none has a name"
    raise PyenvError(f"there is no stage {given.target}: the file has {len(names)} ({known})")


def _stage_name(item: Instruction) -> str:
    words = [word for word in item.text.split() if not word.startswith("--")]
    return words[2].lower() if len(words) > 2 and words[1].lower() == "as" else ""  # noqa: PLR2004 - image, AS, name


def _reached(stages: Sequence[Stage], target: int | None) -> set[int]:
    """Numbers of the stages that a stage is made from, its own among them."""
    if target is None:
        return set(range(len(stages)))
    found: set[int] = set()
    left = {target}
    while left:
        number = left.pop()
        found.add(number)
        left |= stages[number].needs - found
    return found


def images(dockerfile: Dockerfile, given: Given) -> dict[int, str]:
    """What FROM instructions name, by their indexes, its variables expanded; without what has no value here."""
    return dict(_Walk(dockerfile, {}, given).images())


class _Walk:
    """One pass over a file's stages."""

    def __init__(self, dockerfile: Dockerfile, lines: Mapping[int, Line], given: Given) -> None:
        self.stages: list[Stage] = []
        self._dockerfile = dockerfile
        self._lines = lines
        self._given = given
        self._global_args = dict(_platform_args(given.platform))

    def places(self) -> Iterator[tuple[int, int, Stage]]:
        """Each PYENV line's index, the number of its stage, and the stage as it stands there."""
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
                named = (self._number(name) for name in references.find(self._dockerfile, item))
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
        image = Image("", config={}) if base == "scratch" else self._given.image(base)
        return Stage(
            name=name,
            base="" if base == "scratch" else base,
            platform=platform or self._given.platform,
            user=image.user,
            env=image.env,
            args={},
            whole=image.config is not None,
            empty=base == "scratch",
        )

    def _number(self, name: str) -> int | None:
        """Number of the stage that a flag names; None for an image."""
        if name.isdecimal():
            return int(name) if int(name) < len(self.stages) - 1 else None
        numbers = [number for number, stage in enumerate(self.stages[:-1]) if stage.name == name.lower()]
        return numbers[-1] if numbers else None

    def _args(
        self, item: Instruction, variables: Mapping[str, str], outer: Mapping[str, str]
    ) -> Iterator[tuple[str, str | None]]:
        """Names that an ARG instruction declares, and their values; None for one that is not known."""
        found: dict[str, str] = {}
        for raw in split_words(item, self._dockerfile):
            name, equals, default = raw.partition("=")
            if name in self._given.build_args:
                value: str | None = self._given.build_args[name]
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
        """Names that an ENV instruction sets, and their values; None for one that is not known."""
        raws = split_words(item, self._dockerfile)
        if raws and "=" not in raws[0]:  # the old form: ENV <name> <the rest of the line>
            name, *rest = item.text.split(maxsplit=1)
            yield name, self._value("".join(rest), variables)
            return
        for name, _, raw in (raw.partition("=") for raw in raws):
            yield name, self._value(raw, variables)

    def _value(self, raw: str, variables: Mapping[str, str]) -> str | None:
        """A word's value; None where it is not known, which matters only if a PYENV line uses it."""
        try:
            return expand(raw, variables, escape=self._dockerfile.escape)
        except ExpansionError:
            return None


def _changed(values: Mapping[str, str], changes: Iterator[tuple[str, str | None]]) -> dict[str, str]:
    """Variables after an instruction; what becomes unknown is left out."""
    changed: dict[str, str | None] = {**values, **dict(changes)}
    return {name: value for name, value in changed.items() if value is not None}


def _site(dockerfile: Dockerfile, line: Line, stage: Stage) -> Site:
    if stage.user is None:
        raise DockerfileError(
            f"an environment belongs to the stage's USER, and only {stage.base} itself can tell its own: say it with "
            f"--user {stage.base}=<user> (`docker image inspect -f '{{{{.Config.User}}}}' {stage.base}` prints it), "
            "or with --image-config all that the image says of itself",
            lines=line.lines,
        )
    item = dockerfile.instructions[line.index]
    words: list[str] = []
    if not isinstance(line.statement, DockerfileError):
        own = len(line.statement.own_words)
        # What a heredoc's variables lack is said with the heredoc's own line.
        words = [
            (_word if number < own else _word_of_body)(dockerfile, item, word.raw, stage.variables)
            for number, word in enumerate(line.statement.words)
        ]
    return Site(
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
    """Expand a word of an instruction. Raises DockerfileError where it has a variable of no known value."""
    try:
        return expand(raw, variables, escape=dockerfile.escape)
    except UnsetError as error:
        raise DockerfileError(
            f"{item.keyword} uses ${error.name}, which this file gives no value: say it with "
            f"--build-arg {error.name}=… for an ARG, with --env {error.name}=… or --image-config for a variable of the "
            "base image",
            lines=item.lines,
        ) from None
    except ExpansionError as error:
        raise DockerfileError(str(error), lines=item.lines) from None


def _word_of_body(dockerfile: Dockerfile, item: Instruction, raw: str, variables: Mapping[str, str]) -> str:
    """Expand a word of a heredoc. One that has a variable of no value stays: `instruction.resolve` refuses it."""
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
