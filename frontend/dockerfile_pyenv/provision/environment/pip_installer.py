"""Installs requirements with the interpreter's own pip instead of uv, with the same settings in pip's terms.

pip does not read the stage's configuration either: `settings` has chosen what applies, in uv's terms.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Iterator, List, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

import apart
import failure
import indexes
import interpreter
import output
import startup
import uv_cache
import uv_installer
from layout import InStageError, Layout, ProvisionError
from output import Text
from requirement_lines import NAME

if TYPE_CHECKING:
    from install import IndexOptions, Install
    from resolve_includes import RequirementSet

ARGUMENTS = (
    "install",
    "--no-input",
    "--no-compile",  # bytecode is compiled afterwards, independent of file times
    "--no-color",
    "--progress-bar=off",
    "--disable-pip-version-check",
    "--no-warn-script-location",
)
DATES = 26
"""First version of pip with --uploaded-prior-to."""
OPTIONS = {"--allow-insecure-host": "--trusted-host"}
"""Options that have another name in pip than in uv."""


def install(step: Install, requirements: RequirementSet) -> IndexOptions:
    """Install requirements into an environment that has pip. Raises ProvisionError, which says why pip failed."""
    step.log(f"installing with pip {_version()}")
    ours = step.variables()
    command = [
        step.python,
        "-u",  # its standard output and error are one
        *_program(step),
        *ARGUMENTS,
        f"--cache-dir={uv_cache.directory(step.layout) / uv_cache.PIP}",
        *_arguments(step.settings.arguments),
        *_from_variables(ours),
    ]
    variables = _variables(ours, requirements, step.layout)
    own_files = startup.own_files(step.path)
    if not step.layout.builds:
        if len(requirements.locks) + requirements.has_unlocked > 1:
            # The second pip would start in an environment with packages, which may run code when Python starts.
            raise InStageError("pip installs lock files and other requirements one after another")
        uv_installer.know_interpreter(step, ours)
    for lock in requirements.locks:
        exported = uv_installer.export_lock(lock, step, requirements, ours)
        locked = ["--no-deps", "--require-hashes", f"--requirement={exported}"]
        _run([*command, *locked], variables, requirements, step)
    if requirements.has_unlocked:
        more = [*_file_options(requirements, no_deps=step.no_deps), *_date(step)]
        more.append(f"--requirement={step.layout.write_lines('requirements.txt', _lines(requirements))}")
        if requirements.constraints:
            more.append(f"--constraint={step.layout.write_lines('constraints.txt', requirements.constraints)}")
        _run([*command, *more], variables, requirements, step)
    # uv refuses to replace the environment's Python; pip does not, and uv would start what it finds there.
    startup.check_files(step.path, "{}.{}".format(*sys.version_info), own_files)
    return uv_installer.index_options(step, requirements, ours)


def _program(step: Install) -> List[str]:
    """Return the arguments that start pip."""
    if step.layout.builds and not step.build_constraints:
        return ["-m", "pip"]
    if step.layout.builds:
        path = step.layout.write_lines("build-constraints.txt", list(step.build_constraints))
        return ["-I", str(Path(__file__).with_name("pip_constrained.py")), str(path)]
    return ["-I", str(Path(__file__).with_name("pip_apart.py")), str(_note(step))]


def _date(step: Install) -> List[str]:
    """Return the date for packages that are not locked. Raises ProvisionError for a pip that has no such option."""
    if not step.exclude_newer:
        return []
    version = _version()
    if not version[:1].isdigit() or int(version.partition(".")[0]) < DATES:
        raise ProvisionError(
            f"--exclude-newer requires pip {DATES} or newer, but this interpreter has pip {version}: use --installer=uv"
        )
    return [f"--uploaded-prior-to={step.exclude_newer}"]


def _note(step: Install) -> Path:
    return step.layout.tmp / "pip-apart.txt"


def _version() -> str:
    """Return the version of the interpreter's pip."""
    found = interpreter.pip()
    text = (found / "__init__.py").read_text(encoding="utf-8") if found else ""
    match = re.search(r"""^__version__ = ["']([^"']+)""", text, re.MULTILINE)
    return match[1] if match else "(from ensurepip)"


def _arguments(arguments: List[str]) -> Iterator[str]:
    for argument in arguments:
        name, equals, value = argument.partition("=")
        yield OPTIONS.get(name, name) + equals + value


def _from_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield options for what uv reads from variables, without what may be a secret."""
    for location in filter(None, environment.get("UV_FIND_LINKS", "").split(",")):
        yield f"--find-links={location}"
    for host in environment.get("UV_INSECURE_HOST", "").split():
        yield f"--trusted-host={host}"


def _file_options(requirements: RequirementSet, *, no_deps: bool) -> List[str]:
    """Return what files say that is an option of pip's command line here."""
    arguments = [f"--trusted-host={host}" for host in requirements.hosts]
    arguments += [flag for flag in requirements.flags if flag != "--no-index"]
    return [*arguments, "--no-deps"] if no_deps else arguments


def _lines(requirements: RequirementSet) -> List[str]:
    lines = requirements.lines()
    for name, value in requirements.config_settings:
        for number, line in enumerate(lines):
            match = NAME.match(line)
            if match is not None and match[0] == name:
                lines[number] = f'{line} --config-settings="{value}"'
    return lines


def _variables(environment: Mapping[str, str], requirements: RequirementSet, layout: Layout) -> Dict[str, str]:
    """Return variables for pip: the step's without those of pip and uv, and settings that may hold secrets."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("PIP_", "UV_", "PYC_"))}
    kept["PIP_CONFIG_FILE"] = os.devnull
    kept["PIP_ROOT_USER_ACTION"] = "ignore"
    if not requirements.index and "--no-index" not in requirements.flags:
        index = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL")
        if index:
            kept["PIP_INDEX_URL"] = _with_credentials(index, environment)
    more = environment.get("UV_INDEX", "").split() or environment.get("UV_EXTRA_INDEX_URL", "").split()
    if more:
        kept["PIP_EXTRA_INDEX_URL"] = " ".join(_with_credentials(one, environment) for one in more)
    for ours, theirs in (
        ("SSL_CERT_FILE", "PIP_CERT"),
        ("SSL_CERT_DIR", "PIP_CERT"),
        ("SSL_CLIENT_CERT", "PIP_CLIENT_CERT"),
        ("UV_HTTP_TIMEOUT", "PIP_DEFAULT_TIMEOUT"),
        ("UV_REQUEST_TIMEOUT", "PIP_DEFAULT_TIMEOUT"),
        ("UV_HTTP_RETRIES", "PIP_RETRIES"),
    ):
        if environment.get(ours) and theirs not in kept:
            kept[theirs] = environment[ours]
    if "PIP_CERT" not in kept and environment.get("UV_SYSTEM_CERTS") == "true":
        # pip itself trusts them since 24.2.
        bundle = layout.certificates()
        if bundle:
            kept["PIP_CERT"] = bundle
    return kept


def _with_credentials(index: str, environment: Mapping[str, str]) -> str:
    """Return the URL of uv's `name=url`, with the credentials that variables hold for this name."""
    match = re.match(r"([A-Za-z0-9_-]+)=(https?://.*)", index)
    if match is None:
        return index
    key = re.sub(r"[^A-Za-z0-9]", "_", match[1]).upper()
    user, password = (environment.get(f"UV_INDEX_{key}_{part}") for part in ("USERNAME", "PASSWORD"))
    if not user:
        return match[2]
    parts = urlsplit(match[2])
    secret = quote(user, safe="") + (":" + quote(password, safe="") if password else "")
    return urlunsplit(parts._replace(netloc=f"{secret}@{parts.netloc.rpartition('@')[2]}"))


def _run(command: List[str], environment: Mapping[str, str], requirements: RequirementSet, step: Install) -> None:
    """Run pip, and show all that it writes as it comes. Raises ProvisionError if it fails."""
    log = step.log
    kept = Text()
    with subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for raw in output.raw_lines(process.stdout):
            line = log.redact.line(raw)
            kept.add(line)
            sys.stderr.buffer.write(line.encode())
            sys.stderr.buffer.flush()
    if not step.layout.builds and _note(step).is_file():
        name = _note(step).read_text(encoding="utf-8")
        raise InStageError(f"{name} is built from source" if name else "this version of pip may build from source")
    if process.returncode != 0:
        apart.stop(apart.of_pip, str(kept), requirements, step.layout)
        found = failure.of_pip(str(kept), process.returncode, "{}.{}".format(*sys.version_info))
        found = indexes.with_origin(found, indexes.origins(step.settings, requirements))
        found = failure.with_source_of_hash(found, str(kept), requirements.texts())
        words = failure.paragraph(failure.in_builder(found) if step.layout.in_builder else found)
        raise ProvisionError(f"cannot install {requirements.title}: " + "\n".join(words))
