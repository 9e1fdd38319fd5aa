"""Puts the directories that run inside build containers on the path: there modules are imported by plain names."""

import sys
from pathlib import Path

import pytest

PROVISION = Path(__file__).parents[3] / "frontend/dockerfile_pyenv/provision"

sys.path[:0] = [str(PROVISION / "environment"), str(PROVISION / "interpreter")]

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
