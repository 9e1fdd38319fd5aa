"""Files that are too much: each gets a sentence and a place, in time."""

import itertools
import json
import posixpath
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from tests.unit.planning import Files, plan_of
from tests.unit.standin import Build

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.errors import Status
from buildkit_llb.proto import gateway_pb2
from dockerfile_pyenv import __main__ as process
from dockerfile_pyenv.engine import error_status, named_contexts
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.plan import requirement_files

Run = Callable[..., tuple[int, str, str]]
Serve = Callable[[Build], list[gateway_pb2.ReturnRequest]]
DIGITS = "9" * 5000
DEEP = 5000
MARKER = f"{'(' * DEEP}python_version<'3'{')' * DEEP}"
LINE = "FROM debian\nPYENV 3.13 one "


INCLUDES = {f"r{number}.txt": f"-r r{number + 1}.txt\n" for number in range(3000)}
TOO_MUCH: Mapping[str, tuple[str, Mapping[str, str], str]] = {
    "version": (f"FROM debian\nPYENV 3.{DIGITS} one\n", {}, "is not a Python version"),
    "requirement": (LINE + "r.txt\n", {"r.txt": f"./a-1-{DIGITS}-py3-none-any.whl\n"}, "too many digits"),
    "wheel": (LINE + "r.txt\n", {"r.txt": f"./a-{DIGITS}-py3-none-any.whl\n"}, "too many digits"),
    "marker": (LINE + "r.txt\n", {"r.txt": f"a; {MARKER}\n"}, "r.txt, line 1: a; ((("),
    "marker of a file": (LINE + "r.txt\n", {"r.txt": f"./a.zip; {MARKER}\n"}, "nested too deeply"),
    "variables": (f"FROM debian\nPYENV 3.13 {'${A:-' * DEEP}one{'}' * DEEP}\n", {}, "variables are nested too deep"),
    "includes": (LINE + "r0.txt\n", INCLUDES, "more than 250 levels deep"),
    "lock, nested": (LINE + "pylock.toml\n", {"pylock.toml": f"a = {'[' * DEEP}"}, "values are nested too deeply"),
    "lock, digits": (LINE + "pylock.toml\n", {"pylock.toml": f"a = {DIGITS}\n"}, "too many digits"),
    "lock, Python": (LINE + "pylock.toml\n", {"pylock.toml": f"requires-python = '>={DIGITS}'\n"}, "too many digits"),
    "lock, marker": (LINE + "pylock.toml\n", {"pylock.toml": f'environments = ["{MARKER}"]\n'}, "cannot read a marker"),
    "lock, kind": (LINE + "pylock.toml\n", {"pylock.toml": "environments = 3\n"}, "must be lists"),
    "name": (f"FROM debian\nPYENV 3.13 {'a' * 256}\n", {}, "has 256 characters"),
    "heredoc": (LINE + f"<<{'a' * 256}\n{'a' * 256}\n", {}, "which can have 253 bytes"),
    "path": (LINE + f"{'a' * 5000}.txt\n", {}, "name too long"),
    "wildcard": (LINE + "requirements/*.txt\n", {}, "Wildcards are not expanded: name each file"),
    "digits of another script": (LINE.replace("3.13", "--secret=id=A,mode=\uff10 3.13") + "\n", {}, "is not valid"),
}


@pytest.mark.parametrize("command", ["check", "explain", "render"])
@pytest.mark.parametrize("case", TOO_MUCH)
def test_a_file_that_is_too_much_gets_a_sentence_and_a_place(run: Run, tmp_path: Path, command: str, case: str) -> None:
    """At the line, and soon."""
    text, files, words = TOO_MUCH[case]
    (tmp_path / "Dockerfile").write_text(text)
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    start = time.process_time()
    status, out, err = run(command, tmp_path)
    assert time.process_time() - start < 5
    assert status == 1
    said = out if command == "check" else err
    assert words.lower() in said.lower()
    assert f"{tmp_path}/Dockerfile:2" in said
    assert "internal error" not in said


def test_an_inline_requirement_has_no_line_of_its_own(run: Run, tmp_path: Path) -> None:
    """The message began with ", line 1: "."""
    (tmp_path / "Dockerfile").write_text(LINE + "./a-b.whl\n")
    _, _, err = run("explain", tmp_path)
    assert "Dockerfile:2: ./a-b.whl: a-b.whl is not a wheel file name" in err


@pytest.mark.parametrize("command", ["check", "explain", "render"])
def test_variables_that_repeat_each_other_take_no_time(run: Run, tmp_path: Path, command: str) -> None:
    """Forty lines would stand for more than any machine's memory."""
    env = "".join(f"ENV A{number + 1}=$A{number}$A{number}$A{number}$A{number}\n" for number in range(40))
    (tmp_path / "Dockerfile").write_text(f"FROM debian\nENV A0=aaaaaaaaaa\n{env}PYENV 3.13 one $A40.txt\n")
    start = time.process_time()
    status, out, err = run(command, tmp_path)
    assert time.process_time() - start < 1
    assert status == 1
    assert "$A40, which has no value in this file" in out + err


@pytest.mark.parametrize("text", ["", "# nothing\n", "ARG A\n", "RUN a\n"])
def test_render_of_a_file_without_a_stage_says_so(run: Run, tmp_path: Path, text: str) -> None:
    """It was an IndexError."""
    (tmp_path / "Dockerfile").write_text(text)
    status, _, err = run("render", tmp_path)
    assert status == 1
    assert f"{tmp_path}/Dockerfile:1: the Dockerfile has no build stage: add a FROM instruction" in err


def test_a_hundred_levels_of_includes_take_less_than_a_second() -> None:
    """Each level is read at once, and each file is checked once."""
    files = {f"{side}{level}.txt": f"-r {side}{level + 1}.txt\n".encode() for side in "ab" for level in range(100)}
    files |= {"a100.txt": b"pandas==2.2.3\n", "b100.txt": b"numpy==2.1.0\n"}
    _, plan = plan_of(b"FROM debian\nPYENV 3.13 one a0.txt b0.txt\n")
    tree = Files(files)
    start = time.process_time()
    found = requirement_files.collect(plan, tree)
    assert time.process_time() - start < 1
    assert [sorted(read) for read, _ in tree.rounds] == [[f"a{level}.txt", f"b{level}.txt"] for level in range(101)]
    expected = [f"{side}{level}.txt" for side in "ab" for level in range(101)]
    assert [file.path for file in found.files[0]] == expected


def requested(definitions: Iterable[Definition]) -> list[list[str]]:
    """The paths of the build context that graphs request for requirements files."""
    sources = [vertex.op.source for definition in definitions for vertex in definition.vertices()]
    return [
        json.loads(source.attrs["local.followpaths"])
        for source in sources
        if source.attrs.get("local.sharedkeyhint") == "pyenv-requirements"
    ]


@pytest.mark.parametrize(
    ("first", "further", "solves"),
    [("r[a].txt", "r/r{}.txt", 4), ("a.txt", "r{}.txt", 4), ("a.in", "r/{}/r.txt", 101), ("a", "r{}", 101)],
)
def test_many_levels_of_includes_take_few_solves(serve: Serve, first: str, further: str, solves: int) -> None:
    """A solve for each took 5 s for 100 levels. From the fourth on, files in the same directory come along."""
    paths = [first, *map(further.format, range(100))]
    files = {
        path: f"-r {posixpath.relpath(after, posixpath.dirname(path) or '.')}\n".encode()
        for path, after in itertools.pairwise(paths)
    }
    build = Build({"Dockerfile": f'FROM debian\nPYENV 3.13 one "{first}"\n'.encode()}, {**files, paths[-1]: b"a==1\n"})
    (answer,) = serve(build)
    assert not answer.HasField("error")
    found = requested(Definition.from_pb(request.definition) for request in build.solved if not request.frontend)
    assert len(found) == solves
    quoted = [path.replace("[", "[[]") for path in paths]
    assert found[2] == quoted[:3]
    if further == "r/r{}.txt":
        assert found[3] == [*quoted[:4], "r/*.txt"]
    # What a step gets is exactly what is named, in whatever way it was read.
    handed_over = [one for request in build.solved for one in request.frontend_inputs.values()]
    (step,) = requested(map(Definition.from_pb, handed_over))
    assert step == quoted


@pytest.mark.parametrize("version", ["", "latest", "3", "three.nine", DIGITS, "3." + DIGITS])
def test_a_label_that_is_not_ours_is_ignored(version: str) -> None:
    """Anybody can set one."""
    entry = {"name": "a", "version": version, "interpreter": "b", "path": "c"}
    half = {**entry, "version": "3.9", "name": "\ud800"}
    for label in (json.dumps([entry]), json.dumps([half]), "[" * 100_000, DIGITS):
        _, plan = plan_of(b"FROM debian\nPYENV 3.13 one\n", label=label)
        assert [one["name"] for one in json.loads(plan.groups[0].label)] == ["one"]


@pytest.mark.parametrize(
    ("config", "status"),
    [
        ({"Env": 3}, 2),
        ({"Env": [3]}, 2),
        ({"OnBuild": [None]}, 2),
        ({"User": {}}, 0),
        ({"User": 3}, 2),
        ({"Env": ["A=\ud800"], "User": "\ud800"}, 0),
        ({"Labels": {"dockerfile-pyenv.environments": '[{"name": "\\ud800"}]'}}, 0),
    ],
)
def test_a_config_of_an_image_may_hold_anything(run: Run, tmp_path: Path, config: object, status: int) -> None:
    """What it cannot be is refused, and half a character is read as an engine reads it."""
    (tmp_path / "Dockerfile").write_text("FROM quay.io/astronomer/astro-runtime:12.7.1\nPYENV 3.13 one\n")
    (tmp_path / "config.json").write_text(json.dumps({"config": config}))
    found, _, err = run("render", "--build-arg=PYENV_ASTRO=off", f"--image-config={tmp_path}/config.json", tmp_path)
    assert found == status, err
    assert "internal error" not in err


def test_many_warnings_are_one_short_answer(run: Run, tmp_path: Path) -> None:
    """An answer with all lines of an instruction in each of its warnings was larger than the engine accepts."""
    names = [f"E{number}" for number in range(500)]
    bodies = "".join(f"pandas==2.2.3\n{name}\n" for name in names)
    (tmp_path / "Dockerfile").write_text(f"{LINE}{' '.join('<<' + name for name in names)}\n{bodies}")
    status, out, _ = run("check", tmp_path)
    assert status == 1
    assert out.count("lists pandas again") == 3
    assert "and 496 more: keep one of each" in out
    assert len(out) < 4_000_000
    assert len(run("check", "--format=json", tmp_path)[1]) < 1_000_000


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Run the frontend's process: what it returns."""
    tools = tmp_path / "frontend.bin"
    tools.write_bytes(ops.marshal(ops.image("dockerfile-pyenv:1")).to_bytes())
    monkeypatch.setattr(named_contexts, "TOOLS_METADATA", tools)

    def run(build: Build) -> list[gateway_pb2.ReturnRequest]:
        with build.daemon() as daemon:
            process.serve(daemon.connect(preface_sent=True))
        return build.returned

    return run


def test_an_answer_that_the_engine_does_not_accept_is_an_error_in_words(serve: Serve) -> None:
    """Without another answer, the user saw the exit status of the frontend's process."""
    text = b"FROM debian\nPYENV 3.13 one\n"
    build = Build({"Dockerfile": text})

    def refuse(data: bytes) -> bytes | Status:
        if gateway_pb2.ReturnRequest.FromString(data).HasField("result"):
            return Status(8, "grpc: received message larger than max (5000000 vs. 4194304)")
        return build.answer_return(data)

    build.handlers = {"Return": refuse}
    (answer,) = serve(build)
    status = Status.from_pb(answer.error)
    assert status.message.startswith("the engine did not accept the result of this build: ")
    assert [source.data for source in status.sources()] == [text]


@pytest.mark.parametrize("error", [RecursionError(), MemoryError()])
def test_limits_of_python_are_told_in_words(error: BaseException) -> None:
    """Wherever they are met."""
    message = error_status.internal(error).message
    assert message.startswith("the Dockerfile, or a file that it names, ")
    assert "bug" not in message


def test_an_inline_requirement_with_broken_bytes_is_refused() -> None:
    """They come from a build argument on the command line."""
    with pytest.raises(DockerfileError, match="control character"):
        plan_of(b"FROM debian\nPYENV 3.13 one a==$A\n", [{"words": ["3.13", "one", "a==\udcff"]}])
