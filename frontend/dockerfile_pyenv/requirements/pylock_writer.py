"""The lock of a PYENV line (PEP 751): uv's output, with Python, platforms and a fingerprint of the inputs."""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from packaging.pylock import Package, Pylock, PylockValidationError

from dockerfile_pyenv.requirements import lock_files

_PACKAGE: Final = "[[packages]]\n"
_LOCAL: Final = re.compile(r"^(?:directory|archive) = \{ path = ", re.MULTILINE)
_FILE: Final = re.compile(r'url = "(file://[^"]+)"')


@dataclass(frozen=True, slots=True)
class LockTarget:
    """The Python and platforms of a lock, and the fingerprint of its inputs."""

    python: str
    """Version of the line's interpreter, as far as known: "3.9.25", or "3.9". Newer releases of X.Y fit too."""
    platforms: tuple[str, ...]
    """Platforms of the build: "linux/amd64"."""
    fingerprint: str

    @property
    def minor(self) -> str:
        """X.Y."""
        return ".".join(self.python.split(".")[:2])

    @property
    def requires_python(self) -> str:
        """Specifier of the versions that the lock supports: older ones may need packages that it lacks."""
        return f"=={self.minor}.*" + (f",>={self.python}" if self.python != self.minor else "")

    @property
    def environments(self) -> list[str]:
        """Markers, one for each platform."""
        machines = dict.fromkeys(map(lock_files.machine, self.platforms))
        return [f"sys_platform == 'linux' and platform_machine == '{machine}'" for machine in machines]

    @property
    def resolved_for(self) -> list[str]:
        """Markers of the environments to resolve for."""
        own = f"implementation_name == 'cpython' and python_version == '{self.minor}'"
        return [f"{marker} and {own}" for marker in self.environments]


def name(environment: str) -> str:
    """File name of an environment's lock; PEP 751 allows no dots in the name."""
    return f"pylock.{environment.replace('.', '_')}.toml"


def finish(text: str, subject: LockTarget, folder: Path) -> str:
    """Turn uv's output into the lock that is written to `folder`.

    Packages of the build context are left out, since the step installs them from there; paths of local archives become
    relative to `folder`.
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
        f'created-by = "{lock_files.TOOL}"\n'
        f"{'' if kept else 'packages = []' + chr(10)}\n"
        f'{tables}[tool.{lock_files.TOOL}]\nrequirements = "{subject.fingerprint}"\n'
    )


def _path(url: str, folder: Path) -> str:
    path = Path(unquote(urlsplit(url).path))
    return f"path = {json.dumps(os.path.relpath(path.resolve(), folder.resolve()))}"


def packages(text: str) -> Sequence[Package]:
    """The packages of a lock; empty for a text that is not a lock."""
    try:
        return Pylock.from_dict(tomllib.loads(text)).packages
    except (tomllib.TOMLDecodeError, PylockValidationError):
        return ()


def changes(before: str, after: str) -> Iterator[str]:
    """The differences between two locks, package by package: "six 1.16.0 → 1.17.0", "+ six 1.17.0", "- six 1.16.0"."""
    old, new = _versions(packages(before)), _versions(packages(after))
    for package in sorted({*old, *new}):
        if package not in old:
            yield f"+ {package} {new[package]}"
        elif package not in new:
            yield f"- {package} {old[package]}"
        elif old[package] != new[package]:
            yield f"{package} {old[package]} → {new[package]}"


def without_wheels(found: Iterable[Package]) -> list[str]:
    """Names of the packages that are built from source."""
    return [one.name for one in found if one.sdist and not one.wheels]


def not_installable(found: Iterable[Package], subject: LockTarget) -> Iterator[str]:
    """Packages with neither a wheel for a platform of the lock nor a source distribution, and the platform.

    uv takes the files of a version from one index, and does not look whether another has the suitable ones.
    """
    for one in found:
        if one.sdist or not one.wheels:
            continue
        names = [wheel.name or unquote(urlsplit(wheel.url or "").path or wheel.path or "") for wheel in one.wheels]
        for platform in subject.platforms:
            if one.marker and not lock_files.applies(str(one.marker), subject.python, platform):
                continue
            if not any(_is_for(name.rpartition("/")[2], subject.minor, platform) for name in names):
                yield f"{one.name} {one.version} for Python {subject.minor} on {platform}"


def _is_for(wheel: str, minor: str, platform: str) -> bool:
    """Whether the name of a wheel says that it can be installed: Python, and the machine of a Linux."""
    *_, pythons, abis, platforms = wheel.removesuffix(".whl").rsplit("-", 3)
    number = int(minor.partition(".")[2])
    machine = lock_files.machine(platform)
    fits = any(
        python.startswith("py3")
        or python == f"cp3{number}"
        or ("abi3" in abis and python.startswith("cp3") and int(python[3:] or 0) <= number)
        for python in pythons.split(".")
    )
    return fits and any(one == "any" or ("linux" in one and one.endswith(machine)) for one in platforms.split("."))


def _versions(found: Iterable[Package]) -> dict[str, str]:
    """Versions by name; a package may have several, for different platforms."""
    versions: dict[str, list[str]] = {}
    for one in found:
        commit = one.vcs.commit_id if one.vcs else ""
        url = one.archive.url if one.archive else ""
        versions.setdefault(one.name, []).append(str(one.version or commit or url or ""))
    return {key: ", ".join(sorted(value)) for key, value in versions.items()}
