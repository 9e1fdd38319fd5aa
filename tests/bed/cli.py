"""The bed's own docker CLI with buildx and compose, usable on hosts that have none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.bed import rootfs, settings
from tests.bed.host import say

DOCKER: Final = settings.CACHE / "bin" / "docker"
CONFIG: Final = settings.CACHE / "docker-config"
_PLUGINS: Final = "/usr/libexec/docker/cli-plugins"


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
    in_bed = docker_host in {kind.docker_host for kind in settings.ENGINES.values()}
    docker = shutil.which("docker")
    if docker is None or in_bed:
        ensure()
        docker = str(DOCKER)
    variables = {"DOCKER_CONFIG": str(CONFIG)} if docker == str(DOCKER) else {}
    return docker, variables | ({"DOCKER_HOST": docker_host} if docker_host else {})
