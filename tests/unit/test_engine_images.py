"""Commands that ask a running engine about base images."""

import gc
import json
import socketserver
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest
from tests.unit.conftest import CONNECT

from dockerfile_pyenv.cli.engine_images import EngineImages

Run = Callable[..., tuple[int, str, str]]
IMAGE = "registry.example.com/team/base:1"
CONFIG = {"User": "astro", "Env": ["PATH=/usr/bin", "FLAVOUR=etl"], "OnBuild": None}


class Handler(BaseHTTPRequestHandler):
    """An engine that has one image, as docker's API answers (docs.docker.com/reference/api/engine)."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []
    os = "linux"

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        self.asked.append(path)
        place = f"/v1.51/images/{IMAGE}/"
        answers = {
            "/version": {"ApiVersion": "1.51", "MinAPIVersion": "1.24"},
            f"{place}json": {"Id": "sha256:1", "Os": self.os, "Architecture": "amd64", "Config": CONFIG},
            "/v1.51/images/sha256:1/history": [{"CreatedBy": "second"}, {"CreatedBy": "first"}],
            f"{place}history": [{"CreatedBy": "second"}, {"CreatedBy": "first"}],
        }
        body = json.dumps(answers.get(path, {"message": f"No such image: {path}"})).encode()
        self.send_response(200 if path in answers else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """A socket has no address."""
        return "socket"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(socketserver.ThreadingUnixStreamServer):
    """On a socket."""

    daemon_threads = True


@pytest.fixture(autouse=True)
def _reach_engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what keeps engines away from the other tests."""
    monkeypatch.setattr(EngineImages, "_connect", CONNECT)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()  # the SDK leaves its sockets open


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Handler]]:
    """An engine at DOCKER_HOST."""
    path = tmp_path / "docker.sock"
    Handler.asked, Handler.os = [], "linux"
    with Server(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield Handler
        server.shutdown()


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context whose line needs what only the base image says."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"#syntax=a\nFROM {IMAGE}\nPYENV 3.13 $FLAVOUR\n")
    return folder


def test_the_engine_tells_user_and_env(run: Run, context: Path, engine: type[Handler]) -> None:
    """Every command knows them then; each image is asked for once."""
    status, out, err = run("explain", context)
    assert status == 0, err
    assert "ASTRO_PYENV_etl" in out
    assert "belongs to:   astro" in out
    assert sum(path.endswith("/json") for path in engine.asked) == 1
    for command in ("check", "graph", "render"):
        assert run(command, context)[0] == 0


def test_the_command_line_goes_first(run: Run, context: Path, engine: type[Handler]) -> None:
    """An option for all images adds to what the engine says; a whole config, or --no-engine, replaces it."""
    out = run("explain", "--user=me", "--env=FLAVOUR=reports", context)[1]
    assert "belongs to:   me" in out
    assert "ASTRO_PYENV_reports" in out
    config = context / "config.json"
    config.write_text(json.dumps([{"Config": {"User": "7", "Env": ["FLAVOUR=given"]}}]))
    engine.asked.clear()
    out = run("explain", f"--image-config={config}", context)[1]
    assert "ASTRO_PYENV_given" in out
    status, _, err = run("explain", "--no-engine", context)
    assert status == 1
    assert "docker pull" not in err
    assert engine.asked == []


@pytest.mark.parametrize("os", ["linux", "windows"])
def test_an_image_that_the_engine_does_not_have(run: Run, context: Path, engine: type[Handler], os: str) -> None:
    """The error says what would help."""
    engine.os = os
    text = (context / "Dockerfile").read_text().replace("$FLAVOUR", "etl")
    (context / "Dockerfile").write_text(text if os == "windows" else text.replace(IMAGE, "example.com/other"))
    status, _, err = run("explain", context)
    assert status == 1
    name = IMAGE if os == "windows" else "example.com/other"
    assert f"; or load the image into the engine, which this command asks: docker pull {name}\n" in err


def test_without_an_engine(run: Run, context: Path) -> None:
    (context / "Dockerfile").write_text(f"#syntax=a\nFROM {IMAGE}\nPYENV 3.13 etl\n")
    status, _, err = run("explain", context)
    assert status == 1
    assert "none answers at unix:///nonexistent/docker.sock\n" in err
    assert run("explain", "--user=me", context)[0] == 0


def test_without_the_extra(run: Run, context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (context / "Dockerfile").write_text(f"#syntax=a\nFROM {IMAGE}\nPYENV 3.13 etl\n")
    monkeypatch.setitem(sys.modules, "docker", None)
    status, _, err = run("explain", context)
    assert status == 1
    assert "; or let this command ask your engine: pip install 'dockerfile-pyenv[docker]'\n" in err
