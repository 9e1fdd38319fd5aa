"""Builds one environment, in a step of the user's stage, as root, with the interpreter that the environment is for.

    pythonX.Y -I -B <this directory> --name=NAME --version=X.Y --interpreter=PREFIX --owner=USER
        [--airflow=same|task-sdk] [--build-constraint=REQUIREMENT|./PATH …] [--exclude-newer=INSTANT] [--extra=NAME …]
        [--group=NAME …] [--installer=uv|pip] [--no-compile] [--no-deps] [--seed] [--system-site-packages]
        [--expose=COMMAND …] [--link=PATH …] [--home-link=PATH] [--check-imports] [--requirement=PATH …]
        [REQUIREMENT …]
    pythonX.Y -I -B <this directory> --no-venv [--name=NAME] --version=X.Y --interpreter=PREFIX

Where the build can install an environment apart from its stage, this runs in three steps. `--step=ask`, in the stage,
writes down what the installs of a group of lines use of it (ask.py). `--step=install --name=…`, without --owner,
runs in the root file system that `ask` wrote, and leaves the environment, or a note that the line has to be
installed in its stage (apart.py). `--step=stage` then does that; for a line with a builder `--step=build` does it
there, with the answers. None of them creates links: the build does. `--step=check` then looks in the stage for the
libraries that the environment requires (libraries.py), and imports its modules (imports.py). In a rendered
Dockerfile, `--step=finish` follows `--step=install`, in the stage, where the environment or the note has been copied
to its place: it creates the links, or installs the environment as without steps.

With `--interpreter=base` both this program and the environment use the base image's own interpreter, whose name is
already on PATH. With `--no-venv` the interpreter is only checked and put on PATH under its name.

Runs on Python 3.8 and newer with the standard library alone. uv installs; the code here makes the environment what a
PYENV line promises, independent of the stage's settings, user and file system.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, List, Mapping, Optional

import apart
import ask
import bytecode
import direct_urls
import environment
import finishing
import installing
import interpreter
import libraries
import manifest
import overlaps
import owner
import redaction
import removed_module
import stage_settings
import tidy
import uv_cache
from layout import InStageError, Layout, ProvisionError
from log import Log

if TYPE_CHECKING:
    from pathlib import Path


def main(arguments: List[str], environ: Mapping[str, str], layout: Layout) -> int:
    """Build the environment; return the exit status."""
    if arguments[:1] == ["--step=ask"]:
        return ask.main(arguments, environ, layout)
    options = _options(arguments)
    os.umask(0o022)
    log = Log(options.name or f"python{options.version}", environ)
    layout = layout._replace(builds=options.step != "install", in_builder=options.step == "build")
    try:
        if options.no_venv:
            add_interpreter(options, environ, layout, log)
        elif options.step == "check":
            finishing.check(options, environ, layout, log)
        elif options.step == "stage" and not apart.note(layout) and layout.apart.is_dir():
            finishing.tell_libraries(libraries.noted(layout.apart), environ, layout, log)
        elif options.step in {"build", "finish"} and (layout.environments / options.name).is_dir():
            if options.step == "finish":
                finishing.finish(options, environ, layout, log)
        else:
            build(options, environ, layout, log)
    except InStageError as error:
        apart.leave(layout.environments / options.name, str(error), layout, log, has_builder=options.has_builder)
    except ProvisionError as error:
        log(str(error))
        return 1
    except OSError as error:
        log(f"cannot build the environment: {error}")
        return 1
    return 0


def _options(arguments: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="provision", allow_abbrev=False)
    parser.add_argument("--step", choices=("install", "stage", "build", "check", "finish"))
    parser.add_argument("--no-venv", action="store_true")
    for name in ("version", "interpreter"):
        parser.add_argument("--" + name, required=True)
    for name in ("name", "owner", "home-link", "exclude-newer"):
        parser.add_argument("--" + name, default="")
    for name in ("system-site-packages", "no-compile", "no-deps", "seed"):
        parser.add_argument("--" + name, action="store_true")
    for name in ("check-imports", "check-libraries", "has-builder"):
        parser.add_argument("--" + name, action="store_true")
    parser.add_argument("--airflow", choices=("same", "task-sdk"))
    parser.add_argument("--installer", choices=tuple(installing.INSTALLERS), default="uv")
    for name in ("requirement", "extra", "group", "build-constraint", "expose", "link"):
        parser.add_argument("--" + name, action="append", default=[])
    parser.add_argument("inline", nargs="*")
    options = parser.parse_args(arguments)
    if not options.no_venv and not options.name:
        parser.error("--name is required without --no-venv")
    return options


def add_interpreter(options: argparse.Namespace, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Add an interpreter without an environment. Raises ProvisionError and OSError."""
    log(f"Python {sys.version.split()[0]}, without an environment")
    interpreter.check(options.version, layout)
    trial = layout.tmp / "venv"
    environment.create(trial)
    shutil.rmtree(str(trial))
    if not options.step:
        environment.link_command(options.interpreter, options.version, environ, layout, log)


def build(options: argparse.Namespace, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Build the environment.

    Raises ProvisionError, InStageError in an install apart from the stage, and OSError for a file system that refuses
    it.
    """
    started = time.monotonic()
    named = [*options.requirement, *options.inline, *([f"--airflow={options.airflow}"] if options.airflow else [])]
    log(f"Python {sys.version.split()[0]}, {', '.join(named) or 'no requirements'}")
    base = options.interpreter == interpreter.BASE
    reason = _reason(options, layout)
    if reason:
        log(f"installing in the {'builder' if options.step == 'build' else 'build stage'}: {reason}")
    _check_interpreter(options, layout)
    has_answers = options.step in {"install", "build"}
    read = stage_settings.read_answers if has_answers else partial(stage_settings.read, options.owner)
    stage = read(environ, layout, log)
    tmp = layout.find("/tmp")  # noqa: S108 - the image's, only listed
    before = tidy.listing(tmp)
    path = layout.environments / options.name
    installing.create(path, options)
    step = stage_settings.step(path, options, stage, layout, log) if named else None
    installed = installing.install(step, options, stage) if step else None
    try:
        packages = _complete(path, options, installed, layout, log)
    finally:
        if installed:
            uv_cache.remove(installed.step.layout)
    if not base and not options.step:
        environment.link_command(options.interpreter, options.version, stage.environ, layout, log)
    owner.give(path, stage.user)
    tidy.remove_new(tmp, before)
    finishing.settle(path, options, environ, layout, log)
    count = "1 package" if len(packages) == 1 else f"{len(packages)} packages"
    log(f"{count} in {time.monotonic() - started:.1f} s")


def _complete(
    path: Path, options: argparse.Namespace, installed: Optional[installing.InstallResult], layout: Layout, log: Log
) -> List[Path]:
    """Give an environment what every one has: pip, bytecode, a manifest. Returns its dist-info directories."""
    if options.seed:
        environment.seed(path, options.version)
    packages = tidy.settle(path, options.version)
    if installed and options.installer == "uv":
        overlaps.settle(packages, uv_cache.directory(installed.step.layout))
    if not options.system_site_packages:
        removed_module.tell(packages, log)
    direct_urls.clean(packages, log.redact)
    contents = manifest.Contents(
        options.interpreter,
        requirements=installed.requirements.files if installed else {},
        packages=packages,
        origins=installed.origins(packages) if installed else {},
    )
    manifest.write(path, options.name, contents, lambda origin: redaction.cleaned(origin, log.redact))
    environment.add_pip(path, options.version)
    if not options.no_compile:
        written = bytecode.write(path, options.version, layout)
        if written.packages:
            log(str(written))
    tidy.date(path)
    return packages


def _reason(options: argparse.Namespace, layout: Layout) -> str:
    """Return why an install apart left the line to this step; "" for none. What `finish` installs has no more steps."""
    if options.step == "finish":
        options.step = ""
        return apart.take_note(layout)
    if options.step == "build":
        return apart.note(layout) or apart.take_note(layout)
    return apart.note(layout) if options.step else ""


def _check_interpreter(options: argparse.Namespace, layout: Layout) -> None:
    """Check the interpreter. What it lacks apart from the stage, the stage may have."""
    try:
        interpreter.check(options.version, layout, base=options.interpreter == interpreter.BASE)
    except ProvisionError as error:
        if layout.builds:
            raise
        raise InStageError(str(error)) from None


if __name__ == "__main__":
    # BuildKit does not keep the order of lines between two pipes, and a failure's explanation must come last: so
    # installers and this program write to one.
    os.dup2(1, 2)
    sys.exit(main(sys.argv[1:], os.environ, Layout()))
