"""Constraints for source builds: from a flag, a variable or pip.conf; and what the log says of builds that need one."""

import io
import tarfile
from pathlib import Path

import failure_words
import pytest
from apart_steps import Steps
from layout import Layout
from steps import Build, packages, wheel
from test_apart import links, steps

__all__ = ["links", "steps"]

SETUP = """\
[build-system]
requires = ["tool"]
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """\
import os, zipfile
import removed
def build_wheel(directory, *_):
    with zipfile.ZipFile(os.path.join(directory, "old-1.0-py3-none-any.whl"), "w") as archive:
        archive.writestr("old.py", "")
        archive.writestr("old-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: old\\nVersion: 1.0\\n")
        archive.writestr("old-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr("old-1.0.dist-info/RECORD", "")
    return "old-1.0-py3-none-any.whl"
"""


@pytest.fixture(autouse=True)
def _packages(tmp_path: Path) -> None:
    """A package whose build fails with the newest version of what it requires, which an environment may have."""
    wheel(tmp_path / "wheels", "tool", "1.0", {"removed.py": ""})
    wheel(tmp_path / "wheels", "tool", "2.0", {"tool.py": ""})
    files = {
        "pyproject.toml": SETUP,
        "backend.py": BACKEND,
        "PKG-INFO": "Metadata-Version: 2.1\nName: old\nVersion: 1.0\n",
    }
    with tarfile.open(tmp_path / "wheels/old-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"old-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


@pytest.mark.parametrize("options", [(), ("--installer=pip",)], ids=["uv", "pip"])
@pytest.mark.parametrize("given", ["requirement", "file", "PIP_BUILD_CONSTRAINT", "UV_BUILD_CONSTRAINT", "pip.conf"])
def test_constraints_of_builds(build: Build, layout: Layout, given: str, options: tuple[str, ...]) -> None:
    """They limit what a build gets, and not what is installed."""
    (layout.context / "build.txt").write_text("# ours\ntool<2\n")
    (layout.root / "etc").mkdir()
    (layout.root / "etc/build.txt").write_text("-c more.txt\n")
    (layout.root / "etc/more.txt").write_text("tool==1.*\n")
    environ: dict[str, str] = {}
    if given == "requirement":
        options += ("--build-constraint=tool<2",)
    elif given == "file":
        options += ("--build-constraint=./build.txt",)
    elif given == "pip.conf":
        (layout.root / "etc/pip.conf").write_text("[install]\nbuild-constraint = /etc/build.txt\n")
    else:
        environ[given] = "/etc/build.txt"
    assert build("old\ntool\n", *options, **environ) == 0
    installed = sorted(path.name for path in packages(layout).glob("*.dist-info"))
    assert installed == ["old-1.0.dist-info", "tool-2.0.dist-info"]


def test_a_line_that_is_installed_apart_builds_in_its_stage(steps: Steps, links: dict[str, str]) -> None:
    """The flag reaches both steps, a variable only the stage's."""
    assert steps.ask("old\n", environ={**links, "PIP_BUILD_CONSTRAINT": "/absent.txt"}) == 0
    assert steps.install("--build-constraint=tool<2") == 0
    assert "old 1.0 has no compatible wheel" in steps.reason()
    assert steps.fall_back("--build-constraint=tool<2", environ=links) == 0
    assert list(steps.environments.glob("epo/lib/*/site-packages/old-1.0.dist-info"))


@pytest.mark.parametrize("options", [(), ("--installer=pip",)], ids=["uv", "pip"])
def test_a_build_that_fails(build: Build, options: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    """The log names what is missing; uv's hints, which cannot be followed here, are not repeated."""
    assert build("old\n", *options) == 1
    log = capfd.readouterr()
    assert "from source requires the module removed, which it does not declare\n" in log.out
    assert "--no-build-isolation`" not in log.out + log.err
    assert "tool.uv" not in log.out + log.err


def test_a_file_that_does_not_exist(build: Build, capfd: pytest.CaptureFixture[str]) -> None:
    """The error names where it is set."""
    assert build("old\n", PIP_BUILD_CONSTRAINT="/absent.txt") == 1
    assert (
        "PIP_BUILD_CONSTRAINT: /absent.txt is not a file in the image: write an absolute path of one"
        in capfd.readouterr().out
    )


def test_hints_that_can_be_followed_stay() -> None:
    """Each of several is judged on its own."""
    useless = 'hint: `a` …\n\n[tool.uv.extra-build-dependencies]\na = ["b"]\n\nor re-run with `--no-build-isolation`.\n'
    useful = "hint: Wheels are available for `a` (v1) on the following platforms: `win_amd64`\n"
    assert failure_words.without_hints("error: a\n") == "error: a\n"
    assert failure_words.without_hints("error: a\n\n" + useless) == "error: a\n"
    assert failure_words.without_hints(f"error: a\n\n{useless}{useful}") == f"error: a\n\n{useful}"
