"""Installs requirements with uv, and answers questions about them with it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Collection, Dict, List, Mapping, Sequence, Tuple

import apart
import failure
import indexes
import uv_cache
import uv_command
from install import IndexOptions
from layout import InStageError, Layout, ProvisionError
from requirement_lines import PROJECT, UV_LOCK
from uv_command import Uv

if TYPE_CHECKING:
    from pathlib import Path

    from install import Install
    from resolve_includes import RequirementSet

STRATEGY = ("--index-strategy=unsafe-best-match",)
"""As pip does: the best version of all indexes."""

ARGUMENTS = (
    "pip",
    "install",
    "--no-config",
    "--no-python-downloads",
    "--link-mode=copy",
    *STRATEGY,
    "--color=never",
    "--no-progress",
)


def install(step: Install, requirements: RequirementSet) -> IndexOptions:
    """Install requirements. Raises ProvisionError, which says why uv failed."""
    variables = step.variables()
    if "--prefer-binary" in requirements.flags:
        step.log(
            "uv does not support --prefer-binary: it may build a version that has no wheel (--only-binary prevents it)"
        )
    if requirements.index:
        drop_default_index(variables)
    command = [
        str(step.layout.uv),
        *ARGUMENTS,
        f"--python={step.python}",
        _cache_dir(step.layout),
        *step.settings.arguments,
        *(["--no-deps"] if step.no_deps else []),
        *_build_constraints(step),
    ]
    for lock in requirements.locks:
        _run([*command, *_lock_arguments(lock, step, requirements, variables)], variables, requirements, step)
    if requirements.locked:
        requirements = requirements.local()
        command += [] if step.no_deps else ["--no-deps"]
    if requirements.has_unlocked:
        options, files = _unlocked(requirements, step.layout)
        hashes = ["--require-hashes"] if requirements.needs_hashes else []
        more = [*options, *_date(step), *hashes, *(f"--requirements={file}" for file in files)]
        _run([*command, *more], variables, requirements, step)
    return index_options(step, requirements, variables)


def replace(step: Install, requirements: RequirementSet, name: str) -> bool:
    """Install a package in another version, without its dependencies; return whether there is a wheel of one.

    Raises UnansweredError, and OSError if uv cannot be started.
    """
    variables = step.variables()
    if requirements.index:
        drop_default_index(variables)
    options, files = _unlocked(requirements, step.layout)
    command = [
        *(str(step.layout.uv), *ARGUMENTS, "--quiet", f"--python={step.python}", _cache_dir(step.layout)),
        *(*step.settings.arguments, *_date(step), "--no-deps", f"--only-binary={name}", *options),
        *(f"--requirements={file}" for file in files),
    ]
    status, text = _run_quietly(command, variables, step)
    indexes.check(text, step.settings, requirements)
    return status == 0


def preferred_versions(
    step: Install, requirements: RequirementSet, *, versions: Mapping[str, str], compiled: Collection[str]
) -> Dict[str, str]:
    """Return the versions that an install would choose if it preferred `versions`; {} for an install that will fail.

    Where one of them is incompatible with the requirements or this Python, the answer has another. A version of a
    `compiled` package only counts if there is a wheel of it.
    """
    options, files = _unlocked(requirements, step.layout)
    options += [_cache_dir(step.layout), *STRATEGY, *step.settings.arguments, *map(str, files)]
    options += [*_build_constraints(step), *_date(step)]
    binary = [f"--only-binary={name}" for name in sorted(compiled) if name in versions]
    variables = step.variables()
    if requirements.index:
        drop_default_index(variables)
    uv = _uv(step, variables)

    def stop(text: str) -> None:
        indexes.check(step.log.redact(text), step.settings, requirements)
        reason = "" if step.layout.builds else apart.of_uv(text)
        if reason:
            raise InStageError(reason)

    for more in (binary, []):
        found = uv.resolve(versions, [*options, *more], step.layout.tmp / "preferred.txt", stop)
        if found:
            return found
    return {}


def _run_quietly(command: List[str], variables: Dict[str, str], step: Install) -> Tuple[int, str]:
    """Run uv; return its exit status, and what it wrote to standard error, without secrets."""
    done = subprocess.run(
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    return done.returncode, step.log.redact(done.stderr.decode("utf-8", "replace"))


def drop_default_index(variables: Dict[str, str]) -> None:
    """Remove the default index of the settings: a requirements file names another."""
    variables.pop("UV_DEFAULT_INDEX", None)
    variables.pop("UV_INDEX_URL", None)


def export_lock(lock: Path, step: Install, requirements: RequirementSet, variables: Dict[str, str]) -> Path:
    """Write the packages of a uv.lock into a requirements file of the step; return its path.

    The project itself, and whatever else has no archive, is left out. Raises ProvisionError for a lock that does not
    match its project or the Python version.
    """
    target = step.layout.tmp / "uv-lock.txt"
    command = [
        str(step.layout.uv),
        *("export", "--locked", "--offline", "--quiet", "--no-python-downloads", "--format=requirements.txt"),
        *("--no-emit-project", "--no-emit-workspace", "--no-emit-local", "--no-default-groups", "--color=never"),
        *("--no-annotate", "--no-header", f"--project={lock.parent}", f"--python={step.python}"),
        *(_cache_dir(step.layout), f"--output-file={target}", *requirements.selection),
    ]
    # A lock names the indexes that it was made with; the stage's may be mirrors of them.
    without_indexes = {name: value for name, value in variables.items() if "INDEX" not in name}
    text = ""
    for environment in (without_indexes, variables):
        status, text = _run_quietly(command, environment, step)
        if status == 0:
            return target
        apart.stop(apart.of_uv, text, requirements, step.layout)
    words = text.partition("error: ")[2].partition("\n")[0]
    raise ProvisionError(
        f"cannot install {requirements.title}: the lock is out of date with its {PROJECT}, or does not support this "
        f"Python version. Run `uv lock` and review the changes. uv says: {words}"
    )


def index_options(step: Install, requirements: RequirementSet, variables: Dict[str, str]) -> IndexOptions:
    """Return where packages are looked for, in uv's terms."""
    return IndexOptions(
        variables, [*step.settings.arguments, *arguments(requirements), *requirements.index_arguments()]
    )


def arguments(requirements: RequirementSet) -> List[str]:
    """Return what uv takes on its command line and not in a requirements file."""
    arguments = [f"--allow-insecure-host={host}" for host in requirements.hosts]
    arguments += [f"--config-settings-package={name}:{value}" for name, value in requirements.config_settings]
    if "--pre" in requirements.flags:
        arguments.append("--prerelease=allow")
    arguments += [f"--prerelease-package={name}=allow" for name in requirements.pre_releases()]
    return list(dict.fromkeys(arguments))


def check(step: Install, options: IndexOptions) -> None:
    """Raise ProvisionError if installed packages have incompatible requirements.

    With `no_deps`, which leaves the choice of packages to the user, log them instead.
    """
    problems = _uv(step, options.variables).check([_cache_dir(step.layout)])
    if problems and step.no_deps:
        step.log("\n".join(("--no-deps: the installed packages are incompatible:", *problems)))
    elif problems:
        raise ProvisionError("\n".join(("the installed packages are incompatible:", *problems)))


def know_interpreter(step: Install, variables: Mapping[str, str]) -> None:
    """Let uv look at the environment's interpreter before there are packages that may run code when it starts."""
    _uv(step, variables).check([_cache_dir(step.layout)])


def origins(step: Install, pins: Sequence[str], found: IndexOptions) -> Dict[str, str]:
    """Return the URL of the index or --find-links location that each pinned package came from, by name."""
    if not pins:
        return {}
    options = [*found.arguments, *STRATEGY, _cache_dir(step.layout)]
    return _uv(step, found.variables).origins(pins, options)


def _uv(step: Install, variables: Mapping[str, str]) -> Uv:
    return Uv(str(step.layout.uv), step.python, variables)


def _cache_dir(layout: Layout) -> str:
    return f"--cache-dir={uv_cache.directory(layout)}"


def _date(step: Install) -> List[str]:
    """Return the date for packages that are not locked: a lock may be newer."""
    return [f"--exclude-newer={step.exclude_newer}"] if step.exclude_newer else []


def _build_constraints(step: Install) -> List[str]:
    if not step.build_constraints:
        return []
    path = step.layout.write_lines("build-constraints.txt", list(step.build_constraints))
    return [f"--build-constraints={path}"]


def _unlocked(requirements: RequirementSet, layout: Layout) -> Tuple[List[str], List[Path]]:
    """Return uv's options and requirements files for all that is not in lock files."""
    options = arguments(requirements)
    if requirements.constraints:
        options.append(f"--constraints={layout.write_lines('constraints.txt', requirements.constraints)}")
    for project in requirements.projects:
        options += [one.replace("--group=", f"--group={project}:") for one in requirements.selection]
    return options, [layout.write_lines("requirements.txt", requirements.lines()), *requirements.projects]


def _run(command: List[str], variables: Dict[str, str], requirements: RequirementSet, step: Install) -> None:
    places = indexes.additional(step.settings, requirements)
    first = indexes.first(step.settings, requirements)

    def hides(text: str) -> bool:
        return bool(indexes.find(text, places, first) or (not step.layout.builds and apart.of_uv(text)))

    try:
        status, text = uv_command.run(
            command, variables, step.log, step.log.redact, hides_failure=hides, hides_builds=not step.layout.builds
        )
    except OSError as error:
        raise ProvisionError(f"cannot start uv: {error}") from None
    if status != 0:
        indexes.check(text, step.settings, requirements)
        apart.stop(apart.of_uv, text, requirements, step.layout)
        python = "{}.{}".format(*sys.version_info)
        found = failure.of_signal("uv", status) or uv_command.explain(command, variables, text, python, step.log.redact)
        found = indexes.with_origin(found, indexes.origins(step.settings, requirements))
        found = failure.with_source_of_hash(found, text, requirements.texts())
        words = failure.paragraph(failure.in_builder(found) if step.layout.in_builder else found)
        raise ProvisionError(f"cannot install {requirements.title}: " + "\n".join(words))


def _lock_arguments(lock: Path, step: Install, requirements: RequirementSet, variables: Dict[str, str]) -> List[str]:
    """Return the arguments that install a lock file."""
    if lock.name == UV_LOCK:
        exported = export_lock(lock, step, requirements, variables)
        return ["--no-deps", "--require-hashes", f"--requirements={exported}"]
    selection: List[str] = []
    more: List[str] = []
    if requirements.locked:  # extras and groups were chosen when `dockerfile-pyenv lock` wrote it
        # What files say about indexes and builds applies here too: the lock holds no credentials.
        more = [*arguments(requirements), *requirements.index_arguments(), *requirements.build_arguments()]
    else:
        selection = [one.replace("--group=", f"--group={lock}:") for one in requirements.selection]
    return ["--preview-features=pylock", *selection, *more, f"--requirements={lock}"]
