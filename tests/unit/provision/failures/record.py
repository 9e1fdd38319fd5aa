"""Records what uv says when installs fail, for `test_failure.py`; review the diff.

    export UV_DEFAULT_INDEX=… PYTHONPATH=.:frontend/dockerfile_pyenv/provision/environment
    python tests/unit/provision/failures/record.py

Each case runs uv, as an installing step runs it, against a package index of its own on this machine. What builds from
source takes its build backend from the index that UV_DEFAULT_INDEX names. What git says of a server that wants
credentials (git-…) is recorded from the bed's forge, by hand.
"""

from __future__ import annotations

import io
import os
import re
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import venv
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

import installer
from tests.bed.services.index import serve
from tests.engine.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE: Final = Path(__file__).parent
UV: Final = Path(sys.executable).with_name("uv")
ZEROS: Final = "0" * 64
EXTENSION: Final = (
    "from setuptools import setup, Extension\nsetup(name='{0}', ext_modules=[Extension('{0}', ['{0}.c'])])\n"
)
"""The setup.py of a package with one module in C."""


class Refusing(BaseHTTPRequestHandler):
    """Answers every request with the status that its server's port ends in."""

    def do_GET(self) -> None:
        """Refuse."""
        status = self.path.split("/")[1]
        self.send_response(int(status))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - the base class's naming


HANDLERS: Final = (serve.Handler, Refusing, serve.Handler)


def main() -> None:
    """Record all cases."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        venv.create(folder / "venv")
        (folder / "bin").mkdir()
        name, data = wheel("newer", python=">=3.99")
        (folder / name).write_bytes(data)
        index, refusing, secure = serve_all(folder)
        local = f"{index}/t/simple/"
        fill(serve.INDEXES.setdefault("t", {}))
        builds = {"more": ["--extra-index-url", os.environ["UV_DEFAULT_INDEX"]]}
        poor = {**builds, "path": str(folder / "bin")}
        cases: dict[str, tuple[str, str, Mapping[str, object]]] = {
            "no-such-package": ("nowhere==1.0", local, {}),
            "no-such-version": ("alpha==9.0", local, {}),
            "no-such-version-transitive": ("asks-alpha==1.0", local, {}),
            "conflict": ("alpha==2.0\nbeta==1.0", local, {}),
            "other-python": ("gamma==1.0", local, {}),
            "other-platform": ("omega==1.0", local, {}),
            "requires-python": ("newer==1.0", local, {}),
            "requires-python-transitive": ("asks-newer==1.0", local, {}),
            "requires-python-of-a-file": ("newer==1.0", "", {"more": ["--no-index", f"--find-links={folder}"]}),
            "hash-mismatch": (f"alpha==1.0 --hash=sha256:{ZEROS}", local, {}),
            "hash-missing": (f"alpha==1.0 --hash=sha256:{ZEROS}\nbeta==1.0", local, {"more": ["--require-hashes"]}),
            "refused": ("alpha==1.0", "http://127.0.0.1:9/simple/", {}),
            "no-such-host": ("alpha==1.0", "http://index.invalid/simple/", {}),
            "unauthorized": ("alpha==1.0", f"{refusing}/401/simple/", {"first": True}),
            "forbidden": ("alpha==1.0", f"{refusing}/403/simple/", {"first": True}),
            "server-error": ("alpha==1.0", f"{refusing}/500/simple/", {}),
            "tls": ("alpha==1.0", f"{secure}/t/simple/", {}),
            "no-index": ("alpha==1.0", "", {"more": ["--no-index"]}),
            "broken-wheel": ("zeta==1.0", local, {}),
            "no-such-file": ("/tmp/none-1.0-py3-none-any.whl", local, {}),
            "no-git": ("git+https://127.0.0.1:9/x.git", local, poor),
            "only-binary": ("pure==1.0", local, {"more": ["--only-binary=:all:"]}),
            "no-compiler": ("native==1.0", local, poor),
            "no-compiler-meson": ("mesonic==1.0", local, poor),
            "no-header": ("header==1.0", local, builds),
            "no-program": ("needs-pg-config==1.0", local, builds),
            "no-setuptools": ("native==1.0", local, {}),
        }
        for name, (requirements, url, how) in cases.items():
            (HERE / f"{name}.stderr").write_text(run(folder, requirements, url, how))


def run(folder: Path, requirements: str, index: str, how: Mapping[str, object]) -> str:
    """What uv says to an install that fails, without what differs from machine to machine."""
    (folder / "requirements.txt").write_text(requirements + "\n")
    more = how.get("more", [])
    assert isinstance(more, list)
    with tempfile.TemporaryDirectory() as cache:
        arguments = [
            one for one in installer.ARGUMENTS if not (how.get("first") and one.startswith("--index-strategy"))
        ]
        done = subprocess.run(
            [UV, *arguments, f"--python={folder}/venv/bin/python", f"--cache-dir={cache}", "--system-certs",
             *([f"--default-index={index}"] if index else []), *more, "--requirements=requirements.txt"],
            capture_output=True, text=True, check=False, cwd=folder,
            env={"PATH": str(how.get("path", os.environ["PATH"])), "UV_HTTP_RETRIES": "0", "HOME": str(folder)},
        )  # fmt: skip
    assert done.returncode, f"this install does not fail: {requirements}"
    text = done.stderr.replace(cache, "/cache").replace(str(folder), "/build").replace(sys.base_prefix, "/python")
    return re.sub(r"(127\.0\.0\.1|localhost):\d{5}", r"\1:8181", re.sub(r"\.tmp\w{6}", ".tmp", text))


def serve_all(folder: Path) -> tuple[str, str, str]:
    """Addresses of an index, of one that refuses, and of one with a certificate of an authority of its own."""
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=Authority",
        "req -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=localhost",
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out own.pem -days 2 -extfile names",
    ):
        (folder / "names").write_text("subjectAltName=DNS:localhost")
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    plain, refusing, secure = (ThreadingHTTPServer(("127.0.0.1", 0), one) for one in HANDLERS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem", folder / "own.key")
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    for one in (plain, refusing, secure):
        threading.Thread(target=one.serve_forever, daemon=True).start()
    port = secure.server_address[1]
    return (
        f"http://127.0.0.1:{plain.server_address[1]}",
        f"http://127.0.0.1:{refusing.server_address[1]}",
        f"https://localhost:{port}",
    )


def fill(index: dict[str, dict[str, bytes]]) -> None:
    """Put packages on the index that fail to install, each in a way of its own."""

    def add(file: str, data: bytes) -> None:
        index.setdefault(serve.normal(re.split(r"-\d", file)[0]), {})[file] = data

    for version in ("1.0", "1.5", "2.0"):
        add(*wheel("alpha", version))
    add(*wheel("beta", requires=("alpha<1.5",)))
    add(*wheel("asks_alpha", requires=("alpha>=9",)))
    add("gamma-1.0-cp27-cp27mu-manylinux1_x86_64.whl", wheel("gamma")[1])
    add("omega-1.0-py3-none-win_amd64.whl", wheel("omega")[1])
    add(*wheel("newer", python=">=3.99"))
    add(*wheel("asks_newer", requires=("newer",)))
    add(wheel("zeta")[0], b"no archive")
    add(*sdist("pure", {"setup.py": "from setuptools import setup\nsetup(name='pure')\n"}))
    add(*sdist("native", {"setup.py": EXTENSION.format("native"), "native.c": "#include <Python.h>\n"}))
    add(*sdist("header", {"setup.py": EXTENSION.format("header"), "header.c": "#include <libpq-fe.h>\n"}))
    add(*sdist("needs_pg_config", {"setup.py": "raise RuntimeError('pg_config executable not found.')\n"}))
    project = '[build-system]\nrequires = ["meson-python"]\nbuild-backend = "mesonpy"\n'
    project += '[project]\nname = "mesonic"\nversion = "1.0"\n'
    add(*sdist("mesonic", {"pyproject.toml": project, "meson.build": "project('mesonic', 'c')\n"}))


def sdist(name: str, files: Mapping[str, str]) -> tuple[str, bytes]:
    """A source distribution of version 1.0."""
    out = io.BytesIO()
    files = {**files, "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: 1.0\n"}
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    return f"{name}-1.0.tar.gz", out.getvalue()


if __name__ == "__main__":
    main()
