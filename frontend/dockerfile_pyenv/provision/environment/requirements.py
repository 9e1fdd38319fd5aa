"""What requirement files ask for, read as pip reads them, in words that any installer takes the same way.

uv and pip differ in which options they take in a file, in the places where they expand variables, and in what relative
paths start from. So neither is given the files as they stand: includes are followed here, and what comes out is one
list of requirements, one of constraints, and what is said about where packages come from.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

import requirement_lines
from layout import ProvisionError
from manifest import normal
from requirement_lines import NAME, Line, LineError, is_file, is_url, location

if TYPE_CHECKING:
    from layout import Layout

EGG = re.compile(r"#(?:.*&)?egg=([A-Za-z0-9._-]+(?:\[[^\]]*\])?)")
FILE = "file://"
UV_LOCK = "uv.lock"
PROJECT = "pyproject.toml"
PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
"""Names of files that are no requirements files (PEP 751 for the last)."""
OURS = re.compile(
    r"""^\s*(?:\[\s*tool\s*\.\s*["']?dockerfile-pyenv["']?\s*\]|(?:tool\s*\.\s*)?["']?dockerfile-pyenv["']?\s*[.=])""",
    re.MULTILINE,
)
"""What a lock has that `dockerfile-pyenv lock` wrote, in any form that TOML has for it: Python 3.8 reads none."""
BINARY = ("--no-binary", "--only-binary")
PRE_RELEASE = re.compile(
    r"^[^;@/]*(?:[=~]=|===|[<>]=?)\s*v?[0-9.!]+[-_.]?(?:a|alpha|b|beta|c|rc|pre|preview|dev)[-_.]?[0-9]*(?![a-z0-9])",
    re.IGNORECASE,
)
"""A specifier, other than `!=`, that names a pre-release (packaging's Specifier.prereleases)."""


class Asked(NamedTuple):
    """What the files and the line ask for."""

    requirements: List[str]
    """Lines of a requirements file; every path is absolute, hashes stand behind their requirement."""
    constraints: List[str]
    index: "str | None"
    """The default index that the files name: it goes before the settings'."""
    sources: List[Tuple[str, str]]
    """Options with their values: --extra-index-url, --find-links, --no-binary, --only-binary, in the files' order."""
    hosts: List[str]
    """Hosts that need no valid certificate."""
    settings: List[Tuple[str, str]]
    """Names of packages, and what their build is told: KEY=VALUE."""
    flags: List[str]
    """Of --no-index, --pre, --prefer-binary, --require-hashes those that are there."""
    files: Dict[str, Path]
    """Every file that was read, by what messages call it."""
    locks: List[Path]
    """Lock files; each is installed by itself."""
    projects: List[Path]
    """pyproject.toml files whose dependencies are asked for."""
    choice: List[str]
    """Options that choose from these: --extra=NAME, --group=NAME."""
    title: str
    """What the line names, for messages."""
    locked: bool = False
    """A lock that `dockerfile-pyenv lock` wrote stands in for all else, but for what lies in the build context."""

    def names(self) -> Set[str]:
        """Return the names, in their normal form, of the packages that requirements and constraints name."""
        matches = (NAME.match(line) for line in [*self.requirements, *self.constraints])
        return {normal(match[0]) for match in matches if match is not None}

    def pre_releases(self) -> List[str]:
        """Name the packages of which pip takes pre-releases, since one stands in a requirement or constraint."""
        matches = (NAME.match(line) for line in [*self.requirements, *self.constraints] if PRE_RELEASE.search(line))
        return list(dict.fromkeys(match[0] for match in matches if match is not None))

    def local(self) -> Asked:
        """The same without what a lock holds: requirements with a path are left."""
        paths = [one for one in self.requirements if one.startswith(("/", "-e /"))]
        return self._replace(requirements=paths, constraints=[], projects=[])

    def places(self) -> List[str]:
        """The options about where packages are, as an installer's arguments."""
        index = [f"--index-url={self.index}"] if self.index else []
        return [*index, *(f"{name}={value}" for name, value in self.sources if name not in BINARY)]

    def binary(self) -> List[str]:
        """The options about what is built from source, as an installer's arguments."""
        return [f"{name}={value}" for name, value in self.sources if name in BINARY]

    @property
    def is_listed(self) -> bool:
        """Whether anything beside lock files is asked for."""
        return bool(self.requirements or self.constraints or self.projects)

    def lines(self) -> List[str]:
        """The requirements with the options about sources, as a file's lines."""
        index = ["--index-url " + self.index] if self.index and "--no-index" not in self.flags else []
        flags = ["--no-index"] if "--no-index" in self.flags else []
        extra = [f"{name} {value}" for name, value in self.sources if not (flags and name == "--extra-index-url")]
        return [*flags, *index, *extra, *self.requirements]


def read(  # noqa: PLR0913 - so much has a say in it
    names: Sequence[str],
    inline: Sequence[str],
    environ: Mapping[str, str],
    layout: Layout,
    note: Callable[[str], None],
    *,
    choice: Sequence[str] = (),
) -> Asked:
    """Read requirement files by their paths in the build context, and requirements of the line itself.

    `note` writes a line into the step's log; `choice` are options that choose from lock files and projects. Raises
    ProvisionError for a file of the image that pip would refuse.
    """
    reader = _Reader(", ".join([*names, *inline]), choice, environ, layout, note)
    for name in names:
        reader.named(layout.context / name)
    for text in inline:
        reader.line(requirement_lines.split(text), layout.context, constraint=False)
    return reader.asked


class _Reader:
    def __init__(
        self,
        title: str,
        choice: Sequence[str],
        environ: Mapping[str, str],
        layout: Layout,
        note: Callable[[str], None],
    ) -> None:
        self.asked = Asked([], [], None, [], [], [], [], {}, [], [], list(choice), title)
        self._environ = environ
        self._layout = layout
        self._note = note
        self._projects: Dict[Path, Path] = {}

    def named(self, path: Path) -> None:
        if path.name == UV_LOCK or PYLOCK.fullmatch(path.name):
            self.asked.locks.append(path)
            if OURS.search(path.read_text("utf-8")):
                self.asked = self.asked._replace(locked=True)
        elif path.name == PROJECT:
            self.asked.projects.append(path)
        else:
            self.file(path)
            return
        self.asked.files[self._shown(path)] = path

    def file(self, path: Path, *, constraint: bool = False) -> None:
        if path in self.asked.files.values():
            return
        self.asked.files[self._shown(path)] = path
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ProvisionError(f"the requirements file {self._shown(path)} cannot be read: {reason}") from None
        for number, line in requirement_lines.logical_lines(text):
            try:
                self.line(
                    requirement_lines.split(requirement_lines.expand(line, self._environ)),
                    path.parent,
                    constraint=constraint,
                )
            except LineError as error:
                raise ProvisionError(f"{self._shown(path)}, line {number}: {error}") from None

    def line(self, line: Line, folder: Path, *, constraint: bool) -> None:
        hashes = []
        for name, value in line.options:
            if name in {"--requirement", "--constraint"}:
                self._include(value, folder, constraint=constraint or name == "--constraint")
            elif name == "--hash":
                hashes.append(f" --hash={value}")
            elif name == "--editable":
                self._add(self._editable(value), constraint=constraint)
            elif name == "--config-settings" and line.requirement:
                match = NAME.match(line.requirement)
                if match is not None:
                    self.asked.settings.append((match[0], value))
            else:
                self._option(name, value, folder)
        if line.requirement:
            self._add(self._requirement(line.requirement) + "".join(hashes), constraint=constraint)

    def _add(self, text: str, *, constraint: bool) -> None:
        (self.asked.constraints if constraint else self.asked.requirements).append(text)

    def _include(self, value: str, folder: Path, *, constraint: bool) -> None:
        if is_url(value) and not value.startswith(FILE):
            option = "--constraint" if constraint else "--requirement"
            self._add(f"{option} {value}", constraint=constraint)
        else:
            self.file(self._image(value) or Path(os.path.normpath(str(folder / value))), constraint=constraint)

    def _option(self, name: str, value: str, folder: Path) -> None:
        asked = self.asked
        if name == "--index-url":
            self.asked = asked._replace(index=value)
        elif name == "--find-links":
            asked.sources.append((name, self._links(value, folder)))
        elif name in {"--extra-index-url", "--no-binary", "--only-binary"}:
            asked.sources.append((name, value))
        elif name == "--trusted-host":
            asked.hosts.append(value)
        elif name in {"--no-index", "--pre", "--prefer-binary", "--require-hashes"}:
            if name not in asked.flags:
                asked.flags.append(name)
        elif name not in {"--all-releases", "--only-final", "--no-require-hashes"}:
            self._note(f"{name} in a requirements file has no meaning here")

    def _links(self, value: str, folder: Path) -> str:
        """Make a place absolute: as with pip it may be named from its file or from the top."""
        if is_url(value):
            return value
        image = self._image(value)
        if image is not None:
            return str(image)
        beside = folder / value
        return os.path.normpath(str(beside if beside.exists() else self._layout.context / value))

    def _editable(self, value: str) -> str:
        found = location(value)
        egg = EGG.search(value)
        if is_url(found.path) and not found.path.startswith(FILE):
            self._note(f"{found.path} is installed as it is, and not as editable")
            return f"{egg[1]} @ {value}" if egg else value
        image = self._image(found.path)
        if image is not None:
            return f"-e {image}{found.extras}"
        self._note(f"{found.path} is installed as it is, and not as editable: its directory is not part of the image")
        return f"{self._local(found.path)}{found.extras}"

    def _requirement(self, text: str) -> str:
        if not is_file(text) or "@" in text.partition("/")[0]:
            return text
        found = location(text)
        if is_url(found.path):
            return text
        path = self._image(found.path) or self._local(found.path)
        fragment = re.search(r"#\S*", text)
        marker = f" ; {found.marker}" if found.marker else ""
        return f"{path}{fragment[0] if fragment else found.extras}{marker}"

    def _image(self, value: str) -> "Path | None":
        """Find a path of the image; None for one of the build context."""
        path = value.removeprefix(FILE)
        return self._layout.find(path) if path.startswith("/") else None

    def _local(self, value: str) -> Path:
        """Find a path of the build context. A project is copied: its build writes into its directory."""
        path = Path(os.path.normpath(str(self._layout.context / value)))
        if not path.is_dir():
            return path
        if path not in self._projects:
            copy = self._layout.tmp / "projects" / str(len(self._projects)) / path.name
            shutil.copytree(str(path), str(copy), symlinks=True)
            self._projects[path] = copy
        return self._projects[path]

    def _shown(self, path: Path) -> str:
        try:
            return str(path.relative_to(self._layout.context))
        except ValueError:
            return str(path)
