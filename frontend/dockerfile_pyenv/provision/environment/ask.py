"""`--step=ask`: finds out in a stage what the installs of its lines use of it, and writes that down: see answers.py.

    pythonX.Y -I -B <this directory> --step=ask -- '[{"name": …, "version": …, "context": …, "owner": …, "airflow": "",
        "installer": "uv", "extra": [], "group": [], "requirements": [], "inline": [], "secrets": []}, …]'

One step asks for all lines of a group. It has no secrets: a variable that a secret sets is left out. A line with a
builder has `"builder": true`: what source builds read of the stage is an answer, too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Set
from urllib.parse import unquote

import answers
import base_airflow
import credentials
import extract
import interpreter
import owner
import requirement_lines
import resolve_includes
import settings
import tidy
from answers import Answers
from layout import Layout, ProvisionError
from log import Log

FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(/[^\s;#\"']+)")
VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
"""pip expands upper-case names only; uv expands what a pyproject.toml has, too."""
QUOTED_PATH = re.compile(r"[\"'](/[^\"'\n]+)[\"']")
"""An absolute path in TOML."""

PATH_SETTINGS = ("cert", "client-cert", "find-links")
INDEX_SETTINGS = ("index-url", "extra-index-url")
PATH_VARIABLES = (
    "CURL_CA_BUNDLE",
    "NETRC",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SSL_CLIENT_CERT",
    "UV_FIND_LINKS",
)
INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_INDEX_URL")


def main(arguments: List[str], environ: Mapping[str, str], layout: Layout) -> int:
    """Write the answers; return the exit status."""
    lines: List[Dict[str, Any]] = json.loads(arguments[-1])
    os.umask(0o022)
    log = Log(lines[0]["name"], environ)
    try:
        _clear(layout.answers)
        interpreter.check(lines[0]["version"], layout, base=True)  # the install checks its pip
        extract.write(layout)
        for line in lines:
            log = Log(line["name"], environ)
            answer(line, environ, layout, log)
        for directory in layout.answers.iterdir():
            tidy.date(directory)
    except ProvisionError as error:
        log(str(error))
        return 1
    except OSError as error:
        log(f"cannot read the base image: {error}")
        return 1
    return 0


def _clear(directory: Path) -> None:
    """Remove what a base image has where the answers are written."""
    for path in directory.iterdir() if directory.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(str(path))
        else:
            path.unlink()


def answer(line: Mapping[str, Any], environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Write the answers for one line. Raises ProvisionError for a USER that is unknown, and OSError."""
    layout = layout._replace(requirements=Path(line["context"] or layout.run / "context"))
    user = owner.resolve(line["owner"], layout)
    stage = {name: value for name, value in environ.items() if name not in line["secrets"]}
    builds = bool(line.get("builder"))
    writer = answers.Writer(line["name"], layout)
    files = settings.pip_config_files(stage, user.home, lambda name: _text(layout.find(name)))
    _log_unused(stage, files, log)
    for name, text in files:
        reduced = settings.relevant_file(name, text, builds=builds)
        if reduced:
            writer.text(name, reduced)
    variables = settings.relevant(stage, builds=builds)
    netrc = credentials.netrc(stage, user.home, layout)
    if netrc is not None and netrc.is_file():
        writer.bring(layout.name(netrc))
    named = resolve_includes.LineRequirements(line["requirements"], line["inline"])
    found = resolve_includes.look(named, stage, layout)
    constraints = _build_constraints(variables, files, stage, layout) if builds else []
    texts = [*map(_decoded, [*found.files.values(), *constraints]), *variables.values(), *(text for _, text in files)]
    variables.update((name, stage[name]) for name in sorted(_variables(texts)) if name in stage)
    settings_paths = list(_setting_values(variables, files, PATH_SETTINGS, PATH_VARIABLES))
    paths = [*_image_files(found, layout), *_mentioned(found, layout), *filter(None, map(_path, settings_paths))]
    paths += map(layout.name, constraints)
    for path in dict.fromkeys(paths):
        writer.bring(path)
    indexes = [*_setting_values(variables, files, INDEX_SETTINGS, INDEX_VARIABLES), found.index or ""]
    indexes += [value for name, value in found.sources if name == "--extra-index-url"]
    result = Answers(
        user,
        dict(sorted(variables.items())),
        _in_stage(indexes, settings_paths, variables.get("PIP_CONFIG_FILE", ""), layout),
    )
    if line["airflow"]:
        try:
            result = result._replace(airflow=base_airflow.find(stage, layout))
        except ProvisionError as error:
            result = result._replace(airflow_error=str(error))
    writer.close(result)


def _log_unused(stage: Mapping[str, str], files: List[tuple[str, str]], log: Log) -> None:
    try:
        unused = settings.unused(stage, files)
    except ProvisionError:  # the install reports the file
        return
    if unused:
        log("ignoring pip settings: " + ", ".join(unused))


def _variables(texts: Iterable[str]) -> Set[str]:
    return {name for text in texts for name in VARIABLE.findall(text)}


def _image_files(found: resolve_includes.RequirementSet, layout: Layout) -> Iterator[str]:
    """Yield the requirements files in the image."""
    for path in found.files.values():
        if layout.context not in path.parents:
            yield layout.name(path)


def _mentioned(found: resolve_includes.RequirementSet, layout: Layout) -> Iterator[str]:
    """Yield the paths of the image that requirements, --find-links, lock files and projects have."""
    for line in [*found.requirements, *found.constraints]:
        bare = re.sub(r"^-e ", "", line)
        if bare.startswith("/"):
            yield from _in_image(requirement_lines.location(bare.split(" --hash=")[0]).path, layout)
        yield from map(unquote, FILE_URL.findall(line))
    for name, value in found.sources:
        if name == "--find-links":
            yield from _in_image(_path(value), layout)
    for path in [*found.locks, *found.projects]:
        text = _text(path) or ""
        yield from map(unquote, FILE_URL.findall(text))
        quoted = QUOTED_PATH.findall(text)
        yield from (one for one in quoted if requirement_lines.is_archive(one) and layout.kind(one) == "file")


def _build_constraints(
    variables: Mapping[str, str], files: List[tuple[str, str]], stage: Mapping[str, str], layout: Layout
) -> List[Path]:
    """Return the files of constraints for source builds that settings name, with what they include."""
    named = _setting_values(variables, files, settings.BUILD_KEYS, settings.BUILD_UV)
    return resolve_includes.constraint_files([layout.find(one) for one in named if one.startswith("/")], stage, layout)


def _in_image(found: str, layout: Layout) -> Iterator[str]:
    if found.startswith("/") and layout.context not in Path(found).parents:
        yield layout.name(Path(found))


def _setting_values(
    variables: Mapping[str, str], files: List[tuple[str, str]], keys: Iterable[str], names: Iterable[str]
) -> Iterator[str]:
    """Yield the words in settings of pip with these keys, and in variables of these names."""
    values = [variables.get(name, "") for name in names]
    with suppress(ProvisionError):  # the install reports the file
        values += settings.pip_values(variables, files, keys)
    for value in values:
        yield from filter(None, re.split(r"[\s,]+|:(?=/(?!/))", value))


def _path(word: str) -> str:
    """Return the absolute path that a word of a setting is; "" for another kind of word."""
    match = FILE_URL.fullmatch(word)
    return unquote(match[1]) if match else word if word.startswith("/") else ""


def _in_stage(indexes: Iterable[str], paths: Iterable[str], own: str, layout: Layout) -> str:
    """Return why an install needs the stage itself; "" for no reason. `own` is the PIP_CONFIG_FILE."""
    for index in indexes:
        where = index.partition("=")[2] if re.match(r"[A-Za-z0-9_-]+=", index) else index
        if _path(where):
            return f"the index {_path(where)} is a directory of the image"
    for path in [*paths, own]:
        if path and not path.startswith("/") and "://" not in path and layout.kind(path):
            return f"a setting has the relative path {path}"
    return ""


def _decoded(path: Path) -> str:
    """Return a requirements file; "" for one that the install reports."""
    try:
        return requirement_lines.decode(path.read_bytes())
    except (OSError, UnicodeDecodeError, LookupError):
        return _text(path) or ""


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
