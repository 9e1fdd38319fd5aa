"""What builds cost: scenarios, one after the other, for each subject in turn."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.bed import bed, daemon, image, settings
from tests.bed.engine import Engine
from tests.bench import subjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.bench.subjects import Environment, Subject

COLD: Final = "cold"
FIRST_CHANGED: Final = "first environment changed"
INSERTED: Final = "a line inserted first"
APPLICATION: Final = "an application file changed"
NOTHING: Final = "nothing changed"
STORES: Final = {"classic": "bench", "containerd": "bench-containerd"}
"""The engine's image store, to the name of an engine of the bed that has it."""
SCENARIOS: Final = (COLD, FIRST_CHANGED, INSERTED, APPLICATION, NOTHING)
_REPEATED: Final = 3
"""How often what takes less than a second is measured in a pair: the median counts."""


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
    for name in ("debian", *(f"python:{python}" for python in sorted({one.python for one in subjects.ENVIRONMENTS}))):
        engine.docker("pull", "--quiet", f"{name}:bookworm-slim" if name == "debian" else f"{name}-slim-bookworm")
    for name, text in ((subjects.BASE, subjects.BASE_DOCKERFILE), (subjects.UV, subjects.UV_DOCKERFILE)):
        engine.build("--load", "--provenance=false", "-t", name, "-", input=text)
    return engine


def measure(  # noqa: PLR0917 - all of it says what is measured
    store: str, engine: Engine, count: int, pairs: Sequence[int], order: Sequence[Subject], say: Callable[[str], None]
) -> Iterator[Run]:
    """Run every scenario for every subject, in turn, so many times; yield each run as it is done."""
    for pair in pairs:
        turn = pair % len(order)
        for subject in (*order[turn:], *order[:turn]):
            for scenario, size, cost in _scenarios(engine, subject, subjects.ENVIRONMENTS[:count]):
                run = Run(store, count, pair, subject.name, scenario, cost.seconds, cost.cpu, cost.load, size)
                figures = f"{run.seconds:8.2f} s {run.cpu:8.2f} s of CPU, load {run.load:.1f}"
                say(f"{run.store:10} {count} {pair} {subject.name:12} {scenario:28} {figures}")
                yield run


def _scenarios(
    engine: Engine, subject: Subject, environments: Sequence[Environment]
) -> Iterator[tuple[str, int, Cost]]:
    tag = f"pyenv-bench-{subject.name}"
    with tempfile.TemporaryDirectory() as directory:
        context = Path(directory)

        def write(*these: Environment) -> None:
            (context / "Dockerfile").write_text(subject.dockerfile(these))
            for one in these:
                (context / f"{one.name}.txt").write_text("".join(f"{line}\n" for line in one.requirements))

        def edit() -> None:
            (context / "app").write_text(uuid.uuid4().hex)

        def build() -> Cost:
            load = os.getloadavg()[0]
            cpu = daemon.cpu_seconds(engine.kind)
            started = time.perf_counter()
            engine.build("--provenance=false", *subject.arguments, "-t", tag, context)
            seconds = time.perf_counter() - started
            return Cost(round(seconds, 3), round(daemon.cpu_seconds(engine.kind) - cpu, 2), round(load, 2))

        engine.docker("image", "rm", "--force", tag, check=False)
        engine.prune()
        write(*environments)
        edit()
        cold = build()
        size = int(engine.docker("image", "inspect", "--format={{.Size}}", tag).stdout)
        yield COLD, size, cold
        for _ in range(_REPEATED):
            yield NOTHING, 0, build()
        for _ in range(_REPEATED):
            edit()
            yield APPLICATION, 0, build()
        write(subjects.CHANGED, *environments[1:])
        yield FIRST_CHANGED, 0, build()
        write(subjects.INSERTED, subjects.CHANGED, *environments[1:])
        yield INSERTED, 0, build()
