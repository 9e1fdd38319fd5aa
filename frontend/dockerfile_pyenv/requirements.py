"""Check a requirements file's text: what pip refuses is refused here, at its line, before anything is built.

How lines are read is pip's way (provision/environment/requirement_lines.py). Whether a path of the image exists is for
the installing step to find out; and so is what a line means whose `${VARIABLE}` only the step knows. Two lines that pip
passes over in silence are refused, since uv, which installs, refuses them: `- pandas` and `pandas;`.
"""

import codecs
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.provision.environment import requirement_lines
from dockerfile_pyenv.provision.environment.requirement_lines import (
    VARIABLE,
    Line,
    LineError,
    is_archive,
    is_file,
    is_url,
    location,
    logical_lines,
)

__all__ = ["Kind", "LineError", "Reference", "RequirementsFile", "check", "is_archive", "is_url", "logical_lines"]

_BINARY: Final = (
    (b"PK\x03\x04", "an Office document or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
)
_CREDENTIALS: Final = re.compile(r"://[^/@\s]+@")
_OPTIONS: Final = re.compile(r"(?=(?:^| )-)")
"""Where a line's options begin."""

# A part of PEP 508 and of the wheel name grammar that is plainly right and needs no import of packaging (20 to 40 ms).
_SIMPLE_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_SIMPLE_VERSION: Final = r"[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?"
_SIMPLE_SPECIFIER: Final = (
    rf"(?:(?:==|!=|>=|<=|>|<) *{_SIMPLE_VERSION}|~= *[0-9]+(?:\.[0-9]+)+|[=!]= *[0-9]+(?:\.[0-9]+)*\.\*)"
)
_SIMPLE: Final = re.compile(
    rf"{_SIMPLE_NAME}(?: *\[{_SIMPLE_NAME}(?: *, *{_SIMPLE_NAME})*\])?"
    rf"(?: *{_SIMPLE_SPECIFIER}(?: *, *{_SIMPLE_SPECIFIER})*)?"
)


class Kind(Enum):
    """What a path in a requirements file is."""

    REQUIREMENTS = "requirements file"
    CONSTRAINTS = "constraints file"
    PACKAGE = "archive or project"
    LINKS = "place with archives"
    LOCKED = "archive of a lock"


@dataclass(frozen=True, slots=True)
class Reference:
    """A path of the build context that stands in a requirements file."""

    kind: Kind
    paths: tuple[str, ...]
    """Where it may lie in the build context: the first place that exists counts."""
    text: str
    """The path as it is written."""
    line: int
    """Line of the file, 1-based."""


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """A requirements file that pip would read to its end."""

    path: str
    """Path in the build context, the name of a heredoc ("<<EOF"), or "" for what stands on the PYENV line itself."""
    text: str
    """The decoded text, without a byte-order mark; line ends as in the file."""
    references: tuple[Reference, ...] = ()
    constraint: bool = False
    """It says nothing about what to install, but in which version."""

    @property
    def title(self) -> str:
        """What a message calls it."""
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
    values of variables there. For a heredoc `first` is the line of the Dockerfile that it begins on.

    Raises DockerfileError, with the file's line where there is one, for a file that is no text, a line that pip
    refuses, or a path outside the build context.
    """
    text = _text(data, path, lines)
    folder = posixpath.dirname(path)
    references: list[Reference] = []
    for number, line in logical_lines(text):
        try:
            references += _references(requirement_lines.expand(line, env), number, folder)
        except LineError as error:
            words = shown(line)
            if len(words) > 100:  # noqa: PLR2004 - fits a terminal
                words = words[:99] + "…"
            place = lines if first is None else (first + number - 1,) * 2
            raise DockerfileError(f"{path}, line {number}: {words}: {error}", lines=place) from error
    return RequirementsFile(path, text, tuple(references))


def shown(line: str) -> str:
    """A line without credentials of URLs."""
    return _CREDENTIALS.sub("://***@", line)


def compared(line: str, env: Mapping[str, str]) -> str:
    """A line as locks are compared by it: a requirement with the values of variables, options as they are written."""
    requirement, options = _OPTIONS.split(line, maxsplit=1) if _OPTIONS.search(line) else (line, "")
    return shown(requirement_lines.expand(requirement, env) + options)


def _text(data: bytes, path: str, lines: tuple[int, int]) -> str:
    """Decode UTF-8, with or without a byte-order mark, as uv does; pip takes other encodings that a file declares."""
    for magic, what in _BINARY:
        if data.startswith(magic):
            raise DockerfileError(f"{path} is {what}: a requirements file is plain text", lines=lines)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DockerfileError(f"{path} is UTF-16: save it as UTF-8", lines=lines)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise DockerfileError(
            f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8: save the file as UTF-8", lines=lines
        ) from error
    if "\0" in text:
        raise DockerfileError(
            f"{path} holds NUL bytes, so it is no text: a requirements file is plain text in UTF-8", lines=lines
        )
    return text


def _references(text: str, number: int, folder: str) -> Iterator[Reference]:
    """Check a logical line, and yield the paths of the build context in it."""
    line = requirement_lines.split(text)
    for kind, written in _places(line):
        if is_url(written) or written.startswith("/") or VARIABLE.search(written):
            continue  # a path of the image, or what only the step can tell
        yield reference(kind, written, number, folder)


def reference(kind: Kind, written: str, number: int, folder: str) -> Reference:
    """What a path means in a file of a folder, at a line. Raises LineError for one outside the build context."""
    places = (posixpath.normpath(posixpath.join(one, written)) for one in _folders(kind, folder))
    inside = tuple(dict.fromkeys(place for place in places if place.split("/")[0] != ".."))
    if not inside:
        raise LineError(f"{written} lies outside the build context: only files in the context can be used")
    return Reference(kind, inside, written, number)


def _places(line: Line) -> Iterator[tuple[Kind, str]]:
    for name, value in line.options:
        if name == "--requirement":
            yield Kind.REQUIREMENTS, value
        elif name == "--constraint":
            yield Kind.CONSTRAINTS, value
        elif name == "--find-links":
            yield Kind.LINKS, value
        elif name == "--editable":
            yield Kind.PACKAGE, location(value).path
    if line.requirement and not VARIABLE.search(line.requirement) and (path := _check_requirement(line.requirement)):
        yield Kind.PACKAGE, path


def _folders(kind: Kind, folder: str) -> tuple[str, ...]:
    """What a relative path starts from: as with pip, an included file from its includer, a package from the top."""
    match kind:
        case Kind.REQUIREMENTS | Kind.CONSTRAINTS:
            return (folder,)
        case Kind.LINKS:
            return folder, ""
        case Kind.PACKAGE:
            return ("",)
        case Kind.LOCKED:
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
    else:
        if "@" in text or not is_file(text):
            return None
    return _check_file(text)


def _check_file(text: str) -> str:
    from packaging.markers import InvalidMarker, Marker  # noqa: PLC0415 - imported with packaging.requirements
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename  # noqa: PLC0415 - likewise

    path, _, marker = location(text)
    if marker:
        try:
            Marker(marker)
        except InvalidMarker as error:
            raise LineError(f"{marker} is no environment marker") from error
    if path.lower().endswith(".whl"):
        from urllib.parse import unquote  # noqa: PLC0415 - likewise

        name = unquote(path.rpartition("/")[2])
        try:
            parse_wheel_filename(name)
        except InvalidWheelFilename as error:
            raise LineError(
                f"{name} is no name of a wheel: pip installs it only under the name that it was built with, "
                "such as pkg-1.0-py3-none-any.whl"
            ) from error
    return path


def _about_requirement(text: str, reason: str) -> str:
    if "=" in text and not re.search(r"[=<>!~]=|[<>]", text):
        return "= compares no versions: write =="
    if "#" in text:
        return "a comment needs a blank before its #"
    reason = reason.partition("\n")[0]
    return f"this is no requirement: {reason[:1].lower()}{reason[1:]}"
