"""What several unit tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerfile_pyenv.cli.engine_images import EngineImages
from dockerfile_pyenv.cli.main import main

Run = Callable[..., tuple[int, str, str]]


CONNECT = EngineImages._connect  # noqa: SLF001 - the only place that reaches an engine


@pytest.fixture(scope="session", autouse=True)
def _no_engine() -> Iterator[None]:
    """Keep the engine of whoever runs the tests away: commands would ask it about base images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EngineImages, "_connect", lambda _: None)
        yield


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line: its exit status, and what it writes."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in arguments])
        out, err = capfd.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err

    return run
