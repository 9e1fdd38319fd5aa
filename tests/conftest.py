"""The test bed's engines and services as fixtures. They start on demand; a bed that was up before is left up."""

from __future__ import annotations

import contextlib
import os
import shlex
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed import bed, cli, image, settings
from tests.bed.engine import Engine
from tests.bed.forge import Forge
from tests.bed.forge import ready as forge_ready
from tests.bed.index import PORT, Index, ready

if TYPE_CHECKING:
    from pathlib import Path

Engines = Callable[[str], Engine]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--whole`."""
    parser.addoption("--whole", action="store_true", help="run the tests marked as `whole` too: they take minutes each")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only a whole run needs."""
    if not config.getoption("--whole"):
        left_out = [item for item in items if item.get_closest_marker("whole")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def regenerate() -> bool:
    """Whether golden files are to be written instead of compared: `REGENERATE=1 pytest …`."""
    return os.environ.get("REGENERATE") == "1"


@pytest.fixture(scope="session")
def engines(request: pytest.FixtureRequest) -> Iterator[Engines]:
    """Engines by name (`28`, `28-containerd`, `26`, `20.10`), each with the frontend image of this tree loaded."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    found: dict[str, Engine] = {}
    started: list[str] = []
    was_up = bool(bed.status())

    def engine(name: str) -> Engine:
        if name not in found:
            first = engine("28") if name != "28" else None
            # What takes minutes on a new machine is told while it happens.
            with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
                started.extend(bed.up([name]))
                new = Engine(settings.ENGINES[name])
                if first:
                    image.copy(first.host, new.host)
                else:
                    image.build(new.host, quiet=True)
            found[name] = new
        return found[name]

    yield engine
    for used in found.values():
        used.tidy()
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        if not was_up:
            bed.down()
        elif started:
            bed.down(started)


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
    return Index(docker_ip, f"index-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def forge(docker_ip: str, docker_services: Any) -> Forge:  # noqa: ANN401 - pytest-docker has no types
    """Indexes and git behind a password."""
    docker_services.wait_until_responsive(lambda: forge_ready(docker_ip), timeout=30, pause=0.1)
    return Forge(docker_ip)
