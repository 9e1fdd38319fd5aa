"""What is said of releases that exclude this Python: by the real uv, of an index as PyPI is one, and of odd logs."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import uv_command
import uv_installer
from exclusions import Exclusions
from redaction import Redactor
from tests.bed.services.index import serve
from tests.engine.wheels import wheel

UV = Path(sys.executable).with_name("uv")
PYTHON = "{}.{}".format(*sys.version_info)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an index of packages whose newer releases exclude every Python that there is."""
    found = [
        *(wheel("alpha", version, python=">=3.8") for version in ("1.0", "1.5")),
        *(wheel("alpha", version, python=">=3.99") for version in ("2.0", "3.0", "4.0rc1")),
        wheel("extra_alpha", requires=("alpha<3",)),
        wheel("beta", requires=("alpha>=1",)),
        wheel("gamma"),
        wheel("foo", requires=("alpha<1.5",)),
        wheel("bar", requires=("foo",)),
    ]
    packages: serve.Index = {}
    for file, data in found:
        packages.setdefault(serve.normal(file.split("-")[0]), {})[file] = data
    monkeypatch.setattr(serve, "INDEXES", {"t": packages})
    monkeypatch.setattr(serve.Handler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), serve.Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/t/simple/"
        server.shutdown()


@pytest.mark.parametrize(
    ("requirements", "said"),
    [
        (["alpha"], "alpha 1.5 instead of 3.0"),
        (["beta[x]", "alpha[y]>=1"], "alpha 1.5 instead of 3.0"),
        (["extra-alpha"], "alpha 1.5 instead of 2.0"),
        (["beta", "alpha<2"], ""),
        (["alpha==1.0", "gamma"], ""),
        (["alpha", "foo"], ""),
        (["foo", "alpha"], ""),
        (["alpha", "bar"], ""),
        (["bar", "alpha"], ""),
    ],
)
def test_older_releases_are_told(
    index: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], requirements: list[str], said: str
) -> None:
    """Only where a newer one would have been taken; and of the log that tells it, nothing is to be seen."""
    subprocess.run([UV, "venv", "--quiet", tmp_path / "venv", f"--python={sys.executable}"], check=True)
    command = [
        str(UV),
        *uv_installer.ARGUMENTS,
        f"--python={tmp_path}/venv/bin/python",
        f"--cache-dir={tmp_path}/cache",
    ]
    notes: list[str] = []
    status, log = uv_command.run([*command, f"--default-index={index}", *requirements], {}, notes.append, Redactor(()))
    assert status == 0, log
    start = f"older releases, because newer ones do not support Python {PYTHON}: "
    assert notes == ([start + said] if said else [])
    assert "DEBUG" not in log
    assert "TRACE" not in log
    assert capfd.readouterr().err == log


def told(*lines: str) -> str:
    """What is said of a log."""
    exclusions = Exclusions()
    for line in lines:
        exclusions.read(line + "\n")
    return exclusions.sentence("3.9")


ALPHA = (
    "DEBUG Searching for a compatible version of alpha (<2)",
    "TRACE Found candidate for package alpha with range <2 after 1 steps: 1.9 version",
    "DEBUG Recording unit propagation conflict of Python from incompatibility of (alpha)",
    "DEBUG Searching for a compatible version of alpha (<1.9)",
    "TRACE Found candidate for package alpha with range <1.9 after 1 steps: 1.8 version",
)


def test_a_newer_release_after_all_is_not_told() -> None:
    """The resolver may come back to a package with other bounds, once it has dropped what set them."""
    assert told(*ALPHA, " + alpha==1.8").endswith(": alpha 1.8 instead of 1.9")
    assert told(*ALPHA, " + alpha==1.7") == "", "the bounds of another package took it further down"
    assert told(*ALPHA, " + alpha==1!0.1") == ""
    assert told(*ALPHA, " + alpha==2.0.1") == ""


def test_what_is_not_installed_is_not_told() -> None:
    """Such as what only the build of another package needs."""
    assert told(*ALPHA, " + beta==1.0") == ""


def test_an_unknown_log_tells_nothing() -> None:
    """A conflict of a release that was not named before, or of several at once."""
    assert told(ALPHA[2], " + alpha==1.8") == ""
    assert told(*ALPHA[:2], ALPHA[2].replace("(alpha)", "(alpha, beta)"), *ALPHA[3:], " + alpha==1.8") == ""


def test_what_a_failing_build_logs_is_shown() -> None:
    """Its lines may look like the resolver's."""
    exclusions = Exclusions()
    assert exclusions.read("DEBUG of the resolver\n")
    assert not exclusions.read("error: Failed to build `alpha==1.0`\n")
    assert not exclusions.read("DEBUG of the build\n")
