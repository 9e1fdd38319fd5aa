"""Indexes that do not answer: an additional one is left out, the first one is required, and both are named."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import indexes
import pytest
from apart_steps import Steps
from indexes import Place
from layout import Layout
from served import served
from settings import settings
from steps import Build, packages, wheel
from test_apart import links, steps

__all__ = ["links", "steps"]

REFUSED = "http://127.0.0.1:9/simple/"
QUICK = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "UV_HTTP_RETRIES": "0", "PIP_RETRIES": "0"}


class Server(NamedTuple):
    """An index with one package, and below /<status>/ one that always returns this status."""

    url: str

    @property
    def first(self) -> dict[str, str]:
        """Settings that make it the first index."""
        return {**QUICK, "PIP_INDEX_URL": f"{self.url}/simple/"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """An index, and several that do not work."""
    wheel(tmp_path / "served/simple/spam", "spam", "1.0", {"spam/__init__.py": ""})
    with served(tmp_path / "served") as url:
        yield Server(url)


def test_an_additional_index_that_refuses_connections(
    build: Build, layout: Layout, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is left out, and the log names it, with the variable that sets it."""
    assert build("spam\n", **server.first, PIP_EXTRA_INDEX_URL=REFUSED) == 0
    assert (packages(layout) / "spam").is_dir()
    log = capfd.readouterr()
    assert (
        "epo: going on without the index http://127.0.0.1:9/simple/ (PIP_EXTRA_INDEX_URL): connection refused\n"
        in log.out
    )
    assert "error: " not in log.err


@pytest.mark.parametrize("origin", ["req.txt, line 2", "/etc/pip.conf, line 3"])
def test_several_that_fail(
    build: Build, layout: Layout, server: Server, origin: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One returns an error, another has no address: each is named by file and line."""
    failing = f"{server.url}/503/simple/"
    (layout.root / "etc").mkdir()
    requirements = "spam\n"
    if "pip.conf" in origin:
        text = f"# ours\n[global]\nextra-index-url = {failing}\n    http://absent.invalid/simple\n"
        (layout.root / "etc/pip.conf").write_text(text)
    else:
        requirements = f"\n--extra-index-url {failing}\nspam\n--extra-index-url http://absent.invalid/simple"
    assert build(requirements, **server.first) == 0
    log = capfd.readouterr().out
    assert f"going on without the index {failing} ({origin}): it returned 503 Service Unavailable\n" in log
    assert "going on without the index http://absent.invalid/simple (" in log
    assert "): cannot resolve its host\n" in log


def test_apart_from_the_stage(steps: Steps, server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """There the install knows the variable or the file, but not the line: comments are not part of its cache key."""
    (steps.stage.root / "etc").mkdir()
    (steps.stage.root / "etc/pip.conf").write_text(f"[global]\nextra-index-url = {REFUSED}\n")
    assert steps.ask("spam\n", environ=server.first) == 0
    assert steps.install() == 0
    assert (
        "epo: going on without the index http://127.0.0.1:9/simple/ (extra-index-url in /etc/pip.conf): connection "
        "refused\n" in capfd.readouterr().out
    )


def test_pip_goes_on_by_itself(build: Build, layout: Layout, server: Server) -> None:
    """And a setuptools with pkg_resources is still found."""
    directory = layout.root / "served/simple/setuptools"
    wheel(directory, "setuptools", "81.0", {"pkg_resources/__init__.py": ""})
    wheel(directory, "setuptools", "82.0", {"setuptools.py": ""})
    wheel(layout.root / "served/simple/old", "old", "1.0", {}, requires="setuptools")
    assert build("old\n", "--installer=pip", **server.first, PIP_EXTRA_INDEX_URL=REFUSED) == 0
    assert (packages(layout) / "pkg_resources").is_dir()


@pytest.mark.parametrize("options", [(), ("--installer=pip",)], ids=["uv", "pip"])
def test_the_first_index_is_required(
    build: Build, server: Server, options: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    """Even if an additional one has the package; the error names the variable."""
    environ = {**QUICK, "PIP_INDEX_URL": REFUSED, "PIP_EXTRA_INDEX_URL": f"{server.url}/simple/"}
    if options:
        environ.pop("PIP_EXTRA_INDEX_URL")  # pip goes on without any
    assert build("spam\n", *options, **environ) == 1
    log = capfd.readouterr().out
    if not options:
        assert "epo: cannot install req.txt: the package index\n" in log
        assert "cannot reach http://127.0.0.1:9/simple/spam/: Connection refused" in log
        assert ". This index is set by PIP_INDEX_URL\n" in log


def test_an_index_in_a_file_that_fails_is_named_by_its_line(
    build: Build, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """It overrides the setting."""
    assert build(f"# ours\n--index-url {REFUSED}\nspam\n", **server.first) == 1
    assert ". This index is set by req.txt, line 2\n" in capfd.readouterr().out


FETCH = "error: Request failed after 3 retries in 8.6s\n  cause: Failed to fetch: "


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            FETCH + "https://a.invalid/simple/six/\n  cause: error sending request\n  cause: tcp connect error\n"
            "  cause: Connection refused (os error 111)\n",
            "connection refused",
            id="refused",
        ),
        pytest.param(
            FETCH
            + "`https://****@a.invalid/simple/six/`\n  cause: error sending request\n  cause: operation timed out\n",
            "it did not answer in time",
            id="timeout, with credentials",
        ),
        pytest.param(
            FETCH + "https://a.invalid/simple/six/\n  cause: HTTP status server error (502 Bad Gateway) for url (…)\n",
            "it returned 502 Bad Gateway",
            id="a status",
        ),
        pytest.param(
            FETCH + "https://a.invalid/simple/six/\n  cause: client error (SendRequest)\n"
            "  cause: connection closed before message completed\n\nhint: something\n",
            "connection closed before message completed",
            id="closed",
        ),
        pytest.param(
            'error: Unsupported `Content-Type` "application/weird" for `https://a.invalid/simple/six/`.\n',
            "it does not return an index page",
            id="another page",
        ),
        pytest.param(FETCH + "https://a.invalid/simple/a/b.whl\n  cause: operation timed out\n", "", id="a package"),
        pytest.param(FETCH + "https://a.invalid/simple2/six/\n  cause: operation timed out\n", "", id="another index"),
        pytest.param(
            FETCH + "https://a.invalid/simple/six/\n  cause: invalid peer certificate: UnknownIssuer\n",
            "",
            id="a certificate",
        ),
        pytest.param(
            FETCH + "https://a.invalid/simple/six/\n  cause: HTTP status client error (403 Forbidden) for url (…)\n",
            "",
            id="access denied",
        ),
        pytest.param("error: No solution found when resolving dependencies\n", "", id="another failure"),
    ],
)
def test_what_counts_as_no_answer(text: str, reason: str) -> None:
    """Only the page of a package, or of links, that cannot be had; access denied has errors of its own."""
    places = [Place("corp=https://me:secret@A.invalid/simple", "UV_INDEX")]
    found = indexes.find(text, places)
    assert (found[1] if found else "") == reason
    assert indexes.find(text, places, "https://a.invalid/simple/") is None


def test_where_an_index_is_set() -> None:
    """Of several settings, the one that applies."""
    conf = "[install]\n# one\nindex_url=https://a\nfind-links =\n  https://c\n  https://d\n[global]\nindex-url: https://b\n"
    found = settings(
        {"PIP_EXTRA_INDEX_URL": "https://e https://f", "UV_INDEX": ""}, [("/etc/pip.conf", conf)], kind=lambda _: ""
    )
    assert {place.url: place.origin for place in found.places} == {
        "https://a": "/etc/pip.conf, line 3",
        "https://c": "/etc/pip.conf, line 4",
        "https://d": "/etc/pip.conf, line 4",
        "https://e": "PIP_EXTRA_INDEX_URL",
        "https://f": "PIP_EXTRA_INDEX_URL",
    }
    found = settings({"UV_DEFAULT_INDEX": "https://u", "PIP_INDEX_URL": "https://p"}, [], kind=lambda _: "")
    assert found.places == [Place("https://u", "UV_DEFAULT_INDEX")]
