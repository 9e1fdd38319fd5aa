"""The frontend's own image."""

import gzip
import subprocess
import tarfile
import tempfile

from tests.bed import cli
from tests.bed.engine import Engine

LIMIT = 45_000_000
"""Bytes that the image may have to pull."""


def test_it_is_small(engine: Engine) -> None:
    """Its layers, compressed as registries have them, are within the limit."""
    with tempfile.TemporaryFile() as file:
        command = [str(cli.DOCKER), "save", "dockerfile-pyenv:plain"]
        subprocess.run(command, stdout=file, env=engine.environment(), check=True)
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            blobs = (tar.extractfile(member) for member in tar if member.size > 100_000)
            size = sum(len(gzip.compress(blob.read(), 6)) for blob in blobs if blob)
    assert 10_000_000 < size < LIMIT


def test_it_parses_messages_with_compiled_code(engine: Engine) -> None:
    """Protobuf falls back to Python code, many times slower, where a library that its parser needs is missing."""
    code = (
        "import sys; sys.path.insert(0, '/pyenv/lib'); "
        "from google.protobuf.internal import api_implementation as used; print(used.Type())"
    )
    options = ("--entrypoint", "/usr/bin/python3.13")
    assert engine.run("dockerfile-pyenv:dev", "-I", "-S", "-c", code, options=options) == "upb"


def test_it_says_what_it_can_do(engine: Engine) -> None:
    """The labels let inputs, sub-requests, named contexts and git addresses reach it, and keep the network away."""
    labels = engine.image_config("dockerfile-pyenv:dev")["config"]["Labels"]
    caps = {"inputs", "subrequests", "contexts", "gitquerystring"}
    assert set(labels["moby.buildkit.frontend.caps"].split(",")) == {f"moby.buildkit.frontend.{cap}" for cap in caps}
    assert labels["moby.buildkit.frontend.network.none"] == "true"
    assert labels["org.opencontainers.image.title"] == "dockerfile-pyenv"
