"""Read the expanded words of a PYENV line: a version, a name, requirements."""

import posixpath
import re
from typing import Final

from dockerfile_pyenv.dockerfile.words import Word
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.requirements import lock_files
from dockerfile_pyenv.requirements.requirements_txt import is_archive, is_url

OLDEST: Final = (3, 8)
"""First version that PYENV knows."""
_FREE_THREADED: Final = (3, 13)
"""First version with free-threaded builds, written `3.13t` (PEP 703)."""
_VERSION: Final = re.compile(
    r"([1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})(?:\.(0|[1-9][0-9]{0,3}))?((?:a|b|rc)[1-9][0-9]{0,3})?(t)?"
)
_VERSION_WITHIN: Final = re.compile(r"(?<![0-9.])3\.[1-9]?[0-9](?:\.[0-9]+)?(?![0-9])")
_RANGE: Final = re.compile(r"[<>=~!^*,|]")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LONGEST: Final = 255
"""Characters of a file's name on Linux (NAME_MAX, limits.h)."""
_INLINE_HINT: Final = re.compile(r"[<>=~!@;:[\]]")
_REPOSITORIES: Final = ("git+", "hg+", "svn+", "bzr+")


def is_version(text: str) -> bool:
    """Whether a text can be the version of a PYENV line."""
    return _VERSION.fullmatch(text) is not None


def read_version(word: Word, value: str, lines: tuple[int, int]) -> str:
    """The version that a word names, a pre-release in full. Raises DockerfileError."""
    shown = word.shown(value)
    match = _VERSION.fullmatch(value)
    if not match:
        raise DockerfileError(_about_version(shown, value), lines=lines, at=word.place)
    major, minor, micro, pre, free = match.groups()
    if (int(major), int(minor)) < OLDEST:
        raise DockerfileError(
            f"Python {shown} is not supported: PYENV requires {OLDEST[0]}.{OLDEST[1]} or newer",
            lines=lines,
            at=word.place,
        )
    if free and (int(major), int(minor)) < _FREE_THREADED:
        raise DockerfileError(
            f"{shown} does not exist: free-threaded Python starts at 3.13", lines=lines, at=word.place
        )
    if pre:
        return f"{major}.{minor}.{micro or 0}{pre}{free or ''}"
    return value


def _about_version(shown: str, value: str) -> str:
    if _RANGE.search(value):
        return f"{shown} is a version range: write a single version, such as 3.9 or 3.9.23"
    if value.isascii() and value.isdecimal():
        return f"{shown} is not a complete version: add the minor version, such as 3.9"
    if found := _VERSION_WITHIN.search(value):
        return f"{shown} is not a Python version: write {found[0]}"
    return f"{shown} is not a Python version: write one such as 3.9 or 3.9.23"


def is_name(text: str) -> bool:
    """Whether a text can be the name of an environment."""
    return _NAME.fullmatch(text) is not None


def read_name(word: Word, value: str, lines: tuple[int, int]) -> str:
    """The name that a word gives to an environment. Raises DockerfileError."""
    shown = word.shown(value)
    if len(value) > _LONGEST:
        raise DockerfileError(
            f"the name {shown} has {len(value)} characters: a directory has its name, which can have {_LONGEST}",
            lines=lines,
            at=word.place,
        )
    if not is_name(value):
        bad = next((char for char in value if not _NAME.fullmatch("a" + char)), None)
        what = f"starts with {value[0]!r}" if bad is None else f"contains {bad!r}"
        raise DockerfileError(
            f"the name {shown} {what}: use a-z, A-Z, 0-9, _, . and -, and start with a letter or digit",
            lines=lines,
            at=word.place,
        )
    return value


def read_requirement(word: Word, value: str, lines: tuple[int, int]) -> tuple[str, bool]:
    """The requirement or path that a word names, and whether it is a requirements file. Raises DockerfileError.

    A requirement stays as written. The path of an archive starts with "./", that of a requirements file does not.
    """
    shown = word.shown(value)
    if not value.isprintable():
        raise DockerfileError(f"the requirement {shown} contains a control character", lines=lines, at=word.place)
    if value.startswith("<<"):
        raise DockerfileError(
            f"{shown} does not start a heredoc: write <<EOF, without quotes around the <<", lines=lines, at=word.place
        )
    if is_inline(value):
        return value, False
    if "://" in value:
        raise DockerfileError(
            f"{shown} is a URL: add the requirements file to the build context and write its path",
            lines=lines,
            at=word.place,
        )
    path = posixpath.normpath(value.lstrip("/"))
    if path.split("/")[0] == "..":
        raise DockerfileError(
            f"{shown} is outside the build context: only files inside it can be used", lines=lines, at=word.place
        )
    if other := lock_files.others(path):
        raise DockerfileError(other, lines=lines, at=word.place)
    if value.rsplit("/", maxsplit=1)[-1] in {"", ".", ".."}:
        raise DockerfileError(f"{shown} is a directory: name a requirements file in it", lines=lines, at=word.place)
    return (f"./{path}", False) if is_archive(path) else (path, True)


def is_inline(value: str) -> bool:
    """Whether a word is a requirement with a specifier, an extra, a marker or a URL, rather than a path."""
    if not _INLINE_HINT.search(value):
        return False
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - costs 20 ms, rarely needed

    try:
        requirement = Requirement(value)
    except InvalidRequirement:
        return is_url(value) and (value.startswith(_REPOSITORIES) or is_archive(value.partition("#")[0]))
    except (ValueError, RecursionError):
        return True  # requirements_txt.check says what is wrong with it
    if requirement.url:
        return is_url(requirement.url)
    return bool(requirement.specifier or requirement.extras or requirement.marker)
