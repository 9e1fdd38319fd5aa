"""Random Dockerfiles for the commands: each ends in time, with its result or with an error in words for users."""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.mutants import CONTEXT, GIVEN, MUTANTS, Given, parts, profile, time_limit

from dockerfile_pyenv.cli import lock
from dockerfile_pyenv.cli.main import main
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.instruction.lines import pyenv_lines

pytestmark = pytest.mark.thorough

COMMANDS = (("check",), ("check", "--format=json"), ("explain",), ("explain", "--format=json"), ("render",), ("graph",))
LOCK = ("lock", "--platform=linux/amd64,linux/arm64")

Command = Callable[[tuple[str, ...], bytes, Given], tuple[int, str, str]]


def _locked(question: Mapping[str, Any], *_: object) -> None:
    """What uv would write."""
    Path(question["output"]).write_text('lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n')


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Run a command on a Dockerfile: its exit status and output."""
    context = tmp_path_factory.mktemp("context")
    for name, data in CONTEXT.items():
        (context / name).write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock, "_uv", lambda: "uv")
        patch.setattr(lock, "_ask", _locked)
        patch.setattr(lock, "_write", lambda *_: None)

        def run(words: tuple[str, ...], text: bytes, about: Given) -> tuple[int, str, str]:
            (context / "Dockerfile").write_bytes(text)
            config = {
                "User": about.user,
                "Env": [f"A={about.env}"],
                "Labels": {"dockerfile-pyenv.environments": about.label},
            }
            (context / "config.json").write_text(json.dumps([{"Config": config}]))
            platform = () if words == LOCK else (f"--platform={about.platform}",)
            given = (f"--build-arg={about.name}={about.value}", f"--image-config={context}/config.json")
            out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
            with time_limit(), redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main([*words, *platform, *given, str(context)])
            for stream in (out, err):
                stream.flush()
            assert isinstance(ended.value.code, int)
            said = [stream.buffer.getvalue().decode("utf-8", "surrogateescape") for stream in (out, err)]  # type: ignore[attr-defined]
            return ended.value.code, said[0], said[1]

        yield run


@parts(0.45)
@profile(0.5)
@given(MUTANTS, GIVEN, st.sampled_from(COMMANDS), st.sampled_from(["", "--write"]))
def test_commands_end_in_words(  # noqa: PLR0917 - a fixture and what is given
    command: Command,
    part: int,  # noqa: ARG001 - there are several
    text: bytes,
    about: Given,
    words: tuple[str, ...],
    write: str,
) -> None:
    """An error names a place that the file has, and no PYENV line is left in what `render` prints."""
    for one in (words, (*LOCK, write) if write else LOCK):
        status, out, err = command(one, text, about)
        said = out + err
        assert "internal error" not in said, said
        assert "Traceback" not in said, said
        assert status in {0, 1, 2}
        count = text.count(b"\n") + 1
        assert all(1 <= int(line) <= count for line in re.findall(r"^\S*/Dockerfile:(\d+)", err, re.MULTILINE))
        if "--format=json" in one and status == 0:
            json.loads(out)
        if one == ("render",) and status == 0:
            assert not pyenv_lines(lex(out.encode("utf-8", "surrogateescape")))
