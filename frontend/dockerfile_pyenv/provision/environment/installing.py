"""Runs an installer for what a line names, again where an index or the cache is not what it should be."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Sequence, Tuple

import apart
import base_airflow
import environment
import indexes
import interpreter
import manifest
import older_setuptools
import pip_installer
import recorded
import resolve_includes
import startup
import uv_cache
import uv_installer
from layout import site_packages

if TYPE_CHECKING:
    import argparse

    from base_airflow import Airflow
    from install import IndexOptions, Install
    from recorded import Difference
    from resolve_includes import RequirementSet
    from stage_settings import StageSettings


INSTALLERS = {"uv": uv_installer.install, "pip": pip_installer.install}

LONGEST = 10
"""Maximum number of files that the log names."""


class InstallResult(NamedTuple):
    """An install that is done."""

    step: Install
    requirements: RequirementSet
    options: IndexOptions

    def origins(self, packages: Sequence[Path]) -> Dict[str, str]:
        """Return the index that each package came from, by name; `packages` are dist-info directories."""
        return uv_installer.origins(self.step, manifest.pins(packages), self.options)


def create(path: Path, options: argparse.Namespace) -> None:
    """Create an environment without packages. Raises ProvisionError and OSError."""
    environment.create(path, system_site_packages=options.system_site_packages)
    if options.interpreter != interpreter.BASE:
        environment.link_interpreter(path, Path(options.interpreter))


def create_again(path: Path, options: argparse.Namespace) -> None:
    """Replace an environment by one without packages. Raises ProvisionError and OSError."""
    shutil.rmtree(str(path))
    create(path, options)


def install(step: Install, options: argparse.Namespace, stage: StageSettings) -> InstallResult:
    """Install what the line names. The caller removes the cache of the result. Raises ProvisionError."""
    airflow = stage.airflow
    if options.airflow and airflow is None:
        airflow = base_airflow.find(stage.environ, step.layout)
    selection = [*(f"--extra={name}" for name in options.extra), *(f"--group={name}" for name in options.group)]
    line = resolve_includes.LineRequirements(options.requirement, options.inline, selection)
    requirements = resolve_includes.resolve(line, stage.environ, step.layout, step.log)
    if not step.layout.builds:
        apart.check(requirements)
    while True:
        try:
            result = _run_installer(step, requirements, options, airflow)
            break
        except indexes.UnansweredError as error:
            step.log(indexes.describe(error))
            left, requirements = indexes.without(error.place, step.settings, requirements)
            step = step._replace(settings=left)
            create_again(step.path, options)
    try:
        _check(result, options, stage)
    except Exception:
        uv_cache.remove(result.step.layout)
        raise
    return result


def _check(result: InstallResult, options: argparse.Namespace, stage: StageSettings) -> None:
    """Check what is installed. Raises ProvisionError."""
    step = result.step
    if step.layout.builds:  # an install apart from its stage runs no code of packages
        written = startup.check(step.path, options.version, stage.user, stage.environ)
        if written:
            step.log(f"Python writes to standard error when it starts in the environment: {written}")
    if not options.system_site_packages:  # uv would not see the interpreter's packages
        uv_installer.check(step, result.options)


def _run_installer(
    step: Install, requirements: RequirementSet, options: argparse.Namespace, airflow: Optional[Airflow]
) -> InstallResult:
    """Install; with an empty cache if what comes from the shared one is not what RECORD says.

    Raises ProvisionError, and UnansweredError for an additional index.
    """
    result, found = _run_once(step, requirements, options, airflow)
    if not found:
        return result
    step.log(f"{found[0]}: installing again without the cache")
    create_again(step.path, options)
    shared, step = step.layout, step._replace(layout=uv_cache.empty(step.layout))
    try:
        result, still = _run_once(step, requirements, options, airflow)
    except Exception:
        uv_cache.remove(step.layout)
        raise
    for one in still[:LONGEST]:
        step.log(f"{one}, in the wheel itself")
    uv_cache.forget(shared, set(found) - set(still))
    return result


def _run_once(
    step: Install, requirements: RequirementSet, options: argparse.Namespace, airflow: Optional[Airflow]
) -> Tuple[InstallResult, List[Difference]]:
    if options.installer == "pip":
        environment.add_pip(step.path, options.version)
    packages = site_packages(step.path, options.version)
    own_files, own_packages = startup.own_files(step.path), recorded.files(packages)
    own = requirements
    if airflow is not None:
        requirements = base_airflow.add(airflow, options.airflow, step, requirements)
    found = INSTALLERS[options.installer](step, requirements)
    older_setuptools.keep(step, own)
    startup.check_files(step.path, options.version, own_files)
    # A package that is built in the stage has the RECORD that its build writes.
    differences = [] if step.layout.builds else recorded.differences(packages, own_packages)
    return InstallResult(step, requirements, found), differences
