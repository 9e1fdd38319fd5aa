"""The bed's own docker CLI with buildx and compose, usable on hosts that have none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bed import rootfs, settings
from tests.bed.host import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DOCKER: Final = settings.CACHE / "bin" / "docker"
CONFIG: Final = settings.CACHE / "docker-config"
_PLUGINS: Final = "/usr/libexec/docker/cli-plugins"
_LOST: Final = re.compile(rb"layer does not exist|stat /var/lib/docker/overlay2/\w+: no such file or directory")


def ensure() -> None:
    """Write the wrappers: `docker` itself and its plugins in a configuration directory without credentials."""
    root = rootfs.engine_root(settings.TOOLS_SUITE).ensure()
    rootfs.wrapper(DOCKER, root, "/usr/bin/docker")
    for plugin in ("docker-buildx", "docker-compose"):
        rootfs.wrapper(CONFIG / "cli-plugins" / plugin, root, f"{_PLUGINS}/{plugin}")


def offer() -> None:
    """Make `docker buildx` work for the user: add the plugin to a CLI that has none, or say where a CLI is."""
    docker = shutil.which("docker")
    if docker is None:
        say(f"this machine has no docker CLI; the bed's own is {DOCKER} (PATH={DOCKER.parent}:$PATH)")
    if docker is None or subprocess.run([docker, "buildx", "version"], capture_output=True, check=False).returncode:
        plugins = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "cli-plugins"
        root = rootfs.engine_root(settings.TOOLS_SUITE).ensure()
        rootfs.wrapper(plugins / "docker-buildx", root, f"{_PLUGINS}/docker-buildx")


def command(docker_host: str | None) -> tuple[str, dict[str, str]]:
    """The CLI to talk to an engine with, and the variables it needs.

    For the bed's engines that is the bed's own, without the user's configuration; for others the user's.
    """
    docker = shutil.which("docker")
    if docker is None or _in_bed(docker_host):
        ensure()
        docker = str(DOCKER)
    variables = {"DOCKER_CONFIG": str(CONFIG)} if docker == str(DOCKER) else {}
    return docker, variables | ({"DOCKER_HOST": docker_host} if docker_host else {})


def run(
    docker_host: str | None,
    words: Sequence[str],
    environment: Mapping[str, str],
    data: bytes = b"",
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run the CLI with these words, variables and standard input, whatever its status is.

    The bed's engines go on after a restart with the cache they had, and the classic image store may then have lost
    layers of it (dockerfile-syntax/it-does-not-build.md, "Layer does not exist"). What such a layer fails is run again
    without the cache, as a user would.
    """
    docker, _ = command(docker_host)

    def attempt() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([docker, *words], input=data, capture_output=True, env=environment, cwd=cwd, check=False)

    done = attempt()
    if done.returncode and _in_bed(docker_host) and _LOST.search(done.stdout + done.stderr):
        say("the engine has lost a layer of its build cache: pruning the cache and running again")
        prune = [docker, "buildx", "prune", "--all", "--force"]
        subprocess.run(prune, capture_output=True, env=environment, check=True)
        done = attempt()
    return done


def _in_bed(docker_host: str | None) -> bool:
    return docker_host in {kind.docker_host for kind in settings.ENGINES.values()}
