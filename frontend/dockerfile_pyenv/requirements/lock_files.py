"""Lock files and projects among the files of a PYENV line: recognise them by name, and check that they fit.

A lock states its Python and its platforms: `requires-python` and `environments` of a pylock.toml (PEP 751),
`requires-python` and `supported-markers` of a uv.lock. A line that does not match is refused before anything is built;
the step reports what only shows during resolution.

A pylock.toml written by `dockerfile-pyenv lock` replaces everything else that its line names. It has a fingerprint of
that, so that it is refused once the requirements have changed.

Files are read as TOML, and not with packaging.pylock (packaging 26): that refuses locks which uv installs, such as one
whose names are not in the normal form. `dockerfile-pyenv lock` reads its own with it (pylock_writer.py).
"""

import json
import posixpath
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from dockerfile_pyenv.errors import DockerfileError, brief
from dockerfile_pyenv.provision.environment.requirement_lines import PROJECT, PYLOCK, UV_LOCK
from dockerfile_pyenv.requirements.requirements_txt import about_limit

TOOL: Final = "dockerfile-pyenv"
"""Name of the table under `tool` in our locks; its key `requirements` has the fingerprint."""
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l"}


_EXPORT: Final = "{} is a file of {}, which PYENV does not read: export it ({}), and name {} on the line"
_SETUP: Final = (
    "{} is the program of a project, and not a requirements file: name its directory in one (./), or export its "
    "dependencies (uv pip compile {} -o requirements.txt), and name requirements.txt on the line"
)


def _exported(name: str, tool: str, command: str, target: str = "requirements.txt") -> str:
    return _EXPORT.format(name, tool, command, target)


_OTHERS: Final = {
    "Pipfile": _exported("Pipfile", "Pipenv", "pipenv requirements > requirements.txt"),
    "Pipfile.lock": _exported("Pipfile.lock", "Pipenv", "pipenv requirements --hash > requirements.txt"),
    "environment.yaml": _exported(
        "environment.yaml", "conda", "conda run -n <its name> pip list --format=freeze > requirements.txt"
    ),
    "environment.yml": _exported(
        "environment.yml", "conda", "conda run -n <its name> pip list --format=freeze > requirements.txt"
    ),
    "pdm.lock": _exported("pdm.lock", "PDM", "pdm export -f pylock -o pylock.toml", "pylock.toml"),
    "poetry.lock": _exported("poetry.lock", "Poetry", "poetry export -o requirements.txt"),
    "setup.cfg": _SETUP.format("setup.cfg", "setup.cfg").replace("the program", "the configuration"),
    "setup.py": _SETUP.format("setup.py", "setup.py"),
}
"""Files that people name on a line, and what to do."""


class LockKind(Enum):
    """A kind of file other than a requirements file."""

    PYLOCK = "pylock.toml"
    UV_LOCK = UV_LOCK
    PROJECT = PROJECT


def kind(path: str) -> LockKind | None:
    """The kind of a file, by its name; None for a requirements file."""
    name = posixpath.basename(path)
    if PYLOCK.fullmatch(name):
        return LockKind.PYLOCK
    return {UV_LOCK: LockKind.UV_LOCK, PROJECT: LockKind.PROJECT}.get(name)


def others(path: str) -> str:
    """What a file of another tool is, and the command that exports it, by its name; "" for any other file."""
    return _OTHERS.get(posixpath.basename(path), "")


def beside(path: str) -> tuple[str, ...]:
    """Paths of the files that a file requires: a uv.lock requires its pyproject.toml."""
    return (posixpath.join(posixpath.dirname(path), PROJECT),) if kind(path) is LockKind.UV_LOCK else ()


def check(data: bytes, *, path: str, lines: tuple[int, int], python: str, platforms: Iterable[str]) -> str:
    """Check that a file supports a Python, given by its full version, and platforms such as "linux/amd64".

    Returns the fingerprint in one of our locks; "" for any other file. Raises DockerfileError.
    """
    document = _read(data, path, lines)
    found = kind(path)
    table = _table(document.get("project")) if found is LockKind.PROJECT else document
    _check_python(str(table.get("requires-python", "")), path, lines, python)
    markers = document.get("environments" if found is LockKind.PYLOCK else "supported-markers", [])
    if not isinstance(markers, list):
        raise DockerfileError(f"{path}: environments and supported-markers must be lists", lines=lines)
    if found is not LockKind.PROJECT and markers:
        for platform in platforms:
            _check_platform([str(marker) for marker in markers], path, lines, python, platform)
    return made_from(document) if found is LockKind.PYLOCK else ""


def made_from(document: dict[str, Any]) -> str:
    """The fingerprint in a pylock.toml; "" for one that is not ours."""
    tool = document.get("tool")
    table = tool.get(TOOL) if isinstance(tool, dict) else None
    return str(table.get("requirements", "")) if isinstance(table, dict) else ""


def archives(data: bytes, *, path: str, lines: tuple[int, int]) -> list[tuple[str, int]]:
    """Paths of wheels and source distributions in a pylock.toml, as written, with their lines.

    They are relative to the lock (PEP 751). Raises DockerfileError for a project, which cannot be passed to a step.
    """
    text = data.decode()
    found: list[tuple[str, int]] = []
    for package in _tables(_read(data, path, lines).get("packages")):
        for directory in _tables([package.get("directory")]):
            written = str(directory.get("path", ""))
            raise DockerfileError(
                f"{path}, line {_line(text, written)}: {written} is a project's directory, which a lock cannot "
                "provide: leave it out of the lock (uv export --no-emit-project), and to install it, name it as "
                "./path in a requirements file",
                lines=lines,
            )
        archives = _tables([package.get("archive"), package.get("sdist")]) + _tables(package.get("wheels"))
        paths = [str(one["path"]) for one in archives if "path" in one and "url" not in one]
        found += [(written, _line(text, written)) for written in paths if not written.startswith("/")]
    return found


def dependencies(data: bytes, *, path: str, extras: Sequence[str], groups: Sequence[str]) -> list[str]:
    """What a pyproject.toml requires, with these extras and dependency groups, as far as it says so itself.

    Raises DockerfileError for a file that is not TOML.
    """
    document = _read(data, path, (0, 0))
    project = _table(document.get("project"))
    optional = {_normal(str(name)): found for name, found in _table(project.get("optional-dependencies")).items()}
    named = {_normal(str(name)): found for name, found in _table(document.get("dependency-groups")).items()}
    found = [*_strings(project.get("dependencies"))]
    for extra in extras:
        found += _strings(optional.get(_normal(extra)))
    left, seen = [_normal(group) for group in groups], set()
    while left:
        group = left.pop(0)
        if group in seen:
            continue
        seen.add(group)
        found += _strings(named.get(group))
        left += [_normal(str(one.get("include-group", ""))) for one in _tables(named.get(group))]
    return found


def _strings(found: object) -> list[str]:
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _normal(name: str) -> str:
    """A name as PEP 503 and PEP 735 normalize it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _tables(found: object) -> list[dict[str, Any]]:
    """The tables of a list; uv reports anything else that a file has there."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _table(found: object) -> dict[str, Any]:
    """A table, empty where a file has something else."""
    return found if isinstance(found, dict) else {}


def _line(text: str, written: str) -> int:
    return text[: max(0, text.find(json.dumps(written, ensure_ascii=False)))].count("\n") + 1


def fingerprint(  # noqa: PLR0913 - all that a lock is made from
    asked: Sequence[tuple[bool, Sequence[str]]],
    projects: Sequence[bytes],
    *,
    extras: Sequence[str],
    groups: Sequence[str],
    no_deps: bool,
    date: str = "",
) -> str:
    """Fingerprint of requirements, which tells whether a lock was made from them.

    `asked` has for each requirements file whether it holds constraints, and its lines without comments and credentials;
    `projects` are pyproject.toml files, of which only the tables about packages count; `extras`, `groups`, `no_deps`
    and `date` are the flags that choose among packages.
    """
    tables = [_about_packages(_read(data, PROJECT, (0, 0))) for data in projects]
    all_of_it = [asked, tables, extras, groups, no_deps, *([date] if date else [])]
    text = json.dumps(all_of_it, sort_keys=True, default=str)
    return "sha256:" + sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _about_packages(document: dict[str, Any]) -> list[Any]:
    project = _table(document.get("project"))
    uv = _table(document.get("tool")).get("uv")
    return [project.get("dependencies"), project.get("optional-dependencies"), document.get("dependency-groups"), uv]


def _read(data: bytes, path: str, lines: tuple[int, int]) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - few lines name such a file

    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DockerfileError(f"{path} is not valid TOML: {error}", lines=lines) from None
    except (ValueError, RecursionError) as error:
        limit = "its values are nested too deeply" if isinstance(error, RecursionError) else about_limit(error)
        raise DockerfileError(f"cannot read {path}: {limit}", lines=lines) from None


def _check_python(wanted: str, path: str, lines: tuple[int, int], python: str) -> None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - likewise

    # Of a base image's own Python only X.Y is known.
    versions = [python] if python.count(".") > 1 else [f"{python}.0", f"{python}.999"]
    try:
        fits = any(SpecifierSet(wanted).contains(version, prereleases=True) for version in versions)
    except InvalidSpecifier:
        raise DockerfileError(
            f"{path}: requires-python = {brief(repr(wanted))} is not a version specifier", lines=lines
        ) from None
    except ValueError as error:
        raise DockerfileError(f"{path}: requires-python: {about_limit(error)}", lines=lines) from None
    if not fits:
        raise DockerfileError(
            f"{path} is for Python {wanted}, but this line requires {python}: change the version, or lock again for "
            "this version",
            lines=lines,
        )


def _check_platform(markers: list[str], path: str, lines: tuple[int, int], python: str, platform: str) -> None:
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison  # noqa: PLC0415 - likewise

    environment = _environment(python, platform)
    try:
        fits = any(Marker(marker).evaluate(environment) for marker in markers)
    except InvalidMarker as error:
        raise DockerfileError(f"{path}: {error}", lines=lines) from None
    except UndefinedComparison as error:
        raise DockerfileError(f"{path}: cannot compare in a marker: {error}", lines=lines) from None
    except (ValueError, RecursionError, KeyError) as error:
        limit = f"{error} is not a variable" if isinstance(error, KeyError) else about_limit(error)
        raise DockerfileError(f"{path}: cannot read a marker: {limit}", lines=lines) from None
    if not fits:
        raise DockerfileError(
            f"{path} is not for Python {python} on {platform}, only for {' or '.join(markers)}: lock again for this "
            "platform",
            lines=lines,
        )


def applies(marker: str, python: str, platform: str) -> bool:
    """Whether a marker of a requirements file holds for a Python on a platform such as "linux/amd64"."""
    from packaging.markers import Marker, UndefinedComparison  # noqa: PLC0415 - likewise

    try:
        return Marker(marker).evaluate({**_environment(python, platform), "extra": ""})
    except (UndefinedComparison, ValueError, KeyError):
        return True  # the installer says what is wrong with it


def machine(platform: str) -> str:
    """Value of `platform_machine` on a platform such as "linux/amd64"."""
    name = platform.split("/")[-1 if "/" not in platform else 1]
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
