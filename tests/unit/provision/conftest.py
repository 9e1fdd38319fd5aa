"""Puts the directories that run inside build containers on the path: there modules are imported by plain names."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROVISION = Path(__file__).parents[3] / "frontend/dockerfile_pyenv/provision"

sys.path[:0] = [str(PROVISION / part) for part in ("environment", "interpreter", "interpreter/finish")]
sys.path.append(str(Path(__file__).parent))

from layout import Layout  # noqa: E402 - found through the path above


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An image's file system below a temporary directory, with nothing in it."""
    return Layout(
        root=tmp_path,
        environments=tmp_path / "opt/astro-pyenv/envs",
        commands=tmp_path / "usr/local/bin",
        run=tmp_path / "run/dockerfile-pyenv",
    )


@pytest.fixture
def provision() -> Path:
    """The directory of everything that runs inside build containers."""
    return PROVISION


@pytest.fixture
def finish(provision: Path) -> ModuleType:
    """The program that makes prefixes ready, as a module."""
    spec = importlib.util.spec_from_file_location("finish_main", provision / "interpreter/finish/__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
