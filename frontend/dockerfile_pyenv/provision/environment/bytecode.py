"""Bytecode of an environment's packages: compiled once for a wheel and a Python, and kept in the cache mount.

The cache key is the content of a wheel's Python files, not the hashes in its RECORD: nothing verifies those, and a
wheel could name those of another.

Test suites inside packages get no bytecode, because nothing imports them where an environment is used: they are half of
pandas. Python compiles them as usual if they are run.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Sequence, Tuple

import compiler
import pyc
from layout import Layout, ProvisionError, site_packages
from store import Store

DIRECTORY = "bytecode-v1"
"""Of the cache mount."""

SKIPPED: FrozenSet[str] = frozenset({"tests", ".."})
"""Directories whose files get no bytecode: test suites in packages, and what is outside site-packages."""

CHUNK = 400_000
"""Bytes of source per task. Which files are compiled together changes the bytecode: see compiler.py."""


class Wheel(NamedTuple):
    """The Python files of one installed distribution."""

    key: str
    """Of its Python files and the Python that compiles them."""
    sources: Tuple[SourceFile, ...]


class SourceFile(NamedTuple):
    """A Python file."""

    path: Path
    digest: str
    size: int


class Summary(NamedTuple):
    """How many wheels were compiled or reused."""

    compiled: int
    reused: int

    @property
    def packages(self) -> int:
        """How many wheels have Python files."""
        return self.compiled + self.reused

    def __str__(self) -> str:
        packages = "1 package" if self.packages == 1 else f"{self.packages} packages"
        return f"bytecode of {packages}: {self.reused} reused, {self.compiled} compiled"


def write(path: Path, version: str, layout: Layout) -> Summary:
    """Write the bytecode of an environment's packages. Raises ProvisionError, and OSError of the environment."""
    packages = site_packages(path, version)
    wheels = [wheel for wheel in map(_wheel, sorted(packages.glob("*.dist-info"))) if wheel.sources]
    if not wheels:
        return Summary(0, 0)
    store = Store(layout.cache / DIRECTORY)
    try:
        missing = [wheel for wheel in wheels if not _reuse(store, wheel)]
        compiled = _compile(store, missing, layout) if missing else 0
        if compiled:
            store.prune()
    finally:
        store.close()
    return Summary(compiled, len(wheels) - compiled)


def _wheel(info: Path) -> Wheel:
    sources = tuple(map(_source, sorted(_listed(info))))
    identity = hashlib.sha256(_python().encode())
    for source in sources:
        identity.update(f"{source.path.relative_to(info.parent)}\0{source.digest}\n".encode("utf-8", "surrogateescape"))
    return Wheel(identity.hexdigest(), sources)


def _listed(info: Path) -> Iterator[Path]:
    """Yield the Python files in site-packages that a distribution's RECORD lists."""
    try:
        text = (info / "RECORD").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for name in {row[0] for row in csv.reader(text.splitlines()) if row}:
        if not name.endswith(".py"):
            continue
        inside = PurePosixPath(name)
        if not inside.is_absolute() and SKIPPED.isdisjoint(inside.parts[:-1]):
            path = info.parent / inside
            if path.is_file():
                yield path


def _source(path: Path) -> SourceFile:
    content = path.read_bytes()
    return SourceFile(path, hashlib.sha256(content).hexdigest(), len(content))


def _python() -> str:
    """Return all that bytecode depends on except the source: the interpreter, and the modules that compile."""
    tools = hashlib.sha256()
    for module in (pyc, compiler):
        tools.update(Path(str(module.__file__)).read_bytes())
    return "\n".join((str(sys.implementation.cache_tag), sys.version, str(CHUNK), tools.hexdigest()))


def _reuse(store: Store, wheel: Wheel) -> bool:
    """Write a wheel's bytecode from the store; return False if the store does not have it undamaged."""
    content = store.read(wheel.key)
    if content is None:
        return False
    try:
        parts = compiler.decode(content)
    except compiler.DamagedError:
        return False
    if len(parts) != len(wheel.sources):
        return False
    _place(wheel.sources, parts)
    return True


def _compile(store: Store, wheels: Sequence[Wheel], layout: Layout) -> int:
    """Compile wheels, and return how many; wait for those that another step is compiling."""
    begun = [wheel for wheel in wheels if store.lock(wheel.key, wait=False)]
    compiled = _run(store, [wheel for wheel in begun if not _reuse(store, wheel)], layout)
    for wheel in begun:
        store.unlock(wheel.key)
    for wheel in wheels:
        if wheel not in begun:
            store.lock(wheel.key, wait=True)
            if not _reuse(store, wheel):
                compiled += _run(store, [wheel], layout)
            store.unlock(wheel.key)
    return compiled


def _run(store: Store, wheels: Sequence[Wheel], layout: Layout) -> int:
    """Compile wheels, keep the results and write them; return how many wheels."""
    if not wheels:
        return 0
    # The largest start first; the content of a task depends on its wheel alone.
    wheels = sorted(wheels, key=lambda wheel: sum(source.size for source in wheel.sources), reverse=True)
    tasks = [(number, chunk) for number, wheel in enumerate(wheels) for chunk in _chunks(wheel.sources)]
    left = [sum(number == owner for owner, _ in tasks) for number in range(len(wheels))]
    layout.tmp.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(layout.tmp)) as directory:
        for number, (_, chunk) in enumerate(tasks):
            Path(directory, str(number)).write_bytes(b"".join(os.fsencode(source.path) + b"\0" for source in chunk))
        for number in _tasks_done(len(tasks), directory):
            owner = tasks[number][0]
            left[owner] -= 1
            if left[owner]:
                continue
            outputs = [Path(directory, f"{task}.out") for task, (one, _) in enumerate(tasks) if one == owner]
            parts = [part for output in outputs for part in compiler.decode(output.read_bytes())]
            for output in outputs:
                output.unlink()
            store.write(wheels[owner].key, compiler.encode(parts))
            store.unlock(wheels[owner].key)
            _place(wheels[owner].sources, parts)
    return len(wheels)


def _chunks(sources: Sequence[SourceFile]) -> Iterator[List[SourceFile]]:
    chunk: List[SourceFile] = []
    for source in sources:
        chunk.append(source)
        if sum(one.size for one in chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _tasks_done(count: int, directory: str) -> Iterator[int]:
    """Run compiler.py; yield the number of each task as it is done. Raises ProvisionError."""
    environment: Dict[str, str] = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONHASHSEED"] = "0"
    jobs = str(len(os.sched_getaffinity(0)))
    command = [sys.executable, "-s", "-S", "-B", "-W", "ignore", str(compiler.__file__), jobs, str(count), directory]
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            yield int(line)
    if process.returncode:
        raise ProvisionError("cannot compile bytecode: see above (wait status 9 means out of memory)")


def _place(sources: Sequence[SourceFile], parts: Sequence[bytes]) -> None:
    """Write the files to the __pycache__ directories of their sources."""
    made = set()
    for source, part in zip(sources, parts):  # noqa: B905 - Python 3.10 has strict=True first
        if not part:
            continue
        path = importlib.util.cache_from_source(str(source.path), optimization="")
        directory = os.path.dirname(path)  # noqa: PTH120 - thousands of files: pathlib takes as long as writing them
        if directory not in made:
            os.makedirs(directory, exist_ok=True)  # noqa: PTH103
            made.add(directory)
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(pyc.place(part, pyc.digest_marker(source.digest), str(source.path)))
