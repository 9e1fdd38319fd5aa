"""A line that is installed in its builder, where something has to be built."""

from pathlib import Path
from types import ModuleType

import credentials
import pytest
from apart_steps import Steps
from layout import Layout
from steps import output, wheel

LACKS_COMPILER = """\
import os, sys
def prepare_metadata_for_build_wheel(directory, *_):
    os.mkdir(os.path.join(directory, "eggs-1.0.dist-info"))
    with open(os.path.join(directory, "eggs-1.0.dist-info/METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: eggs\\nVersion: 1.0\\n")
    return "eggs-1.0.dist-info"
def build_wheel(directory, *_):
    sys.exit("error: command 'gcc' failed: No such file or directory")
"""
SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def steps(program: ModuleType, layout: Layout, tmp_path: Path) -> Steps:
    """A stage with nothing in it but /tmp, and a directory of packages outside of it."""
    (layout.root / "tmp").mkdir()
    wheel(tmp_path / "wheels", "spam", "1.0", {"spam.py": "print('spam')\n"})
    return Steps(program, layout, tmp_path / "steps")


def test_a_pip_conf_that_a_secret_mounts_counts(steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The builder's own does not: settings are those of the stage, and of the line's secrets."""
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(credentials, "MOUNTS", mounts)
    own = "[global]\nno-index = true\n"
    assert steps.ask("spam\n") == 0
    files = {
        "/etc/pip.conf": f"{own}find-links = {(tmp_path / 'wheels').as_uri()}\n",
        "/etc/xdg/pip/pip.conf": "not one",
    }
    mounts.write_text(f"1 2 0:1 /x {tmp_path}/steps/build/root/etc/pip.conf ro - tmpfs tmpfs ro\n")
    assert steps.build(files=files) == 0
    assert output(steps.environments / "epo/bin/python", "-c", "import spam") == "spam"


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_a_build_lacks_is_installed_in_the_builder(
    steps: Steps, capfd: pytest.CaptureFixture[str], installer: str
) -> None:
    """The error says so, whichever program installs."""
    project = steps.context / "eggs"
    project.mkdir(parents=True)
    (project / "pyproject.toml").write_text(f'{SYSTEM}[project]\nname = "eggs"\nversion = "1.0"\n')
    (project / "backend.py").write_text(LACKS_COMPILER)
    assert steps.ask("./eggs\n") == 0
    assert steps.install(f"--installer={installer}", "--has-builder") == 0
    assert steps.build(f"--installer={installer}") == 1
    log = capfd.readouterr().out
    assert "epo: installing in the builder: eggs is a project directory\n" in log
    (advice,) = [line for line in log.splitlines() if "  do:  " in line]
    assert "in the builder" in advice


@pytest.mark.parametrize("where", ["variable", "pip.conf"])
def test_constraints_for_builds_are_those_of_the_stage(
    steps: Steps, layout: Layout, capfd: pytest.CaptureFixture[str], where: str
) -> None:
    """With what they include, and in place of a file of the builder at the same path."""
    project = steps.context / "eggs"
    project.mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["spam"]\n[project]\nname = "eggs"\nversion = "1.0"\n'
    )
    (layout.root / "etc").mkdir()
    (layout.root / "etc/build.txt").write_text("-c more.txt\n")
    (layout.root / "etc/more.txt").write_text("spam==7\n")
    environ = {"PATH": "/nowhere", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (layout.root / "wheels").as_uri()}
    if where == "variable":
        environ["PIP_BUILD_CONSTRAINT"] = "/etc/build.txt"
    else:
        (layout.root / "etc/pip.conf").write_text("[global]\nbuild-constraint = /etc/build.txt\n")
    assert steps.ask("./eggs\n", environ=environ) == 0
    assert not (steps.line / "files/etc").exists()
    assert steps.ask("./eggs\n", environ=environ, builder=True) == 0
    assert steps.install("--has-builder") == 0
    assert steps.build(files={"/etc/build.txt": ""}) == 1
    log = capfd.readouterr().out
    assert "spam==7" in log, log
