"""Astro mode: an Astro Runtime's own ONBUILD work, done around the PYENV lines in the order that caches best.

Left to ONBUILD, packages.txt, requirements.txt and the whole project would come before the first PYENV line, and every
edit of a DAG would reinstall every environment. So the stage starts from the `-base` sibling of its image, and what the
image says in its ONBUILD lines is written out: system packages below FROM, requirements and project at the stage's end.

What is here decides on the text alone; `runtimes.py` asks the engine for what only images and the context can tell.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Self

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.stages import Line
from dockerfile_pyenv.text import Edits, Inserted

OPTION: Final = "--astro"
SETTING: Final = "PYENV_ASTRO"
LINKS: Final = "/home/astro/.venv"
"""Where the predecessor had its environments: DAGs name paths in it."""

ONBUILD: Final = (
    "COPY packages.txt .",
    "USER root",
    "RUN /usr/local/bin/install-system-packages",
    "COPY requirements.txt .",
    "RUN /usr/local/bin/install-python-dependencies",
    "USER astro",
    "COPY --chown=astro:0 . .",
)
"""What Runtime 3.3's image says, for a `-base` image whose sibling cannot be asked."""
SHELL: Final = ("/bin/bash", "-o", "pipefail", "-e", "-u", "-x", "-c")

_REGISTRIES: Final = ("quay.io/astronomer/", "astrocrpublic.azurecr.io/", "images.astronomer.cloud/baseimages/")
_NAME: Final = re.compile(r"(?:astro-)?runtime(?:-slim|-dev)?|astro-remote-execution-agent")
_BASE: Final = "-base"
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
"""A tag, by the grammar of references (distribution/reference, regexp.go)."""
_MENTION: Final = re.compile(rb"(?i)--astro|^[ \t]*from\b[^\n]*runtime[^\n]*-base", re.MULTILINE)
_SYSTEM: Final = re.compile(r"packages[\w.-]*\.txt")
_REQUIREMENTS: Final = re.compile(r"requirements[\w.-]*\.txt")
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
    """What FROM names, its variables expanded."""

    @property
    def base(self) -> str:
        """The sibling without ONBUILD lines."""
        return self.image if self.image.endswith(_BASE) else self.image + _BASE

    @property
    def onbuild(self) -> str:
        """The sibling with them."""
        return self.image.removesuffix(_BASE)


@dataclass(frozen=True, slots=True)
class Image:
    """What the configs of a Runtime's two images say."""

    onbuild: Sequence[str] = ONBUILD
    shell: Sequence[str] = ()
    """SHELL to set; empty where the `-base` image has it already."""
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


@dataclass(frozen=True, slots=True)
class Around:
    """What Astro mode does around a file's PYENV lines; nothing where it does not apply."""

    edits: Edits = field(default_factory=Edits)
    links: Mapping[int, str] = field(default_factory=dict)
    """By the numbers of PYENV lines, where their environments get a link."""

    def __or__(self, other: "Around") -> "Around":
        """What is done around the lines of other stages, too."""
        return Around(self.edits | other.edits, {**self.links, **other.links})


def mentioned(source: bytes) -> bool:
    """Whether a file without PYENV lines may concern Astro mode; False is certain."""
    return _MENTION.search(source) is not None


def mode(dockerfile: Dockerfile, cmdline: str, setting: str) -> Mode:
    """Read the mode from the syntax line, as the file has it or as BuildKit hands it over, and from PYENV_ASTRO.

    Raises DockerfileError for words that mean nothing.
    """
    lines = _syntax_lines(dockerfile)
    words = [word for text in (dockerfile.directives.get("syntax", ""), cmdline) for word in text.split()[1:]]
    for word in words:
        if word != OPTION:
            raise DockerfileError(f"the syntax line says {word}, and knows only {OPTION} after the image", lines=lines)
    value = setting.strip().lower()
    if value in _OFF:
        return Mode.OFF
    if value and value not in _ON:
        raise DockerfileError(f"{SETTING}={setting}: write {SETTING}=on or {SETTING}=off", lines=lines)
    return Mode.ON if words or value else Mode.AUTO


def is_runtime(image: str, *, anywhere: bool = False) -> bool:
    """Whether a reference is that of an Astro Runtime by tag, of Astronomer's registries or of any."""
    path, colon, tag = image.rpartition(":")
    folder, _, name = path.rpartition("/")
    valid = image.isascii() and "@" not in image and _TAG.fullmatch(tag) is not None
    named = bool(colon) and valid and _NAME.fullmatch(name) is not None
    return named and (anywhere or f"{folder}/" in _REGISTRIES)


def find(dockerfile: Dockerfile, lines: Sequence[Line], images: Mapping[int, str], chosen: Mode) -> tuple[Runtime, ...]:
    """Find the stages that Astro mode applies to; `images` has what FROM names, by index of the instruction.

    Raises DockerfileError where it is asked for and there is none.
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
            f"{OPTION} is for Astro Runtime images, and no stage starts from one by its tag: drop {OPTION}, and write "
            "what the image needs of packages.txt, requirements.txt and the project as instructions",
            lines=_syntax_lines(dockerfile),
        )
    return tuple(found)


def optional_files(image: Image) -> tuple[str, ...]:
    """Files of the build context that ONBUILD lines take one by one, each of which may be missing."""
    names = (name for line in image.onbuild for name in _sources(line) or () if _part(name) != "project")
    return tuple(dict.fromkeys(names))


def around(
    dockerfile: Dockerfile, lines: Sequence[Line], runtime: Runtime, image: Image, present: Collection[str]
) -> Around:
    """What is done for one stage; `present` are those of `optional_files` that the build context has."""
    links = {line.number: LINKS for line in lines if runtime.index < line.index <= runtime.end}
    return Around(_edits(dockerfile, runtime, image, present), links)


def _edits(dockerfile: Dockerfile, runtime: Runtime, image: Image, present: Collection[str]) -> Edits:
    origin = dockerfile.instructions[runtime.index]
    replaced = {}
    if runtime.base != runtime.image:
        words = origin.text.split()
        place = next(i for i, word in enumerate(words) if not word.startswith("--"))
        replaced[runtime.index] = " ".join(["FROM", *words[:place], runtime.base, *words[place + 1 :]]) + "\n"
    user, parts = _work(image, present)
    body = dockerfile.instructions[runtime.index + 1 : runtime.end + 1]
    head = [f"SHELL {json.dumps(list(image.shell))}"] if image.shell else []
    head += parts["system"]
    if user != (image.user or "root") or parts["system"]:
        head.append(f"USER {user}")
    tail = [*parts["requirements"], *parts["project"]]
    if tail and (moves := [item for item in body if item.keyword == "WORKDIR"]) and image.directory:
        # ONBUILD's relative paths are meant from the image's own directory; afterwards it is the file's again.
        back = [dockerfile.source[item.span[0] : item.span[1]].decode("utf-8", "surrogateescape") for item in moves]
        tail = [f"WORKDIR {image.directory}", *tail, *(text.rstrip("\r\n") for text in back)]
    if tail or any(item.keyword == "USER" for item in body):
        tail.append(f"USER {user}")
    inserted: dict[int, Inserted] = {}
    for index, added in ((runtime.index, head), (runtime.end, tail)):
        before = inserted[index].text if index in inserted else ""
        if before or added:
            inserted[index] = Inserted(before + "".join(f"{line}\n" for line in _plain(added)), origin.lines)
    return Edits(replaced, inserted)


def _plain(lines: Sequence[str]) -> Iterator[str]:
    """Instructions without a USER that says what is so already."""
    user = ""
    for line in lines:
        if line != user:
            yield line
        user = line if line.startswith("USER ") else user


def _work(image: Image, present: Collection[str]) -> tuple[str, dict[str, list[str]]]:
    """Sort ONBUILD lines into parts, without what is for files that are missing; and USER after them."""
    parts: dict[str, list[str]] = {"system": [], "requirements": [], "project": []}
    order = list(parts)
    part, kept, user = "system", True, image.user or "root"
    for line in image.onbuild:
        keyword, _, rest = line.strip().partition(" ")
        keyword = keyword.upper()
        if sources := _sources(line):
            following = max(part, *map(_part, sources), key=order.index)
            if following != part:
                part = following
                parts[part].append(f"USER {user}")
            kept = part == "project" or all(name in present for name in sources)
        elif keyword == "USER":
            user = rest.strip()
        if kept or keyword not in {"COPY", "ADD", "RUN"}:
            parts[part].append(line)
    idle = {name for name, found in parts.items() if all(line.upper().startswith("USER ") for line in found)}
    return user, {name: [] if name in idle else found for name, found in parts.items()}


def _sources(line: str) -> list[str] | None:
    """What a COPY or ADD line takes out of the build context; None for any other line."""
    keyword, _, rest = line.strip().partition(" ")
    if keyword.upper() not in {"COPY", "ADD"}:
        return None
    words = [word for word in rest.split() if not word.startswith("--")]
    if words and words[0].startswith("["):
        try:
            words = [str(word) for word in json.loads(" ".join(words))]
        except ValueError:
            return ["."]
    return [word.removeprefix("./") for word in words[:-1]] or ["."]


def _part(name: str) -> str:
    if _SYSTEM.fullmatch(name):
        return "system"
    return "requirements" if _REQUIREMENTS.fullmatch(name) else "project"


def _syntax_lines(dockerfile: Dockerfile) -> tuple[int, int]:
    for number, line in enumerate(dockerfile.source.split(b"\n"), 1):
        if re.match(rb"(?i)[#/\xef\xbb\xbf]+[ \t]*syntax[ \t]*=", line):
            return number, number
    return 1, 1
