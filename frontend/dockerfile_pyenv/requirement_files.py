"""The requirement files of PYENV lines, with all that they include and name: read, checked, and laid out for the steps.

Which files a file includes is known once it has been read: each round reads what the one before it found.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from dockerfile_pyenv import locks, requirements
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.heredocs import Body
from dockerfile_pyenv.plan import Environment, Plan
from dockerfile_pyenv.requirements import Kind, LineError, Reference, RequirementsFile

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?=$|[=<>~! ])")
"""A word that names no file of any kind is likely to be meant as a package."""
_TEXTS = frozenset({Kind.REQUIREMENTS, Kind.CONSTRAINTS})


class Place(Enum):
    """What a path is that is not to be read."""

    FILE = "file"
    DIRECTORY = "directory"


Found = bytes | Place | OSError
"""A file's content, what it is, or why it cannot be had."""


class Tree(Protocol):
    """A build context."""

    def look(self, read: Sequence[str], find: Sequence[str]) -> Mapping[str, Found]:
        """Read some files, and find out what other paths are."""
        ...

    def why_missing(self, path: str) -> str:
        """Say why a path is not there, in words that begin with the path."""
        ...


@dataclass(frozen=True, slots=True)
class Content:
    """What one directory of the requirements context holds."""

    paths: Mapping[str, Place]
    """Paths of the build context, in order."""
    bodies: tuple[Body, ...]


@dataclass(frozen=True, slots=True)
class RequirementFiles:
    """The requirement files of a plan."""

    contents: Mapping[str, Content]
    """By the names that `Environment.requirements_directory` has."""
    files: Mapping[int, tuple[RequirementsFile, ...]]
    """What each PYENV line reads, by its number, with included files, heredocs and what stands on the line itself."""
    fingerprints: Mapping[int, str]
    """Of what each PYENV line asks for beside locks, by its number; "" where it asks for nothing."""
    locked: frozenset[int] = frozenset()
    """Numbers of the lines for which a lock of `dockerfile-pyenv lock` stands in."""

    def of(self, environment: Environment) -> tuple[str, ...]:
        """What an environment's step is given: paths of the build context, and names of heredocs."""
        content = self.contents.get(environment.requirements_directory)
        return (*content.paths, *(body.name for body in content.bodies)) if content else ()


def collect(plan: Plan, tree: Tree) -> RequirementFiles:
    """Read and check the requirement files of a plan.

    Raises DockerfileError at the line that names a file which is missing, kept back or no requirements file.
    """
    known: dict[str, Found] = {}
    while True:
        walks = {item.line.number: _Walk(item, known) for item in plan.environments}
        read = {path for walk in walks.values() for path in walk.to_read} - {*known}
        find = {path for walk in walks.values() for path in walk.to_find} - {*known} - read
        if not read and not find:
            break
        known.update(tree.look(sorted(read), sorted(find)))
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
        frozenset(number for number, walk in walks.items() if any(walk.locks.values())),
    )


class _Walk:
    """One environment's way through what is known, from file to included file."""

    def __init__(self, environment: Environment, known: Mapping[str, Found]) -> None:
        self._environment = environment
        self._known = known
        self.files: list[RequirementsFile] = []
        self.to_read: dict[str, None] = {}
        self.to_find: dict[str, None] = {}
        self.locks: dict[str, str] = {}
        """Lock files by their paths, and the fingerprints of what they were made from."""
        self._projects: list[bytes] = []
        self._texts: dict[str, tuple[RequirementsFile | None, Reference | None]] = {}
        """Files to read, and the first place that names them."""
        self._others: list[tuple[RequirementsFile, Reference]] = []
        statement = environment.statement
        for body in statement.bodies:
            self._add(self._check(body.text.encode("utf-8", "surrogateescape"), body.name, first=body.first))
        for one in statement.inline:
            self._add(self._check(one.encode(), ""))
        for path in statement.files:
            self._read(path, None, None)

    def _check(self, data: bytes, path: str, *, first: int | None = None) -> RequirementsFile:
        item = self._environment
        return requirements.check(data, path=path, lines=item.line.lines, env=item.env, first=first)

    def _add(self, file: RequirementsFile) -> None:
        self.files.append(file)
        for reference in file.references:
            if file.constraint and reference.kind is Kind.REQUIREMENTS:
                reference = replace(reference, kind=Kind.CONSTRAINTS)  # noqa: PLW2901 - so it is to pip
            if reference.kind in _TEXTS:
                self._read(reference.paths[0], file, reference)
            else:
                self._others.append((file, reference))
                self.to_find.update(dict.fromkeys(reference.paths))

    def _read(self, path: str, file: RequirementsFile | None, reference: Reference | None) -> None:
        if path in self._texts:
            return
        self._texts[path] = file, reference
        self.to_read[path] = None
        if reference is None:
            self.to_read.update(dict.fromkeys(locks.beside(path)))
            self._texts.update((beside, (None, None)) for beside in locks.beside(path))
        if isinstance(data := self._known.get(path), bytes):
            if reference is None and locks.kind(path):
                item = self._environment
                version = item.interpreter.version.removesuffix("t")
                made_from = locks.check(
                    data, path=path, lines=item.line.lines, python=version, platforms=item.platforms
                )
                if locks.kind(path) is locks.Kind.PROJECT:
                    self._projects.append(data)
                else:
                    self.locks[path] = made_from
                if locks.kind(path) is locks.Kind.PYLOCK:
                    self._add_archives(data, path)
                return
            constraint = reference is not None and reference.kind is Kind.CONSTRAINTS
            self._add(replace(self._check(data, path), constraint=constraint))

    def _add_archives(self, data: bytes, path: str) -> None:
        """Give the step the archives that a lock names by their paths."""
        lines, lock = self._environment.line.lines, RequirementsFile(path, "")
        for written, number in locks.archives(data, path=path, lines=lines):
            try:
                reference = requirements.reference(Kind.LOCKED, written, number, posixpath.dirname(path))
            except LineError as error:
                raise DockerfileError(f"{path}, line {number}: {error}", lines=lines) from None
            self._others.append((lock, reference))
            self.to_find.update(dict.fromkeys(reference.paths))

    @property
    def fingerprint(self) -> str:
        """Fingerprint of what is asked for beside locks; "" for nothing."""
        if not self.files and not self._projects:
            return ""
        item = self._environment
        secrets = {secret.variable for secret in item.statement.flags.secret}
        known = {name: value for name, value in item.env.items() if name in item.constants - secrets}
        asked = [
            (file.constraint, [requirements.compared(line, known) for _, line in requirements.logical_lines(file.text)])
            for file in self.files
        ]
        return locks.fingerprint(asked, self._projects, item.statement.flags)

    def check_locks(self) -> None:
        """Refuse a lock of ours that was made from something else than the line asks for. Raises DockerfileError."""
        statement = self._environment.statement
        for path, made_from in self.locks.items():
            if made_from and self.fingerprint not in {"", made_from}:
                raise DockerfileError(
                    f"{path} was made before the requirements of this line changed: run `dockerfile-pyenv lock` again, "
                    "which keeps the versions that still fit",
                    lines=self._environment.line.lines,
                    at=statement.place(path),
                )

    def paths(self, tree: Tree) -> Iterator[tuple[str, Place]]:
        """What the step has to be given. Raises DockerfileError for what is not there."""
        for path, (file, reference) in self._texts.items():
            found = self._known[path]
            if not isinstance(found, bytes):
                raise self._error(path, found, tree, file, reference)
            yield path, Place.FILE
        for file, reference in self._others:
            there = [(path, found) for path in reference.paths if isinstance(found := self._known[path], Place)]
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
                message = tree.why_missing(path)
            case IsADirectoryError():
                message = f"{path} is a directory in the build context: name a requirements file in it"
            case OSError():
                message = f"{path} cannot be read: {found.strerror}"
            case _:
                message = f"{path} is read as a requirements file, and is none"
        if file is None or reference is None:
            if locks.kind(path) is locks.Kind.PYLOCK and isinstance(found, FileNotFoundError):
                message += ". `dockerfile-pyenv lock` writes one"
            meant = _NAME.match(path) if isinstance(found, FileNotFoundError) else None
            if meant:
                message += f". If the package {meant[0]} is meant, write its version, too: {meant[0]}==<version>"
            return DockerfileError(message, lines=lines, at=self._environment.statement.place(path))
        body = next((body for body in self._environment.statement.bodies if body.name == file.path), None)
        if body:
            lines = (body.first + reference.line - 1,) * 2
        if not file.path:
            return DockerfileError(message, lines=lines)
        if reference.kind is Kind.PACKAGE:
            message += (
                ". Relative paths start at the top of the build context; those of files in the image are absolute"
            )
        return DockerfileError(f"{file.path}, line {reference.line}: {reference.text}: {message}", lines=lines)
