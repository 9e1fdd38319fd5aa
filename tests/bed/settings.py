"""Where the bed keeps things, which addresses it uses, and which versions it is made of."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PYTHONPATH: Final = os.pathsep.join(str(REPOSITORY / path) for path in ("frontend", "frontend/buildkit-llb"))
"""Where the packages of this repository are, for programs that import them."""
CACHE: Final = Path(os.environ.get("DOCKERFILE_PYENV_CACHE") or Path.home() / ".cache" / "dockerfile-pyenv").absolute()
# Fixed, and seen under this path by the engines too: a bind mount below it works in a container.
STATE: Final = Path("/run/dockerfile-pyenv")
CA_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")

# 198.18.0.0/15 is set aside for tests of network devices (RFC 2544), so nobody's own network is in the way. The
# addresses are the same everywhere: they enter the table of interpreters, and with it cache keys.
BRIDGE: Final = "pyenv-bed"
NETWORK: Final = "198.18.239"
SUBNET: Final = f"{NETWORK}.0/24"
GATEWAY: Final = f"{NETWORK}.1"
REGISTRY: Final = f"{GATEWAY}:5239"
ARCHIVES: Final = f"{GATEWAY}:8239"

WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Which of a run's processes this one is. Each has engines of its own: builds of two would share steps and cache."""
WORKERS: Final = 4
"""For how many the network has addresses."""
_WORKER_HOSTS: Final = 50

DEBIAN_KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Every file the bed makes carries this time: 2026-11-01T00:00:00Z.
EPOCH: Final = 1793491200
DATE: Final = "20261101"


@cache
def debian_mirror() -> str:
    """The Debian mirror that the host's own apt uses; DEBIAN_MIRROR names another, or one for a host without."""
    if chosen := os.environ.get("DEBIAN_MIRROR"):
        return chosen.rstrip("/")
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    for address in listed:
        if address.rstrip("/").endswith("/debian"):
            return address.rstrip("/")
    raise LookupError("this host's apt knows no Debian mirror: name one in the variable DEBIAN_MIRROR")


@dataclass(frozen=True, slots=True)
class EngineKind:
    """A Docker engine the bed can start: the Debian suite it comes from and the image store it uses."""

    name: str
    suite: str
    host: int
    """The last byte of the IPv4 address of a run's first process."""
    containerd_store: bool = False
    build_cache: str = "9GB"
    """What BuildKit keeps of its cache: with less, steps are dropped while the test that needs them still runs."""
    root: str = ""
    """`rootless`: dockerd runs as another user than root; `remapped`: root of a container is another user outside."""
    elsewhere: str = ""
    """The value for DOCKER_HOST of an engine that the bed does not start."""

    @property
    def address(self) -> str:
        """The engine's IPv4 address on the bed's bridge, where its published ports are reached."""
        return f"{NETWORK}.{self.host + WORKER * _WORKER_HOSTS}"

    @property
    def instance(self) -> str:
        """The name of this process's engine of this kind."""
        return f"{self.name}-worker{WORKER}" if WORKER else self.name

    @property
    def state(self) -> Path:
        """The directory that the engine shares with the host."""
        return STATE / "engines" / self.instance

    @property
    def socket(self) -> Path:
        """The engine's API."""
        return self.state / "docker.sock"

    @property
    def docker_host(self) -> str:
        """The value for DOCKER_HOST."""
        return self.elsewhere or f"unix://{self.socket}"


# The user's own Docker, for tests that meet the real images (`make test-online`).
REAL: Final = EngineKind("real", "", 0, elsewhere=os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
ENGINES: Final = {
    kind.name: kind
    for kind in (
        EngineKind("28", "forky", 28),
        EngineKind("28-containerd", "forky", 29, containerd_store=True),
        EngineKind("28-second", "forky", 32, containerd_store=True),
        EngineKind("28-rootless", "forky", 34, containerd_store=True, root="rootless"),
        EngineKind("28-remapped", "forky", 35, root="remapped"),
        EngineKind("26", "trixie", 26),
        EngineKind("20.10", "bookworm", 20),
        EngineKind("bench", "forky", 30, build_cache="40GB"),
        EngineKind("bench-containerd", "forky", 31, containerd_store=True, build_cache="40GB"),
        EngineKind("bench-cache", "forky", 33, containerd_store=True, build_cache="40GB"),
    )
}
# The suite that gives the registry, the docker CLI, buildx and compose.
TOOLS_SUITE: Final = "forky"
BASE_SUITES: Final = ("bookworm", "trixie")
# The oldest and the newest, for the matrix of interpreters only.
MORE_SUITES: Final = ("bullseye", "sid")


@dataclass(frozen=True, slots=True)
class Release:
    """A CPython release, built for a C library: "gnu" or "musl"."""

    version: str
    libc: str = "gnu"

    @property
    def minor(self) -> str:
        """`X.Y` of the version."""
        return self.version.rpartition(".")[0]


# Those of Debian's stable suites, bullseye to trixie: they stay in the pool.
RELEASES: Final = (Release("3.9.2"), Release("3.11.2"), Release("3.13.5"))
# The first minor version whose extension modules have names of musl's own (bpo-43112), as those of Alpine's wheels do.
MUSL_RELEASES: Final = (Release("3.11.2", "musl"),)
# What Debian's suites in the making have, at whatever release they are; for the matrix of interpreters only.
MOVING: Final = ("3.14", "3.15")
# glibc 2.31: what is compiled there runs on bullseye and everything newer.
BUILDER_SUITE: Final = "bullseye"
# musl 1.2.5, as in Alpine 3.22.
MUSL_SUITE: Final = "trixie"
