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


def test_its_imports_are_prepared(engine: Engine) -> None:
    """A build imports no module from a file of its own: prepare.py knows them all."""
    code = (
        "import sys; sys.path.insert(0, '/pyenv/lib'); import prepared; prepared.use(); before = {*sys.modules}; "
        "import dockerfile_pyenv.__main__, dockerfile_pyenv.frontend, buildkit_llb.stdio; "
        "specs = [sys.modules[name].__spec__ for name in {*sys.modules} - before]; "
        "print(len(specs), [spec.name for spec in specs if spec.cached and type(spec.loader) is not prepared.Prepared])"
    )
    options = ("--entrypoint", "/usr/bin/python3.13")
    count, _, found = engine.run("dockerfile-pyenv:dev", "-I", "-S", "-c", code, options=options).partition(" ")
    assert int(count) > 100
    assert found == "[]"


def test_it_says_what_it_can_do(engine: Engine) -> None:
    """The labels let inputs, sub-requests, named contexts and git addresses reach it, and keep the network away."""
    labels = engine.image_config("dockerfile-pyenv:dev")["config"]["Labels"]
    caps = {"inputs", "subrequests", "contexts", "gitquerystring"}
    assert set(labels["moby.buildkit.frontend.caps"].split(",")) == {f"moby.buildkit.frontend.{cap}" for cap in caps}
    assert labels["moby.buildkit.frontend.network.none"] == "true"
    assert labels["org.opencontainers.image.title"] == "dockerfile-pyenv"


def test_its_entrypoint_speaks_first_to_buildkit_alone(engine: Engine) -> None:
    """The static program sends the preface once, and then Python goes on; a user's command has its own output."""
    session = ("--env", "BUILDKIT_SESSION_ID=s")
    python = ("/usr/bin/python3.13", "-I", "-S", "-B", "/pyenv/frontend.py")

    def output(options: tuple[str, ...], *words: str) -> str:
        done = engine.docker("run", "--rm", "--interactive", *options, "dockerfile-pyenv:dev", *words, check=False)
        return done.stdout

    said = output(session)
    assert said.startswith("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert said == output((*session, "--entrypoint", python[0]), *python[1:])
    assert output(session, "--version") == output((), "--version")
    assert output((), "--version").startswith("dockerfile-pyenv ")
