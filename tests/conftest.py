"""The test bed's engines and services as fixtures. They start on demand; a bed that was up before is left up."""

from __future__ import annotations

import contextlib
import os
import shlex
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from tests import matrix
from tests.bed import bed, cli, daemon, image, settings
from tests.bed.engine import Engine
from tests.bed.forge import Forge
from tests.bed.forge import ready as forge_ready
from tests.bed.index import PORT, Index, ready
from tests.sharing import ByEngine

Engines = Callable[[str], Engine]

# Properties are tested with the same examples on every machine, however slow it is.
hypothesis_settings.register_profile(
    "steady", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile("quick", hypothesis_settings.get_profile("steady"), max_examples=10)
hypothesis_settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--slow`, `--sets`, `--online` and `--claims`."""
    parser.addoption("--slow", action="store_true", help="also run the tests marked `slow`, which take minutes each")
    parser.addoption("--sets", action="store_true", help="also build all real requirement sets")
    parser.addoption("--online", action="store_true", help="use your own Docker and real images, not the test bed")
    parser.addoption("--claims", type=Path, help="write the cells of the matrix that tests claim into this file")


def pytest_configure(config: pytest.Config) -> None:
    """Have the matrix recorded."""
    config.pluginmanager.register(matrix.Recorder(config.getoption("--claims")))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 - pytest-xdist has no types
    """Share out with `--dist=loadgroup` as this repository's engines need it."""
    return ByEngine(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out slow tests, large requirement sets and what needs real images, unless they are requested."""
    for marker in ("slow", "sets", "online"):
        if not config.getoption(f"--{marker}"):
            left_out = [item for item in items if item.get_closest_marker(marker)]
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def regenerate() -> bool:
    """Whether golden files are to be written instead of compared: `REGENERATE=1 pytest …`."""
    return os.environ.get("REGENERATE") == "1"


@pytest.fixture(scope="session")
def engines(request: pytest.FixtureRequest) -> Iterator[Engines]:
    """Engines by name (`28`, `28-containerd`, `26`, `20.10`), each with the frontend image of this tree loaded."""
    if request.config.getoption("--online"):
        image.build(settings.REAL.docker_host, quiet=True)
        yield lambda _: Engine(settings.REAL)
        return
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def told() -> contextlib.AbstractContextManager[None]:
        """What takes minutes is told while it happens."""
        return capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()

    found: dict[str, Engine] = {}
    started: list[str] = []

    def engine(name: str) -> Engine:
        if name not in found:
            if lack := daemon.missing(settings.ENGINES[name]):
                pytest.skip(f"Docker {name} needs {lack}")
            first = engine("28") if name != "28" else None
            with told():
                started.extend(bed.up([name], keep=False))
                new = Engine(settings.ENGINES[name])
                if first:
                    image.copy(first.host, new.host)
                else:
                    image.build(new.host, quiet=True)
            found[name] = new
        return found[name]

    with contextlib.ExitStack() as use:
        with told():  # it may wait for another run
            use.enter_context(bed.in_use())
        yield engine
        for used in found.values():
            used.tidy()
        with told():
            bed.down(started)
            use.close()


@pytest.fixture(scope="session")
def engine(engines: Engines) -> Engine:
    """Docker 28 with the classic image store, the one that most tests run on."""
    return engines("28")


@pytest.fixture(scope="session")
def docker_ip(engine: Engine) -> str:
    """Where pytest-docker finds published ports."""
    return engine.address


@pytest.fixture(scope="session")
def docker_compose_command(engine: Engine) -> str:
    """The bed's own compose, on the bed's engine."""
    return shlex.join(
        [
            "env",
            f"BED_ADDRESS={engine.address}",
            *(f"{name}={value}" for name, value in cli.command(engine.host)[1].items()),
            str(cli.DOCKER),
            "compose",
        ]
    )


@pytest.fixture(scope="session")
def docker_compose_file() -> Path:
    """The bed's services."""
    return settings.REPOSITORY / "tests/bed/services/compose.yaml"


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    """One name for all runs, so that the next one cleans up after one that was killed."""
    return "pyenv-bed"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """What starts the services, after the removal of those that a run left behind which was killed."""
    return ["down --volumes", "up --build --wait"]


@pytest.fixture
def index(docker_ip: str, docker_services: Any) -> Index:  # noqa: ANN401 - pytest-docker has no types
    """A package index of the test's own, empty at first."""
    docker_services.wait_until_responsive(lambda: ready(docker_ip), timeout=30, pause=0.1)
    assert docker_services.port_for("index", PORT) == PORT
    # Letters alone: the log hides what looks like a token in a path.
    name = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:8])
    return Index(docker_ip, f"index-{name}")


@pytest.fixture
def forge(docker_ip: str, docker_services: Any) -> Forge:  # noqa: ANN401 - pytest-docker has no types
    """Indexes and git behind a password."""
    docker_services.wait_until_responsive(lambda: forge_ready(docker_ip), timeout=30, pause=0.1)
    return Forge(docker_ip)
