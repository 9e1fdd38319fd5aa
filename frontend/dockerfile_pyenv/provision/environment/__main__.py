"""Builds one environment, in a step of the user's stage, as root, under the interpreter that the environment is for.

    pythonX.Y -I -B <this directory> --name=NAME --version=X.Y --interpreter=PREFIX --owner=USER [--requirement=PATH]
    pythonX.Y -I -B <this directory> --no-venv [--name=NAME] --version=X.Y --interpreter=PREFIX

With `--interpreter=base` it is the base image's own interpreter that runs this and that the environment is for; its
name is on PATH already. With `--no-venv` the interpreter is checked and gets its name on PATH, and that is all.

Runs on every Python from 3.8 on with the standard library alone. uv installs; what is here makes the environment what
a PYENV line promises, whatever the stage's settings, user and file system are.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, List, Mapping

import bytecode
import environment
import installer
import interpreter
import owner
import settings
import tidy
from layout import Layout, ProvisionError

if TYPE_CHECKING:
    from pathlib import Path

BASE = "base"
"""In place of a prefix: the base image's own interpreter."""


def main(arguments: List[str], environ: Mapping[str, str], layout: Layout) -> int:
    """Build the environment; return the exit status."""
    parser = argparse.ArgumentParser(prog="provision", allow_abbrev=False)
    parser.add_argument("--no-venv", action="store_true")
    for name in ("version", "interpreter"):
        parser.add_argument("--" + name, required=True)
    for name in ("name", "owner", "requirement"):
        parser.add_argument("--" + name, default="")
    options = parser.parse_args(arguments)
    if not options.no_venv and not options.name:
        parser.error("an environment needs a --name")
    title = options.name or f"python{options.version}"
    os.umask(0o022)
    try:
        if options.no_venv:
            add(title, options, environ, layout)
        else:
            build(options, environ, layout)
    except ProvisionError as error:
        say(title, str(error))
        return 1
    except OSError as error:
        say(title, f"the environment cannot be built: {error}")
        return 1
    return 0


def add(title: str, options: argparse.Namespace, environ: Mapping[str, str], layout: Layout) -> None:
    """Add an interpreter without an environment. Raises ProvisionError and OSError."""
    say(title, f"Python {sys.version.split()[0]}, without an environment")
    interpreter.check(options.version, layout)
    trial = layout.tmp / "venv"
    environment.create(trial)
    shutil.rmtree(str(trial))
    environment.link_command(options.interpreter, options.version, environ, layout)


def build(options: argparse.Namespace, environ: Mapping[str, str], layout: Layout) -> None:
    """Build the environment. Raises ProvisionError, and OSError for a file system that does not take it."""
    started = time.monotonic()
    say(options.name, f"Python {sys.version.split()[0]}, {options.requirement or 'no requirements'}")
    base = options.interpreter == BASE
    interpreter.check(options.version, layout, base=base)
    user = owner.resolve(options.owner, layout)
    tmp = layout.find("/tmp")  # noqa: S108 - the image's, looked at only
    before = tidy.listing(tmp)
    path = layout.environments / options.name
    environment.create(path)
    if options.requirement:
        files = settings.pip_config_files(environ, user.home, lambda name: _text(layout.find(name)))
        chosen = settings.settings(
            environ,
            files,
            kind=layout.kind,
            system_certificates=installer.has_certificates(layout),
        )
        for note in chosen.notes:
            say(options.name, note)
        installer.install(path, options.requirement, chosen, user, layout, note=lambda text: say(options.name, text))
    count = tidy.settle(path, options.version)
    environment.add_pip(path, options.version)
    written = bytecode.write(path, options.version, layout)
    if written.packages:
        say(options.name, str(written))
    if not base:
        environment.link_command(options.interpreter, options.version, environ, layout)
    owner.give(path, user)
    tidy.remove_new(tmp, before)
    packages = "1 package" if count == 1 else f"{count} packages"
    say(options.name, f"{packages} in {time.monotonic() - started:.1f} s")


def say(name: str, text: str) -> None:
    """Write into the step's log, each line under the name."""
    for line in text.splitlines():
        print(f"{name}: {line}", flush=True)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, Layout()))
