"""What the test bed does without an engine."""

from pathlib import Path
from threading import Event, Thread
from time import sleep

import pytest
from tests.bed import host, settings


def test_a_second_run_waits_for_the_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two runs would remove each other's services. What is of another kind does not wait."""
    monkeypatch.setattr(settings, "STATE", tmp_path)
    said: list[str] = []
    begun = Event()
    monkeypatch.setattr(host, "say", said.append)

    def second() -> None:
        with host.locked("tests"):
            begun.set()

    thread = Thread(target=second)
    with host.locked("tests"):
        thread.start()
        while not said:
            sleep(0.01)
        with host.locked():
            assert not begun.is_set()
    thread.join(10)
    assert begun.is_set()
    assert said == ["waiting for another process (tests of the test bed)"]
