"""Lock files and projects among the files that a PYENV line names: what they are by their names, and whether they fit.

A lock says for which Python and which platforms it was made: `requires-python` and `environments` of a pylock.toml (PEP
751), `requires-python` and `supported-markers` of a uv.lock. Where these speak against a line, it is refused before
anything is built; what only shows while packages are looked for, the step says.
"""

import posixpath
import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.flags import Flags

PROJECT: Final = "pyproject.toml"
_PYLOCK: Final = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l"}


class Kind(Enum):
    """What a file is that is no requirements file."""

    PYLOCK = "pylock.toml"
    UV_LOCK = "uv.lock"
    PROJECT = PROJECT


def kind(path: str) -> Kind | None:
    """What a file is by its name; None for a requirements file."""
    name = posixpath.basename(path)
    if _PYLOCK.fullmatch(name):
        return Kind.PYLOCK
    return {"uv.lock": Kind.UV_LOCK, PROJECT: Kind.PROJECT}.get(name)


def beside(path: str) -> tuple[str, ...]:
    """Paths of the files without which a file means nothing: a uv.lock belongs to a project."""
    return (posixpath.join(posixpath.dirname(path), PROJECT),) if kind(path) is Kind.UV_LOCK else ()


def check(data: bytes, *, path: str, lines: tuple[int, int], python: str, platforms: Iterable[str]) -> None:
    """Check that a file is for a Python, given by its full version, and for platforms such as "linux/amd64".

    Raises DockerfileError.
    """
    import tomllib  # noqa: PLC0415 - few lines name such a file

    try:
        document = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DockerfileError(f"{path} is no TOML: {error}", lines=lines) from None
    found = kind(path)
    table = document.get("project", {}) if found is Kind.PROJECT else document
    _check_python(str(table.get("requires-python", "")), path, lines, python)
    markers = document.get("environments" if found is Kind.PYLOCK else "supported-markers", [])
    if found is not Kind.PROJECT and markers:
        for platform in platforms:
            _check_platform([str(marker) for marker in markers], path, lines, python, platform)


def _check_python(wanted: str, path: str, lines: tuple[int, int], python: str) -> None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - likewise

    # Of a base's own Python X.Y is known alone.
    versions = [python] if python.count(".") > 1 else [f"{python}.0", f"{python}.999"]
    try:
        fits = any(SpecifierSet(wanted).contains(version, prereleases=True) for version in versions)
    except InvalidSpecifier:
        raise DockerfileError(f"{path}: requires-python = {wanted!r} is no version specifier", lines=lines) from None
    if not fits:
        raise DockerfileError(
            f"{path} is for Python {wanted}, and this line asks for {python}: choose a version that it is for, or lock "
            "anew for this one",
            lines=lines,
        )


def _check_platform(markers: list[str], path: str, lines: tuple[int, int], python: str, platform: str) -> None:
    from packaging.markers import InvalidMarker, Marker  # noqa: PLC0415 - likewise

    environment = _environment(python, platform)
    try:
        fits = any(Marker(marker).evaluate(environment) for marker in markers)
    except InvalidMarker as error:
        raise DockerfileError(f"{path}: {error}", lines=lines) from None
    if not fits:
        raise DockerfileError(
            f"{path} is not for Python {python} on {platform}, but for {' or '.join(markers)}: lock anew for this one",
            lines=lines,
        )


def _environment(python: str, platform: str) -> dict[str, str]:
    """Variables of markers (PEP 508) for a CPython in an image."""
    machine = platform.split("/")[1]
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "posix",
        "platform_machine": _MACHINES.get(machine, machine),
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": "linux",
    }


def refuse_flags(files: Iterable[str], flags: Flags, lines: tuple[int, int]) -> None:
    """Refuse flags that do not go with a line's files. Raises DockerfileError."""
    kinds = {path: found for path in files if (found := kind(path))}
    for name, given in (("extra", flags.extra), ("group", flags.group)):
        if given and not kinds:
            raise DockerfileError(
                f"--{name} chooses from a pyproject.toml, uv.lock or pylock.toml, and this line names none", lines=lines
            )
    for path, found in kinds.items():
        if flags.installer == "pip" and found is not Kind.UV_LOCK:
            raise DockerfileError(f"pip does not install {path}: leave --installer=pip out", lines=lines)
