"""The tutorial as a newcomer follows it, from an empty directory to a DAG that uses two environments."""

import tempfile
from pathlib import Path

import pytest
from tests.airflow.conftest import Runtimes
from tests.bed import settings, standins
from tests.engine.test_readme import follow
from tests.reference import TUTORIAL, blocks, examples


@pytest.mark.slow
def test_every_command_of_the_tutorial_works(runtimes: Runtimes) -> None:
    """One after the other, and each prints what the page shows."""
    engine = runtimes(standins.APACHE_3)
    (example,) = examples(TUTORIAL)
    commands = [block for block in blocks(TUTORIAL) if block.language == "console"]
    assert len(commands) > 4
    with tempfile.TemporaryDirectory(dir=settings.STATE if settings.STATE.is_dir() else None) as name:
        example.write(Path(name))
        for block in commands:
            follow(engine, block, Path(name))
