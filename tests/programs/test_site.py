"""The documentation site: its links lead somewhere, and pages look like pages in a browser."""

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urljoin

import pytest
from tests.bed import host, settings
from tests.programs import node

import buildkit_llb

ADDRESS = "https://site.example.com/"
BROWSER = {"chromium": "chromium", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core"}
PICTURES = settings.CACHE / "screenshots"
"""Where screenshots are kept, for people to look at."""


class Page(HTMLParser):
    """What a page leads to, what it loads, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.leads_to: set[str] = set()
        self.loads: set[str] = set()
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect them."""
        given = {name: value for name, value in attrs if value}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if "href" in given and tag == "a":
            self.leads_to.add(given["href"])
        elif "href" in given:
            self.loads.add(given["href"])
        self.loads |= {given["src"]} if "src" in given else set()


def build(repository: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Run `make site` without make."""
    command = [sys.executable, str(repository / "tools/site.py"), str(target)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site."""
    target = tmp_path_factory.mktemp("site") / "html"
    done = build(settings.REPOSITORY, target)
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout.lower()
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """All pages by their addresses, other files as pages without links."""
    found = {}
    for path in sorted(site.rglob("*")):
        if path.is_file():
            name = path.relative_to(site).as_posix()
            address = name.removesuffix("index.html") if name.endswith("index.html") else name
            found[ADDRESS + address] = Page(path.read_text() if path.suffix == ".html" else "")
    return found


def test_every_link_of_the_site_leads_to_a_page_and_its_anchor(pages: dict[str, Page]) -> None:
    """Zensical reads the links of Markdown; these are those of the finished pages, navigation and pictures included."""
    broken = []
    for address, page in pages.items():
        if address.endswith("404.html"):
            continue
        for link in page.leads_to | page.loads:
            target, _, anchor = urljoin(address, link).partition("#")
            if target.startswith(ADDRESS) and (
                target not in pages or unquote(anchor) not in pages[target].anchors | {"__skip"}
            ):
                broken.append(f"{address}: {link}")
    assert len(pages) > 30
    assert broken == []


def test_the_site_loads_nothing_from_elsewhere(pages: dict[str, Page]) -> None:
    loaded = {urljoin(address, link) for address, page in pages.items() for link in page.loads}
    assert {link for link in loaded if not link.startswith((ADDRESS, "data:"))} == set()


def test_every_page_is_in_the_navigation(pages: dict[str, Page]) -> None:
    """Those of the repository, and one for each example."""
    here = f"{ADDRESS}tutorial/"
    listed = {urljoin(here, link) for link in pages[here].leads_to}
    written = {address for address in pages if address.endswith("/")}
    assert written - listed == set()
    assert {f"{ADDRESS}{name}/" for name in ("tutorial", "reference", "how-it-works", "examples/dbt")} <= written


def test_the_api_has_every_public_name(pages: dict[str, Page]) -> None:
    """Of buildkit-llb, and of those of its modules that are public."""
    api = pages[f"{ADDRESS}project/buildkit-llb-api/"]
    modules = [buildkit_llb, *(module for module in vars_of(buildkit_llb).values() if isinstance(module, ModuleType))]
    names = {f"{module.__name__}.{name}" for module in modules for name in vars_of(module)}
    assert len(names) > 60
    assert names - api.anchors == set()


def vars_of(module: ModuleType) -> dict[str, object]:
    """The public names of a module."""
    return {name: getattr(module, name) for name in module.__all__}


def test_what_is_markdown_on_github_is_markdown_here(site: Path) -> None:
    """The words behind a block's language are for tests, and `|` in code of a table is one character."""
    text = (site / "reference/index.html").read_text()
    assert "plan=&quot;" not in text
    assert "<code>--airflow=none|task-sdk|same</code>" in text
    assert 'id="pyenv---seed"' in text
    for path in site.rglob("index.html"):
        shown = path.read_text()
        assert "```" not in shown, path
        assert "](" not in shown.replace("[code](", ""), path


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    """A page, a file or an anchor that does not exist."""
    copy = tmp_path / "copy"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=settings.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, listed):
        if not name.startswith("dockerfile-syntax/cases/") or name.endswith("README.md"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(settings.REPOSITORY / name, copy / name)
    (copy / "dockerfile-syntax/cases/astro").mkdir()
    (copy / "dockerfile-syntax/cases/errors").mkdir()
    page = copy / "dockerfile-syntax/security.md"
    text = page.read_text()
    page.write_text(f"{text}\n[x](reference.md#pyenv---nothing)\n")
    failed = build(copy, tmp_path / "html")
    assert failed.returncode == 1
    assert "anchor does not exist" in failed.stdout
    assert not (tmp_path / "html").exists()
    page.write_text(f"{text}\n[x](nothing.md)\n")
    failed = build(copy, tmp_path / "html")
    assert failed.returncode == 1
    assert "dockerfile-syntax/security.md: dockerfile-syntax/nothing.md does not exist" in failed.stdout


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_pages_look_like_pages_in_a_browser(address: str) -> None:
    """Chromium shows three pages with their navigation, loads nothing from elsewhere, and has nothing to report."""
    host.require_tools(BROWSER)
    PICTURES.mkdir(parents=True, exist_ok=True)
    headings = {"": "dockerfile-pyenv", "tutorial/": "Tutorial", "how-it-works/": "How it works"}
    chromium = shutil.which("chromium")
    assert chromium
    words: tuple[str | Path, ...] = (chromium, address, PICTURES, "PYENV --exclude-newer", *headings)
    program = node.FOLDER / "browser/pages.cjs"
    seen = json.loads(node.run("node", program, *words, cwd=node.modules("browser")))
    assert seen["problems"] == []
    assert {name: page["heading"] for name, page in seen["pages"].items()} == headings
    for name, page in seen["pages"].items():
        assert headings[name] in page["title"]
        assert page["tabs"] == ["Home", "Tutorial", "How-to", "Reference", "Explanation"]
    ((width, height, shown),) = seen["pages"]["how-it-works/"]["pictures"]
    assert width > 300
    assert height > 50
    assert shown > 300
    assert seen["found"].startswith("reference/")
    assert seen["found"].endswith("#pyenv---exclude-newer")
