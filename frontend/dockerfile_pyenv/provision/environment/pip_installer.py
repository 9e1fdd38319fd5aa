"""Drives pip in place of uv: the interpreter's own, with the same settings, said in pip's words.

pip is not given the stage's configuration as it stands either: `settings` has chosen what counts, in uv's terms.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Dict, Iterator, List, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

import installer
import interpreter
from layout import Layout, ProvisionError
from requirement_lines import NAME

if TYPE_CHECKING:
    from pathlib import Path

    from installer import Places
    from log import Log
    from owner import Owner
    from requirements import Asked
    from settings import Settings

ARGUMENTS = (
    "-m",
    "pip",
    "install",
    "--no-input",
    "--no-compile",  # bytecode is made afterwards, in a way that does not depend on file times
    "--no-color",
    "--progress-bar=off",
    "--disable-pip-version-check",
    "--no-warn-script-location",
)
CREDENTIALS = re.compile(r"://[^/@\s]+@")
OPTIONS = {"--allow-insecure-host": "--trusted-host"}
"""uv's options that have another name in pip."""


def install(  # noqa: PLR0913 - an install is described by this many facts
    path: Path,
    asked: Asked,
    chosen: Settings,
    owner: Owner,
    layout: Layout,
    *,
    log: Log,
    no_deps: bool = False,
) -> Places:
    """Install requirements into the environment at `path`, which has pip; see installer.install.

    Raises ProvisionError, which says why pip failed.
    """
    log(f"pip {_version()} installs")
    environment = installer.step_environment(chosen, owner, layout)
    command = [
        str(path / "bin" / "python"),
        *ARGUMENTS,
        f"--cache-dir={installer.cache(layout) / 'pip'}",
        *_arguments(chosen.arguments),
        *_from_variables(environment),
    ]
    variables = _variables(environment, asked, layout)
    for lock in asked.locks:
        exported = installer.exported(lock, path, asked, environment, layout, log)
        _run([*command, "--no-deps", "--require-hashes", f"--requirement={exported}"], variables, asked, log)
    if asked.is_listed:
        more = _said(asked, no_deps=no_deps)
        more.append(f"--requirement={installer.written(layout, 'requirements.txt', _lines(asked))}")
        if asked.constraints:
            more.append(f"--constraint={installer.written(layout, 'constraints.txt', asked.constraints)}")
        _run([*command, *more], variables, asked, log)
    return installer.places(asked, chosen, environment)


def _version() -> str:
    """Version of the interpreter's pip."""
    found = interpreter.pip()
    text = (found / "__init__.py").read_text(encoding="utf-8") if found else ""
    match = re.search(r"""^__version__ = ["']([^"']+)""", text, re.MULTILINE)
    return match[1] if match else "of ensurepip"


def _arguments(arguments: List[str]) -> Iterator[str]:
    for argument in arguments:
        name, equals, value = argument.partition("=")
        yield OPTIONS.get(name, name) + equals + value


def _from_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Options for what uv has as variables, without what may be a secret."""
    for place in filter(None, environment.get("UV_FIND_LINKS", "").split(",")):
        yield f"--find-links={place}"
    for host in environment.get("UV_INSECURE_HOST", "").split():
        yield f"--trusted-host={host}"


def _said(asked: Asked, *, no_deps: bool) -> List[str]:
    """What the files say, as far as a requirements file of pip's cannot be told."""
    arguments = [f"--trusted-host={host}" for host in asked.hosts]
    arguments += [flag for flag in asked.flags if flag != "--no-index"]
    return [*arguments, "--no-deps"] if no_deps else arguments


def _lines(asked: Asked) -> List[str]:
    lines = asked.lines()
    for name, value in asked.settings:
        for number, line in enumerate(lines):
            match = NAME.match(line)
            if match is not None and match[0] == name:
                lines[number] = f'{line} --config-settings="{value}"'
    return lines


def _variables(environment: Mapping[str, str], asked: Asked, layout: Layout) -> Dict[str, str]:
    """The step's variables without pip's and uv's own, and what pip is to be told by variables."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("PIP_", "UV_", "PYC_"))}
    kept["PIP_CONFIG_FILE"] = os.devnull
    kept["PIP_ROOT_USER_ACTION"] = "ignore"
    if not asked.index and "--no-index" not in asked.flags:
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
        # pip trusts them by itself from 24.2 on only.
        bundle = next((path for path in installer.CERTIFICATES if layout.find(path).is_file()), None)
        if bundle:
            kept["PIP_CERT"] = bundle
    return kept


def _with_credentials(index: str, environment: Mapping[str, str]) -> str:
    """An index as pip knows it: of uv's `name=url` the URL, with the credentials that variables hold for the name."""
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


def _run(command: List[str], environment: Mapping[str, str], asked: Asked, log: Log) -> None:
    """Run pip, and show what it writes to standard error as it comes. Raises ProvisionError where it fails."""
    lines: List[str] = []
    with subprocess.Popen(command, env=dict(environment), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        for raw in process.stderr:
            lines.append(log.redact(raw.decode("utf-8", "replace")))
            sys.stderr.buffer.write(lines[-1].encode())
            sys.stderr.buffer.flush()
    if process.returncode != 0:
        reasons = [line[len("ERROR: ") :].strip() for line in lines if line.startswith("ERROR: ")]
        why = CREDENTIALS.sub("://***@", " ".join(reasons)) or "pip says it above"
        raise ProvisionError(f"the requirements in {asked.title} cannot be installed: see above\n  why: {why}")
