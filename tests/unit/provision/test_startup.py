"""An environment in which Python does not start is found out where it is built."""

import os
import sys
from pathlib import Path

import pytest
import startup
from layout import Layout
from owner import Owner
from steps import VERSION, Build, wheel

SITE = "ham-1.0.data/purelib/"
DATA = "ham-1.0.data/data/"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            {f"{SITE}ham.pth": "import os; os._exit(7)\n"},
            "epo: Python does not start in the environment, because of code that a package runs at its start: exit "
            "status 7. Use another version of the package: see ham.pth of ham 1.0\n",
            id="exit in a .pth file",
        ),
        pytest.param(
            {f"{SITE}sitecustomize.py": "import os; os._exit(7)\n"},
            "because of code that a package runs at its start: exit status 7. Use another version of the "
            "package: see sitecustomize.py of ham 1.0\n",
            id="exit in sitecustomize",
        ),
        pytest.param(
            {f"{DATA}pyvenv.cfg": "home = /nowhere\n"},
            "epo: ham 1.0 replaces pyvenv.cfg of the environment: use another version of it\n",
            id="pyvenv.cfg",
        ),
    ],
)
def test_a_package_with_which_python_does_not_start(
    build: Build, tmp_path: Path, capfd: pytest.CaptureFixture[str], files: dict[str, str], message: str
) -> None:
    """The error names the package and its file, where these are known."""
    wheel(tmp_path / "wheels", "ham", "1.0", files)
    assert build("ham\n") == 1
    assert message in capfd.readouterr().out


def test_noise(build: Build, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What does not keep Python from starting is logged."""
    wheel(tmp_path / "wheels", "ham", "1.0", {f"{SITE}ham.pth": "import no_such_module\n"})
    assert build("ham\n") == 0
    log = capfd.readouterr().out
    assert "epo: Python writes to standard error when it starts in the environment: Error processing line 1 of" in log


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    """Python would not start, and this shows without running it."""
    packages = tmp_path / "lib" / f"python{VERSION}" / "site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    (tmp_path / "pyvenv.cfg").touch()
    (packages / "ham.pth").write_bytes(b"\xff\n")
    with pytest.raises(startup.ProvisionError, match=r"a package has a file .*: ham.pth is not UTF-8"):
        startup.check_files(tmp_path, VERSION, startup.own_files(tmp_path))
    (tmp_path / "bin/python").unlink()
    before = startup.OwnFiles(b"", "/python")
    with pytest.raises(startup.ProvisionError, match="a package replaces bin/python"):
        startup.check_files(tmp_path, VERSION, before)


def test_what_cannot_be_started_for_another_reason(tmp_path: Path) -> None:
    """The base image may not let USER into the directory: that is no fault of a package."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/python"
    user = Owner(os.geteuid(), os.getegid(), "/")
    assert startup.check(tmp_path, VERSION, user, {}) == ""
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    assert startup.check(tmp_path, VERSION, user, {"PATH": os.environ["PATH"]}) == ""


def test_files_of_the_base_image_are_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only what is mounted sets variables."""
    import credentials  # noqa: PLC0415 - only here

    layout = Layout(run=tmp_path)
    monkeypatch.setattr(credentials, "Layout", lambda: layout)
    monkeypatch.setattr(credentials, "MOUNTS", tmp_path / "mountinfo")
    layout.secrets.mkdir()
    for name in ("OURS", "THEIRS"):
        (layout.secrets / name).write_text("value")
    (tmp_path / "mountinfo").write_text(f"1 2 0:1 /x {layout.secrets / 'OURS'} ro - tmpfs tmpfs ro\n")
    assert credentials.variables({}, layout) == ({"OURS": "value"}, ["OURS"])
