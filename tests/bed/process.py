"""Long-running processes of the bed, known by a record that cannot be mistaken for another process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bed import settings
from tests.bed.host import BedError, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _identity(pid: int) -> str | None:
    """Boot and start time of a process: with the pid, unique; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {fields[19]}"


def _record(name: str) -> Path:
    return settings.STATE / "processes" / f"{name}.json"


# They outlive this program on purpose; subprocess would warn of that when their objects go.
_started: Final[list[subprocess.Popen[bytes]]] = []


def launch(command: Sequence[str], log: Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a process of its own session, its output in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=environment(),
        )
    _started.append(process)
    return process


def remember(name: str, pid: int) -> None:
    """Record a process under a name."""
    path = _record(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"pid": pid, "identity": _identity(pid)}))
    new.rename(path)


def recall(name: str) -> int | None:
    """The pid of a running process that was recorded under a name, if there is one."""
    try:
        record = json.loads(_record(name).read_text())
    except (OSError, ValueError):
        return None
    pid = int(record["pid"])
    return pid if record["identity"] and record["identity"] == _identity(pid) else None


def names() -> list[str]:
    """The names of all running processes of the bed."""
    return sorted(path.stem for path in _record("x").parent.glob("*.json") if recall(path.stem))


def start(name: str, command: Sequence[str], log: Path) -> None:
    """Start a process that goes on by itself, and record it."""
    remember(name, launch(command, log).pid)


def stop(name: str, seconds: float = 15) -> None:
    """End a recorded process, gently first; afterwards it is gone and so is its record."""
    pid = recall(name)
    if pid is not None:
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
            if recall(name) is None:
                break
            os.kill(pid, number)
            deadline = time.monotonic() + patience
            while recall(name) is not None and time.monotonic() < deadline:
                time.sleep(0.05)
    _record(name).unlink(missing_ok=True)


def wait_for(what: str, ready: Callable[[], bool], alive: Callable[[], bool], log: Path, seconds: float = 60) -> None:
    """Wait until something just started is ready.

    Raises:
        BedError: it ended, or was not ready in time; the message ends with its log.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if not alive() or time.monotonic() > deadline:
            words = log.read_text(errors="replace")[-4000:] if log.exists() else ""
            raise BedError(
                f"{what} {'did not answer in time' if alive() else 'ended at once'}; its log {log}:\n{words}"
            )
        time.sleep(0.05)
