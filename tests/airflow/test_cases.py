"""The shapes of files that users of the predecessor have: each builds with our syntax line and nothing else changed.

A case is a build context with a Dockerfile; `check` is run in its image by bash, and prints what is in `says`. One that
was wrong stays wrong, and its build says what is in `fails`.
"""

import re
import shutil
from pathlib import Path

import pytest
from tests.airflow.conftest import Runtimes
from tests.bed import image, settings, standins
from tests.engine.wheels import wheel

SLOW = {
    "airflow-in-the-environment",
    "base-that-copies-its-dags",
    "base-with-a-child-stage",
    "base-with-a-variable",
    "base-with-requirements-of-an-environment",
}
"""Cases that take long, and whose like another test of the core builds."""
CASES = [
    pytest.param(path.parent, id=path.parent.name, marks=[pytest.mark.slow] if path.parent.name in SLOW else [])
    for path in sorted((settings.REPOSITORY / "dockerfile-syntax/cases/astro").glob("*/Dockerfile"))
]


@pytest.mark.parametrize("folder", CASES)
def test_a_users_file_builds_as_it_did(runtimes: Runtimes, folder: Path, tmp_path: Path) -> None:
    """The image holds what the predecessor's would: environments, requirements, packages and project."""
    engine = runtimes(standins.ASTRO_2)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(re.sub(r"\A(# ?syntax=)\S+", rf"\1{image.NAME}", dockerfile.read_text()))
    name, data = wheel("given")
    (tmp_path / "include").mkdir(exist_ok=True)
    (tmp_path / "include" / name).write_bytes(data)
    if (folder / "fails").exists():
        failed = engine.build(tmp_path, check=False)
        assert failed.returncode
        assert (folder / "fails").read_text().strip() in failed.log
        return
    built = engine.build(tmp_path).image
    check = (folder / "check").read_text()
    assert engine.run(built, "-c", check, options=("--entrypoint=bash",)) == (folder / "says").read_text().strip()
