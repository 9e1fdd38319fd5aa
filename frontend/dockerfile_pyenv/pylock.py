"""The lock of a PYENV line (PEP 751): what uv writes, made to say whom it is for and what it was made from."""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from dockerfile_pyenv import locks

_PACKAGE: Final = "[[packages]]\n"
_LOCAL: Final = re.compile(r"^(?:directory|archive) = \{ path = ", re.MULTILINE)
_FILE: Final = re.compile(r'url = "(file://[^"]+)"')


@dataclass(frozen=True, slots=True)
class Subject:
    """What a lock is made for, and from."""

    python: str
    """The version of the line's interpreter, as far as it is known: "3.9.25", or "3.9". Newer ones of X.Y fit, too."""
    platforms: tuple[str, ...]
    """What is built for: "linux/amd64"."""
    fingerprint: str

    @property
    def minor(self) -> str:
        """X.Y."""
        return ".".join(self.python.split(".")[:2])

    @property
    def requires_python(self) -> str:
        """Specifier of the versions that the lock is for: what an older one needs beside is not in it."""
        return f"=={self.minor}.*" + (f",>={self.python}" if self.python != self.minor else "")

    @property
    def environments(self) -> list[str]:
        """Markers, one for each platform."""
        machines = dict.fromkeys(map(locks.machine, self.platforms))
        return [f"sys_platform == 'linux' and platform_machine == '{machine}'" for machine in machines]

    @property
    def resolved_for(self) -> list[str]:
        """Markers of all that the packages are looked for."""
        own = f"implementation_name == 'cpython' and python_version == '{self.minor}'"
        return [f"{marker} and {own}" for marker in self.environments]


def name(environment: str) -> str:
    """File name of an environment's lock; PEP 751 takes no dots in it."""
    return f"pylock.{environment.replace('.', '_')}.toml"


def finish(text: str, subject: Subject, folder: Path) -> str:
    """A lock as it is kept in `folder`.

    What lies in the build context is left out, since the step installs it from there; archives of a directory with
    packages are named from `folder`.
    """
    head, *packages = text.split(_PACKAGE)
    kept = [one for one in packages if not _LOCAL.search(one)]
    tables = "".join(_PACKAGE + _FILE.sub(lambda match: _path(match[1], folder), one).rstrip() + "\n\n" for one in kept)
    document = tomllib.loads(head)
    environments = "".join(f"    {json.dumps(marker)},\n" for marker in subject.environments)
    return (
        "# Written by `dockerfile-pyenv lock`, which also changes it.\n"
        f'lock-version = "{document["lock-version"]}"\n'
        f"environments = [\n{environments}]\n"
        f'requires-python = "{subject.requires_python}"\n'
        f'created-by = "{locks.TOOL}"\n'
        f"{'' if kept else 'packages = []' + chr(10)}\n"
        f'{tables}[tool.{locks.TOOL}]\nrequirements = "{subject.fingerprint}"\n'
    )


def _path(url: str, folder: Path) -> str:
    path = Path(unquote(urlsplit(url).path))
    return f"path = {json.dumps(os.path.relpath(path.resolve(), folder.resolve()))}"


def packages(text: str) -> list[Mapping[str, Any]]:
    """The packages of a lock; none for a text that is no lock."""
    try:
        found = tomllib.loads(text).get("packages", [])
    except tomllib.TOMLDecodeError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def changes(before: str, after: str) -> Iterator[str]:
    """What is different in a lock, package by package: "six 1.16.0 → 1.17.0", "+ six 1.17.0", "- six 1.16.0"."""
    old, new = _versions(packages(before)), _versions(packages(after))
    for package in sorted({*old, *new}):
        if package not in old:
            yield f"+ {package} {new[package]}"
        elif package not in new:
            yield f"- {package} {old[package]}"
        elif old[package] != new[package]:
            yield f"{package} {old[package]} → {new[package]}"


def without_wheels(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Packages that a step builds from source."""
    return [str(one.get("name")) for one in found if "sdist" in one and not one.get("wheels")]


def _versions(found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Versions by name; a package may have several, for different platforms."""
    versions: dict[str, list[str]] = {}
    for one in found:
        origin = one.get("vcs") or one.get("archive") or {}
        version = one.get("version") or origin.get("commit-id") or origin.get("url") or ""
        versions.setdefault(str(one.get("name")), []).append(str(version))
    return {key: ", ".join(sorted(value)) for key, value in versions.items()}
