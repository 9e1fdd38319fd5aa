"""airflow-provider-pyenv, as far as it needs no Airflow; tests/airflow runs it in images."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

_PATH = Path(__file__).parents[2] / "frontend/airflow_provider_pyenv/airflow_provider_pyenv/environments.py"


@pytest.fixture(scope="module")
def environments() -> ModuleType:
    """The module, without the package that Airflow imports."""
    spec = importlib.util.spec_from_file_location("environments", _PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_name_becomes_a_path(environments: ModuleType) -> None:
    """The name is the Dockerfile's, in whatever spelling it has there."""
    assert (
        environments.pyenv_python("data-science", {"ASTRO_PYENV_data-science": "/envs/bin/python"})
        == "/envs/bin/python"
    )


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ASTRO_PYENV_b": "/b", "ASTRO_PYENV_a": "/a", "HOME": "/"}, "its environments are a, b"),
        ({}, "it has none, so add a PYENV line to its Dockerfile"),
    ],
)
def test_an_unknown_name_is_told_with_the_known_ones(
    environments: ModuleType, environ: dict[str, str], message: str
) -> None:
    """The error lists what could have been meant."""
    with pytest.raises(environments.UnknownEnvironmentError, match=message):
        environments.pyenv_python("c", environ)


def test_its_distribution_has_the_projects_licence_and_says_that_it_is_typed() -> None:
    """It is built from its own directory, so it needs a copy."""
    root = _PATH.parents[1]
    assert (root / "LICENSE").read_bytes() == (root.parents[1] / "LICENSE").read_bytes()
    assert (root / "airflow_provider_pyenv/py.typed").exists()
