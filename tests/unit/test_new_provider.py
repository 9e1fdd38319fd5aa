"""A provider of interpreters is one class and one line in the list: with that, everything can use it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.planning import plan_of

from buildkit_llb import ops
from buildkit_llb.ops import Platform, State
from dockerfile_pyenv.cli.main import main
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.emit import expand
from dockerfile_pyenv.engine import named_contexts
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.interpreters import providers
from dockerfile_pyenv.interpreters.graphs import InterpreterGraphs
from dockerfile_pyenv.interpreters.provider import Download, Interpreter, Request
from dockerfile_pyenv.interpreters.stages import InterpreterStages

ROOM = Path(providers.__file__).parent
SHARED = {"graphs", "libc", "provider", "providers", "stages"}
"""The modules of the room that are no provider's own."""


class ToyProvider:
    """Takes Python from a wheelhouse that does not exist."""

    word = "toy:<name>"
    flags: Mapping[str, str] = {"enable-optimizations": "--enable-optimizations is the toy's"}

    def accepts(self, word: str) -> bool:
        """Whether it is meant."""
        return word.startswith("toy:")

    def choose(self, request: Request) -> Interpreter:
        """Take what is named."""
        recipes = {platform: ToyRecipe(request.word[4:], platform) for platform in request.platforms}
        return Interpreter(f"{request.version}-toy", request.version, f"toy {request.word[4:]}", recipes)


@dataclass(frozen=True, slots=True)
class ToyRecipe:
    """A file."""

    name: str
    platform: str

    @property
    def downloads(self) -> tuple[Download, ...]:
        """The file."""
        return (Download(f"https://toys.example.com/1/{self.name}.tar", "0" * 64, "TOY_MIRROR"),)

    @property
    def label(self) -> str:
        """Its name."""
        return f"{self.name}.tar"

    @property
    def description(self) -> dict[str, str]:
        """Its platform and address."""
        return {"platform": self.platform, "from": self.downloads[0].url, "wheels": "four"}

    @property
    def origin(self) -> dict[str, str]:
        """Its name."""
        return {"toy": self.name}

    def graph(self, graphs: InterpreterGraphs, interpreter: Interpreter) -> State:
        """Download it, and let it finish."""
        file = graphs.download(interpreter, self.downloads[0], "toy.tar")
        return graphs.finish(interpreter, self, {"tree": "/toy"}, [ops.Mount("/toy", file)], "wind up")

    def stages(self, stages: InterpreterStages, interpreter: Interpreter) -> Iterator[str]:
        """The same as text."""
        yield stages.start("toy")
        yield from stages.download(self.downloads[0], "/toy")
        yield stages.finish(interpreter, self, {"tree": "/toy"})
        yield stages.result("toy", "/out")


SOURCE = b"FROM debian\nPYENV --interpreter=toy:train --enable-optimizations 3.9 one\n"


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put it in the list."""
    monkeypatch.setattr(providers, "PROVIDERS", (*providers.PROVIDERS, ToyProvider()))


def test_a_line_chooses_it() -> None:
    """Its words are in the title, its directory in the text, and flags are checked against its own."""
    dockerfile, plan = plan_of(SOURCE)
    (environment,) = plan.environments
    assert environment.interpreter.title == "CPython 3.9, toy train by --interpreter"
    assert b"/opt/astro-pyenv/python/3.9-toy/bin/python3.9" in expand.expand(dockerfile, plan).text
    with pytest.raises(DockerfileError, match=r"^--libc requires a standalone interpreter.*") as caught:
        plan_of(SOURCE.replace(b"--enable-optimizations", b"--libc=gnu"))
    assert caught.value.at == (2, 31)
    with pytest.raises(DockerfileError, match=r"^--enable-optimizations requires an interpreter that is compiled"):
        plan_of(SOURCE.replace(b"toy:train", b"base"))


def test_messages_know_it() -> None:
    """A word that no provider takes is refused with the words that they do take, its own too."""
    with pytest.raises(DockerfileError, match=r"write standalone, .* or toy:<name>$") as caught:
        plan_of(SOURCE.replace(b"toy:train", b"top"))
    assert (caught.value.lines, caught.value.at) == ((2, 2), (2, 7))


def test_the_build_uses_its_graph() -> None:
    """The build context of the interpreter is what its recipe makes, for each platform."""
    platform = Platform.parse("linux/amd64")
    graphs = InterpreterGraphs(ops.scratch(), platform, lambda *_: ())
    found = [{"target": name, "platform": name} for name in ("linux/amd64", "linux/arm64")]
    _, plan = plan_of(SOURCE, [found])
    opts, inputs = named_contexts.make(plan, graphs, {}, None)
    name = "dockerfile-pyenv/python-3.9-toy"
    assert opts[f"context:{name}::linux/arm64"] == f"input:{name}-linux-arm64"
    steps = inputs[f"{name}-linux-arm64"].vertices()
    assert [step.name for step in steps][:2] == ["[python 3.9-toy] download train.tar", "[python 3.9-toy] wind up"]
    assert "--origin=toy=train" in steps[1].op.exec.meta.args


def test_commands_know_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`explain` and `graph` say what it says, and `render` writes its stages, with its mirror."""
    (tmp_path / "Dockerfile").write_bytes(SOURCE)

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main([*arguments, str(tmp_path)])
        assert caught.value.code == 0
        return capfd.readouterr().out

    (answer,) = json.loads(run("explain", "--platform=linux/amd64", "--format=json"))
    assert answer["interpreter"] == {
        "version": "3.9",
        "provider": "toy train",
        "reason": "by --interpreter",
        "platform": "linux/amd64",
        "from": "https://toys.example.com/1/train.tar",
        "wheels": "four",
    }
    assert "  from:         https://toys.example.com/1/train.tar\n" in run("explain")
    assert 'python0-source(["train.tar"]) --> python0' in run("graph")
    rendered = run("render", "--build-arg=TOY_MIRROR=mirror")
    assert 'COPY ["mirror/1/train.tar", "/download/train.tar"]' in rendered
    names = [item.text.split()[-1] for item in lex(rendered.encode()).instructions if item.keyword == "FROM"]
    assert names[1:3] == ["dockerfile-pyenv-python-3.9-toy-toy", "dockerfile-pyenv-python-3.9-toy"]


def test_no_other_room_knows_providers_apart() -> None:
    """Outside of the room only what all providers share is imported."""
    own = {path.stem for path in ROOM.glob("*.py")} - SHARED - {"__init__"}
    assert {"base", "image", "source", "standalone"} <= own
    pattern = re.compile(rf"\binterpreters(?:\.| import \(?.*\b)(?:{'|'.join(sorted(own))})\b")
    outside = [path for path in ROOM.parent.rglob("*.py") if path.parent != ROOM]
    assert [path for path in outside if pattern.search(path.read_text())] == []
