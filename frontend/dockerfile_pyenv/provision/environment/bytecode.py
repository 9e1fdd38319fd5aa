"""Bytecode of an environment's packages: compiled once for a wheel and a Python, and kept in the cache mount.

What is kept goes by the content of the wheel's Python files, and not by what its RECORD says of them: nobody verifies
that, and a wheel could name another one's hashes.

Test suites inside packages stay without bytecode, since nothing imports them where an environment is used: they are
half of what is in pandas, and Python compiles them as ever where somebody does run them.
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
from layout import Layout, ProvisionError
from store import Store

DIRECTORY = "bytecode-v1"
"""Of the cache mount."""

SKIPPED: FrozenSet[str] = frozenset({"tests", ".."})
"""Directories whose files stay without bytecode: test suites in packages, and what is not in site-packages at all."""

CHUNK = 400_000
"""Bytes of source after which a task ends. Which files are compiled together enters the bytes: see compiler.py."""


class Wheel(NamedTuple):
    """What one installed distribution has to be compiled."""

    key: str
    """Of its Python files and of the Python that compiles them."""
    sources: Tuple[Source, ...]


class Source(NamedTuple):
    """A Python file."""

    path: Path
    digest: str
    size: int


class Summary(NamedTuple):
    """How many wheels had what done."""

    compiled: int
    reused: int

    @property
    def packages(self) -> int:
        """How many wheels have Python files at all."""
        return self.compiled + self.reused

    def __str__(self) -> str:
        packages = "1 package" if self.packages == 1 else f"{self.packages} packages"
        return f"bytecode of {packages}: {self.reused} reused, {self.compiled} compiled"


def write(path: Path, version: str, layout: Layout) -> Summary:
    """Give the packages of an environment their bytecode. Raises ProvisionError, and OSError of the environment."""
    packages = path / "lib" / f"python{version}" / "site-packages"
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
    """The Python files below site-packages that a distribution has by its RECORD."""
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


def _source(path: Path) -> Source:
    content = path.read_bytes()
    return Source(path, hashlib.sha256(content).hexdigest(), len(content))


def _python() -> str:
    """All that the bytes depend on beside the source: the interpreter, and the programs here that compile."""
    tools = hashlib.sha256()
    for module in (pyc, compiler):
        tools.update(Path(str(module.__file__)).read_bytes())
    return "\n".join((str(sys.implementation.cache_tag), sys.version, str(CHUNK), tools.hexdigest()))


def _reuse(store: Store, wheel: Wheel) -> bool:
    """Write what the store has for a wheel; False where it has nothing that is whole."""
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
    """Compile wheels, and return how many it were: what another step has begun with is waited for."""
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
    # What takes longest begins first; what is in a task depends on nothing but its wheel.
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


def _chunks(sources: Sequence[Source]) -> Iterator[List[Source]]:
    chunk: List[Source] = []
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
        raise ProvisionError("bytecode cannot be compiled, for the reason above; where it says 9, memory ran out")


def _place(sources: Sequence[Source], parts: Sequence[bytes]) -> None:
    """Write the files beside their sources."""
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
