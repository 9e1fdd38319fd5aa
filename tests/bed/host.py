"""The machine the bed stands on: commands, tools, progress and the lock that keeps two runs apart."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from tests.bed import settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# command or file -> the Debian package that has it
TOOLS: Final = {
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "iptables": "iptables",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    str(settings.DEBIAN_KEYRING): "debian-archive-keyring",
}
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_speech = threading.Lock()


class BedError(Exception):
    """The bed cannot do what was asked; the message says why and what to do."""


def say(message: str) -> None:
    """Print one line of progress at once, whole even when several threads speak."""
    with _speech:
        sys.stderr.write(f"==> {message}\n")
        sys.stderr.flush()


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say that `what` begins, and how long it took when it is done."""
    say(f"{what} ...")
    start = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - start:.0f} s")


def run(
    *command: str | Path, check: bool = True, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command and keep its output.

    Raises:
        BedError: it failed and `check` is set; the message ends with its output.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=env,
        cwd=cwd,
        check=False,
    )
    if check and done.returncode:
        raise BedError(f"{' '.join(words)}\nfailed with status {done.returncode}:\n{done.stdout[-4000:]}")
    return done


def require_tools(tools: Mapping[str, str] = TOOLS) -> None:
    """Install what the host lacks of these commands and files, each with its Debian package.

    The bed needs root: namespaces, mounts and a bridge.

    Raises:
        BedError: not root, or apt-get failed.
    """
    if os.geteuid() != 0:
        raise BedError("the test bed needs root (namespaces, mounts, a bridge); run it with sudo")
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    missing = sorted({package for tool, package in tools.items() if not (shutil.which(tool) or Path(tool).is_file())})
    if missing:
        if not shutil.which("apt-get"):
            raise BedError(f"the test bed needs {', '.join(missing)}, and this machine has no apt-get to install them")
        with timed(f"installing {', '.join(missing)} with apt-get"):
            env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            run("apt-get", "update", env=env)
            run("apt-get", "install", "-y", "--no-install-recommends", *missing, env=env)


@contextmanager
def locked(work: str = "bed", number: int = 0) -> Iterator[None]:
    """Do what one process does at a time on a machine: build, start or stop the "bed", or run "tests" of a number."""
    settings.STATE.mkdir(parents=True, exist_ok=True)
    with (settings.STATE / f"{work}-{number}.lock").open("w") as file:
        if not _lock_at_once(file):
            say(f"waiting for another process ({work} of the test bed)")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def any_locked(work: str) -> bool:
    """Whether some process does this work, of whatever number."""
    for path in settings.STATE.glob(f"{work}-*.lock"):
        with path.open("w") as file:
            if not _lock_at_once(file):
                return True
    return False


def _lock_at_once(file: IO[str]) -> bool:
    """Lock a file until it is closed, unless another process has; whether it is locked now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Give a path next to `target` to make a file or directory at; it becomes `target` only if all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield work / target.name
        (work / target.name).rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def sweep(directory: Path, days: float) -> None:
    """Remove what killed runs left half made in `directory`, and what was not used for so many days.

    Call it with the lock held, while nothing of the bed runs.
    """
    for path in directory.glob("*"):
        old = path.stat().st_mtime < time.time() - days * 86400
        if path.is_dir() and (old or path.name.startswith(".")):
            say(f"removing {path} from the cache")
            shutil.rmtree(path, ignore_errors=True)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A clean environment for programs in the bed's own roots."""
    return {"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", **(extra or {})}
