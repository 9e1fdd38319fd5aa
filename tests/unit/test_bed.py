"""What the test bed does without an engine."""

from pathlib import Path
from threading import Event, Thread
from time import sleep

import pytest
from tests import sharing
from tests.bed import bed, daemon, host, settings


def test_a_second_run_waits_for_the_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two runs would remove each other's services. What is of another kind does not wait."""
    monkeypatch.setattr(settings, "STATE", tmp_path)
    monkeypatch.setattr(settings, "WORKER", 0)
    said: list[str] = []
    begun = Event()
    monkeypatch.setattr(host, "say", said.append)

    def second() -> None:
        with bed.in_use():
            begun.set()

    thread = Thread(target=second)
    with bed.in_use():
        thread.start()
        while not said:
            sleep(0.01)
        with host.locked():
            assert not begun.is_set()
    thread.join(10)
    assert begun.is_set()
    assert said == ["waiting for another process (tests of the test bed)"]


@pytest.mark.parametrize(
    ("was_up", "kept", "stopped"), [(False, False, True), (False, True, False), (True, False, False)]
)
def test_the_last_process_of_a_run_stops_a_bed_that_only_tests_have_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, was_up: bool, kept: bool, stopped: bool
) -> None:
    monkeypatch.setattr(settings, "STATE", tmp_path)
    monkeypatch.setattr(settings, "WORKER", 0)
    downs: list[str] = []
    monkeypatch.setattr(bed, "_down", lambda: downs.append("down"))
    with bed.in_use():
        bed.note_use(running=was_up, keep=False)
        with monkeypatch.context() as second:
            second.setattr(settings, "WORKER", 1)
            with bed.in_use():
                bed.note_use(running=True, keep=False)
        assert not downs
        if kept:
            bed.note_use(running=True, keep=True)  # as `make bed` does it meanwhile
    assert downs == ["down"] * stopped


def test_tests_that_build_the_same_share_a_process() -> None:
    """Those of a file do, and all with Airflow. Tests without an engine run anywhere."""
    groups = {
        "tests/engine/test_builds.py::test_a": "test_builds.py",
        "tests/engine/test_builds.py::test_b[x::y]": "test_builds.py",
        "tests/engine/test_cache.py::test_a": "test_cache.py",
        "tests/airflow/test_cases.py::test_a": "airflow",
        "tests/airflow/test_dbt.py::test_a": "airflow",
        "tests/unit/test_bed.py::test_a": "tests/unit/test_bed.py::test_a",
    }
    assert {node: sharing.group(node) for node in groups} == groups


def test_a_process_runs_what_its_engines_have_built_before() -> None:
    """Its own groups come first, whatever the other process is at; then it takes the other's last."""
    homes = {"test_interpreters.py": 0, "airflow": 1, "test_bases.py": 0, "test_builds.py": 1, "test_leaks.py": 0}
    waiting, order = list(homes), []
    while waiting:
        order.append(sharing.following(waiting, homes, 1))
        waiting.remove(order[-1])
    assert order == ["airflow", "test_builds.py", "test_leaks.py", "test_bases.py", "test_interpreters.py"]


@pytest.mark.parametrize(
    ("spaces", "tun", "missing"),
    [
        ("96365\n", True, {}),
        ("96365\n", False, {"28-rootless": "{tun}, the kernel's tun device, for slirp4netns"}),
        ("0\n", True, dict.fromkeys(("28-rootless", "28-remapped"), "user namespaces, and {spaces} allows none")),
    ],
)
def test_an_engine_that_cannot_run_here_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spaces: str, *, tun: bool, missing: dict[str, str]
) -> None:
    paths = {"spaces": tmp_path / "spaces", "tun": tmp_path / "tun"}
    paths["spaces"].write_text(spaces)
    if tun:
        paths["tun"].touch()
    monkeypatch.setattr(daemon, "_SPACES", paths["spaces"])
    monkeypatch.setattr(daemon, "_TUN", paths["tun"])
    found = {name: lack for name, kind in settings.ENGINES.items() if (lack := daemon.missing(kind))}
    assert found == {name: lack.format_map(paths) for name, lack in missing.items()}
