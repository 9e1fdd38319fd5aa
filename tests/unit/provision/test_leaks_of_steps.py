"""Nothing that a step writes has a part of a secret: each way to give a credential and how the install ends."""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from layout import Layout
from steps import Build, wheel
from tests.engine import leaks

TOKEN = "t0k3n4path"  # noqa: S105 - opens nothing
PASSWORD = "s3cr3t/pw"  # noqa: S105 - likewise
USER = "us3rt0k3n1"

BACKEND = """\
import os, pathlib, sys


def build_wheel(*_):
    print(os.environ, ascii(os.environ), os.environb, sep="\\n")
    for path in pathlib.Path(os.environ["SHOWN"]).rglob("*"):
        print(path, path.read_bytes() if path.is_file() else "", path.read_text() if path.is_file() else "")
    sys.exit("it does not build")
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Address of an index with a token in its path, without its scheme."""
    pages = tmp_path / "server" / TOKEN / "simple"
    for name in ("eggs", "ham", "broken"):
        (pages / name).mkdir(parents=True)
    files = [
        wheel(pages / "eggs", "eggs", "1.0", {"eggs.py": ""}),
        wheel(pages / "ham", "ham", "1.0", {"ham.py": ""}, requires=("eggs>=2",)),
        broken(pages / "broken"),
    ]
    for file in files:
        (file.parent / "index.html").write_text(f'<a href="{file.name}">{file.name}</a>')

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def do_GET(self) -> None:
            if self.path.split("/")[-2] in {"denied", "failing"}:
                self.send_error(401 if "denied" in self.path else 500)
            else:
                super().do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "server"))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/{TOKEN}/simple"
        server.shutdown()


def broken(directory: Path) -> Path:
    """A source distribution whose build shows all that it knows, and fails."""
    path = directory / "broken-1.0.tar.gz"
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    files = {
        "PKG-INFO": "Metadata-Version: 2.2\nName: broken\nVersion: 1.0\n",
        "pyproject.toml": build + '[project]\nname = "broken"\nversion = "1.0"\n',
        "backend.py": BACKEND,
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"broken-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


LOGIN = "me:s3cr3t%2Fpw"
SECRETS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "PIP_INDEX_URL": ({"PIP_INDEX_URL": f"http://{LOGIN}@{{}}/"}, ""),
    "token in the path": ({"PIP_INDEX_URL": "http://{}/"}, ""),
    "user alone": ({"PIP_INDEX_URL": f"http://{USER}@{{}}/"}, ""),
    "several": ({"UV_INDEX": f"http://{{}} http://{LOGIN}@{{}}/ corp=http://{USER}:@{{}}/"}, "--index-url http://{}\n"),
    "pip.conf": ({"PIP_CONFIG_FILE": f"[global]\nindex-url = http://{LOGIN}@{{}}/\n"}, ""),
    "pip.conf, extra": (
        {
            "PIP_CONFIG_FILE": "[global]\nindex-url=http://{}\n"
            f"extra-index-url =\n  http://{{}}\n  http://{USER}:s3cr3t%2Fpw@{{}}\n"
        },
        "",
    ),
    "no pip.conf": ({"PIP_CONFIG_FILE": f"machine {{}} login {USER} password {PASSWORD}"}, ""),
    "no number": ({"PIP_CONFIG_FILE": f"[global]\ntimeout = {PASSWORD}\nindex-url = http://{{}}\n"}, ""),
    "netrc": ({"NETRC": f'machine 127.0.0.1\nlogin {USER}\npassword "{PASSWORD}"\n', "PIP_INDEX_URL": "http://{}"}, ""),
    "find-links": ({"PIP_FIND_LINKS": f"http://{LOGIN}@{{}}/eggs/ http://{{}}/ham/"}, "--index-url http://{}\n"),
    "login": (
        {"LOGIN": f"{LOGIN}\n", "P": "http://{}"},
        "--index-url ${P}\n--extra-index-url http://${LOGIN}@{}\n",
    ),
    "token": ({"TOKEN": TOKEN}, "--index-url http://<index>/\n"),
    "named index": (
        {"UV_INDEX_CORP_USERNAME": USER, "UV_INDEX_CORP_PASSWORD": PASSWORD, "UV_DEFAULT_INDEX": "corp=http://{}/"},
        "",
    ),
    "account": (
        {
            "GOOGLE_APPLICATION_CREDENTIALS": json.dumps({"private_key": f"---\n{USER}\n{PASSWORD}\n---"}),
            "PIP_INDEX_URL": "http://{}/",
        },
        "",
    ),
}
"""Secrets by their variables, and the head of the requirements file. {} is the index, <index> has ${TOKEN} in it."""

ENDINGS = {
    "success": "eggs==1.0\n",
    "401": "denied==1.0\n",
    "404": "missing==1.0\n",
    "no such version": "eggs==7\n",
    "conflict": "eggs==1.0\nham==1.0\n",
    "build": "broken==1.0\n",
    "500": "failing==1.0\n",
    "hash": f"eggs==1.0 --hash=sha256:{'0' * 64}\n",
    "no such file": "nothing @ ${URL}/nothing-1.0-py3-none-any.whl\n",
}
CORE = {"uv": {"success", "401", "404", "conflict", "build"}, "pip": {"success", "401"}}
"""Endings that are tested each time; pip takes several times as long."""
CASES = [
    pytest.param(
        way,
        ending,
        installer,
        id=f"{way}, {ending}, {installer}",
        marks=[] if ending in CORE[installer] else [pytest.mark.slow],
    )
    for way in SECRETS
    for ending in ENDINGS
    for installer in ("uv", "pip")
]


@pytest.mark.parametrize(("way", "ending", "installer"), CASES)
def test_no_part_of_a_secret_is_written(  # noqa: PLR0917 - a case and its fixtures
    build: Build,
    layout: Layout,
    address: str,
    capfd: pytest.CaptureFixture[str],
    way: str,
    ending: str,
    installer: str,
) -> None:
    """Neither in the log, nor in a file of the environment, in whichever form."""
    given, head = SECRETS[way]
    layout.secrets.mkdir(parents=True)
    for variable, secret in {**given, "URL": "http://{}/nothing"}.items():
        (layout.secrets / variable).write_text(secret.replace("{}", address))
    head = head.replace("<index>", address.replace(TOKEN, "${TOKEN}")).replace("{}", address)
    settings = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0", "SHOWN": str(layout.secrets)}
    status = build(head + ENDINGS[ending], f"--installer={installer}", **settings)
    log = capfd.readouterr()
    unread = way in {"no pip.conf", "no number"}
    assert status == int(ending != "success" or unread)
    if ending == "build" and not unread:
        assert "it does not build" in log.out + log.err
    path = layout.environments / "epo"
    if status == 0:
        assert json.loads((path / ".pyenv.json").read_text())["packages"][0]["name"] == "eggs"
    secrets = [PASSWORD, *(part for part in (TOKEN, USER) if part in "".join(given.values()) or "{}" in str(given))]
    assert leaks.find((log.out + log.err).encode(), secrets, name="log") == []
    assert not path.exists() or leaks.find(path, secrets) == []
