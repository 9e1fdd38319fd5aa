"""Other engines and image stores than the classic one of Docker 28."""

import base64
import json
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.bed import settings
from tests.bed.engine import Engine
from tests.engine import progress
from tests.engine.conftest import Project
from tests.engine.test_cache import steps
from tests.engine.wheels import wheel

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
NAME, DATA = wheel("given")
FILES = {
    "Dockerfile": SYNTAX
    + f"FROM debian:bookworm-slim\nCOPY {NAME} /tmp/\nPYENV 3.9 one one.txt\nPYENV 3.11 two\nUSER 7\n",
    "one.txt": f"/tmp/{NAME}\n",
    NAME: DATA,
}

SCANNER = """#!/bin/sh
found=$(ls $BUILDKIT_SCAN_SOURCE/opt/astro-pyenv/envs | tr '\\n' ' ')
cat > $BUILDKIT_SCAN_DESTINATION/sbom.spdx.json <<EOF
{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","predicate":{"found":"$found"}}
EOF
"""

Engines = Callable[[str], Engine]
# Engines without root, or with another one, need more of a machine than others.
KINDS = pytest.mark.parametrize(
    "kind",
    ["28-containerd", "26", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("28-rootless", "28-remapped"))],
)


@pytest.mark.proves("cached", store="{kind}")
@pytest.mark.proves("in place", store="{kind}")
@KINDS
def test_builds_and_is_cached(engines: Engines, project: Project, kind: str) -> None:
    """The image works, and a second build starts no step."""
    engine = engines(kind)
    context = project(FILES)
    image = engine.build("--load", "-t", "built:test", context).image
    assert image
    code = "import given; print(given.__version__)"
    assert engine.run("built:test", "/opt/astro-pyenv/envs/one/bin/python", "-c", code) == "1.0"
    again = steps(engine.build("--load", "-t", "built:test", context).log)
    assert again
    assert all(again.values())


@pytest.mark.proves("clear error", store="{kind}")
@KINDS
def test_errors_point_at_the_users_lines(engines: Engines, project: Project, kind: str) -> None:
    """Early and late errors show the PYENV line on every engine."""
    engine = engines(kind)
    for text in ("PYENV latest one", "PYENV 3.9 one one.txt"):
        context = project(
            {"Dockerfile": f"{SYNTAX}FROM debian:bookworm-slim\n{text}\n", "one.txt": "no-such-thing==1\n"}
        )
        log = engine.build(context, check=False).log
        assert f">>> {text}" in log


@pytest.mark.proves("clear error", store="20.10")
def test_docker_20_says_what_it_needs(engines: Engines, project: Project) -> None:
    """BuildKit 0.8 gets one clear sentence; a file without PYENV lines builds there as ever."""
    engine = engines("20.10")
    engine.docker("pull", "debian:bookworm-slim")  # its builds ask the bed's mirror by TLS, which pulls do not
    text = SYNTAX + "FROM debian:bookworm-slim\nPYENV 3.9 one\n"
    context = project({"Dockerfile": text})
    done = engine.docker("build", context, env={"DOCKER_BUILDKIT": "1"}, check=False)
    assert done.returncode != 0
    assert "PYENV requires BuildKit 0.10 or newer, which Docker has since version 23.0" in done.stderr + done.stdout
    (context / "Dockerfile").write_text(text.replace("PYENV 3.9 one", "RUN true"))
    engine.docker("build", context, env={"DOCKER_BUILDKIT": "1"})


def test_two_platforms(engines: Engines, project: Project, tmp_path: Path) -> None:
    """A result with several platforms passes through, each with a config of its own."""
    engine = engines("28-containerd")
    context = project(
        {
            "Dockerfile": SYNTAX
            + "FROM --platform=$BUILDPLATFORM debian:bookworm-slim AS tools\nPYENV 3.9 one\n"
            + "RUN $ASTRO_PYENV_one --version > /version\nFROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\n"
            + "COPY --from=tools /version /version\n"
        }
    )
    target = tmp_path / "image.tar"
    words = ("--no-cache", "--platform", "linux/amd64,linux/arm64", "--output", f"type=oci,dest={target}")
    assert engine.build(*words, context).log.count("one: Python 3.9.2") == 1
    configs = [one for one in documents_of(target) if "rootfs" in one and one["architecture"] != "unknown"]
    assert sorted(config["architecture"] for config in configs) == ["amd64", "arm64"]
    assert sorted(config["config"]["Env"][-1] for config in configs) == ["ARCH=amd64", "ARCH=arm64"]


def blobs_of(archive: Path) -> list[bytes]:
    """The small blobs of an OCI archive: configs, manifests, statements."""
    with tarfile.open(archive) as tar:
        small = [member for member in tar if member.isreg() and member.size < 1_000_000]
        return [file.read() for member in small if (file := tar.extractfile(member))]


def documents_of(archive: Path) -> list[dict[str, Any]]:
    """Those of the blobs that are JSON objects."""
    return [json.loads(blob) for blob in blobs_of(archive) if blob.startswith(b"{")]


def test_attestations(engines: Engines, project: Project, tmp_path: Path) -> None:
    """With an SBOM and full provenance each step starts once, and the provenance names the user's own Dockerfile."""
    engine = engines("28-containerd")
    context = project(
        {
            **FILES,
            "scanner/Dockerfile": 'FROM debian:bookworm-slim\nCOPY --chmod=755 scan /scan\nENTRYPOINT ["/scan"]\n',
            "scanner/scan": SCANNER,
        }
    )
    engine.build("--load", "-t", "scanner:test", context / "scanner")
    target = tmp_path / "image.tar"
    result = engine.build(
        "--no-cache",
        "--attest=type=sbom,generator=scanner:test",
        "--provenance=mode=max",
        "--output",
        f"type=oci,dest={target}",
        context,
    )
    assert result.log.count("one: 1 package") == 1
    statements = [one for one in documents_of(target) if "predicateType" in one]
    kinds = {statement["predicateType"]: statement["predicate"] for statement in statements}
    assert kinds["https://spdx.dev/Document"] == {"found": "one two "}
    (provenance,) = [predicate for kind, predicate in kinds.items() if "slsa" in kind]
    assert "dockerfile-pyenv" in json.dumps(provenance)
    infos = provenance["metadata"]["https://mobyproject.org/buildkit@v1#metadata"]["source"]["infos"]
    assert [base64.b64decode(info["data"]).decode() for info in infos] == [FILES["Dockerfile"]]


# BuildKit's look-up in an imported cache misses a record in most runs on an engine with a long history, even if its
# build cache is empty (5 of 7), and in none on one with a short history (0 of 6). So CI cannot wait for it.
@pytest.mark.slow
def test_a_registry_cache_on_a_fresh_engine_pulls_no_base(engines: Engines, project: Project) -> None:
    """What another machine has built comes from the registry cache: nothing is installed, no base layer is pulled."""
    engine = engines("28-containerd")
    context = project(FILES)
    cache = f"type=registry,ref={settings.REGISTRY}/cache:{uuid.uuid4().hex[:8]},registry.insecure=true"
    words = ("--no-cache", "--cache-to", f"{cache},mode=max", "--output", "type=cacheonly", context)
    engine.prune()
    assert progress.parse(engine.build(*words, progress="rawjson").log).installed() == ["one", "two"]
    engine.prune()
    engine.docker("image", "rm", "--force", "debian:bookworm-slim", check=False)
    log = engine.build("--cache-from", cache, "--output", "type=cacheonly", context, progress="rawjson").log
    # BuildKit loads results from the cache to compare their content, and calls some of these steps done.
    again = progress.parse(log)
    assert again.installed() == []
    assert [step.name for step in again.steps.values() if step.ran and step.name.endswith("] unpack")] == []
    (base,) = (step for step in again.steps.values() if "FROM docker.io/library/debian" in step.name)
    assert not base.extracted
