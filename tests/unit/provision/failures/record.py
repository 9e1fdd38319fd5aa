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
import time
import venv
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uv_installer
from tests.bed.services.index import serve
from tests.engine.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE: Final = Path(__file__).parent
UV: Final = Path(sys.executable).with_name("uv")
SECONDS: Final = 2
"""Timeout of uv."""
ZEROS: Final = "0" * 64
MUSL: Final = "--python-platform=x86_64-unknown-linux-musl"
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


class Stalling(serve.Handler):
    """Sends the start of a file, or nothing of a page of the index `stall`, and no more."""

    def do_GET(self) -> None:  # noqa: N802 - the base class's naming
        """Stall."""
        if "/files/" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"PK\x03\x04")
            self.wfile.flush()
        if "/files/" in self.path or self.path.startswith("/stall/"):
            time.sleep(3 * SECONDS)
        else:
            super().do_GET()


class WrongHashes(serve.Handler):
    """Names hashes that files do not have."""

    def _links(self, links: dict[str, str]) -> None:
        super()._links({name: re.sub(r"sha256=\w+", f"sha256={'1' * 64}", link) for name, link in links.items()})


HANDLERS: Final = (serve.Handler, Refusing, serve.Handler, Stalling, WrongHashes)


def main() -> None:
    """Record all cases."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        venv.create(folder / "venv")
        (folder / "bin").mkdir()
        name, data = wheel("newer", python=">=3.99")
        (folder / name).write_bytes(data)
        index, refusing, secure, stalling, wrong = serve_all(folder)
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
            "stalled-file": ("alpha==1.0", f"{stalling}/t/simple/", {}),
            "stalled-index": ("alpha==1.0", f"{stalling}/stall/simple/", {}),
            "hash-of-the-index": ("alpha==1.0", f"{wrong}/t/simple/", {}),
            "other-system": ("pywin32", local, {}),
            "other-system-transitive": ("needs-win", local, {}),
            "other-system-and-python": ("pywin32", os.environ["UV_DEFAULT_INDEX"], {}),
            "metadata": ("badreq==1.0", local, {}),
            "metadata-version": ("badver2==1.0", local, {}),
            "metadata-name": ("badname==1.0", local, {}),
            "build-killed": ("killed==1.0", local, {}),
            "compiler-killed": ("killedcc==1.0", local, {}),
            "local-version": ("torch==2.4.0+cpu", local, {}),
            "glibc-wheels": ("sigma==1.0", local, {"more": [MUSL]}),
            "glibc-wheels-transitive": ("asks-sigma==1.0", local, {"more": [MUSL]}),
            "glibc-wheels-of-all-versions": ("sigma", local, {"more": [MUSL]}),
            "musl-wheels": ("tau==1.0", local, {}),
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
            one for one in uv_installer.ARGUMENTS if not (how.get("first") and one.startswith("--index-strategy"))
        ]
        done = subprocess.run(
            [UV, *arguments, f"--python={folder}/venv/bin/python", f"--cache-dir={cache}", "--system-certs",
             *([f"--default-index={index}"] if index else []), *more, "--requirements=requirements.txt"],
            capture_output=True, text=True, check=False, cwd=folder,
            env={"PATH": str(how.get("path", os.environ["PATH"])), "UV_HTTP_RETRIES": "0",
                 "UV_HTTP_TIMEOUT": str(SECONDS), "HOME": str(folder)},
        )  # fmt: skip
    assert done.returncode, f"this install does not fail: {requirements}"
    text = done.stderr.replace(cache, "/cache").replace(str(folder), "/build").replace(sys.base_prefix, "/python")
    return re.sub(r"(127\.0\.0\.1|localhost):\d{5}", r"\1:8181", re.sub(r"\.tmp\w{6}", ".tmp", text))


def serve_all(folder: Path) -> tuple[str, str, str, str, str]:
    """Addresses of an index, and of some that fail: see HANDLERS; the third has a certificate of its own authority."""
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=Authority",
        "req -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=localhost",
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out own.pem -days 2 -extfile names",
    ):
        (folder / "names").write_text("subjectAltName=DNS:localhost")
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    plain, refusing, secure, stalling, wrong = (ThreadingHTTPServer(("127.0.0.1", 0), one) for one in HANDLERS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem", folder / "own.key")
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    for one in (plain, refusing, secure, stalling, wrong):
        threading.Thread(target=one.serve_forever, daemon=True).start()
    port = secure.server_address[1]
    return (
        f"http://127.0.0.1:{plain.server_address[1]}",
        f"http://127.0.0.1:{refusing.server_address[1]}",
        f"https://localhost:{port}",
        f"http://127.0.0.1:{stalling.server_address[1]}",
        f"http://127.0.0.1:{wrong.server_address[1]}",
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
    for package, old, new in (
        ("badreq", "Version: 1.0\n", "Version: 1.0\nRequires-Dist: spam>=1.*.foo\n"),
        ("badver2", "\nVersion: 1.0", "\nVersion: 2.0"),
        ("badname", "Name: badname", "Name: other"),
    ):
        add(*changed(package, old, new))
    add("pywin32-306-cp311-cp311-win_amd64.whl", wheel("pywin32", "306")[1])
    add(*wheel("needs_win", requires=("pywin32>=300",)))
    add(*wheel("torch", "2.4.0"))
    for version in ("1.0", "1.1"):
        for tag in ("manylinux_2_17_x86_64.manylinux2014_x86_64", "macosx_11_0_arm64", "win_amd64"):
            add(f"sigma-{version}-cp311-cp311-{tag}.whl", wheel("sigma", version)[1])
    add(*wheel("asks_sigma", requires=("sigma==1.0",)))
    add("tau-1.0-cp311-cp311-musllinux_1_2_x86_64.whl", wheel("tau")[1])
    kill = "import os; os.kill(os.getpid(), 9)"
    add(*backend("killed", f"    {kill}\n"))
    add(
        *backend(
            "killedcc", f"    import subprocess, sys\n    subprocess.check_call([sys.executable, '-c', '{kill}'])\n"
        )
    )


def changed(name: str, old: str, new: str) -> tuple[str, bytes]:
    """A wheel with another METADATA."""
    file, data = wheel(name)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for member in source.namelist():
            text = source.read(member).decode()
            target.writestr(member, text.replace(old, new) if member.endswith("/METADATA") else text)
    return file, out.getvalue()


def backend(name: str, body: str) -> tuple[str, bytes]:
    """A source distribution with a build backend of its own."""
    project = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
    return sdist(name, {"pyproject.toml": project, "b.py": f"def build_wheel(*_):\n{body}"})


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
