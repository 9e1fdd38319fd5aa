"""`--check-imports`: imports the modules of what a line names, once, as the stage's USER."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Set

import debian
import startup
from layout import ProvisionError
from manifest import normal
from requirement_lines import NAME, is_url

if TYPE_CHECKING:
    from pathlib import Path

    from layout import Layout
    from log import Log
    from owner import Owner
    from resolve_includes import RequirementSet

SECONDS = 600
"""Timeout for all modules of a line: emulated platforms are slow."""
MOST = 5
"""How many modules that fail an error shows."""

NOT_FOR_IMPORT = frozenset(("benchmarks", "conftest", "docs", "doc", "examples", "setup", "test", "tests"))
"""Modules that some packages install by mistake."""

PROGRAM = """\
import importlib, json, os, sys, traceback
told = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.path[:] = [one for one in sys.path if one]
for name in json.loads(sys.argv[1]):
    print(json.dumps([name, None]), file=told, flush=True)
    try:
        importlib.import_module(name)
    except BaseException as error:
        words = traceback.format_exception_only(type(error), error)
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        print(json.dumps([name, ["".join(words)[:2000], text[-20000:]]]), file=told, flush=True)
print(json.dumps(["", None]), file=told, flush=True)
os._exit(0)
"""
"""Writes each module's name before it imports it, and again with the exception; "" at the end."""

LACKS_LIBRARY = "the image lacks the shared library {}: {library}"
REASONS = (
    (r"([\w.+-]+\.so[.\d]*): cannot open shared object|cannot load library '([\w.+-]+)'", LACKS_LIBRARY),
    (
        r"(libpq) library not found|[Uu]nable to find (?:the )?(\w+) shared library|failed to find (libmagic)",
        LACKS_LIBRARY,
    ),
    (
        (
            r"numpy\.dtype size changed|compiled using NumPy 1\.|numpy\.core\.multiarray failed to import"
            r"|_ARRAY_API not found|compiled against (?:ABI|API) version|removed in the NumPy 2\.0 release"
        ),
        "it does not work with the installed version of numpy: add numpy<2 to the requirements",
    ),
    (
        r"No module named 'pkg_resources'",
        "setuptools 82 and newer have no pkg_resources: add setuptools<82 to the requirements",
    ),
    (
        r"No module named '([\w.]+)'",
        "no installed package has the module {}: add the package that has it to the requirements",
    ),
    (
        r"version `(GLIBC(?:XX)?_[\d.]+)' not found",
        "the image's C or C++ library is older than {}: build it on an older distribution",
    ),
)
"""Patterns of a traceback, and what to say, with what a group matched."""


class Failed(NamedTuple):
    """A module that cannot be imported."""

    module: str
    last: str
    """The last line of Python's traceback."""
    text: str
    """All of it."""


def check(  # noqa: PLR0913, PLR0917 - it stands on everything
    path: Path, requirements: RequirementSet, user: Owner, environ: Mapping[str, str], layout: Layout, log: Log
) -> None:
    """Import the modules of what a line names in the environment at `path`. Raises ProvisionError."""
    packages = next(iter(sorted(path.glob("lib/python*/site-packages"))))
    wanted: Dict[str, str] = {}
    for info in named(packages, requirements):
        for module in modules(info):
            wanted.setdefault(module, info.name.split("-")[0])
    failed = serious(run(path, list(wanted), user, environ, layout), wanted) if wanted else []
    if failed:
        lines = []
        for one in failed[:MOST]:
            why = reason(one)
            lines.append(f"cannot import {one.module} of {wanted[one.module]}: {one.last}")
            lines += [f"  {why}"] if why else []
        if failed[MOST:]:
            lines.append(f"and {len(failed) - MOST} more: {', '.join(one.module for one in failed[MOST:])}")
        raise ProvisionError("\n".join((*lines, "--check-imports=false turns this check off")))
    log(f"imports: {', '.join(wanted) or 'no modules'}")


def serious(failed: List[Failed], wanted: Mapping[str, str]) -> List[Failed]:
    """Leave out modules that are for optional dependencies: of a package with others that can be imported."""
    names = {one.module for one in failed}
    usable = {package for module, package in wanted.items() if module not in names}
    optional = re.compile(r"ModuleNotFoundError: No module named '(?!pkg_resources')")
    return [one for one in failed if wanted[one.module] not in usable or not optional.match(one.last)]


def named(packages: Path, requirements: RequirementSet) -> List[Path]:
    """Return the dist-info directories of what a line names.

    Of a lock or a project, and of a requirement without a name, it is what no other package requires, and what did not
    come from an index.
    """
    names: Set[str] = set()
    others = bool(requirements.locks or requirements.projects)
    for line in requirements.requirements:
        match = NAME.match(line)
        if match is None or is_url(line) or line.startswith(("-", "/")):
            others = True
        else:
            names.add(normal(match[0]))
    infos = sorted(packages.glob("*.dist-info"))
    found = {normal(info.name.split("-")[0]): info for info in infos}
    required = {one for info in infos for one in _requires(info)} if others else set()
    return [
        info
        for name, info in found.items()
        if name in names or (others and (name not in required or (info / "direct_url.json").is_file()))
    ]


def modules(info: Path) -> List[str]:
    """Return the modules of a package that are not inside others, by its RECORD: ["google.cloud.storage"].

    Where it has none, those of its programs.
    """
    found = set()
    for parts in _files(info):
        if parts[-1] == "__init__.py" or re.fullmatch(r"__init__(?:\..+)?\.so", parts[-1]):
            found.add(parts[:-1])
        elif len(parts) == 1:
            match = re.fullmatch(r"(\w+)(?:\.py|(?:\.[\w-]+)?\.so)", parts[0])
            if match:
                found.add((match[1],))
    tops = [one for one in found if one and not any(one[:end] in found for end in range(1, len(one)))]
    named = sorted(".".join(one) for one in tops if _is_module(one))
    return named or sorted(set(_of_programs(info)))


def _of_programs(info: Path) -> Iterator[str]:
    """Yield the modules of a package's programs: it may have none but in namespaces without an `__init__.py`."""
    try:
        text = (info / "entry_points.txt").read_text("utf-8", "replace")
    except OSError:
        return
    scripts = text.partition("[console_scripts]")[2].partition("\n[")[0]
    yield from re.findall(r"^[^=\n]+=\s*([A-Za-z_][\w.]*)\s*:", scripts, re.MULTILINE)


def run(path: Path, names: Sequence[str], user: Owner, environ: Mapping[str, str], layout: Layout) -> List[Failed]:
    """Import modules in one process; return those that fail. Raises ProvisionError where Python cannot be started."""
    failed: List[Failed] = []
    left = list(names)
    while left:
        output, ending = _python(path, left, user, environ, layout)
        current = ""
        for line in output.splitlines():
            current, told = json.loads(line)
            if told is not None:
                failed.append(Failed(current, _first(told[0]), told[1]))
        if not current:
            return failed
        # The process ended in this module.
        failed.append(Failed(current, ending, ""))
        left = left[left.index(current) + 1 :]
    return failed


def reason(failed: Failed) -> str:
    """Say why a module cannot be imported and what to do, where that is known; "" otherwise."""
    for pattern, words in REASONS:
        match = re.search(pattern, failed.text)
        if match:
            named = next((one for one in match.groups() if one), "")
            return words.format(named, library=debian.advice({named: debian.package(named)}))
    return ""


def _python(
    path: Path, names: Sequence[str], user: Owner, environ: Mapping[str, str], layout: Layout
) -> "tuple[str, str]":
    """Run PROGRAM; return what it told, and how it ended."""
    home = layout.tmp / "imports"
    home.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(str(home), user.uid, user.gid)
    variables = dict(environ)
    variables.update(HOME=str(home), TMPDIR=str(home), AIRFLOW_HOME=str(home), PYTHONDONTWRITEBYTECODE="1")
    try:
        done = subprocess.run(
            [str(path / "bin/python"), "-c", PROGRAM, json.dumps(list(names))],
            env=variables,
            cwd=str(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            preexec_fn=startup.become(user),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").decode("utf-8", "replace"), f"it did not end in {SECONDS} seconds"
    except (OSError, subprocess.SubprocessError) as error:
        raise ProvisionError(
            f"--check-imports cannot start the environment's Python as the stage's USER: {error}"
        ) from None
    ending = f"Python ended with exit status {done.returncode}"
    return done.stdout.decode("utf-8", "replace"), ending


def _first(text: str) -> str:
    """Return the first line of an exception, which may have a long explanation."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0].startswith("File "):  # of a SyntaxError, whose last line says what is wrong
        return lines[-1][: startup.LONGEST]
    return " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])[: startup.LONGEST]


def _is_module(parts: Sequence[str]) -> bool:
    return parts[0] not in NOT_FOR_IMPORT and all(part.isidentifier() for part in parts) and parts[0][0] != "_"


def _files(info: Path) -> Iterator["tuple[str, ...]"]:
    try:
        with (info / "RECORD").open(encoding="utf-8", errors="replace", newline="") as lines:
            for row in csv.reader(lines):
                if row and not row[0].startswith(("/", "..")):
                    yield tuple(row[0].split("/"))
    except OSError:
        return


def _requires(info: Path) -> Iterator[str]:
    text = (info / "METADATA").read_text("utf-8", "replace").partition("\n\n")[0]
    own = normal(info.name.split("-")[0])
    for match in re.finditer(r"^Requires-Dist:\s*([A-Za-z0-9][A-Za-z0-9._-]*)(.*)$", text, re.MULTILINE):
        if normal(match[1]) != own and "extra ==" not in match[2]:
            yield normal(match[1])
