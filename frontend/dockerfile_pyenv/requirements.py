"""Check a requirements file's text: what pip refuses is refused here, at its line, before anything is built.

The rules are pip's (`_internal/req/req_file.py` and `constructors.py`, pip 26.3): how bytes become text, how lines
join, which options a line may hold. Paths in a file are paths of the image, so whether they exist is for the installing
step to find out; and so is what a line with a `${VARIABLE}` means. Two lines that pip passes over in silence are
refused, since uv, which installs, refuses them: `- pandas` and `pandas;`.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from dockerfile_pyenv.errors import DockerfileError

if TYPE_CHECKING:
    from optparse import OptionParser

_BINARY: Final = (
    (b"PK\x03\x04", "an Office document or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
)
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#")
_CREDENTIALS: Final = re.compile(r"://[^/@\s]+@")
_VARIABLE: Final = re.compile(r"\$\{[A-Z0-9_]+\}")

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
_URL: Final = re.compile(r"(?:https?|file|ftp|(?:git|hg|svn|bzr)\+[a-z]+):", re.IGNORECASE)
_ARCHIVE: Final = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))", re.IGNORECASE)

_FLAGS: Final = (
    ["--all-releases"],
    ["--no-index"],
    ["--no-require-hashes"],
    ["--only-final"],
    ["--pre"],
    ["--prefer-binary"],
    ["--require-hashes"],
)
_VALUES: Final = (
    ["-c", "--constraint"],
    ["-C", "--config-setting", "--config-settings"],
    ["-e", "--editable"],
    ["--extra-index-url"],
    ["-f", "--find-links"],
    ["--global-option"],
    ["--hash"],
    ["-i", "--index-url", "--pypi-url"],
    ["--no-binary"],
    ["--only-binary"],
    ["-r", "--requirement"],
    ["--trusted-host"],
    ["--use-feature"],
)


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """A requirements file that pip would read to its end."""

    path: str
    text: str
    """The decoded text, without a byte-order mark; line ends as in the file."""


class _LineError(ValueError):
    """What is wrong with one line."""


def check(data: bytes, *, path: str, lines: tuple[int, int]) -> RequirementsFile:
    """Decode a requirements file and check each of its lines.

    `path` is the file's path in the build context, `lines` those of the PYENV line that names it.

    Raises DockerfileError, with the file's line where there is one, for a file that is no text, a line that pip
    refuses, and for what is not supported yet.
    """
    text = _text(data, path, lines)
    for number, line in logical_lines(text):
        try:
            _check_line(line)
        except _LineError as error:
            shown = _CREDENTIALS.sub("://***@", line)
            if len(shown) > 100:  # noqa: PLR2004 - fits a terminal
                shown = shown[:99] + "…"
            raise DockerfileError(f"{path}, line {number}: {shown}: {error}", lines=lines) from error
    return RequirementsFile(path, text)


def shown(line: str) -> str:
    """A line without credentials of URLs."""
    return _CREDENTIALS.sub("://***@", line)


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


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    r"""Join lines that end in `\`, drop comments and blank lines; yield a line with the number of its first, 1-based.

    A comment line ends what it continues, and never continues itself.
    """
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first or number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            parts.append(line.strip("\\"))
            continue
        parts.append(" " + line if comment else line)
        if logical := _without_comment("".join(parts)):
            yield first, logical
        parts.clear()
        first = 0
    if logical := _without_comment("".join(parts)):
        yield first, logical


def _without_comment(line: str) -> str:
    comment = _COMMENT.search(line)
    return line[: comment.start()].strip() if comment else line.strip()


def _check_line(line: str) -> None:
    words = line.split(" ")
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    requirement = " ".join(words[:count]).strip()
    options = " ".join(words[count:])
    if options:
        _check_options(options)
    if requirement and not _VARIABLE.search(line):
        _check_requirement(requirement)


def _check_options(options: str) -> None:
    import shlex  # noqa: PLC0415 - few files have options

    try:
        words = shlex.split(options)
    except ValueError as error:
        raise _LineError(f"{str(error).lower()}") from error
    if words[:1] == ["-"]:
        raise _LineError("a requirement does not begin with -")
    _option_parser().parse_args(words)


@cache
def _option_parser() -> "OptionParser":
    """Make a parser of pip's kind, so that `-ihttps://…` and abbreviated names mean what they mean to pip."""
    from optparse import OptionParser  # noqa: PLC0415 - few files have options

    class Parser(OptionParser):
        def error(self, msg: str) -> None:  # type: ignore[override]
            raise _LineError(msg)

    parser = Parser(add_help_option=False)
    for names in _FLAGS:
        parser.add_option(*names, action="store_true")
    for names in _VALUES:
        parser.add_option(*names, type="string", action="callback", callback=_CHECKS.get(names[-1], _any_value))
    return parser


def _any_value(_option: object, _name: str, _value: str, _parser: object) -> None:
    pass


def _included(_option: object, name: str, _value: str, _parser: object) -> None:
    remedy = (
        "pin the versions in this file" if name in {"-c", "--constraint"} else "copy that file's lines into this one"
    )
    raise _LineError(f"{name} is not supported yet: {remedy}")


def _hash(_option: object, _name: str, value: str, _parser: object) -> None:
    algorithm, separator, _ = value.partition(":")
    if not separator or algorithm not in {"sha256", "sha384", "sha512"}:
        raise _LineError("write a hash as --hash=sha256:… (or sha384, sha512)")


def _setting(_option: object, name: str, value: str, _parser: object) -> None:
    if "=" not in value:
        raise _LineError(f"write {name} with KEY=VALUE")


def _package_names(_option: object, name: str, value: str, _parser: object) -> None:
    if value.startswith("-"):
        raise _LineError(f"{name} needs a package name, :all: or :none:")


_CHECKS: Final[dict[str, Callable[[object, str, str, object], None]]] = {
    "--config-settings": _setting,
    "--constraint": _included,
    "--hash": _hash,
    "--no-binary": _package_names,
    "--only-binary": _package_names,
    "--requirement": _included,
}


def _check_requirement(text: str) -> None:
    if _SIMPLE.fullmatch(text) and not _ARCHIVE.search(text):
        return
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - costs 20 to 40 ms

    try:
        Requirement(text)
    except InvalidRequirement as error:
        if not _is_file(text):
            raise _LineError(_about_requirement(text, str(error))) from error
    else:
        if "@" in text or not _is_file(text):
            return
    _check_file(text)


def _is_file(text: str) -> bool:
    """Whether a line is a URL or the path of an archive or project, rather than a name."""
    location = _location(text)[0]
    if _URL.match(text) or location.startswith((".", "/")) or _is_archive(location):
        return True
    return "/" in location and not re.search(r"[\s<>\"'*]", location)


def _is_archive(location: str) -> bool:
    match = _ARCHIVE.search(location)
    return match is not None and match.end() == len(location)


def _location(text: str) -> tuple[str, str]:
    """Split a line into a URL or path, without fragment and extras, and its environment marker."""
    location, _, marker = text.partition("; " if _URL.match(text) else ";")
    location = location.partition("#")[0].strip()
    if location.endswith("]"):
        location = location[: location.rfind("[")].rstrip()
    return location, marker.strip()


def _check_file(text: str) -> None:
    from packaging.markers import InvalidMarker, Marker  # noqa: PLC0415 - imported with packaging.requirements
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename  # noqa: PLC0415 - likewise

    location, marker = _location(text)
    if marker:
        try:
            Marker(marker)
        except InvalidMarker as error:
            raise _LineError(f"{marker} is no environment marker") from error
    if location.lower().endswith(".whl"):
        from urllib.parse import unquote  # noqa: PLC0415 - likewise

        name = unquote(location.rpartition("/")[2])
        try:
            parse_wheel_filename(name)
        except InvalidWheelFilename as error:
            raise _LineError(
                f"{name} is no name of a wheel: pip installs it only under the name that it was built with, "
                "such as pkg-1.0-py3-none-any.whl"
            ) from error


def _about_requirement(text: str, reason: str) -> str:
    if "=" in text and not re.search(r"[=<>!~]=|[<>]", text):
        return "= compares no versions: write =="
    if "#" in text:
        return "a comment needs a blank before its #"
    reason = reason.partition("\n")[0]
    return f"this is no requirement: {reason[:1].lower()}{reason[1:]}"
