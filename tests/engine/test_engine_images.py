"""Commands ask the engine for what its images say."""

import pytest
from tests.bed.engine import Engine
from tests.engine.conftest import Project

from dockerfile_pyenv.cli.main import main


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_command_knows_user_and_env_of_an_image(
    engine: Engine, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a build would, without an option."""
    engine.build("--load", "-t", "registry.example.com/asked:test", "-", input="FROM scratch\nENV A=etl\nUSER 7\n")
    context = project({"Dockerfile": "#syntax=a\nFROM registry.example.com/asked:test\nPYENV 3.13 $A\n"})
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    with pytest.raises(SystemExit) as caught:
        main(["explain", str(context)])
    said = capsys.readouterr()
    assert caught.value.code == 0, said.err
    assert "ASTRO_PYENV_etl" in said.out
    assert "belongs to:   7\n" in said.out
