"""The environment itself: a virtual environment, its pip, and the interpreter's name on PATH."""

from __future__ import annotations

import os
import py_compile
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Mapping

import interpreter
from layout import Layout, ProvisionError

if TYPE_CHECKING:
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
    """Make an empty virtual environment of the running interpreter, and what is missing of its parent directories."""
    if os.path.lexists(path):
        raise ProvisionError(f"{path} is there already: choose another name for this environment")
    import venv  # noqa: PLC0415 - a base's own Python may lack it, which `interpreter.check` tells

    # Unlike `uv venv`, the standard module leaves links, scripts and pyvenv.cfg as every tool knows them.
    venv.EnvBuilder(symlinks=True, with_pip=False, system_site_packages=system_site_packages).create(path)


def add_pip(path: Path, version: str) -> None:
    """Let `pip` and `python -m pip` work in the environment through the interpreter's pip.

    A pip that the requirements brought stays. A pip that is installed later replaces these files. Where the base's own
    interpreter has no pip, that of its ensurepip is installed. Raises ProvisionError where it has neither.
    """
    packages = path / "lib" / f"python{version}" / "site-packages"
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
    """Make pip a package of the environment, as it is in the interpreter, unless the requirements brought one."""
    packages = path / "lib" / f"python{version}" / "site-packages"
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
            "the base image's own Python has neither pip nor ensurepip: install one before this line "
            "(on Debian and Ubuntu, the package python3-venv), or choose another interpreter"
        )
    with zipfile.ZipFile(str(wheel)) as archive:
        archive.extractall(str(packages))


def link_command(prefix: str, version: str, environ: Mapping[str, str], layout: Layout) -> None:
    """Put `pythonX.Y` on PATH, unless something of that name is there."""
    name = f"python{version}"
    directories = [layout.commands, *map(Path, filter(None, environ.get("PATH", "").split(os.pathsep)))]
    if not any(os.path.lexists(directory / name) for directory in directories):
        layout.commands.mkdir(parents=True, exist_ok=True)
        for directory in (layout.commands, layout.links):
            if directory.is_dir():
                (directory / name).symlink_to(Path(prefix, "bin", name))


def link(path: Path, place: Path, owner: Owner) -> None:
    """Let an environment be found under a second path, in a directory of a home; nothing without such a home."""
    if not place.parent.parent.is_dir() or os.path.lexists(place):
        return
    if not place.parent.is_dir():
        place.parent.mkdir()
        os.lchown(place.parent, owner.uid, owner.gid)
    place.symlink_to(path)
    os.lchown(place, owner.uid, owner.gid)
