"""Builds one environment, in a step of the user's stage, as root, under the interpreter that the environment is for.

    pythonX.Y -I -B <this directory> --name=NAME --version=X.Y --interpreter=PREFIX --owner=USER
        [--airflow=same|task-sdk] [--extra=NAME …] [--group=NAME …] [--installer=uv|pip]
        [--no-compile] [--no-deps] [--seed] [--system-site-packages]
        [--link=PATH] [--requirement=PATH …] [REQUIREMENT …]
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
from typing import TYPE_CHECKING, List, Mapping, Sequence, Tuple

import base_airflow
import bytecode
import credentials
import environment
import installer
import interpreter
import manifest
import owner
import pip_installer
import redaction
import requirements
import settings
import tidy
from layout import Layout, ProvisionError
from log import Log

if TYPE_CHECKING:
    from pathlib import Path

    from installer import Places
    from owner import Owner
    from requirements import Asked

INSTALLERS = {"uv": installer.install, "pip": pip_installer.install}

BASE = "base"
"""In place of a prefix: the base image's own interpreter."""


def main(arguments: List[str], environ: Mapping[str, str], layout: Layout) -> int:
    """Build the environment; return the exit status."""
    parser = argparse.ArgumentParser(prog="provision", allow_abbrev=False)
    parser.add_argument("--no-venv", action="store_true")
    for name in ("version", "interpreter"):
        parser.add_argument("--" + name, required=True)
    for name in ("name", "owner", "link"):
        parser.add_argument("--" + name, default="")
    for name in ("system-site-packages", "no-compile", "no-deps", "seed"):
        parser.add_argument("--" + name, action="store_true")
    parser.add_argument("--airflow", choices=("same", "task-sdk"))
    parser.add_argument("--installer", choices=tuple(INSTALLERS), default="uv")
    for name in ("requirement", "extra", "group"):
        parser.add_argument("--" + name, action="append", default=[])
    parser.add_argument("inline", nargs="*")
    options = parser.parse_args(arguments)
    if not options.no_venv and not options.name:
        parser.error("an environment needs a --name")
    title = options.name or f"python{options.version}"
    os.umask(0o022)
    log = Log(title)
    try:
        if options.no_venv:
            add(options, environ, layout, log)
        else:
            build(options, environ, layout, log)
    except ProvisionError as error:
        log(str(error))
        return 1
    except OSError as error:
        log(f"the environment cannot be built: {error}")
        return 1
    return 0


def add(options: argparse.Namespace, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Add an interpreter without an environment. Raises ProvisionError and OSError."""
    log(f"Python {sys.version.split()[0]}, without an environment")
    interpreter.check(options.version, layout)
    trial = layout.tmp / "venv"
    environment.create(trial)
    shutil.rmtree(str(trial))
    environment.link_command(options.interpreter, options.version, environ, layout)


def build(options: argparse.Namespace, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Build the environment. Raises ProvisionError, and OSError for a file system that does not take it."""
    started = time.monotonic()
    named = [*options.requirement, *options.inline, *([f"--airflow={options.airflow}"] if options.airflow else [])]
    log(f"Python {sys.version.split()[0]}, {', '.join(named) or 'no requirements'}")
    base = options.interpreter == BASE
    interpreter.check(options.version, layout, base=base)
    user = owner.resolve(options.owner, layout)
    environ, secrets = credentials.variables(environ, layout)
    files = settings.pip_config_files(environ, user.home, lambda name: _text(layout.find(name)))
    files += [(name, _text(layout.find(name)) or "") for name in credentials.pip_files(user.home, layout)]
    netrc = credentials.netrc(environ, user.home, layout)
    texts = [text for _, text in files] + [_text(netrc) or "" if netrc else ""]
    log.redact = redaction.Redactor(redaction.values(environ, set(secrets) - credentials.PATHS, texts))
    if secrets:
        log("secrets of the build: " + ", ".join(secrets))
    tmp = layout.find("/tmp")  # noqa: S108 - the image's, looked at only
    before = tidy.listing(tmp)
    path = layout.environments / options.name
    environment.create(path, system_site_packages=options.system_site_packages)
    asked, places = _install(path, options, environ, files, user, layout, log)
    if options.seed:
        environment.seed(path, options.version)
    packages = tidy.settle(path, options.version)
    redaction.direct_urls(packages, log.redact)
    manifest.write(
        path,
        options.name,
        interpreter=options.interpreter,
        requirements=asked.files if asked else {},
        packages=packages,
        origins=installer.origins(path, manifest.pins(packages), places, layout) if places else {},
        clean=lambda url: redaction.url(url, log.redact),
    )
    environment.add_pip(path, options.version)
    if not options.no_compile:
        written = bytecode.write(path, options.version, layout)
        if written.packages:
            log(str(written))
    if not base:
        environment.link_command(options.interpreter, options.version, environ, layout)
    owner.give(path, user)
    if options.link:
        environment.link(path, layout.find(options.link), user)
    tidy.remove_new(tmp, before)
    count = "1 package" if len(packages) == 1 else f"{len(packages)} packages"
    log(f"{count} in {time.monotonic() - started:.1f} s")


def _install(  # noqa: PLR0913, PLR0917 - an install is described by this many facts
    path: Path,
    options: argparse.Namespace,
    environ: Mapping[str, str],
    files: Sequence[Tuple[str, str]],
    user: Owner,
    layout: Layout,
    log: Log,
) -> Tuple[Asked | None, Places | None]:
    """Install what is asked for; return that, and where it was looked for: None where nothing is asked for."""
    if not options.requirement and not options.inline and not options.airflow:
        return None, None
    airflow = base_airflow.find(environ, layout) if options.airflow else None
    for directory in (layout.home, layout.tmp):
        directory.mkdir(parents=True, exist_ok=True)
    chosen = settings.settings(
        environ,
        files,
        kind=layout.kind,
        system_certificates=installer.has_certificates(layout),
    )
    for note in chosen.notes:
        log(note)
    choice = [*(f"--extra={name}" for name in options.extra), *(f"--group={name}" for name in options.group)]
    asked = requirements.read(options.requirement, options.inline, environ, layout, log, choice=choice)
    if airflow is not None:
        asked = base_airflow.add(airflow, options.airflow, path, asked, chosen, user, layout, log)
    if options.installer == "pip":
        environment.add_pip(path, options.version)
    install = INSTALLERS[options.installer]
    places = install(path, asked, chosen, user, layout, log=log, no_deps=options.no_deps)
    if not options.system_site_packages:  # uv would not see what the interpreter has
        installer.check(path, places, layout, log=log, no_deps=options.no_deps)
    return asked, places


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None


if __name__ == "__main__":
    # What installers say and what is said here go one way: of two pipes BuildKit takes lines in any order, and the
    # explanation of a failure is to be the end.
    os.dup2(1, 2)
    sys.exit(main(sys.argv[1:], os.environ, Layout()))
