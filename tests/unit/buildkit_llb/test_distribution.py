"""The distribution: what its README says, its examples, and the version that dockerfile-pyenv requires."""

import os
import re
import subprocess
import sys
import tokenize
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from tests.bed import settings
from tests.reference import blocks
from tests.unit.buildkit_llb.daemon import Daemon

import buildkit_llb
from buildkit_llb import Definition, Gateway, SourceDetail, ops
from buildkit_llb.errors import Status
from buildkit_llb.proto import gateway_pb2

ROOT = settings.REPOSITORY / "frontend/buildkit-llb"
README = ROOT / "README.md"
PACKAGES = ROOT / "examples/packages"
GRAPH = ROOT / "examples/graph.py"
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
FILE = b"# syntax=packages:1\nfrom debian:bookworm-slim\n\ninstall jq  # a tool\ncmd jq --version\n"
CONFIG = b'{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["bash"]}}'


def section(title: str) -> str:
    """A section of README, without its heading."""
    return README.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_blocks_of_readme_are_the_examples() -> None:
    files = [PACKAGES / "frontend.py", PACKAGES / "Dockerfile", PACKAGES / "jq.packages", GRAPH]
    shown = [block.text for block in blocks(README) if block.language != "console"]
    assert shown[0] == "pip install ./frontend/buildkit-llb\n"
    assert shown[1:] == [path.read_text() for path in files]


@pytest.mark.parametrize("path", [PACKAGES / "frontend.py", GRAPH], ids=lambda path: path.name)
def test_examples_are_short(path: Path) -> None:
    """40 lines of code: not counted are blank lines, comments and docstrings."""
    with path.open("rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    skipped = {tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
    code = {
        line
        for token in tokens
        if token.type not in skipped and not (token.type == tokenize.STRING and token.string.startswith('"""'))
        for line in range(token.start[0], token.end[0] + 1)
    }
    assert len(code - {tokens[-1].start[0]}) <= 40


def test_readme_lists_the_public_names_by_topic() -> None:
    """Those of the package and of its modules, once each, and the calls of Gateway."""
    rows = [line.split("|")[2] for line in section("Public names").splitlines() if line.startswith("| ")][1:]
    listed = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    top = {name: getattr(buildkit_llb, name) for name in buildkit_llb.__all__}
    names = {name for name, value in top.items() if not isinstance(value, ModuleType)}
    of_modules = {
        f"{module}.{name}"
        for module in top.keys() - names
        for name in import_module(f"buildkit_llb.{module}").__all__
        if name not in names
    }
    calls = {f"Gateway.{name}" for name in vars(Gateway) if not name.startswith("_")}
    assert sorted(listed) == sorted(names | of_modules | calls)


def test_each_promise_names_tests_that_exist() -> None:
    rows = [line for line in section("What it promises").splitlines() if line.startswith("| **")]
    assert len(rows) == 9
    for row in rows:
        tests = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row)
        assert tests, row
        for file, name in tests:
            assert f"def {name}(" in Path(__file__).with_name(file).read_text(), name


def test_the_frontend_requires_this_version() -> None:
    """dockerfile-pyenv accepts this version and later ones, up to the next major one."""
    project = tomllib.loads((settings.REPOSITORY / "pyproject.toml").read_text())["project"]
    (requirement,) = (one for one in map(Requirement, project["dependencies"]) if one.name == "buildkit-llb")
    version = buildkit_llb.__version__
    assert str(requirement.specifier) == f"<{int(version.partition('.')[0]) + 1},>={version}"


@pytest.mark.parametrize("lock", ["dev", "frontend"])
def test_locks_have_what_it_requires_but_not_itself(lock: str) -> None:
    """An installation would look for it on an index: images and tests take it from the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = re.findall(r"(?m)^([\w-]+)==", (settings.REPOSITORY / f"requirements/{lock}.txt").read_text())
    assert {Requirement(one).name for one in project["dependencies"]} <= set(locked)
    assert "buildkit-llb" not in locked


def test_without_the_distribution_there_is_no_such_package() -> None:
    """A directory of the package's name would pass for it: `frontend` alone on the path has none."""
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('buildkit_llb') is not None)"
    environment = {**ENVIRONMENT, "PYTHONPATH": str(settings.REPOSITORY / "frontend")}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=settings.REPOSITORY, check=True)


def answer(file: bytes) -> tuple[gateway_pb2.ReturnRequest, list[Definition]]:
    """What the example returns for a file, and the graphs that it solves before."""
    solved: list[Definition] = []

    def solve(request: bytes) -> bytes:
        solved.append(Definition.from_pb(gateway_pb2.SolveRequest.FromString(request).definition))
        ref = gateway_pb2.Ref(id=str(len(solved)))
        return gateway_pb2.SolveResponse(result=gateway_pb2.Result(ref=ref)).SerializeToString()

    def read(request: bytes) -> bytes:
        assert gateway_pb2.ReadFileRequest.FromString(request).file_path == "jq.packages"
        return gateway_pb2.ReadFileResponse(data=file).SerializeToString()

    def resolve(_: bytes) -> bytes:
        return gateway_pb2.ResolveImageConfigResponse(config=CONFIG).SerializeToString()

    handlers = {"Solve": solve, "ReadFile": read, "ResolveImageConfig": resolve, "Return": lambda _: b""}
    options = {"BUILDKIT_SESSION_ID": "session", "BUILDKIT_FRONTEND_OPT_0": "filename=jq.packages"}
    with Daemon(handlers) as daemon:
        run = subprocess.run(
            [sys.executable, PACKAGES / "frontend.py"],
            stdin=daemon.client_read,
            stdout=daemon.client_write,
            env=ENVIRONMENT | options,
            check=False,
        )
    assert run.returncode == 0
    return gateway_pb2.ReturnRequest.FromString(daemon.request("Return")), solved


def test_the_frontend_example_solves_what_the_file_describes() -> None:
    returned, (source, built) = answer(FILE)
    assert source.vertices()[0].op.source.attrs["local.session"] == "session"
    image, step = built.vertices()
    assert ops.normalize_image("debian:bookworm-slim") in image.op.source.identifier
    assert step.op.exec.meta.args[-1].endswith("install -qq --no-install-recommends jq")
    assert returned.result.ref.id == "2"
    assert returned.result.metadata["containerimage.config"] == (
        b'{"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["jq", "--version"]}}'
    )


def test_the_frontend_example_shows_the_line_that_is_wrong() -> None:
    returned, solved = answer(FILE.replace(b"install", b"instal"))
    status = Status.from_pb(returned.error)
    assert status.message == "unknown instruction: instal"
    (source,) = status.sources()
    assert isinstance(source, SourceDetail)
    assert (source.filename, source.ranges[0].start_line, len(solved)) == ("jq.packages", 4, 1)


def test_the_graph_example_writes_its_graph() -> None:
    """What `buildctl build` reads from its standard input: a Definition, without more."""
    written = subprocess.run([sys.executable, GRAPH], env=ENVIRONMENT, capture_output=True, check=True).stdout
    definition = Definition.from_bytes(written)
    assert definition.to_bytes() == written
    assert [vertex.name for vertex in definition.vertices()] == ["", "write the greeting", "copy the greeting"]
