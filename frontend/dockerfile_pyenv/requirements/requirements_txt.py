"""Check a requirements file: what pip refuses is refused here, at its line, before anything is built.

Lines are read as pip reads them (provision/environment/requirement_lines.py). Only the step that installs can tell
whether a path of the image exists, and what a line with a `${VARIABLE}` of the step means. Two lines that pip ignores
silently are refused, since uv refuses them: `- pandas` and `pandas;`.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Final

from dockerfile_pyenv.errors import DockerfileError, brief
from dockerfile_pyenv.provision.environment import requirement_lines
from dockerfile_pyenv.provision.environment.requirement_lines import (
    VARIABLE,
    LineError,
    RequirementLine,
    is_archive,
    is_file,
    is_url,
    location,
    logical_lines,
    without_credentials,
)

__all__ = [
    "LineError",
    "Reference",
    "ReferenceKind",
    "RequirementsFile",
    "check",
    "is_archive",
    "is_url",
    "logical_lines",
    "without_credentials",
]

_BINARY: Final = (
    (b"PK\x03\x04", "an Office document or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
)
_OPTIONS: Final = re.compile(r"(?=(?:^| )-)")
"""The start of a line's options."""

# The common part of PEP 508 and of wheel file names, matched without importing packaging (20 to 40 ms).
_SIMPLE_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_SIMPLE_VERSION: Final = r"[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?"
_SIMPLE_SPECIFIER: Final = (
    rf"(?:(?:==|!=|>=|<=|>|<) *{_SIMPLE_VERSION}|~= *[0-9]+(?:\.[0-9]+)+|[=!]= *[0-9]+(?:\.[0-9]+)*\.\*)"
)
_SIMPLE: Final = re.compile(
    rf"{_SIMPLE_NAME}(?: *\[{_SIMPLE_NAME}(?: *, *{_SIMPLE_NAME})*\])?"
    rf"(?: *{_SIMPLE_SPECIFIER}(?: *, *{_SIMPLE_SPECIFIER})*)?"
)
_ADDRESS = re.compile(r"(?!(?i:file):)[A-Za-z][A-Za-z0-9+.-]*:|(?i:file):(?://[^/]*)?/|/")
"""What the absolute address of a package begins with; a relative path has no meaning to pip (PEP 508)."""


class ReferenceKind(Enum):
    """What a path in a requirements file names."""

    REQUIREMENTS = "requirements file"
    CONSTRAINTS = "constraints file"
    PACKAGE = "archive or project"
    LINKS = "place with archives"
    LOCKED = "archive of a lock"


@dataclass(frozen=True, slots=True)
class Reference:
    """A path of the build context in a requirements file."""

    kind: ReferenceKind
    paths: tuple[str, ...]
    """Candidates in the build context: the first that exists is used."""
    text: str
    """The path as written."""
    line: int
    """Line of the file, 1-based."""
    marker: str = ""
    """Environment marker of a package; "" for none."""


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """A requirements file that pip accepts."""

    path: str
    """Path in the build context, the name of a heredoc ("<<EOF"), or "" for inline requirements of the PYENV line."""
    text: str
    """The decoded text, without a byte-order mark; line ends as in the file."""
    references: tuple[Reference, ...] = ()
    constraint: bool = False
    """It constrains versions and installs nothing."""

    @property
    def title(self) -> str:
        """Its name in messages."""
        return self.path or "the PYENV line"


def check(
    data: bytes,
    *,
    path: str,
    lines: tuple[int, int],
    env: Mapping[str, str] = MappingProxyType({}),
    first: int | None = None,
) -> RequirementsFile:
    """Decode a requirements file and check each of its lines.

    `path` is the file's path in the build context, `lines` those of the PYENV line that names it, and `env` holds the
    values of variables there. For a heredoc `first` is the line of the Dockerfile that it starts on.

    Raises DockerfileError, with the file's line where there is one, for a file that is not text, a line that pip
    refuses, or a path outside the build context.
    """
    text = _text(data, path, lines)
    folder = posixpath.dirname(path)
    references: list[Reference] = []
    for number, line in logical_lines(text):
        try:
            references += _references(requirement_lines.expand(line, env), number, folder)
        except LineError as error:
            place = lines if first is None else (first + number - 1,) * 2
            start = f"{path}, line {number}: " if path else ""
            raise DockerfileError(f"{start}{brief(without_credentials(line))}: {error}", lines=place) from error
    return RequirementsFile(path, text, tuple(references))


def compared(line: str, env: Mapping[str, str]) -> str:
    """A line as it enters a lock's fingerprint: variables of the requirement expanded, options as written."""
    requirement, options = _OPTIONS.split(line, maxsplit=1) if _OPTIONS.search(line) else (line, "")
    return without_credentials(requirement_lines.expand(requirement, env) + options)


def _text(data: bytes, path: str, lines: tuple[int, int]) -> str:
    """Decode a file as pip does. Raises DockerfileError."""
    for magic, what in _BINARY:
        if data.startswith(magic):
            raise DockerfileError(f"{path} is {what}: a requirements file must be plain text", lines=lines)
    try:
        text = requirement_lines.decode(data)
    except LookupError as error:
        raise DockerfileError(f"{path} declares an {error}: save the file as UTF-8", lines=lines) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        name = error.encoding.upper()
        declare = ", or declare its encoding in its first line: # coding: latin-1" if name == "UTF-8" else ""
        raise DockerfileError(
            f"{path}, line {line}: byte 0x{byte:02x} is not {name}: save the file as UTF-8{declare}", lines=lines
        ) from error
    if "\0" in text:
        raise DockerfileError(
            f"{path} contains NUL bytes: a requirements file must be plain text in UTF-8", lines=lines
        )
    return text


def _references(text: str, number: int, folder: str) -> Iterator[Reference]:
    """Check a logical line, and yield the paths of the build context in it."""
    line = requirement_lines.split(text)
    marker = location(line.requirement).marker if line.requirement else ""
    for kind, written in _places(line):
        if written.lower().startswith("file:"):
            _check_address(written)
        if is_url(written) or written.startswith("/") or VARIABLE.search(written):
            continue  # a path of the image, or one that only the step can expand
        found = reference(kind, written, number, folder)
        yield replace(found, marker=marker) if kind is ReferenceKind.PACKAGE else found


def reference(kind: ReferenceKind, written: str, number: int, folder: str) -> Reference:
    """Resolve a path in a file of a folder, at a line. Raises LineError for one outside the build context."""
    places = (posixpath.normpath(posixpath.join(one, written)) for one in _folders(kind, folder))
    inside = tuple(dict.fromkeys(place for place in places if place.split("/")[0] != ".."))
    if not inside:
        raise LineError(f"{brief(written)} is outside the build context: only files inside it can be used")
    return Reference(kind, inside, written, number)


def _places(line: RequirementLine) -> Iterator[tuple[ReferenceKind, str]]:
    for name, value in line.options:
        if name == "--requirement":
            yield ReferenceKind.REQUIREMENTS, value
        elif name == "--constraint":
            yield ReferenceKind.CONSTRAINTS, value
        elif name == "--find-links":
            yield ReferenceKind.LINKS, value
        elif name == "--editable":
            yield ReferenceKind.PACKAGE, location(value).path
    if line.requirement and not VARIABLE.search(line.requirement) and (path := _check_requirement(line.requirement)):
        yield ReferenceKind.PACKAGE, path


def _folders(kind: ReferenceKind, folder: str) -> tuple[str, ...]:
    """Base of a relative path, as for pip: the including file for includes, the root of the context for packages."""
    match kind:
        case ReferenceKind.REQUIREMENTS | ReferenceKind.CONSTRAINTS:
            return (folder,)
        case ReferenceKind.LINKS:
            return folder, ""
        case ReferenceKind.PACKAGE:
            return ("",)
        case ReferenceKind.LOCKED:
            return (folder,)


def _check_requirement(text: str) -> str | None:
    """Check a requirement; return the path of an archive or project, None for a name or URL."""
    if _SIMPLE.fullmatch(text) and not requirement_lines.ARCHIVE.search(text):
        return None
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - costs 20 to 40 ms

    try:
        Requirement(text)
    except InvalidRequirement as error:
        if not is_file(text):
            raise LineError(_about_requirement(text, str(error))) from error
    except (ValueError, RecursionError) as error:
        raise LineError(about_limit(error)) from error
    else:
        if "@" in text or not is_file(text):
            _, at, address = text.partition("@")
            if at:
                _check_address(address.split(";")[0].strip())
            return None
    return _check_file(text)


def _check_address(address: str) -> None:
    """Refuse a relative path where a URL has to be: neither a step nor `lock` has a directory for it."""
    if not _ADDRESS.match(address) and not VARIABLE.match(address):
        path = posixpath.normpath(re.sub(r"^(?i:file):", "", address))
        raise LineError(f"{brief(address)} is not a URL: write a path of the build context as ./{path}, without a name")


def _check_file(text: str) -> str:
    from packaging.markers import InvalidMarker, Marker  # noqa: PLC0415 - imported with packaging.requirements
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename  # noqa: PLC0415 - likewise

    path, _, marker = location(text)
    if marker:
        try:
            Marker(marker)
        except InvalidMarker as error:
            raise LineError(f"{brief(marker)} is not an environment marker") from error
        except (ValueError, RecursionError) as error:
            raise LineError(about_limit(error)) from error
    if path.lower().endswith(".whl"):
        from urllib.parse import unquote  # noqa: PLC0415 - likewise

        name = unquote(path.rpartition("/")[2])
        try:
            parse_wheel_filename(name)
        except InvalidWheelFilename as error:
            raise LineError(
                f"{brief(name)} is not a wheel file name: rename it to what it was built as, such as "
                "pkg-1.0-py3-none-any.whl"
            ) from error
        except ValueError as error:
            raise LineError(about_limit(error)) from error
    return path


def about_limit(error: Exception) -> str:
    """What is wrong with a text that packaging cannot read because of Python's own limits."""
    if isinstance(error, RecursionError):
        return "its parentheses are nested too deeply"
    return "a number in it has too many digits"  # ValueError of int() (docs.python.org, "Integer string conversion")


def _about_requirement(text: str, reason: str) -> str:
    if "=" in text and not re.search(r"[=<>!~]=|[<>]", text):
        return "= is not a version operator: write =="
    if "#" in text:
        return "a comment requires a space before its #"
    reason = reason.partition("\n")[0]
    return f"this is not a requirement: {reason[:1].lower()}{reason[1:]}"
