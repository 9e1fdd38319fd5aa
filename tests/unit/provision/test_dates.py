"""`--exclude-newer`: packages as they were at a date."""

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from layout import Layout
from steps import Build, packages, wheel

DATE = "--exclude-newer=2024-05-02T00:00:00Z"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings for an index with upload times (PEP 700): spam 1.0 of 2023, and 2.0 of 2025."""
    files = []
    for version, year in (("1.0", 2023), ("2.0", 2025)):
        path = wheel(tmp_path / "index/files", "spam", version, {"spam.py": ""})
        files.append(
            {
                "filename": path.name,
                "url": f"/files/{path.name}",
                "hashes": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
                "upload-time": f"{year}-01-01T00:00:00Z",
            }
        )
    page = {"meta": {"api-version": "1.1"}, "name": "spam", "versions": ["1.0", "2.0"], "files": files}
    (tmp_path / "index/spam").mkdir()
    (tmp_path / "index/spam/page.json").write_text(json.dumps(page))

    class Handler(SimpleHTTPRequestHandler):
        extensions_map = {".json": "application/vnd.pypi.simple.v1+json", "": "application/octet-stream"}  # noqa: RUF012

        def do_GET(self) -> None:
            self.path = "/spam/page.json" if self.path == "/spam/" else self.path
            super().do_GET()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "index"))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        yield {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": url}
        server.shutdown()


def test_packages_of_a_date(build: Build, layout: Layout, index: dict[str, str]) -> None:
    """Newer releases do not exist."""
    assert build("spam\n", DATE, **index) == 0
    assert [path.name for path in packages(layout).glob("*.dist-info")] == ["spam-1.0.dist-info"]


def test_a_release_that_is_newer(build: Build, index: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """The error names the date, and nothing that cannot be done here."""
    assert build("spam>=2\n", DATE, **index) == 1
    log = capfd.readouterr()
    assert (
        "epo:   why: --exclude-newer leaves out what was uploaded from 2024-05-02T00:00:00Z on or has no upload time: "
        in log.out
    )
    assert "exclude-newer-package" not in log.out + log.err


def test_an_index_without_upload_times(
    build: Build, tmp_path: Path, index: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The error says so, and what to do."""
    (tmp_path / "index/eggs").mkdir()
    path = wheel(tmp_path / "index/eggs", "eggs", "1.0", {"eggs.py": ""})
    assert build("eggs\n", DATE, **index) == 1
    log = capfd.readouterr().out
    assert f"epo: cannot install req.txt: {path.name}\n" in log
    assert "epo:   why: its index has no upload times, which --exclude-newer requires\n" in log
    assert "epo:   do:  use an index with upload times (PEP 700), such as PyPI, or remove --exclude-newer" in log


def test_a_pip_without_dates(
    build: Build, index: dict[str, str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pip has --uploaded-prior-to from 26 on."""
    import pip_installer  # noqa: PLC0415 - conftest puts its directory on the path

    monkeypatch.setattr(pip_installer, "_version", lambda: "25.3")
    assert build("spam\n", DATE, "--installer=pip", **index) == 1
    assert (
        "epo: --exclude-newer requires pip 26 or newer, but this interpreter has pip 25.3: use --installer=uv\n"
        in capfd.readouterr().out
    )
