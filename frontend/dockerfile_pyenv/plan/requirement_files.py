"""Read and check the requirements files of PYENV lines and the files that they include, and lay them out for steps.

A file has to be read to know what it includes: each round reads what the previous one found.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple, Protocol

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.heredocs import Body
from dockerfile_pyenv.plan.model import Environment, Plan
from dockerfile_pyenv.provision.environment.requirement_lines import needs_build
from dockerfile_pyenv.requirements import lock_files, requirements_txt
from dockerfile_pyenv.requirements.requirements_txt import LineError, Reference, ReferenceKind, RequirementsFile

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?=$|[=<>~! ])")
"""A word that looks like a package rather than a file."""
_DEEPEST = 250
"""Levels of files that include each other. A level may take a request to the engine."""
_TEXTS = frozenset({ReferenceKind.REQUIREMENTS, ReferenceKind.CONSTRAINTS})


class PathKind(Enum):
    """What a path is, if it is not to be read."""

    FILE = "file"
    DIRECTORY = "directory"


_Checked = dict[tuple[int, str, bytes], RequirementsFile]
"""Files that were checked in an earlier round, by the number of the line, path and content."""

Found = bytes | PathKind | OSError
"""A file's content, its kind, or the error of reading it."""


class Tree(Protocol):
    """A build context."""

    def look(self, read: Sequence[str], find: Sequence[str]) -> Mapping[str, Found]:
        """Read the files in `read`, and look up the kinds of the paths in `find`."""
        ...

    def why_missing(self, path: str) -> str:
        """Say why a path does not exist, in words that start with the path."""
        ...


class Content(NamedTuple):
    """Content of one directory of the requirements context."""

    paths: Mapping[str, PathKind]
    """Paths of the build context, in order."""
    bodies: tuple[Body, ...]


class RequirementFiles(NamedTuple):
    """The requirements files of a plan."""

    contents: Mapping[str, Content]
    """By `Environment.requirements_directory`."""
    files: Mapping[int, tuple[RequirementsFile, ...]]
    """What each PYENV line reads, by its number, with included files, heredocs and inline requirements."""
    fingerprints: Mapping[int, str]
    """Of the requirements of each PYENV line without its locks, by its number; "" without requirements."""
    digests: Mapping[int, str]
    """Of the content of the files that each PYENV line reads, by its number, as far as the frontend reads them."""
    locked: frozenset[int] = frozenset()
    """Numbers of the lines that are installed from a lock of `dockerfile-pyenv lock`."""
    dependencies: Mapping[int, tuple[str, ...]] = MappingProxyType({})
    """What the projects of each PYENV line require, by its number."""

    def of(self, environment: Environment) -> tuple[str, ...]:
        """What an environment's step reads: paths of the build context, and names of heredocs."""
        content = self.contents.get(environment.requirements_directory)
        return (*content.paths, *(body.name for body in content.bodies)) if content else ()


def collect(plan: Plan, tree: Tree) -> RequirementFiles:
    """Read and check the requirements files of a plan.

    Raises DockerfileError at the line that names a file which is missing, excluded or not a requirements file.
    """
    known: dict[str, Found] = {}
    checked: _Checked = {}
    while True:
        walks = {item.line.number: _EnvironmentFiles(item, known, checked) for item in plan.environments}
        read = {path for walk in walks.values() for path in walk.to_read} - {*known}
        find = {path for walk in walks.values() for path in walk.to_find} - {*known} - read
        if not read and not find:
            break
        # What the new files include is read before all walks start again, which would take quadratic time.
        for _ in range(_DEEPEST + 1):
            known.update(tree.look(sorted(read), sorted(find)))
            below = [walk.below(read) for walk in walks.values()]
            read = {path for paths, _ in below for path in paths} - {*known}
            find = {path for _, paths in below for path in paths} - {*known} - read
            if not read and not find:
                break
    contents: dict[str, Content] = {}
    for environment in plan.environments:
        if directory := environment.requirements_directory:
            walk = walks[environment.line.number]
            earlier = contents.get(directory, Content({}, ()))
            paths = {**earlier.paths, **dict(walk.paths(tree))}
            contents[directory] = Content(dict(sorted(paths.items())), environment.statement.bodies)
            walk.check_locks()
    return RequirementFiles(
        contents,
        {number: tuple(walk.files) for number, walk in walks.items()},
        {number: walk.fingerprint for number, walk in walks.items()},
        {number: walk.digest for number, walk in walks.items()},
        frozenset(number for number, walk in walks.items() if any(walk.locks.values())),
        {number: tuple(walk.dependencies) for number, walk in walks.items()},
    )


class _EnvironmentFiles:
    """The walk of one environment from its files to the files that they include."""

    def __init__(self, environment: Environment, known: Mapping[str, Found], checked: _Checked) -> None:
        self._environment = environment
        self._checked = checked
        self._known = known
        self.files: list[RequirementsFile] = []
        self.to_read: dict[str, None] = {}
        self.to_find: dict[str, None] = {}
        self.locks: dict[str, str] = {}
        """Lock files by their paths, and the fingerprints in them."""
        self.dependencies: list[str] = []
        """What projects require, by their files."""
        self._projects: list[bytes] = []
        self._texts: dict[str, tuple[RequirementsFile | None, Reference | None]] = {}
        """Files to read, and the first place that names them."""
        self._others: list[tuple[RequirementsFile, Reference]] = []
        statement = environment.statement
        for body in statement.bodies:
            self._add(self._check(body.text.encode("utf-8", "surrogateescape"), body.name, first=body.first))
        for one in statement.inline:
            self._add(self._check(one.encode("utf-8", "surrogateescape"), ""))
        for path in statement.files:
            if file := self._read(path, None, None):
                self._add(file)
        own = len(self.files)
        for path in statement.flags.constraint_files:
            if file := self._read(path, None, None):
                self._add(replace(file, constraint=True))
        del self.files[own:]  # they say nothing about what is installed

    def _check(self, data: bytes, path: str, *, first: int | None = None) -> RequirementsFile:
        item = self._environment
        key = item.line.number, path, data
        if key not in self._checked:
            lines = item.line.lines
            self._checked[key] = requirements_txt.check(data, path=path, lines=lines, env=item.env, first=first)
        return self._checked[key]

    def _add(self, file: RequirementsFile) -> None:
        """Add a file and what it includes, in the order in which pip reads them."""
        entered = [self._enter(file)]
        while entered:
            included = next(entered[-1], None)
            if included is None:
                entered.pop()
                continue
            entered.append(self._enter(included))
            if len(entered) > _DEEPEST:
                raise DockerfileError(
                    f"{file.title} includes files that include others, more than {_DEEPEST} levels deep: list the "
                    "requirements in fewer files",
                    lines=self._environment.line.lines,
                )

    def _enter(self, file: RequirementsFile) -> Iterator[RequirementsFile]:
        """Add a file without what it includes, and yield that."""
        self.files.append(file)
        for reference in file.references:
            if file.constraint and reference.kind is ReferenceKind.REQUIREMENTS:
                reference = replace(reference, kind=ReferenceKind.CONSTRAINTS)  # noqa: PLW2901 - so it is to pip
            if reference.kind in _TEXTS:
                if included := self._read(reference.paths[0], file, reference):
                    yield included
            elif self._applies(reference.marker):
                self._others.append((file, reference))
                self.to_find.update(dict.fromkeys(reference.paths))

    def _applies(self, marker: str) -> bool:
        """Whether a marker holds on a platform of the build. A package that it excludes need not exist."""
        if not marker:
            return True
        item = self._environment
        version = item.interpreter.version.removesuffix("t")
        return any(lock_files.applies(marker, version, platform) for platform in item.platforms)

    def _read(self, path: str, file: RequirementsFile | None, reference: Reference | None) -> RequirementsFile | None:
        """The requirements file at a path; None where it is not known yet, known from before, or a lock."""
        if path in self._texts:
            return None
        self._texts[path] = file, reference
        self.to_read[path] = None
        if reference is None:
            self.to_read.update(dict.fromkeys(lock_files.beside(path)))
            self._texts.update((beside, (None, None)) for beside in lock_files.beside(path))
        if isinstance(data := self._known.get(path), bytes):
            if reference is None and lock_files.kind(path):
                item = self._environment
                version = item.interpreter.version.removesuffix("t")
                made_from = lock_files.check(
                    data, path=path, lines=item.line.lines, python=version, platforms=item.platforms
                )
                if lock_files.kind(path) is lock_files.LockKind.PROJECT:
                    self._add_project(data, path)
                else:
                    self.locks[path] = made_from
                if lock_files.kind(path) is lock_files.LockKind.PYLOCK:
                    self._add_archives(data, path)
                return None
            constraint = reference is not None and reference.kind is ReferenceKind.CONSTRAINTS
            return replace(self._check(data, path), constraint=constraint)
        return None

    def below(self, paths: Iterable[str]) -> tuple[list[str], list[str]]:
        """Paths to read and to find that requirements files name which were just read: a further level."""
        for path in paths:
            data = self._known[path]
            if path not in self.to_read or not isinstance(data, bytes) or lock_files.kind(path):
                continue
            try:
                references = self._check(data, path).references
            except DockerfileError:  # to be raised by the walk, which knows which of several errors is the first
                continue
            for reference in references:
                if reference.kind in _TEXTS:
                    self.to_read[reference.paths[0]] = None
                else:
                    self.to_find.update(dict.fromkeys(reference.paths))
        return list(self.to_read), list(self.to_find)

    def _add_project(self, data: bytes, path: str) -> None:
        """Add a project; if only its build tells its dependencies, its directory to what the step reads."""
        self._projects.append(data)
        flags = self._environment.statement.flags
        self.dependencies += lock_files.dependencies(data, path=path, extras=flags.extra, groups=flags.group)
        if needs_build(data.decode()):
            self.dependencies.append(f"what the build of {path} requires")
            project = RequirementsFile(path, "")
            reference = requirements_txt.reference(ReferenceKind.LOCKED, ".", 1, posixpath.dirname(path))
            self._others.append((project, reference))
            self.to_find.update(dict.fromkeys(reference.paths))

    def _add_archives(self, data: bytes, path: str) -> None:
        """Add the archives that a lock names by path to what the step reads."""
        lines, lock = self._environment.line.lines, RequirementsFile(path, "")
        for written, number in lock_files.archives(data, path=path, lines=lines):
            try:
                reference = requirements_txt.reference(ReferenceKind.LOCKED, written, number, posixpath.dirname(path))
            except LineError as error:
                raise DockerfileError(f"{path}, line {number}: {error}", lines=lines) from None
            self._others.append((lock, reference))
            self.to_find.update(dict.fromkeys(reference.paths))

    @property
    def digest(self) -> str:
        """Digest of the texts that the line reads."""
        found = sha256()
        for path in sorted(self._texts):
            if isinstance(data := self._known[path], bytes):
                found.update(f"{path}\0{sha256(data).hexdigest()}\0".encode("utf-8", "surrogateescape"))
        return found.hexdigest()

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the requirements without locks; "" without requirements."""
        if not self.files and not self._projects:
            return ""
        item = self._environment
        secrets = {secret.variable for secret in item.statement.flags.secret}
        known = {name: value for name, value in item.env.items() if name in item.constants - secrets}
        asked = [
            (
                file.constraint,
                [requirements_txt.compared(line, known) for _, line in requirements_txt.logical_lines(file.text)],
            )
            for file in self.files
        ]
        flags = item.statement.flags
        # A site's default is not the line's own: a lock does not depend on it.
        date = flags.exclude_newer if any(name == "exclude-newer" for name, _ in item.statement.raw.flags) else ""
        return lock_files.fingerprint(
            asked, self._projects, extras=flags.extra, groups=flags.group, no_deps=flags.no_deps, date=date
        )

    def check_locks(self) -> None:
        """Refuse a lock of ours that was made from other requirements than the line's. Raises DockerfileError."""
        statement = self._environment.statement
        for path, made_from in self.locks.items():
            if made_from and self.fingerprint not in {"", made_from}:
                raise DockerfileError(
                    f"{path} is outdated, since the requirements of this line changed: run `dockerfile-pyenv lock` "
                    "again, which keeps the versions that still fit",
                    lines=self._environment.line.lines,
                    at=statement.place(path),
                )

    def paths(self, tree: Tree) -> Iterator[tuple[str, PathKind]]:
        """The paths that the step reads. Raises DockerfileError for one that does not exist."""
        for path, (file, reference) in self._texts.items():
            found = self._known[path]
            if not isinstance(found, bytes):
                raise self._error(path, found, tree, file, reference)
            yield path, PathKind.FILE
        for file, reference in self._others:
            there = [(path, found) for path in reference.paths if isinstance(found := self._known[path], PathKind)]
            if not there:
                path = reference.paths[-1]
                raise self._error(path, self._known[path], tree, file, reference)
            yield there[0]

    def _error(
        self, path: str, found: Found, tree: Tree, file: RequirementsFile | None, reference: Reference | None
    ) -> DockerfileError:
        lines = self._environment.line.lines
        match found:
            case FileNotFoundError() | NotADirectoryError():
                message = tree.why_missing(path) + _about_wildcards(path)
            case IsADirectoryError():
                message = f"{path} is a directory in the build context: name a requirements file in it"
            case OSError():
                message = f"cannot read {path}: {found.strerror}"
            case _:
                message = f"{path} is not a requirements file"
        if file is None or reference is None:
            if lock_files.kind(path) is lock_files.LockKind.PYLOCK and isinstance(found, FileNotFoundError):
                message += ". Run `dockerfile-pyenv lock` to write it"
            meant = _NAME.match(path) if isinstance(found, FileNotFoundError) else None
            if meant:
                message += f". To install the package {meant[0]}, add its version: {meant[0]}==<version>"
            return DockerfileError(message, lines=lines, at=self._environment.statement.place(path))
        body = next((body for body in self._environment.statement.bodies if body.name == file.path), None)
        if body:
            lines = (body.first + reference.line - 1,) * 2
        if not file.path:
            return DockerfileError(message, lines=lines)
        if reference.kind is ReferenceKind.PACKAGE:
            message += (
                ". Relative paths start at the root of the build context; files in the image need an absolute path"
            )
        return DockerfileError(f"{file.path}, line {reference.line}: {reference.text}: {message}", lines=lines)


def _about_wildcards(path: str) -> str:
    """A hint for a path that is meant as a pattern."""
    return ". Wildcards are not expanded: name each file" if set(path) & set("*?[") else ""
