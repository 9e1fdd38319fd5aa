"""Fixtures of the unit tests."""

import os

import pytest


@pytest.fixture
def regenerate() -> bool:
    """Whether golden files are to be written instead of compared: `REGENERATE=1 pytest …`."""
    return os.environ.get("REGENERATE") == "1"
