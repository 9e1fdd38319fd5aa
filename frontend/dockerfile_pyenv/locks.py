"""Lock files and projects among the files that a PYENV line names: what they are by their names, and whether they fit.

A lock says for which Python and which platforms it was made: `requires-python` and `environments` of a pylock.toml (PEP
751), `requires-python` and `supported-markers` of a uv.lock. Where these speak against a line, it is refused before
anything is built; what only shows while packages are looked for, the step says.

A pylock.toml that `dockerfile-pyenv lock` wrote stands in for all else that its line names. It holds a fingerprint of
that, so that a line whose requirements have changed since is refused, too.
"""

import json
import posixpath
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.flags import Flags

PROJECT: Final = "pyproject.toml"
TOOL: Final = "dockerfile-pyenv"
"""Name of the table below `tool` in a lock of ours, whose key `requirements` has the fingerprint."""
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


def check(data: bytes, *, path: str, lines: tuple[int, int], python: str, platforms: Iterable[str]) -> str:
    """Check that a file is for a Python, given by its full version, and for platforms such as "linux/amd64".

    Returns the fingerprint of what a lock of ours was made from; "" for any other file. Raises DockerfileError.
    """
    document = _read(data, path, lines)
    found = kind(path)
    table = document.get("project", {}) if found is Kind.PROJECT else document
    _check_python(str(table.get("requires-python", "")), path, lines, python)
    markers = document.get("environments" if found is Kind.PYLOCK else "supported-markers", [])
    if found is not Kind.PROJECT and markers:
        for platform in platforms:
            _check_platform([str(marker) for marker in markers], path, lines, python, platform)
    return made_from(document) if found is Kind.PYLOCK else ""


def made_from(document: dict[str, Any]) -> str:
    """The fingerprint in a pylock.toml; "" for one that is not ours."""
    tool = document.get("tool")
    table = tool.get(TOOL) if isinstance(tool, dict) else None
    return str(table.get("requirements", "")) if isinstance(table, dict) else ""


def is_ours(text: str) -> bool:
    """Whether a pylock.toml is of `dockerfile-pyenv lock`; so is what a merge has made of one, and is no TOML."""
    import tomllib  # noqa: PLC0415 - few lines name such a file

    try:
        return made_from(tomllib.loads(text)) != ""
    except tomllib.TOMLDecodeError:
        return f"\n[tool.{TOOL}]\n" in text


def archives(data: bytes, *, path: str, lines: tuple[int, int]) -> list[tuple[str, int]]:
    """Paths of wheels and source archives in a pylock.toml, as they are written, and the lines that they stand on.

    They start from the lock (PEP 751). Raises DockerfileError for a project, which a step cannot be given this way.
    """
    text = data.decode()
    found: list[tuple[str, int]] = []
    for package in _tables(_read(data, path, lines).get("packages")):
        for directory in _tables([package.get("directory")]):
            written = str(directory.get("path", ""))
            raise DockerfileError(
                f"{path}, line {_line(text, written)}: {written} is a project's directory, which a lock does not bring "
                "along: leave it out of the lock (uv export --no-emit-project), and name it in a requirements file, as "
                "./path, where it is to be installed",
                lines=lines,
            )
        archives = _tables([package.get("archive"), package.get("sdist")]) + _tables(package.get("wheels"))
        paths = [str(one["path"]) for one in archives if "path" in one and "url" not in one]
        found += [(written, _line(text, written)) for written in paths if not written.startswith("/")]
    return found


def _tables(found: object) -> list[dict[str, Any]]:
    """The tables of a list; what else a file may have there, uv will say something about."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _line(text: str, written: str) -> int:
    return text[: max(0, text.find(json.dumps(written, ensure_ascii=False)))].count("\n") + 1


def fingerprint(asked: Sequence[tuple[bool, Sequence[str]]], projects: Sequence[bytes], flags: Flags) -> str:
    """Fingerprint of what is asked for, by which one can tell whether a lock was made from it.

    `asked` has for each requirements file whether it holds constraints, and its lines without comments and credentials;
    `projects` are pyproject.toml files, of which only what says something about packages counts.
    """
    tables = [_about_packages(_read(data, PROJECT, (0, 0))) for data in projects]
    all_of_it = [asked, tables, flags.extra, flags.group, flags.no_deps]
    text = json.dumps(all_of_it, sort_keys=True, default=str)
    return "sha256:" + sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _about_packages(document: dict[str, Any]) -> list[Any]:
    project = document.get("project", {})
    uv = document.get("tool", {}).get("uv")
    return [project.get("dependencies"), project.get("optional-dependencies"), document.get("dependency-groups"), uv]


def _read(data: bytes, path: str, lines: tuple[int, int]) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - few lines name such a file

    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DockerfileError(f"{path} is no TOML: {error}", lines=lines) from None


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


def machine(platform: str) -> str:
    """What `platform_machine` is on a platform such as "linux/amd64"."""
    name = platform.split("/")[1]
    return _MACHINES.get(name, name)


def _environment(python: str, platform: str) -> dict[str, str]:
    """Variables of markers (PEP 508) for a CPython in an image."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "posix",
        "platform_machine": machine(platform),
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
        if flags.airflow and found is not Kind.PROJECT:
            raise DockerfileError(
                f"{path} says all that is installed, and --airflow={flags.airflow} would add to it: leave the flag "
                f"out, and lock apache-airflow{'' if flags.airflow == 'same' else '-task-sdk'} with the rest, in the "
                "version of the base image",
                lines=lines,
            )
        if flags.installer == "pip" and found is not Kind.UV_LOCK:
            raise DockerfileError(f"pip does not install {path}: write --installer=uv", lines=lines)
