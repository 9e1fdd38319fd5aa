"""Starting and stopping the engines: dockerd in mount, pid and network namespaces of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final

from tests.bed import network, process, rootfs, settings
from tests.bed.host import BedError, say, timed

_DATA: Final = "/var/lib/docker"
_ROOTLESS: Final = Path(__file__).with_name("rootless.sh")
_USER: Final = "engine"
_UID: Final = 1000
"""Of an engine without root, or of root in containers: this user has 65,536 more numbers in /etc/subuid."""
_SPACES: Final = Path("/proc/sys/user/max_user_namespaces")
_TUN: Final = Path("/dev/net/tun")


def running(kind: settings.EngineKind) -> bool:
    """Whether the engine runs and answers."""
    return process.recall(_name(kind)) is not None and _answers(kind.socket)


def up(kind: settings.EngineKind) -> bool:
    """Start an engine unless it runs already; whether it had to be started.

    Raises:
        BedError: there is no address for it, or it does not start.

    """
    if settings.WORKER >= settings.WORKERS:
        most = settings.WORKERS
        raise BedError(f"the test bed has engines for {most} processes of pytest-xdist: use --numprocesses={most}")
    if running(kind):
        return False
    down(kind)
    root = rootfs.engine_root(kind.suite).ensure()
    with timed(f"starting Docker {kind.instance}"):
        _start(kind, root)
    return True


def down(kind: settings.EngineKind) -> None:
    """Stop an engine with everything that runs in it."""
    if process.recall(_name(kind)):
        say(f"stopping Docker {kind.instance}")
    process.stop(_name(kind))
    process.stop(f"{_name(kind)}-spaces", seconds=2)
    shutil.rmtree(kind.state, ignore_errors=True)


def missing(kind: settings.EngineKind) -> str:
    """What this machine lacks to run an engine of this kind; "" for nothing."""
    if kind.root and (not _SPACES.exists() or _SPACES.read_text().strip() == "0"):
        return f"user namespaces, and {_SPACES} allows none"
    if kind.root == "rootless" and not _TUN.exists():
        return f"{_TUN}, the kernel's tun device, for slirp4netns"
    return ""


def _name(kind: settings.EngineKind) -> str:
    return f"engine-{kind.instance}"


def _start(kind: settings.EngineKind, root: Path) -> None:
    data = settings.CACHE / "engines" / kind.instance
    data.mkdir(parents=True, exist_ok=True)
    kind.state.mkdir(parents=True, exist_ok=True)
    log = kind.state / "dockerd.log"
    config = kind.state / "daemon.json"
    config.write_text(json.dumps(_config(kind), indent=1))
    resolvers = kind.state / "resolv.conf"
    resolvers.write_text(network.resolvers())
    binds = {data: _DATA, settings.STATE: str(settings.STATE), resolvers: "/etc/resolv.conf"}
    if settings.CA_BUNDLE.exists():
        binds[settings.CA_BUNDLE] = str(settings.CA_BUNDLE)
    if kind.root:
        binds |= _users(kind, root)
    dockerd = ["dockerd"]
    if kind.root == "rootless":
        for directory in (data, kind.state):
            os.chown(directory, _UID, _UID)
        dockerd = ["sh", "-c", _ROOTLESS.read_text(), _ROOTLESS.name, str(_UID), str(kind.state)]
    words = ["tini-static", "-s", "--", *dockerd, "--config-file", str(config), "-H", kind.docker_host]
    spaces = process.launch(rootfs.command(root, binds, words, network=True), log, stdin=subprocess.PIPE)
    process.remember(f"{_name(kind)}-spaces", spaces.pid)
    process.wait_for("unshare", lambda: bool(_children(spaces.pid)), lambda: spaces.poll() is None, log)
    # The namespaces' first process, as the host numbers it: it passes SIGTERM on to dockerd, and all ends with it.
    process.remember(_name(kind), _children(spaces.pid)[0])
    network.attach(spaces.pid, kind.address)
    assert spaces.stdin is not None
    spaces.stdin.write(b"go\n")
    spaces.stdin.close()
    process.wait_for(f"Docker {kind.instance}", lambda: _answers(kind.socket), lambda: spaces.poll() is None, log)


def _users(kind: settings.EngineKind, root: Path) -> dict[Path, str]:
    """Files of /etc, by their source, with a user to run as."""
    texts = {
        "passwd": f"{(root / 'etc/passwd').read_text()}{_USER}:x:{_UID}:{_UID}::/:/bin/sh\n",
        "group": f"{(root / 'etc/group').read_text()}{_USER}:x:{_UID}:\n",
        "subuid": f"{_USER}:100000:65536\n",
        "subgid": f"{_USER}:100000:65536\n",
    }
    for name, text in texts.items():
        (kind.state / name).write_text(text)
    return {kind.state / name: f"/etc/{name}" for name in texts}


def cpu_seconds(kind: settings.EngineKind) -> float:
    """CPU time of a running engine until now: its own processes, and what they have waited for, such as build steps."""
    first = process.recall(_name(kind))
    if first is None:
        raise BedError(f"Docker {kind.instance} does not run")
    pids = [first]
    for pid in pids:
        pids += _children(pid)
    return sum(map(_ticks, pids)) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime: 14 to 17 in proc(5)


def _children(pid: int) -> list[int]:
    try:
        threads = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(word) for thread in threads for word in thread.read_text().split()]
    except OSError:
        return []


def _config(kind: settings.EngineKind) -> dict[str, object]:
    config: dict[str, object] = {
        "registry-mirrors": [f"http://{settings.REGISTRY}"],
        # Docker 26 builds with a mirror by TLS, unless it is named here, whatever the subnets say.
        "insecure-registries": [settings.SUBNET, settings.REGISTRY],
        "features": {"containerd-snapshotter": kind.containerd_store},
        "mtu": network.mtu(),
        "builder": {"gc": {"enabled": True, "defaultKeepStorage": kind.build_cache}},
        "data-root": _DATA,
        "shutdown-timeout": 3,
    }
    if kind.root != "rootless":
        config["exec-opts"] = ["native.cgroupdriver=cgroupfs"]
    if kind.root == "remapped":
        config["userns-remap"] = _USER
    return config


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _answers(path: Path) -> bool:
    try:
        with contextlib.closing(_Unix(path)) as connection:
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
