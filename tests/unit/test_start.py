"""The image's entrypoint, which greets BuildKit and becomes Python: the daemon sees the bytes of Python alone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bed import settings
from tests.unit.standin import Build

from buildkit_llb.preface import PREFACE

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "frontend/image/start.c"
PYTHON = [sys.executable, "-B", str(ROOT / "frontend/image/frontend.py")]
ENVIRONMENT = {"PYTHONPATH": settings.PYTHONPATH, "PATH": os.environ["PATH"]}
BUILDKITS = {**ENVIRONMENT, "BUILDKIT_SESSION_ID": "s"}
COMPILER = shutil.which("cc")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The entrypoint, compiled to start this Python; tests/engine/test_image.py is about the one of the image."""
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    program = tmp_path_factory.mktemp("start") / "start"
    words = ", ".join(f'"{word}"' for word in PYTHON)
    command = [COMPILER, "-std=c11", "-Wall", "-Wextra", "-Werror", f"-DPYTHON={words}", "-o", program, SOURCE]
    subprocess.run(command, check=True)
    return str(program)


def test_the_greeting_is_the_preface() -> None:
    """C and Python have the same bytes, settings included."""
    array = re.search(r"greeting\[\] = \{(.*?)\};", SOURCE.read_text(), re.DOTALL)
    assert array
    escapes = {r"\r": 13, r"\n": 10}
    words = re.findall(r"'(\\?.)'|0x(..)", array[1])
    assert bytes(escapes.get(char) or ord(char) if char else int(number, 16) for char, number in words) == PREFACE


def test_a_daemon_gets_the_bytes_of_python_alone(start: str) -> None:
    """One preface, and after it what Python sends first."""
    alone, started = (
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=BUILDKITS, check=False)
        for command in (PYTHON, [start])
    )
    assert "the build engine closed the connection" in started.stderr.decode()
    assert started.stdout == alone.stdout
    assert started.stdout.startswith(PREFACE)
    assert started.stdout.count(PREFACE[:24]) == 1
    assert len(started.stdout) > len(PREFACE)


@pytest.mark.parametrize("greeted", [False, True], ids=["Python alone", "through the entrypoint"])
def test_a_build_ends_well(start: str, greeted: bool) -> None:  # noqa: FBT001 - a parameter
    """From the first byte to the result, on one connection."""
    build = Build({"Dockerfile": b"# syntax=dockerfile-pyenv:1\nFROM debian\n"})
    with build.daemon() as daemon:
        command = [start] if greeted else PYTHON
        done = subprocess.run(
            command, stdin=daemon.client_read, stdout=daemon.client_write, env=BUILDKITS, timeout=60, check=False
        )
        assert done.returncode == 0
        assert daemon.greeted.is_set()
    (returned,) = build.returned
    assert returned.HasField("result")


def test_a_dead_engine_ends_it(start: str) -> None:
    """Nobody reads: there is nothing to become Python for."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([start], stdout=writing, env=BUILDKITS, check=False)
    os.close(writing)
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("words", "environment"),
    [(["--version"], ENVIRONMENT), (["--version"], BUILDKITS), ([], ENVIRONMENT), (["a", "b c", ""], ENVIRONMENT)],
    ids=["an option", "in a build of something else", "nothing", "odd words"],
)
def test_a_command_of_a_user_is_not_greeted(start: str, words: list[str], environment: dict[str, str]) -> None:
    """Its output and its end are those of Python alone."""
    alone, started = (
        subprocess.run([*command, *words], stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False)
        for command in (PYTHON, [start])
    )
    assert (started.returncode, started.stdout, started.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    assert b"PRI *" not in started.stdout
