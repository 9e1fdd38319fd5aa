"""The environment itself: a virtual environment, its pip, and the interpreter's name on PATH."""

from __future__ import annotations

import os
import py_compile
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Mapping

import interpreter
from layout import Layout, ProvisionError, site_packages

if TYPE_CHECKING:
    from log import Log
    from owner import Owner

PIP_SCRIPT = """\
#!{python}
import sys

from pip._internal.cli.main import main

sys.exit(main())
"""

PIP_MODULE = '''\
"""pip of this environment's interpreter. It acts on this environment, like a pip that is installed here."""

__file__ = {init!r}
__path__ = [{directory!r}]

with open(__file__, encoding="utf-8") as _source:
    exec(compile(_source.read(), __file__, "exec"))
'''


def create(path: Path, *, system_site_packages: bool = False) -> None:
    """Create an empty virtual environment of the running interpreter, and missing parent directories."""
    if os.path.lexists(path):
        raise ProvisionError(f"{path} already exists: choose another name for this environment")
    import venv  # noqa: PLC0415 - a base image's own Python may lack it: `interpreter.check` reports that

    # Unlike `uv venv`, the standard module writes links, scripts and pyvenv.cfg that every tool knows.
    venv.EnvBuilder(symlinks=True, with_pip=False, system_site_packages=system_site_packages).create(path)


def link_interpreter(path: Path, prefix: Path) -> None:
    """Let an environment's links and pyvenv.cfg name its interpreter by the path that it is known by.

    venv resolves the links on the way: in a stage whose `/opt` is a link it would write another path than elsewhere.
    """
    for link in sorted((path / "bin").iterdir()):
        target = Path(os.readlink(str(link))) if link.is_symlink() else prefix  # noqa: PTH115 - Python 3.8 has no other
        known = prefix / "bin" / target.name
        if target.is_absolute() and target not in (prefix, known) and target.resolve() == known.resolve():
            link.unlink()
            link.symlink_to(known)
    config = path / "pyvenv.cfg"
    text = config.read_text("utf-8")
    named = text.replace(f"{prefix.resolve()}/", f"{prefix}/")
    if named != text:
        config.write_text(named, encoding="utf-8")


def add_pip(path: Path, version: str) -> None:
    """Make `pip` and `python -m pip` work in the environment with the interpreter's pip.

    A pip that the requirements installed stays. A pip that is installed later replaces these files. If the base image's
    own interpreter has no pip, that of its ensurepip is installed. Raises ProvisionError if it has neither.
    """
    packages = site_packages(path, version)
    module = packages / "pip"
    if not os.path.lexists(module):
        pip = interpreter.pip()
        if pip is not None:
            init = module / "__init__.py"
            module.mkdir()
            init.write_text(PIP_MODULE.format(init=str(pip / "__init__.py"), directory=str(pip)), encoding="utf-8")
            py_compile.compile(str(init), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        else:
            _install_pip(packages)
    for name in ("pip", "pip3", f"pip{version}"):
        script = path / "bin" / name
        if not os.path.lexists(script):
            script.write_text(PIP_SCRIPT.format(python=path / "bin" / "python"), encoding="utf-8")
            script.chmod(0o755)


def seed(path: Path, version: str) -> None:
    """Install the interpreter's pip as a package of the environment, unless the requirements installed one."""
    packages = site_packages(path, version)
    if any(packages.glob("pip-*.dist-info")):
        return
    shutil.rmtree(str(packages / "pip"), ignore_errors=True)  # the one of `add_pip`
    pip = interpreter.pip()
    if pip is None:
        _install_pip(packages)
        return
    for part in (pip, *pip.parent.glob("pip-*.dist-info")):
        shutil.copytree(str(part), str(packages / part.name), ignore=shutil.ignore_patterns("__pycache__"))


def _install_pip(packages: Path) -> None:
    """Install pip as ensurepip does, without the setuptools that it adds before Python 3.12."""
    wheel = interpreter.pip_wheel()
    if wheel is None:
        raise ProvisionError(
            "the base image's own Python has neither pip nor ensurepip: install one above this line (on Debian and "
            "Ubuntu, the package python3-venv), or choose another interpreter"
        )
    with zipfile.ZipFile(str(wheel)) as archive:
        archive.extractall(str(packages))


def link_command(prefix: str, version: str, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Put `pythonX.Y` on PATH, unless something with that name is on it."""
    name = f"python{version}"
    directories = [layout.commands, *map(Path, filter(None, environ.get("PATH", "").split(os.pathsep)))]
    if not any(os.path.lexists(directory / name) for directory in directories):
        _link_program(Path(prefix, "bin", name), environ, layout, log)


def expose(path: Path, command: str, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Put a program of an environment on PATH. Raises ProvisionError if there is none, or the name is taken."""
    program = path / "bin" / command
    if not os.path.lexists(program):
        raise ProvisionError(
            f"--expose={command}: the environment has no program of this name. Write the name of a file in {path}/bin"
        )
    for directory in [layout.commands, *map(Path, filter(None, environ.get("PATH", "").split(os.pathsep)))]:
        if os.path.lexists(directory / command):
            raise ProvisionError(
                f"--expose={command}: the image already has {directory / command}. Choose another program, or remove "
                "that one above this line"
            )
    _link_program(program, environ, layout, log)


def _link_program(program: Path, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Link a program where PATH finds it; say so where the PATH of this image does not."""
    commands = layout.commands
    commands.mkdir(parents=True, exist_ok=True)
    (commands / program.name).symlink_to(program)
    if str(commands) not in (one.rstrip("/") for one in environ.get("PATH", "").split(os.pathsep)):
        log(
            f"{program.name} is linked in {commands}, which is not on PATH in this image: add it with "
            f"ENV PATH={commands}:$PATH"
        )


def link(path: Path, place: Path, owner: Owner) -> None:
    """Link an environment from a second path. Raises ProvisionError if that is taken."""
    if os.path.lexists(place):
        raise ProvisionError(f"--link={place}: the image already has {place}. Choose another path")
    missing = [one for one in place.parents if not one.is_dir()]
    for directory in reversed(missing):
        if os.path.lexists(directory):
            raise ProvisionError(f"--link: {directory} in the image is not a directory. Choose another path")
        directory.mkdir()
        os.lchown(directory, owner.uid, owner.gid)
    place.symlink_to(path)
    os.lchown(place, owner.uid, owner.gid)


def link_in_home(path: Path, place: Path, owner: Owner) -> None:
    """Link an environment from a second path, in a directory of a home; do nothing without such a home."""
    if not place.parent.parent.is_dir() or os.path.lexists(place):
        return
    if not place.parent.is_dir():
        place.parent.mkdir()
        os.lchown(place.parent, owner.uid, owner.gid)
    place.symlink_to(path)
    os.lchown(place, owner.uid, owner.gid)
