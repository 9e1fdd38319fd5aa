"""Resolves requirements files to one set of requirements that every installer understands the same way.

uv and pip differ in the options that they accept in a file, in where they expand variables, and in the directory that
relative paths start from. So neither gets the files as they are: includes are followed here, and the result is one
list of requirements, one of constraints, and the options about indexes and builds.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

import requirement_lines
from indexes import Place
from layout import ProvisionError
from manifest import normal
from requirement_lines import (
    NAME,
    PROJECT,
    PYLOCK,
    UV_LOCK,
    LineError,
    RequirementLine,
    is_file,
    is_ours,
    is_url,
    location,
)

if TYPE_CHECKING:
    from layout import Layout

EGG = re.compile(r"#(?:.*&)?egg=([A-Za-z0-9._-]+(?:\[[^\]]*\])?)")
FILE = "file://"
BINARY = ("--no-binary", "--only-binary")
PRE_RELEASE = re.compile(
    r"^[^;@/]*(?:[=~]=|===|[<>]=?)\s*v?[0-9.!]+[-_.]?(?:a|alpha|b|beta|c|rc|pre|preview|dev)[-_.]?[0-9]*(?![a-z0-9])",
    re.IGNORECASE,
)
"""A specifier, other than `!=`, that names a pre-release (packaging's Specifier.prereleases)."""


class LineRequirements(NamedTuple):
    """What a PYENV line names for installation."""

    files: Sequence[str]
    """Paths in the build context: requirements files, lock files, pyproject.toml files."""
    inline: Sequence[str] = ()
    """Requirements on the line itself."""
    selection: Sequence[str] = ()
    """Options that select from lock files and projects: --extra=NAME, --group=NAME."""

    @property
    def title(self) -> str:
        """What the line names, for messages."""
        return ", ".join([*self.files, *self.inline])


class RequirementSet(NamedTuple):
    """All requirements of an environment, with the options that files have for them."""

    title: str
    """What the PYENV line names, for messages."""
    requirements: List[str]
    """Lines of a requirements file; paths are absolute, hashes follow their requirement."""
    constraints: List[str]
    index: Optional[str]
    """The default index, if a file names one: it overrides that of the settings."""
    sources: List[Tuple[str, str]]
    """Options with their values: --extra-index-url, --find-links, --no-binary, --only-binary, in the files' order."""
    hosts: List[str]
    """Values of --trusted-host."""
    config_settings: List[Tuple[str, str]]
    """Package names, and KEY=VALUE for their build backend."""
    flags: List[str]
    """Those of --no-index, --pre, --prefer-binary, --require-hashes that a file has."""
    files: Dict[str, Path]
    """Every file that was read, by its name in messages."""
    locks: List[Path]
    """Lock files; each is installed on its own."""
    projects: List[Path]
    """pyproject.toml files whose dependencies are installed."""
    selection: List[str]
    """Options that select from locks and projects: --extra=NAME, --group=NAME."""
    places: List[Place]
    """Locations of packages that files name, with the file and line of each."""
    locked: bool = False
    """A lock that `dockerfile-pyenv lock` wrote replaces everything else but paths in the build context."""

    def names(self) -> Set[str]:
        """Return the normalized names of packages in requirements and constraints."""
        matches = (NAME.match(line) for line in [*self.requirements, *self.constraints])
        return {normal(match[0]) for match in matches if match is not None}

    def pre_releases(self) -> List[str]:
        """Return the packages that pip allows pre-releases of: a requirement or constraint names one."""
        matches = (NAME.match(line) for line in [*self.requirements, *self.constraints] if PRE_RELEASE.search(line))
        return list(dict.fromkeys(match[0] for match in matches if match is not None))

    def local(self) -> RequirementSet:
        """Return the set without what a lock holds: only requirements with a path remain."""
        paths = [one for one in self.requirements if one.startswith(("/", "-e /"))]
        return self._replace(requirements=paths, constraints=[], projects=[])

    def index_arguments(self) -> List[str]:
        """Return the options about indexes, as arguments of an installer."""
        index = [f"--index-url={self.index}"] if self.index else []
        return [*index, *(f"{name}={value}" for name, value in self.sources if name not in BINARY)]

    def build_arguments(self) -> List[str]:
        """Return the options about source builds, as arguments of an installer."""
        return [f"{name}={value}" for name, value in self.sources if name in BINARY]

    def texts(self) -> List[str]:
        """Return all that may have a package's hash: requirements, and the contents of locks."""
        return [*self.requirements, *(lock.read_text("utf-8", "replace") for lock in self.locks)]

    @property
    def needs_hashes(self) -> bool:
        """Whether every requirement needs a hash: a file says so, or has one."""
        return "--require-hashes" in self.flags or any(" --hash=" in line for line in self.requirements)

    @property
    def has_unlocked(self) -> bool:
        """Whether there is anything to install that is not in a lock file."""
        return bool(self.requirements or self.constraints or self.projects)

    def lines(self) -> List[str]:
        """Return the requirements, with the options about indexes, as lines of a requirements file."""
        index = ["--index-url " + self.index] if self.index and "--no-index" not in self.flags else []
        flags = ["--no-index"] if "--no-index" in self.flags else []
        extra = [f"{name} {value}" for name, value in self.sources if not (flags and name == "--extra-index-url")]
        return [*flags, *index, *extra, *self.requirements]


def resolve(
    line: LineRequirements, environ: Mapping[str, str], layout: Layout, note: Callable[[str], None]
) -> RequirementSet:
    """Read what a PYENV line names, and all that it includes.

    `environ` has the values of variables in files; `note` writes a line to the step's log. Raises ProvisionError for a
    file that pip would refuse, and LineError for such a requirement on the line itself.
    """
    resolver = _Resolver(line, environ, layout, note)
    for name in line.files:
        resolver.named(layout.context / name)
    for text in line.inline:
        resolver.line(requirement_lines.split(text), layout.context, constraint=False)
    return resolver.found


def build_constraints(
    given: Sequence[str], files: Sequence[Path], environ: Mapping[str, str], layout: Layout
) -> List[str]:
    """Return the lines of constraints for source builds.

    `given` are requirements and paths in the build context that start with "./", `files` are files of the image. Raises
    ProvisionError for a file that cannot be read, or that pip would refuse.
    """
    resolver = _Resolver(LineRequirements(()), environ, layout, lambda _: None)
    for one in given:
        if one.startswith("./"):
            resolver.file(layout.context / one[2:], constraint=True)
        else:
            resolver.line(requirement_lines.split(one), layout.context, constraint=True)
    for path in files:
        resolver.file(path, constraint=True)
    return list(dict.fromkeys(resolver.found.constraints))


def constraint_files(files: Sequence[Path], environ: Mapping[str, str], layout: Layout) -> List[Path]:
    """Return files of constraints and those that they include, up to an error."""
    resolver = _Resolver(LineRequirements(()), environ, layout, lambda _: None)
    with suppress(ProvisionError, LineError, OSError, UnicodeDecodeError):
        for path in files:
            resolver.file(path, constraint=True)
    return list(resolver.found.files.values())


def look(line: LineRequirements, environ: Mapping[str, str], layout: Layout) -> RequirementSet:
    """Return what `resolve` reads up to an error, which the step that installs reports. Projects are not copied."""
    resolver = _Resolver(line, environ, layout, lambda _: None, copies=False)
    with suppress(ProvisionError, LineError, OSError, UnicodeDecodeError):
        for name in line.files:
            resolver.named(layout.context / name)
        for text in line.inline:
            resolver.line(requirement_lines.split(text), layout.context, constraint=False)
    return resolver.found


class _Resolver:
    def __init__(
        self,
        line: LineRequirements,
        environ: Mapping[str, str],
        layout: Layout,
        note: Callable[[str], None],
        *,
        copies: bool = True,
    ) -> None:
        self.found = RequirementSet(line.title, [], [], None, [], [], [], [], {}, [], [], list(line.selection), [])
        self._place = "the PYENV line"
        self._environ = environ
        self._layout = layout
        self._note = note
        self._copies = copies
        self._projects: Dict[Path, Path] = {}

    def named(self, path: Path) -> None:
        if path.name == UV_LOCK or PYLOCK.fullmatch(path.name):
            self.found.locks.append(path)
            if is_ours(path.read_text("utf-8")):
                self.found = self.found._replace(locked=True)
        elif path.name == PROJECT:
            self.found.projects.append(self._project(path))
        else:
            self.file(path)
            return
        self.found.files[self._shown(path)] = path

    def file(self, path: Path, *, constraint: bool = False) -> None:
        if path in self.found.files.values():
            return
        self.found.files[self._shown(path)] = path
        try:
            text = requirement_lines.decode(path.read_bytes())
        except (OSError, UnicodeDecodeError, LookupError) as error:
            unknown = str(error) if isinstance(error, LookupError) else ""
            reason = getattr(error, "strerror", None) or unknown or "it is neither UTF-8 nor what it declares"
            raise ProvisionError(f"cannot read the requirements file {self._shown(path)}: {reason}") from None
        for number, line in requirement_lines.logical_lines(text):
            self._place = f"{self._shown(path)}, line {number}"
            try:
                self.line(
                    requirement_lines.split(requirement_lines.expand(line, self._environ)),
                    path.parent,
                    constraint=constraint,
                )
            except LineError as error:
                raise ProvisionError(f"{self._shown(path)}, line {number}: {error}") from None

    def line(self, line: RequirementLine, folder: Path, *, constraint: bool) -> None:
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
                    self.found.config_settings.append((match[0], value))
            else:
                self._option(name, value, folder)
        if line.requirement:
            self._add(self._requirement(line.requirement) + "".join(hashes), constraint=constraint)

    def _add(self, text: str, *, constraint: bool) -> None:
        (self.found.constraints if constraint else self.found.requirements).append(text)

    def _include(self, value: str, folder: Path, *, constraint: bool) -> None:
        if is_url(value) and not value.startswith(FILE):
            option = "--constraint" if constraint else "--requirement"
            self._add(f"{option} {value}", constraint=constraint)
        else:
            self.file(self._image(value) or Path(os.path.normpath(str(folder / value))), constraint=constraint)

    def _option(self, name: str, value: str, folder: Path) -> None:
        found = self.found
        if name in {"--index-url", "--extra-index-url", "--find-links"}:
            found.places.append(Place(value, self._place))
        if name == "--index-url":
            self.found = found._replace(index=value)
        elif name == "--find-links":
            found.sources.append((name, self._links(value, folder)))
        elif name in {"--extra-index-url", "--no-binary", "--only-binary"}:
            found.sources.append((name, value))
        elif name == "--trusted-host":
            found.hosts.append(value)
        elif name in {"--no-index", "--pre", "--prefer-binary", "--require-hashes"}:
            if name not in found.flags:
                found.flags.append(name)
        elif name not in {"--all-releases", "--only-final", "--no-require-hashes"}:
            self._note(f"ignoring {name} in a requirements file: it has no effect here")

    def _links(self, value: str, folder: Path) -> str:
        """Make a location absolute. As with pip, it may be relative to its file or to the working directory."""
        if is_url(value):
            return value
        image = self._image(value)
        if image is not None:
            return str(image)
        sibling = folder / value
        return os.path.normpath(str(sibling if sibling.exists() else self._layout.context / value))

    def _editable(self, value: str) -> str:
        found = location(value)
        egg = EGG.search(value)
        if is_url(found.path) and not found.path.startswith(FILE):
            self._note(f"installing {found.path} as non-editable: a repository cannot be editable here")
            return f"{egg[1]} @ {value}" if egg else value
        image = self._image(found.path)
        if image is not None:
            return f"-e {image}{found.extras}"
        self._note(f"installing {found.path} as non-editable: its directory is not part of the image")
        return f"{self._local(found.path)}{found.extras}"

    def _requirement(self, text: str) -> str:
        if not is_file(text) or "@" in text.partition("/")[0]:
            return text
        found = location(text)
        marker = f" ; {found.marker}" if found.marker else ""
        egg = requirement_lines.EGG.search(text)
        if is_url(found.path):
            if egg is None or not egg[2]:
                return text
            # uv ignores the extras of an egg fragment.
            url = text.partition("; ")[0].strip()
            return f"{egg[1]}{egg[2]} @ {_without_egg(url)}{marker}"
        path = self._image(found.path) or self._local(found.path)
        fragment = re.search(r"#\S*", text)
        if egg is not None and egg[2]:
            return f"{path}{found.extras or egg[2]}{marker}"
        return f"{path}{fragment[0] if fragment else found.extras}{marker}"

    def _image(self, value: str) -> "Path | None":
        """Return the location of a path of the image; None for a path of the build context."""
        path = value[len(FILE) :] if value.startswith(FILE) else value  # noqa: FURB188 - str.removeprefix is of 3.9
        return self._layout.find(path) if path.startswith("/") else None

    def _local(self, value: str) -> Path:
        """Return the location of a path of the build context. A project is copied: a build writes to its directory."""
        path = Path(os.path.normpath(str(self._layout.context / value)))
        if not path.is_dir() or not self._copies:
            return path
        if path not in self._projects:
            copy = self._layout.tmp / "projects" / str(len(self._projects)) / path.name
            shutil.copytree(str(path), str(copy), symlinks=True)
            self._projects[path] = copy
        return self._projects[path]

    def _project(self, path: Path) -> Path:
        """Return where a pyproject.toml is read: in a copy of its project if that has to be built."""
        if not requirement_lines.needs_build(path.read_text("utf-8", "replace")):
            return path
        return self._local(os.path.relpath(str(path.parent), str(self._layout.context))) / path.name

    def _shown(self, path: Path) -> str:
        try:
            return str(path.relative_to(self._layout.context))
        except ValueError:
            return str(path)


def _without_egg(url: str) -> str:
    """Return a URL without its egg fragment; what else the fragment has, such as a subdirectory, stays."""
    base, _, fragment = url.partition("#")
    rest = "&".join(one for one in fragment.split("&") if not one.startswith("egg="))
    return f"{base}#{rest}" if rest else base
