"""The lines of a requirements file, as pip reads them, and the names of files that stand in place of one.

The rules are pip's (`_internal/req/req_file.py` and `constructors.py`, pip 26.3). The frontend uses this module for
files of the build context, a step uses it for those and for files of the image. So it imports nothing of the project,
and runs on Python 3.8.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, Mapping, NamedTuple, Tuple

if TYPE_CHECKING:
    from optparse import OptionParser

COMMENT = re.compile(r"(?:^|(?<=\s))#")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
URL = re.compile(r"(?:https?|file|ftp|(?:git|hg|svn|bzr)\+[a-z]+):", re.IGNORECASE)
USERINFO = re.compile(r"(?P<before>\w://)(?P<userinfo>[^/\s]+)@")
"""Credentials in a URL, up to the last @ before its path: a password may have one that is not encoded."""
ARCHIVE = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))", re.IGNORECASE)

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
ENCODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)(\[[^\]]*\])?&?")

UV_LOCK = "uv.lock"
PROJECT = "pyproject.toml"
PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
"""Name of a lock file by PEP 751."""
_OURS = re.compile(
    r"""^\s*(?:\[\s*tool\s*\.\s*["']?dockerfile-pyenv["']?\s*\]|(?:tool\s*\.\s*)?["']?dockerfile-pyenv["']?\s*[.=])""",
    re.MULTILINE,
)
"""Found in every lock of `dockerfile-pyenv lock`, in each form that TOML has for it: Python 3.8 has no TOML parser."""

_PROJECT_TABLE = re.compile(r"^[ \t]*\[[ \t]*project[ \t]*\]", re.MULTILINE)
_DYNAMIC = re.compile(
    r"""^[ \t]*(?:project[ \t]*\.[ \t]*)?dynamic[ \t]*=[ \t]*\[[^\]]*["'](?:optional-)?dependencies["']""", re.MULTILINE
)

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


def needs_build(text: str) -> bool:
    """Whether only its build tells the dependencies of a project, by the text of its pyproject.toml (PEP 621)."""
    own = _PROJECT_TABLE.search(text) or re.search(r"^[ \t]*project[ \t]*\.", text, re.MULTILINE)
    return not own or _DYNAMIC.search(text) is not None


class LineError(ValueError):
    """What is wrong with one line."""


class RequirementLine(NamedTuple):
    """The parts of one logical line."""

    requirement: str
    """What precedes the first option; "" for nothing."""
    options: List[Tuple[str, str]]
    """Options by the last of their names in `FLAGS` and `VALUES`, with their values; "" for those that have none."""


class ArchivePath(NamedTuple):
    """A URL or path as a requirement."""

    path: str
    """Without fragment and extras."""
    extras: str
    """ "[a,b]" or ""."""
    marker: str


def decode(data: bytes) -> str:
    """Decode a requirements file: by its byte-order mark, by an encoding that it declares (PEP 263), or as UTF-8.

    pip also tries the locale's encoding, which differs between machines. Raises UnicodeDecodeError, and LookupError for
    an encoding that is unknown.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    for line in data.split(b"\n")[:2]:
        match = ENCODING.search(line) if line.startswith(b"#") else None
        if match:
            return str(data, match[1].decode("ascii"))
    return data.decode("utf-8")


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
    """Replace `${VARIABLES}` with their values; one that is unset or empty stays as written."""
    return VARIABLE.sub(lambda match: environ.get(match[1]) or match[0], line)


def split(line: str) -> RequirementLine:
    """Split a logical line into requirement and options. Raises LineError for options that pip rejects."""
    words = line.split(" ")
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    options = " ".join(words[count:])
    return RequirementLine(" ".join(words[:count]).strip(), _options(options) if options else [])


def is_file(text: str) -> bool:
    """Whether a requirement is a URL or the path of an archive or project, rather than a name."""
    path = location(text).path
    if is_url(text) or path.startswith((".", "/")) or is_archive(path):
        return True
    return "/" in path and not re.search(r"[\s<>\"'*]", path)


def is_url(text: str) -> bool:
    """Whether a text starts like the URL of a package."""
    return URL.match(text) is not None


def is_archive(path: str) -> bool:
    """Whether a path ends like the file name of a distribution."""
    return re.search(f"{ARCHIVE.pattern}$", path, re.IGNORECASE) is not None


def location(text: str) -> ArchivePath:
    """Split the URL or path of a requirement from its extras and its environment marker."""
    path, _, marker = text.partition("; " if is_url(text) else ";")
    path = path.partition("#")[0].strip()
    extras = ""
    if path.endswith("]"):
        at = path.rfind("[")
        path, extras = path[:at].rstrip(), path[at:]
    return ArchivePath(path, extras, marker.strip())


def is_ours(text: str) -> bool:
    """Whether a pylock.toml is of `dockerfile-pyenv lock`, or what a merge has made of one."""
    return _OURS.search(text) is not None


def without_credentials(text: str) -> str:
    """Return a text with `***` in place of the credentials of its URLs."""
    return USERINFO.sub(r"\g<before>***@", text)


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
        raise LineError("a requirement cannot start with -")
    from optparse import Values  # noqa: PLC0415 - likewise

    values = Values({"found": []})
    _parser().parse_args(words, values)
    found: List[Tuple[str, str]] = values.found
    return found


@lru_cache(maxsize=None)
def _parser() -> OptionParser:
    """Make a parser of pip's kind, so that `-ihttps://…` and abbreviated names mean what they mean to pip.

    Making it takes longer than using it, and each line with a hash has an option.
    """
    from optparse import OptionParser  # noqa: PLC0415 - few files have options

    class Parser(OptionParser):
        def error(self, msg: str) -> None:  # type: ignore[override]
            raise LineError(msg)

    def note(_option: object, given: str, value: str | None, parser: OptionParser, name: str) -> None:
        check = CHECKS.get(name)
        if check is not None:
            check(given, value or "")
        parser.values.found.append((name, value or ""))  # type: ignore[union-attr]

    parser = Parser(add_help_option=False)
    for name in FLAGS:
        parser.add_option(name, action="callback", callback=note, callback_args=(name,))
    for names in VALUES:
        parser.add_option(*names, type="string", action="callback", callback=note, callback_args=(names[-1],))
    return parser


def _hash(_name: str, value: str) -> None:
    algorithm, separator, _ = value.partition(":")
    if not separator or algorithm not in {"sha256", "sha384", "sha512"}:
        raise LineError("expected --hash=sha256:… (or sha384, sha512)")


def _setting(name: str, value: str) -> None:
    if "=" not in value:
        raise LineError(f"{name} requires KEY=VALUE")


def _package_names(name: str, value: str) -> None:
    if value.startswith("-"):
        raise LineError(f"{name} requires a package name, :all: or :none:")


CHECKS: Dict[str, Callable[[str, str], None]] = {
    "--config-settings": _setting,
    "--hash": _hash,
    "--no-binary": _package_names,
    "--only-binary": _package_names,
}
