"""The script that starts an interpreter, or says why it does not start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dockerfile_pyenv import provision

START = Path(provision.__path__[0], "environment/start.sh")


def start(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a step does, under this machine's own shell."""
    command = ["sh", str(START), python, *arguments, "--name=etl", "--version=3.13"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def program(directory: Path, text: str) -> str:
    """A prefix whose interpreter is a script."""
    python = directory / "bin/python3.13"
    python.parent.mkdir()
    python.write_text(text)
    python.chmod(0o755)
    return str(python)


def says(directory: Path, words: str) -> str:
    """A prefix whose interpreter ends with an error."""
    return program(directory, f'#!/bin/sh\necho "{words}" >&2\nexit 1\n')


def test_an_interpreter_that_starts_gets_its_arguments(tmp_path: Path) -> None:
    """The script becomes the interpreter: its arguments, output and exit status are the step's."""
    python = program(tmp_path, '#!/bin/sh\n[ "$1" = -I ] && exit 0\necho "<$1> <$2>"\nexit 7\n')
    done = start(python, "one", "two words")
    assert (done.stdout, done.stderr, done.returncode) == ("<one> <two words>\n", "", 7)


@pytest.mark.parametrize(
    ("words", "summary", "expected"),
    [
        pytest.param(
            "python3.13: /lib/x86_64-linux-gnu/libc.so.6: version \\`GLIBC_2.38' not found (required by python3.13)",
            {"libc": "gnu", "glibc": "2.38"},
            "this build requires glibc 2.38, but the base image has an older one. Use a newer base image, a standalone",
            id="a base of an older glibc",
        ),
        pytest.param(
            "python3.13: /lib/libc.so.6: version \\`GLIBC_2.38' not found",
            None,
            "this build requires glibc of a newer distribution, but the base image has an older one.",
            id="an older glibc, and a prefix that says nothing of itself",
        ),
        pytest.param(
            "python3.13: error while loading shared libraries: libz.so.1: cannot open shared object file",
            {"libc": "gnu", "glibc": "2.17"},
            "it requires libz.so.1. Install the package that has it above this line",
            id="a library that glibc's loader misses",
        ),
        pytest.param(
            "Error loading shared library libz.so.1: No such file or directory (needed by python3.13)",
            {"libc": "musl", "glibc": None},
            "it requires libz.so.1. Install the package that has it above this line",
            id="a library that musl's loader misses",
        ),
        pytest.param(
            "Exec format error", None, "the engine cannot run programs for this platform", id="another architecture"
        ),
        pytest.param("Fatal Python error: out of luck", None, "Fatal Python error: out of luck", id="anything else"),
    ],
)
def test_it_says_why_one_does_not_start(
    tmp_path: Path, words: str, summary: dict[str, str | None] | None, expected: str
) -> None:
    """What the loader said becomes a reason and a remedy, under the environment's name."""
    python = says(tmp_path, words)
    if summary is not None:
        (tmp_path / ".pyenv-interpreter.json").write_text(json.dumps(summary, indent=1) + "\n")
    done = start(python)
    assert done.returncode == 1
    assert done.stdout.startswith(f"etl: Python 3.13 cannot start on this base image: {expected}")


@pytest.mark.parametrize(
    ("libc", "expected"),
    [
        ("gnu", "this build is for glibc, but the base image has another C library or none. For musl"),
        ("musl", "this build is for musl, but the base image has another C library. Remove --libc=musl"),
    ],
)
def test_a_base_without_its_loader(tmp_path: Path, libc: str, expected: str) -> None:
    """The kernel knows no more than that something is not found: the prefix says what it was made for."""
    python = program(tmp_path, "#!/no/such/loader\n")
    summary = {"libc": libc, "glibc": "2.17" if libc == "gnu" else None}
    (tmp_path / ".pyenv-interpreter.json").write_text(json.dumps(summary, indent=1) + "\n")
    done = start(python)
    assert done.returncode == 1
    assert expected in done.stdout


@pytest.mark.parametrize(
    ("libc", "expected"),
    [
        ("gnu", "this build is for glibc, as the base image is. Choose a --builder with glibc"),
        ("musl", "this build is for musl, as the base image is. Choose a --builder with musl"),
    ],
)
def test_a_builder_without_its_loader(tmp_path: Path, libc: str, expected: str) -> None:
    """The interpreter fits the base image, so it is the builder that has to be another."""
    python = program(tmp_path, "#!/no/such/loader\n")
    (tmp_path / ".pyenv-interpreter.json").write_text(json.dumps({"libc": libc, "glibc": None}, indent=1) + "\n")
    done = start(python, "--step=build")
    assert done.returncode == 1
    assert done.stdout == f"etl: Python 3.13 cannot start in the builder: {expected}\n"


def test_a_base_without_that_python() -> None:
    """`--interpreter=base` names a command that the base does not have."""
    done = start("python-that-is-nowhere")
    assert done.returncode == 1
    assert "python-that-is-nowhere is not on its PATH. Install it above this line" in done.stdout


def test_all_that_a_step_says_goes_one_way() -> None:
    """Of two pipes BuildKit would take lines in any order, and a failure's explanation would not be the end."""
    command = [sys.executable, "-I", "-B", str(START.parent), "--no-venv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "error: the following arguments are required" in done.stdout
    assert done.stderr == ""


def step(directory: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the script from where a step has it."""
    (directory / "run/provision").mkdir(parents=True, exist_ok=True)
    script = directory / "run/provision/start.sh"
    script.write_text(START.read_text())
    return subprocess.run(["sh", str(script), *arguments], env=environ, capture_output=True, text=True, check=False)


def test_what_was_installed_apart_is_not_installed_again(tmp_path: Path) -> None:
    """Without a note of the install, the step in the stage ends before it starts an interpreter."""
    arguments = ["/nowhere", "--step=stage", "--name=etl", "--version=3.13"]
    assert step(tmp_path, *arguments).returncode == 1
    (tmp_path / "run/apart").mkdir()
    done = step(tmp_path, *arguments)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    (tmp_path / "run/apart/.in-stage").write_text("a reason\n")
    assert step(tmp_path, *arguments).returncode == 1


def test_an_interpreter_that_does_not_start_apart(tmp_path: Path) -> None:
    """The line is left to its stage."""
    python = says(tmp_path, "libfoo.so.1: cannot open\nmore")
    arguments = [python, "-I", "-B", "x", "--step=install", "--name=etl", "--version=3.13"]
    done = step(tmp_path, *arguments, PYENV_ENVIRONMENTS=str(tmp_path))
    reason = "Python 3.13 does not start outside of it: libfoo.so.1: cannot open"
    assert (done.stdout, done.returncode) == (f"etl: installing in the build stage: {reason}\n", 0)
    assert (tmp_path / ".in-stage").read_text() == f"{reason}\n"


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_the_step_that_asks_names_its_first_line(tmp_path: Path, separators: tuple[str, str]) -> None:
    """If the interpreter does not start there, that is an error of this line."""
    lines = [{"name": name, "inline": ['a"name":"x'], "version": "3.9", "owner": ""} for name in ("etl", "other")]
    done = step(tmp_path, "/nowhere", "-I", "x", "--step=ask", "--", json.dumps(lines, separators=separators))
    assert done.returncode == 1
    assert done.stdout.startswith("etl: Python 3.9 cannot start on this base image: ")
