"""The examples of buildkit-llb, by the commands of its README."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bed import cli, settings
from tests.bed.engine import Engine
from tests.reference import Block, blocks

ROOT = settings.REPOSITORY / "frontend/buildkit-llb"
FRONTEND, GRAPH = (block for block in blocks(ROOT / "README.md") if block.language == "console")
WRONG = "# syntax=packages:1\nfrom debian:bookworm-slim\ninstal jq\n"


def run(engine: Engine, command: str) -> str:
    """What a line of a shell prints, in the folder of the distribution, with this Python and the bed's docker."""
    path = [str(cli.DOCKER.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = engine.environment({"PATH": os.pathsep.join(path), "PYTHONPATH": settings.PYTHONPATH})
    done = subprocess.run(
        ["bash", "-euc", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(engine: Engine, block: Block, first: int = 0) -> None:
    """Run a block's commands as they stand there, from the `first` one on, and compare what they print."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1 + first :]:
        command, _, shown = part.partition("\n")
        said = run(engine, command)
        assert not shown or said == shown, command


def test_the_frontend_builds_its_file(engine: Engine, tmp_path: Path) -> None:
    """The image has the package, the command and what its base says; a wrong line is shown."""
    follow(engine, FRONTEND)
    config = engine.image_config("jq:1")["config"]
    base = engine.image_config("debian:bookworm-slim")["config"]
    assert config["Cmd"] == ["jq", "--null-input", "6*7"]
    assert config["Env"] == base["Env"]
    (tmp_path / "wrong.packages").write_text(WRONG)
    failed = engine.build("-f", tmp_path / "wrong.packages", tmp_path, check=False)
    assert failed.returncode
    assert "unknown instruction: instal" in failed.log
    assert re.search(r"wrong\.packages:3\n.*3 \| >>> instal jq", failed.log, re.DOTALL), failed.log


@pytest.mark.slow
@pytest.mark.parametrize("name", ["26", "20.10"])
def test_older_daemons_run_the_frontend(engine: Engine, engines: Callable[[str], Engine], name: str) -> None:
    """From the oldest one that is supported on; the image comes from a newer one."""
    older = engines(name)
    run(engine, FRONTEND.text.splitlines()[0].removeprefix("$ "))
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        engine.docker("save", "--output", file.name, "packages:1")
        older.docker("load", "--quiet", "--input", file.name)
    follow(older, FRONTEND, first=1)


@pytest.mark.parametrize(
    "name", ["28", "20.10", *(pytest.param(one, marks=pytest.mark.slow) for one in ("28-containerd", "26"))]
)
def test_the_graph_is_built_from_standard_input(engines: Callable[[str], Engine], name: str) -> None:
    """By `docker buildx`, on the oldest supported daemon, too; the image has the files of its base, and the new one."""
    engine = engines(name)
    follow(engine, GRAPH)
    files, base = engine.files("hello:1"), engine.files("debian:bookworm-slim")
    assert files.keys() - base.keys() == {"etc/hello"}
