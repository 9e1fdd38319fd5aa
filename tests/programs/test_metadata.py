"""What package indexes show of the distributions."""

import re
import subprocess
import sys
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest
from tests.bed import settings

DISTRIBUTIONS = {
    ".": "dockerfile_pyenv",
    "frontend/buildkit-llb": "buildkit_llb",
    "frontend/airflow_provider_pyenv": "airflow_provider_pyenv",
}
"""The package of each distribution, by its folder."""
LINK = re.compile(r"\]\((?!#)(.{4})")
_BIN = Path(sys.executable).parent


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_pyroma_has_nothing_to_add(folder: str) -> None:
    command = [str(_BIN / "pyroma"), "--min", "10", str(settings.REPOSITORY / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Final rating: 10/10" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(("folder", "package"), list(DISTRIBUTIONS.items()))
def test_a_wheel_has_its_licence_and_its_packages(folder: str, package: str, tmp_path: Path) -> None:
    command = [str(_BIN / "python"), "-m", "build", "--wheel", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(settings.REPOSITORY / folder)], capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        found = BytesParser().parsebytes(archive.read(metadata))
    assert found["License-Expression"] == "Apache-2.0"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert found["Description-Content-Type"] == "text/markdown"
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {package}
    assert f"{package}/py.typed" in names
    assert set(LINK.findall(found.get_payload())) <= {"http", "mail"}  # PyPI knows no files of the repository
    if folder == ".":
        assert set(found.get_all("Provides-Extra", [])) == {"docker", "lock"}
        assert [one for one in found.get_all("Requires-Dist", []) if one.startswith("buildkit-llb")]


def test_the_frontend_installs_from_a_checkout_with_buildkit_llb(tmp_path: Path) -> None:
    """As CONTRIBUTING says, in a new environment: it has both packages, and the command runs."""
    subprocess.run([str(_BIN / "python"), "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    both = [str(settings.REPOSITORY), str(settings.REPOSITORY / "frontend/buildkit-llb")]
    python = str(tmp_path / "venv/bin/python")
    pip = [str(_BIN / "python"), "-m", "pip", "--python", python]
    subprocess.run([*pip, "install", "--quiet", *both], check=True)
    code = "import buildkit_llb.gateway, dockerfile_pyenv; print(buildkit_llb.__file__, dockerfile_pyenv.__file__)"
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [python, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.count(f"{tmp_path}/venv/lib/") == 2
    (tmp_path / "Dockerfile").write_text("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 a\n")
    command = [str(tmp_path / "venv/bin/dockerfile-pyenv"), "check"]
    checked = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "Dockerfile: no warnings\n")
    checked = subprocess.run([*pip, "check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
