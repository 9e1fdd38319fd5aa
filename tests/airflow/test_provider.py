"""airflow-provider-pyenv in images with real Airflow."""

import shutil
from pathlib import Path

import pytest
from tests.airflow.conftest import EXAMPLES, RunDag, Runtimes
from tests.bed import image, settings, standins
from tests.bed.standins import Standin

PROVIDER = settings.REPOSITORY / "frontend/airflow_provider_pyenv"


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(standins.APACHE_2_9, marks=pytest.mark.slow),
        pytest.param(standins.ASTRO_2, marks=pytest.mark.slow),
        pytest.param(standins.APACHE_2_11, marks=pytest.mark.slow),
        standins.ASTRO_3,
        pytest.param(standins.ASTRO_3_3, marks=pytest.mark.slow),
    ],
    ids=["apache-2.9", "astro-2", "apache-2.11", "astro-3", "astro-3.3"],
)
def test_tasks_name_their_environment(
    runtimes: Runtimes, run_dag: RunDag, tmp_path: Path, wanted: tuple[Standin, ...]
) -> None:
    """The entry point registers the decorator, and an unknown name is told with the known ones."""
    engine = runtimes(wanted)
    shutil.copytree(EXAMPLES / "airflow-provider", tmp_path, dirs_exist_ok=True)
    shutil.copytree(PROVIDER, tmp_path / "provider")
    (tmp_path / "Dockerfile").write_text(
        f"# syntax={image.NAME}\nFROM {wanted[0].names[0]}\nPYENV 3.9 reports\nPYENV 3.13 data-science\n"
        "COPY --chown=50000 provider /tmp/provider\nRUN pip install --no-deps /tmp/provider\n"
        "COPY --chown=50000 dags dags\n"
    )
    built = engine.build(tmp_path).image
    collected = run_dag(engine, built, "environments_by_name", {})
    assert collected == {"decorated": {"python": "3.9", "product": 42}, "operator": "3.9.2"}
    listed = (
        "from importlib.metadata import distribution as d; p = d('airflow-provider-pyenv'); "
        "print(p.metadata['License-Expression'], *sorted(str(f) for f in p.files if f.name in {'LICENSE', 'py.typed'}))"
    )
    assert engine.run(built, "python", "-c", listed).splitlines()[-1] == (
        "Apache-2.0 airflow_provider_pyenv-1.0.0.dev0.dist-info/licenses/LICENSE airflow_provider_pyenv/py.typed"
    )
    wrong = engine.docker(
        "run",
        "--rm",
        built,
        "python",
        "-c",
        "import airflow_provider_pyenv as p; p.pyenv_python('repots')",
        check=False,
    )
    assert wrong.returncode
    assert (
        "this image has no environment repots: its environments are data-science, data_science, reports" in wrong.stderr
    )
