"""Files without PYENV: builds are as with BuildKit's own Dockerfile frontend, down to the provenance."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.bed import control
from tests.bed.engine import Engine
from tests.engine.conftest import Project

from buildkit_llb import ops
from buildkit_llb.definition import Definition

FILE = "FROM debian:bookworm-slim as base\nARG A=1\nCOPY a /b\nMAINTAINER me\nFROM base\nRUN --network=none true $B\n"
BUILDKIT = "https://mobyproject.org/buildkit@v1#metadata"
FRONTEND = "dockerfile-pyenv:dev"


def provenance(engine: Engine, context: Path, mode: str, *words: str) -> dict[str, Any]:
    """The provenance of a build as buildx writes it, without times and without what is another session's every time."""
    metadata = context / "metadata.json"
    engine.build(
        f"--metadata-file={metadata}",
        "--output=type=cacheonly",
        "--build-arg=A=2",
        *words,
        context,
        env={"BUILDX_METADATA_PROVENANCE": mode},
    )
    found: dict[str, Any] = json.loads(metadata.read_text())["buildx.build.provenance"]
    about = found.get("metadata", {})
    for name in ("buildInvocationID", "buildStartedOn", "buildFinishedOn"):
        about.pop(name, None)
    about.get(BUILDKIT, {}).pop("sysUsage", None)
    for source in about.get(BUILDKIT, {}).get("source", {}).get("infos", []):
        source.pop("digestMapping")
    found.get("buildConfig", {}).pop("digestMapping", None)
    return found


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_provenance_names_this_frontend_and_is_upstreams_otherwise(
    engine: Engine, project: Project, mode: str
) -> None:
    """The request, its options and the image's digest are this frontend's; everything else is equal."""
    context = project({"Dockerfile": FILE, "a": "a"})
    stock = provenance(engine, context, mode)
    ours = provenance(engine, context, mode, f"--build-arg=BUILDKIT_SYNTAX={FRONTEND}")
    invocation, theirs = (one["invocation"]["parameters"] for one in (ours, stock))
    assert (theirs.pop("frontend"), invocation.pop("frontend")) == ("dockerfile.v0", "gateway.v0")
    args = invocation.pop("args")
    added = dict.fromkeys(("source", "cmdline", "build-arg:BUILDKIT_SYNTAX"), FRONTEND)
    assert args == {**theirs.pop("args", {}), **added}
    image = [one for one in ours["materials"] if one["uri"].startswith("pkg:docker/dockerfile-pyenv@dev")]
    assert any(one.get("digest", {}).get("sha256") for one in image)
    ours["materials"] = [one for one in ours["materials"] if one not in image]
    assert ours == stock


def test_warnings_are_upstreams_also_before_an_error(engine: Engine, project: Project) -> None:
    """A file gets the warnings that stand before its error, with a PYENV line and without."""

    def warnings(text: str, *words: str) -> list[str]:
        result = engine.build(*words, project({"Dockerfile": text}), check=False)
        assert "unknown instruction: RUNN" in result.log, result.log
        return sorted(re.findall(r" - (\w+: .* \(line \d+\))$", result.log, re.MULTILINE))

    faulty = FILE.replace("RUN", "RUNN")
    stock = warnings(faulty)
    assert len(stock) == 2, stock
    chosen = f"--build-arg=BUILDKIT_SYNTAX={FRONTEND}"
    assert (found := warnings(faulty, chosen)) == stock, (found, stock)
    assert warnings(f"{faulty}PYENV 3.11 a\n", chosen) == stock


def test_requests_about_a_file_get_upstreams_answer(engine: Engine, project: Project) -> None:
    """Also about one that mentions PYENV."""
    context = project({"Dockerfile": f"# no PYENV here\n{FILE}"})

    def answer(call: str, *words: str) -> str:
        return engine.docker(
            "buildx", "build", "--progress=quiet", f"--call={call}", *words, context, check=False
        ).stdout

    for call in ("check", "outline", "targets"):
        assert answer(call, f"--build-arg=BUILDKIT_SYNTAX={FRONTEND}") == answer(call) != ""


def solve(engine: Engine, text: str, opts: Mapping[str, str], **inputs: Definition) -> str:
    """How a build ends whose client chooses a frontend by itself; "" is success."""
    dockerfile, context = (ops.file(ops.scratch(), [ops.mkfile(name, text.encode())]) for name in ("/Dockerfile", "/a"))
    given = {"dockerfile": ops.marshal(dockerfile), "context": ops.marshal(context), **inputs}
    frontend = "gateway.v0" if "source" in opts else "dockerfile.v0"
    return control.solve(engine.kind.socket, frontend, opts, given)


def test_a_client_chooses_the_frontend(engine: Engine) -> None:
    """As buildctl does: the syntax line counts, as with upstream's image, but for a file with PYENV."""
    chosen = {"source": FRONTEND}
    other = "# syntax=none.invalid/frontend:1\nFROM scratch\nCOPY a /a\n"
    stock, ours = solve(engine, other, {}), solve(engine, other, chosen)
    assert "none.invalid/frontend:1" in stock
    assert ours == stock
    named = {"build-arg:BUILDKIT_SYNTAX": "none.invalid/frontend:2"}
    assert solve(engine, other, {**chosen, **named}) == solve(engine, other, named)
    assert solve(engine, other.replace("none.invalid/frontend:1", FRONTEND), chosen) == ""
    assert solve(engine, other.partition("\n")[2], chosen) == ""
    assert solve(engine, other.replace("FROM scratch", "FROM debian:bookworm-slim\nPYENV 3.11 a"), chosen) == ""


def test_what_is_empty(engine: Engine) -> None:
    """An input without a graph is refused in words; an image without a file is none."""
    chosen = {"source": FRONTEND}
    for name in ("context", "dockerfile"):
        stock, ours = (solve(engine, "FROM scratch\n", opts, **{name: Definition()}) for opts in ({}, chosen))
        assert stock.endswith("invalid nil input definition to definition op")
        assert ours == f"{stock}: the input {name} is empty"
    platforms = {"platform": "linux/amd64,linux/arm64"}
    assert solve(engine, "FROM scratch\n", chosen) == solve(engine, "FROM scratch\n", {**chosen, **platforms}) == ""
