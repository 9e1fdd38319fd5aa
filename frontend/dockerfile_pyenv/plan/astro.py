"""Astro mode: the ONBUILD work of an Astro Runtime, done around the PYENV lines in the order that caches best.

ONBUILD would handle packages.txt, requirements.txt and the whole project before the first PYENV line, and every edit
of a DAG would reinstall every environment. So the stage starts from the `-base` sibling of its image, and the ONBUILD
lines of the image are written out: system packages below FROM, requirements and project behind the last PYENV line.
What follows finds what it would find if the image's own ONBUILD lines had run.

This module works on the text alone; images and the build context are facts (facts.py).
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import zip_longest
from typing import Any, Final, NamedTuple, Self

from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.dockerfile.generated import GeneratedTextError
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction
from dockerfile_pyenv.dockerfile.mentions import ASTRO_OPTION, ASTRO_SETTING
from dockerfile_pyenv.dockerfile.rewrite import NO_EDITS, Edits, Inserted
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.lines import PyenvLine
from dockerfile_pyenv.plan import onbuild
from dockerfile_pyenv.plan.facts import Facts

LINKS: Final = "/home/astro/.venv"
"""Where the predecessor put its environments: DAGs use paths in it."""

USER: Final = "astro"
"""USER of every Astro Runtime (astronomer/ap-airflow, bullseye/Dockerfile)."""
HOME: Final = "/usr/local/airflow"
"""WORKDIR and AIRFLOW_HOME of every Astro Runtime (the same file)."""
_CACHE: Final = "/home/astro/.cache"
"""The predecessor's steps left this directory in the image, and users' files tidy it up."""
SHELL: Final = ("/bin/bash", "-o", "pipefail", "-e", "-u", "-x", "-c")

_REGISTRIES: Final = ("quay.io/astronomer/", "astrocrpublic.azurecr.io/", "images.astronomer.cloud/baseimages/")
_NAME: Final = re.compile(r"(?:astro-)?runtime(?:-slim|-dev)?|astro-remote-execution-agent")
_BASE: Final = "-base"
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
"""A tag, by the grammar of references (distribution/reference, regexp.go)."""
_ON: Final = frozenset({"1", "on", "t", "true", "y", "yes"})
_OFF: Final = frozenset({"0", "off", "f", "false", "n", "no"})


class Mode(Enum):
    """When Astro mode applies."""

    AUTO = "to a stage with PYENV lines whose image has ONBUILD lines"
    ON = "to every stage that starts from an Astro Runtime"
    OFF = "never"


@dataclass(frozen=True, slots=True)
class Runtime:
    """A stage that starts from an Astro Runtime."""

    index: int
    """Of its FROM instruction."""
    end: int
    """Index of the stage's last instruction."""
    image: str
    """The image that FROM names, with variables expanded."""

    @property
    def base(self) -> str:
        """The sibling without ONBUILD lines."""
        return self.image if self.image.endswith(_BASE) else self.image + _BASE

    @property
    def onbuild(self) -> str:
        """The sibling with them."""
        return self.image.removesuffix(_BASE)


class RuntimeConfig(NamedTuple):
    """Facts from the configs of a Runtime's two images."""

    onbuild: Sequence[str] = onbuild.USUAL
    shell: Sequence[str] = ()
    """SHELL to set; empty if the `-base` image has it already."""
    user: str = ""
    """USER of the `-base` image."""
    directory: str = ""
    """WORKDIR of the `-base` image."""

    @classmethod
    def of(cls, onbuild: Mapping[str, Any], base: Mapping[str, Any]) -> Self:
        """Read it from the configs of the image with ONBUILD lines and of its `-base` sibling."""
        shell = onbuild.get("Shell") or []
        return cls(
            onbuild=tuple(onbuild["OnBuild"]),
            shell=tuple(shell) if shell != (base.get("Shell") or []) else (),
            user=str(base.get("User") or ""),
            directory=str(base.get("WorkingDir") or ""),
        )


class AstroStage(NamedTuple):
    """A stage in Astro mode, and where its project is copied."""

    start: int
    """Index of its FROM instruction."""
    project: int
    """Index of the instruction behind which requirements are installed and the project is copied."""
    directory: str
    """Where the project is in the image."""


@dataclass(frozen=True, slots=True)
class AstroEdits:
    """What Astro mode changes around a file's PYENV lines; empty where it does not apply."""

    edits: Edits = NO_EDITS
    links: Mapping[int, str] = field(default_factory=dict)
    """Directories in which environments get a link, by the numbers of their PYENV lines."""
    stages: tuple[AstroStage, ...] = ()

    def __or__(self, other: "AstroEdits") -> "AstroEdits":
        """Combine the edits of several stages."""
        return AstroEdits(self.edits | other.edits, {**self.links, **other.links}, self.stages + other.stages)


NO_ASTRO: Final = AstroEdits()


def mode(dockerfile: Dockerfile, cmdline: str, setting: str) -> Mode:
    """Read the mode from the syntax line, in the file or as passed by BuildKit, and from PYENV_ASTRO.

    Raises DockerfileError for unknown words.
    """
    lines = _syntax_lines(dockerfile)
    words = [word for text in (dockerfile.directives.get("syntax", ""), cmdline) for word in text.split()[1:]]
    for word in words:
        if word != ASTRO_OPTION:
            raise DockerfileError(
                f"unknown option {word} on the syntax line: only {ASTRO_OPTION} may follow the image", lines=lines
            )
    value = setting.strip().lower()
    if value in _OFF:
        return Mode.OFF
    if value and value not in _ON:
        raise DockerfileError(
            f"{ASTRO_SETTING}={setting} is not valid: write {ASTRO_SETTING}=on or {ASTRO_SETTING}=off", lines=lines
        )
    return Mode.ON if words or value else Mode.AUTO


def is_runtime(image: str, *, anywhere: bool = False) -> bool:
    """Whether a reference names an Astro Runtime by tag, in Astronomer's registries or, with `anywhere`, in any."""
    path, colon, tag = image.rpartition(":")
    folder, _, name = path.rpartition("/")
    valid = image.isascii() and "@" not in image and _TAG.fullmatch(tag) is not None
    named = bool(colon) and valid and _NAME.fullmatch(name) is not None
    return named and (anywhere or f"{folder}/" in _REGISTRIES)


def find(
    dockerfile: Dockerfile, lines: Sequence[PyenvLine], images: Mapping[int, str], chosen: Mode
) -> tuple[Runtime, ...]:
    """Find the stages that Astro mode applies to; `images` has the image of each FROM, by index of the instruction.

    Raises DockerfileError if the mode is on and there is no such stage.
    """
    if chosen is Mode.OFF:
        return ()
    starts = [index for index, item in enumerate(dockerfile.instructions) if item.keyword == "FROM"]
    ends = [*(start - 1 for start in starts[1:]), len(dockerfile.instructions) - 1]
    found = []
    for start, end in zip(starts, ends, strict=False):  # a file may have no stage at all
        image = images.get(start, "")
        asked = chosen is Mode.ON and is_runtime(image, anywhere=True)
        by_itself = is_runtime(image) and not image.endswith(_BASE) and any(start < line.index <= end for line in lines)
        if asked or by_itself:
            found.append(Runtime(start, end, image))
    if chosen is Mode.ON and not found:
        raise DockerfileError(
            f"no stage starts from an Astro Runtime image by its tag, which {ASTRO_OPTION} requires: remove "
            f"{ASTRO_OPTION}, and write instructions for packages.txt, requirements.txt and the project",
            lines=_syntax_lines(dockerfile),
        )
    return tuple(found)


def edits(dockerfile: Dockerfile, lines: Sequence[PyenvLine], facts: Facts) -> AstroEdits:
    """What Astro mode does around a file's PYENV lines.

    Raises DockerfileError for an unknown mode, and where only an image could tell what to do and it cannot be asked.
    """
    chosen = mode(dockerfile, facts.syntax, facts.setting(ASTRO_SETTING))
    made = NO_ASTRO
    for runtime in find(dockerfile, lines, facts.from_images(dockerfile), chosen):
        config = facts.runtime_config(dockerfile, runtime)
        if config is not None:
            made |= around(dockerfile, lines, runtime, config, facts.present(onbuild.optional_files(config.onbuild)))
    return made


def around(
    dockerfile: Dockerfile, lines: Sequence[PyenvLine], runtime: Runtime, image: RuntimeConfig, present: Collection[str]
) -> AstroEdits:
    """The edits for one stage; `present` are those of `optional_files` that the build context has.

    Raises DockerfileError for a value of the image's config that cannot be written.
    """
    own = [line for line in lines if runtime.index < line.index <= runtime.end]
    stage = AstroStage(runtime.index, _project_place(runtime, own), image.directory or HOME)
    try:
        changes = _edits(dockerfile, runtime, image, present, stage.project)
    except GeneratedTextError as error:
        raise DockerfileError(str(error), lines=dockerfile.instructions[runtime.index].lines) from None
    return AstroEdits(changes, {line.number: LINKS for line in own}, (stage,))


def _project_place(runtime: Runtime, lines: Sequence[PyenvLine]) -> int:
    """Behind which instruction the project comes: the last PYENV line, and in a stage without one as before.

    ONBUILD lines run right at FROM; on a `-base` tag the predecessor did the work at the end.
    """
    if lines:
        return lines[-1].index
    return runtime.end if runtime.image == runtime.base else runtime.index


def _edits(
    dockerfile: Dockerfile, runtime: Runtime, image: RuntimeConfig, present: Collection[str], place: int
) -> Edits:
    origin = dockerfile.instructions[runtime.index]
    for line in image.onbuild:
        if not onbuild.is_instruction(line, dockerfile.escape):
            raise GeneratedTextError(
                f"ONBUILD of {runtime.onbuild} is not a single instruction: {generated.shown(line)}"
            )
    was = generated.word(image.user, "USER of the base image", dockerfile.escape) if image.user else "root"
    user, parts = onbuild.sort(image.onbuild, present, was)
    body = dockerfile.instructions[runtime.index + 1 : runtime.end + 1]
    above = dockerfile.instructions[runtime.index + 1 : place + 1]
    head = [f"SHELL {json.dumps(list(image.shell))}"] if image.shell else []
    head += parts["system"]
    if user != was or parts["system"]:
        head.append(f"USER {user}")
    if dockerfile.instructions[place].keyword == "PYENV":
        head.append(f"RUN mkdir -p {_CACHE} || true")
    project = [*parts["requirements"], *parts["project"]]
    if project and image.directory and any(item.keyword == "WORKDIR" for item in above):
        # Relative paths of ONBUILD start at the image's WORKDIR; the file's own is restored afterwards.
        workdir = generated.word(image.directory, f"WORKDIR of {runtime.base}", dockerfile.escape)
        project = [f"WORKDIR {workdir}", *project, *_verbatim(dockerfile, above, "WORKDIR")]
    if project:
        project += [f"USER {user}", *_verbatim(dockerfile, above, "USER")[-1:]]
    end = [f"USER {user}"] if any(item.keyword == "USER" for item in body) else []
    inserted: dict[int, list[str]] = {}
    for index, added in ((runtime.index, head), (place, project), (runtime.end, end)):
        inserted.setdefault(index, []).extend(added)
    return Edits(
        _from_base(dockerfile, runtime),
        {
            index: Inserted("".join(f"{line}\n" for line in _plain(added)), origin.lines)
            for index, added in inserted.items()
            if added
        },
    )


def _from_base(dockerfile: Dockerfile, runtime: Runtime) -> dict[int, str]:
    """The FROM line of the `-base` image, by its index; nothing if the file names that image."""
    if runtime.base == runtime.image:
        return {}
    words = dockerfile.instructions[runtime.index].text.split()
    place = next(i for i, word in enumerate(words) if not word.startswith("--"))
    base = generated.image(runtime.base, "FROM")
    return {runtime.index: " ".join(["FROM", *words[:place], base, *words[place + 1 :]]) + "\n"}


def _verbatim(dockerfile: Dockerfile, items: Sequence[Instruction], keyword: str) -> list[str]:
    """The text of the instructions with a keyword, to repeat them."""
    found = [dockerfile.source[start:end] for start, end in (item.span for item in items if item.keyword == keyword)]
    return [text.decode("utf-8", "surrogateescape").rstrip("\r\n") for text in found]


def _plain(lines: Sequence[str]) -> Iterator[str]:
    """Drop USER instructions that change nothing, and those that another one follows."""
    user = ""
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        if line.startswith("USER ") and (line == user or following.upper().startswith("USER ")):
            continue
        yield line
        user = line if line.startswith("USER ") else user


def _syntax_lines(dockerfile: Dockerfile) -> tuple[int, int]:
    for number, line in enumerate(dockerfile.source.split(b"\n"), 1):
        if re.match(rb"(?i)[#/\xef\xbb\xbf]+[ \t]*syntax[ \t]*=", line):
            return number, number
    return 1, 1
