"""What is installed apart from the stage is what the RECORD of its packages says."""

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import recorded
import uv_cache
from apart_steps import Steps
from layout import Layout
from recorded import Difference
from steps import hashed, output, wheel

FILES = {"spam/__init__.py": "print('spam')\n", "spam/data.bin": "data"}
INFO = "spam-1.0.dist-info"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages directory with a package."""
    packages = tmp_path / "site-packages"
    for name, text in {**FILES, f"{INFO}/METADATA": ""}.items():
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(text)
    (packages / INFO / "RECORD").write_text(hashed(FILES) + f"{INFO}/METADATA,,\n{INFO}/RECORD,,\n")
    return packages


def change(site: Path) -> None:
    """Change a file."""
    (site / "spam/__init__.py").write_text("print('evil')\n")


def remove(site: Path) -> None:
    """Remove a file."""
    (site / "spam/data.bin").unlink()


def add(site: Path) -> None:
    """Add bytecode of a package that a wheel never has."""
    (site / "spam/__pycache__").mkdir()
    (site / "spam/__pycache__/__init__.cpython-313.pyc").write_text("evil")


def add_startup(site: Path) -> None:
    """Add a file that Python runs as it starts."""
    (site / "evil.pth").write_text("import evil\n")


@pytest.mark.parametrize(
    ("tamper", "expected", "words"),
    [
        (change, Difference("spam/__init__.py", INFO), "spam/__init__.py differs from the RECORD of spam 1.0"),
        (remove, Difference("spam/data.bin", INFO), "spam/data.bin differs from the RECORD of spam 1.0"),
        (
            add,
            Difference("spam/__pycache__/__init__.cpython-313.pyc"),
            "spam/__pycache__/__init__.cpython-313.pyc is in no package's RECORD",
        ),
        (add_startup, Difference("evil.pth"), "evil.pth is in no package's RECORD"),
    ],
)
def test_a_difference_is_found(site: Path, tamper: Callable[[Path], None], expected: Difference, words: str) -> None:
    """A file that was changed, removed or added."""
    assert recorded.differences(site, frozenset()) == []
    tamper(site)
    (found,) = recorded.differences(site, frozenset())
    assert found == expected
    assert str(found) == words


def test_a_name_cannot_look_like_another_line() -> None:
    """A wheel may have any file name."""
    assert str(Difference("a\nepo: b")) == "'a\\nepo: b' is in no package's RECORD"


def test_what_is_no_difference(site: Path) -> None:
    """Files without a hash, files that were there before, and a file that another package has with another content."""
    change(site)
    add_startup(site)
    (site / "other-1.0.dist-info").mkdir()
    text = hashed({"spam/__init__.py": "print('evil')\n"}).replace("spam/", "./spam/")
    (site / "other-1.0.dist-info/RECORD").write_text(text + "other-1.0.dist-info/RECORD,,\n\n")
    (site / "none-1.0.dist-info").mkdir()
    assert recorded.differences(site, {"evil.pth"}) == []
    digest = hashlib.sha512(b"data").digest()
    record = site / INFO / "RECORD"
    for algorithm in ("md5", "sha512"):
        lines = [line for line in record.read_text().splitlines() if "data.bin" not in line]
        record.write_text("\n".join([*lines, f"spam/data.bin,{algorithm}={digest.hex()},4"]) + "\n")
        found = [one.file for one in recorded.differences(site, {"evil.pth"})]
        assert found == ([] if algorithm == "md5" else ["spam/data.bin"])


@pytest.fixture
def steps(program: ModuleType, layout: Layout, tmp_path: Path) -> Steps:
    """A stage, and a directory of packages outside of it."""
    (layout.root / "tmp").mkdir()
    wheel(tmp_path / "wheels", "spam", "1.0", FILES, record=FILES)
    return Steps(program, layout, tmp_path / "steps")


@pytest.mark.parametrize("options", [(), ("--installer=pip",)], ids=["uv", "pip"])
def test_an_unpacked_wheel_that_was_changed_is_not_installed(
    steps: Steps, tmp_path: Path, capfd: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    """It is unpacked again, and the log says so; the next install has nothing to say."""
    links = {"PATH": "/nowhere", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (tmp_path / "wheels").as_uri()}
    assert steps.ask("spam\n", environ=links) == 0
    assert steps.install() == 0
    python = steps.environments / "epo/bin/python"
    assert output(python, "-c", "import spam") == "spam"
    for archive in (steps.cache / "shared" / uv_cache.ARCHIVES).iterdir():
        change(archive)
        add_startup(archive)
    capfd.readouterr()
    words = "installing again without the cache"
    for times in (0 if options else 1, 0):
        shutil.rmtree(steps.environments)
        assert steps.install(*options) == 0
        log = capfd.readouterr().out
        assert output(python, "-c", "import spam") == "spam"
        assert log.count(words) == times
        assert list((steps.environments / "epo").rglob("evil.pth")) == []


def test_a_wheel_that_differs_from_its_own_record(
    steps: Steps, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is installed as it is, as uv and pip install it; the log says that."""
    wheel(tmp_path / "wheels", "spam", "1.0", {**FILES, "spam/__init__.py": "print('patched')\n"}, record=FILES)
    links = {"PATH": "/nowhere", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (tmp_path / "wheels").as_uri()}
    assert steps.ask("spam\n", environ=links) == 0
    assert steps.install() == 0
    log = capfd.readouterr().out
    assert "epo: spam/__init__.py differs from the RECORD of spam 1.0, in the wheel itself\n" in log
    assert [path.name for path in steps.cache.iterdir() if path.name.startswith("empty-")] == []
    assert output(steps.environments / "epo/bin/python", "-c", "import spam") == "patched"


@pytest.mark.parametrize("place", ["uv_installer.check", "manifest.write"])
def test_an_empty_cache_is_removed_if_the_install_fails(
    steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """It has all that the line installs, and nothing else ever removes it."""
    wheel(tmp_path / "wheels", "spam", "1.0", {**FILES, "spam/__init__.py": "print('patched')\n"}, record=FILES)

    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(place, fail)
    links = {"PATH": "/nowhere", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (tmp_path / "wheels").as_uri()}
    assert steps.ask("spam\n", environ=links) == 0
    assert steps.install() == 1
    assert [path.name for path in steps.cache.iterdir() if path.name.startswith("empty-")] == []


def test_thousands_of_files_take_a_moment(tmp_path: Path) -> None:
    """Each is read once: the standard library of this Python, for one, in less than a second per 100 MB."""
    library = Path(sys.modules["os"].__file__ or "").parent
    assert len(recorded.files(library)) > 500
    assert recorded.differences(library / "json", recorded.files(library / "json")) == []
    assert recorded.files(tmp_path / "none") == frozenset()
