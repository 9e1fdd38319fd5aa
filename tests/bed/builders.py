"""Builders that know nothing of `# syntax=`: buildah and podman, as Debian 12 has them, without a daemon.

What they keep lies in the cache directory, since /run is often a small tmpfs, and is removed by `forget`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bed import host, network, rootfs, settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BUILDAH: Final = "buildah"
PODMAN: Final = "podman"
_ROOT: Final = rootfs.Root("bookworm", (BUILDAH, PODMAN, "ca-certificates"))
_DATA: Final = settings.CACHE / "builders"
_CONFIGURATION: Final = {
    "registries.conf": (
        'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "permissive"\n'
        f'[[registry]]\nprefix = "docker.io"\nlocation = "{settings.REGISTRY}"\ninsecure = true\n'
    ),
    "policy.json": json.dumps({"default": [{"type": "insecureAcceptAnything"}]}),
    "storage.conf": (
        '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\n'
        'graphroot = "/var/lib/containers/storage"\n'
    ),
    "containers.conf": '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n[containers]\nnetns = "host"\n',
}


@dataclass(frozen=True, slots=True)
class Builder:
    """One of the two programs, with a store of its own."""

    name: str

    def build(self, context: Path, file: Path, tag: str, *words: str) -> str:
        """Build a Dockerfile in a chroot, since containers in the bed's namespaces are more than is needed; the log.

        Raises:
            AssertionError: it failed; the message holds its log.

        """
        binds = {context: "/context", file: "/Dockerfile"}
        flags = ["--isolation=chroot", "--layers=false", "--file=/Dockerfile", f"--tag={tag}"]
        return self.run("build", *flags, *words, "/context", binds=binds)

    def run(self, *words: str | Path, binds: Mapping[Path, str] | None = None) -> str:
        """Run the program; what it printed, standard error included.

        Args:
            words: its arguments
            binds: what it sees of the host in addition to the bed's state, and where

        Raises:
            AssertionError: it failed; the message holds its output.

        """
        words = (self.name, *map(str, words))
        inside = rootfs.command(_ROOT.ensure(), {**self._binds(), **(binds or {})}, words)
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *inside],
            input="go\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=host.environment(),
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}: status {done.returncode}\n{done.stdout}"
        return done.stdout

    def _binds(self) -> dict[Path, str]:
        data = _DATA / self.name
        directories = {
            data / "storage": "/var/lib/containers",
            data / "cache": "/var/cache",
            data / "tmp": "/var/tmp",
            settings.STATE: str(settings.STATE),
        }
        for directory in directories:
            directory.mkdir(parents=True, exist_ok=True)
        files = {data / name: text for name, text in _CONFIGURATION.items()}
        for path, text in {**files, data / "resolv.conf": network.resolvers()}.items():
            path.write_text(text)
        return {
            **directories,
            **{path: f"/etc/containers/{path.name}" for path in files},
            data / "resolv.conf": "/etc/resolv.conf",
            **({settings.CA_BUNDLE: str(settings.CA_BUNDLE)} if settings.CA_BUNDLE.exists() else {}),
        }


def forget() -> None:
    """Remove all images and caches of the builders."""
    shutil.rmtree(_DATA, ignore_errors=True)
