"""The lines of a requirements file, as pip reads them.

The rules are pip's (`_internal/req/req_file.py` and `constructors.py`, pip 26.3). The frontend reads files of the build
context with them, and a step those and files of the image. So nothing of the project is imported here, and the syntax
is that of Python 3.8.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, Mapping, NamedTuple, Tuple

if TYPE_CHECKING:
    from optparse import OptionParser

COMMENT = re.compile(r"(?:^|(?<=\s))#")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
URL = re.compile(r"(?:https?|file|ftp|(?:git|hg|svn|bzr)\+[a-z]+):", re.IGNORECASE)
ARCHIVE = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))", re.IGNORECASE)

FLAGS = (
    "--all-releases",
    "--no-index",
    "--no-require-hashes",
    "--only-final",
    "--pre",
    "--prefer-binary",
    "--require-hashes",
)
VALUES = (
    ("-c", "--constraint"),
    ("-C", "--config-setting", "--config-settings"),
    ("-e", "--editable"),
    ("--extra-index-url",),
    ("-f", "--find-links"),
    ("--global-option",),
    ("--hash",),
    ("-i", "--pypi-url", "--index-url"),
    ("--no-binary",),
    ("--only-binary",),
    ("-r", "--requirement"),
    ("--trusted-host",),
    ("--use-feature",),
)


class LineError(ValueError):
    """What is wrong with one line."""


class Line(NamedTuple):
    """One logical line, its parts apart."""

    requirement: str
    """What comes before the first option; "" for nothing."""
    options: List[Tuple[str, str]]
    """Options by the last of their names in `FLAGS` and `VALUES`, with their values; "" for those that have none."""


class Location(NamedTuple):
    """A URL or path in the place of a requirement."""

    path: str
    """Without fragment and extras."""
    extras: str
    """ "[a,b]" or ""."""
    marker: str


def logical_lines(text: str) -> Iterator[Tuple[int, str]]:
    r"""Join lines that end in `\`, drop comments and blank lines; yield a line with the number of its first, 1-based.

    A comment line ends what it continues, and never continues itself.
    """
    parts: List[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first or number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            parts.append(line.strip("\\"))
            continue
        parts.append(" " + line if comment else line)
        logical = _without_comment("".join(parts))
        if logical:
            yield first, logical
        parts.clear()
        first = 0
    logical = _without_comment("".join(parts))
    if logical:
        yield first, logical


def expand(line: str, environ: Mapping[str, str]) -> str:
    """Put values in the place of `${VARIABLES}`; one that is not set, or empty, stays as it is written."""
    return VARIABLE.sub(lambda match: environ.get(match[1]) or match[0], line)


def split(line: str) -> Line:
    """Take a logical line apart. Raises LineError for options that pip refuses."""
    words = line.split(" ")
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    options = " ".join(words[count:])
    return Line(" ".join(words[:count]).strip(), _options(options) if options else [])


def is_file(text: str) -> bool:
    """Whether a requirement is a URL or the path of an archive or project, rather than a name."""
    path = location(text).path
    if is_url(text) or path.startswith((".", "/")) or is_archive(path):
        return True
    return "/" in path and not re.search(r"[\s<>\"'*]", path)


def is_url(text: str) -> bool:
    """Whether a text begins as the URL of a package does."""
    return URL.match(text) is not None


def is_archive(path: str) -> bool:
    """Whether a path ends as the name of a distribution does."""
    return re.search(f"{ARCHIVE.pattern}$", path, re.IGNORECASE) is not None


def location(text: str) -> Location:
    """Split the URL or path of a requirement from its extras and its environment marker."""
    path, _, marker = text.partition("; " if is_url(text) else ";")
    path = path.partition("#")[0].strip()
    extras = ""
    if path.endswith("]"):
        at = path.rfind("[")
        path, extras = path[:at].rstrip(), path[at:]
    return Location(path, extras, marker.strip())


def _without_comment(line: str) -> str:
    comment = COMMENT.search(line)
    return line[: comment.start()].strip() if comment else line.strip()


def _options(text: str) -> List[Tuple[str, str]]:
    import shlex  # noqa: PLC0415 - few files have options

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise LineError(str(error).lower()) from error
    if words[:1] == ["-"]:
        raise LineError("a requirement does not begin with -")
    found: List[Tuple[str, str]] = []
    _parser(found).parse_args(words)
    return found


def _parser(found: List[Tuple[str, str]]) -> OptionParser:
    """Make a parser of pip's kind, so that `-ihttps://…` and abbreviated names mean what they mean to pip."""
    from optparse import OptionParser  # noqa: PLC0415 - few files have options

    class Parser(OptionParser):
        def error(self, msg: str) -> None:  # type: ignore[override]
            raise LineError(msg)

    def note(_option: object, given: str, value: str | None, _parser: object, name: str) -> None:
        check = CHECKS.get(name)
        if check is not None:
            check(given, value or "")
        found.append((name, value or ""))

    parser = Parser(add_help_option=False)
    for name in FLAGS:
        parser.add_option(name, action="callback", callback=note, callback_args=(name,))
    for names in VALUES:
        parser.add_option(*names, type="string", action="callback", callback=note, callback_args=(names[-1],))
    return parser


def _hash(_name: str, value: str) -> None:
    algorithm, separator, _ = value.partition(":")
    if not separator or algorithm not in {"sha256", "sha384", "sha512"}:
        raise LineError("write a hash as --hash=sha256:… (or sha384, sha512)")


def _setting(name: str, value: str) -> None:
    if "=" not in value:
        raise LineError(f"write {name} with KEY=VALUE")


def _package_names(name: str, value: str) -> None:
    if value.startswith("-"):
        raise LineError(f"{name} needs a package name, :all: or :none:")


CHECKS: Dict[str, Callable[[str, str], None]] = {
    "--config-settings": _setting,
    "--hash": _hash,
    "--no-binary": _package_names,
    "--only-binary": _package_names,
}
