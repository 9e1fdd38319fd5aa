"""What the words of a PYENV line mean once their variables are expanded: a version, a name, requirements."""

import posixpath
import re
from typing import Final

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.requirements import is_archive, is_url
from dockerfile_pyenv.words import Word

_OLDEST: Final = (3, 8)
_FREE_THREADED: Final = (3, 13)
"""First version with builds without the global interpreter lock, by the name of `3.13t` (PEP 703)."""
_VERSION: Final = re.compile(r"([1-9][0-9]*)\.(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*))?((?:a|b|rc)[1-9][0-9]*)?(t)?")
_VERSION_WITHIN: Final = re.compile(r"(?<![0-9.])3\.[1-9]?[0-9](?:\.[0-9]+)?(?![0-9])")
_RANGE: Final = re.compile(r"[<>=~!^*,|]")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_INLINE_HINT: Final = re.compile(r"[<>=~!@;:[\]]")
_REPOSITORIES: Final = ("git+", "hg+", "svn+", "bzr+")


def is_version(text: str) -> bool:
    """Whether a text can be the version of a PYENV line."""
    return _VERSION.fullmatch(text) is not None


def read_version(word: Word, value: str, lines: tuple[int, int]) -> str:
    """The version that a word asks for, a pre-release's in full. Raises DockerfileError."""
    shown = word.shown(value)
    match = _VERSION.fullmatch(value)
    if not match:
        raise DockerfileError(_about_version(shown, value), lines=lines, at=word.place)
    major, minor, micro, pre, free = match.groups()
    if (int(major), int(minor)) < _OLDEST:
        raise DockerfileError(
            f"Python {shown} is too old for PYENV, which knows 3.8 and newer", lines=lines, at=word.place
        )
    if free and (int(major), int(minor)) < _FREE_THREADED:
        raise DockerfileError(
            f"{shown}: free-threaded builds of Python are there from 3.13t on", lines=lines, at=word.place
        )
    if pre:
        return f"{major}.{minor}.{micro or 0}{pre}{free or ''}"
    return value


def _about_version(shown: str, value: str) -> str:
    if _RANGE.search(value):
        return f"{shown} is a range of versions, and PYENV takes exactly one: write it out, such as 3.9 or 3.9.23"
    if value.isdecimal():
        return f"{shown} is no complete version: write the minor one too, such as 3.9"
    if found := _VERSION_WITHIN.search(value):
        return f"{shown} is no version of Python: write just {found[0]}"
    return f"{shown} is no version of Python: write one such as 3.9 or 3.9.23"


def is_name(text: str) -> bool:
    """Whether a text can be the name of an environment."""
    return _NAME.fullmatch(text) is not None


def read_name(word: Word, value: str, lines: tuple[int, int]) -> str:
    """The name that a word gives to an environment. Raises DockerfileError."""
    shown = word.shown(value)
    if not is_name(value):
        bad = next((char for char in value if not _NAME.fullmatch("a" + char)), None)
        what = f"begins with {value[0]!r}" if bad is None else f"has {bad!r} in it"
        raise DockerfileError(
            f"the name {shown} {what}: a name is made of a-z, A-Z, 0-9, _, . and -, and begins with a letter or digit",
            lines=lines,
            at=word.place,
        )
    return value


def read_requirement(word: Word, value: str, lines: tuple[int, int]) -> tuple[str, bool]:
    """What a word asks to install, and whether that is a requirements file. Raises DockerfileError.

    A requirement stays as it is written; the path of an archive begins with "./", and that of a file does not.
    """
    shown = word.shown(value)
    if not value.isprintable():
        raise DockerfileError(f"the requirement {shown} has a control character in it", lines=lines, at=word.place)
    if value.startswith("<<"):
        raise DockerfileError(
            f"{shown} opens no heredoc here: write <<EOF, without quotes around the <<", lines=lines, at=word.place
        )
    if _is_inline(value):
        return value, False
    if "://" in value:
        raise DockerfileError(
            f"{shown} is a URL: put the requirements file into the build context and write its path there",
            lines=lines,
            at=word.place,
        )
    path = posixpath.normpath(value.lstrip("/"))
    if path.split("/")[0] == "..":
        raise DockerfileError(
            f"{shown} lies outside the build context: only files in the context can be used", lines=lines, at=word.place
        )
    if value.rsplit("/", maxsplit=1)[-1] in {"", ".", ".."}:
        raise DockerfileError(f"{shown} is a directory: name a requirements file in it", lines=lines, at=word.place)
    return (f"./{path}", False) if is_archive(path) else (path, True)


def _is_inline(value: str) -> bool:
    """Whether a word is a requirement with a specifier, an extra, a marker or a URL, rather than a path."""
    if not _INLINE_HINT.search(value):
        return False
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - costs 20 ms, rarely needed

    try:
        requirement = Requirement(value)
    except InvalidRequirement:
        return is_url(value) and (value.startswith(_REPOSITORIES) or is_archive(value.partition("#")[0]))
    if requirement.url:
        return is_url(requirement.url)
    return bool(requirement.specifier or requirement.extras or requirement.marker)
