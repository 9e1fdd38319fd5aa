"""Programs of arm64 run on this machine: QEMU from Debian, registered with the kernel for containers too."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bed import host

_MOUNT: Final = Path("/proc/sys/fs/binfmt_misc")
_ENTRY: Final = _MOUNT / "qemu-aarch64"
_FORMAT: Final = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


def up() -> None:
    """Register QEMU unless that is done, or this machine is one of arm64. It stays so until the machine stops.

    Raises:
        BedError: the package cannot be installed, or the kernel has no binfmt_misc.
    """
    if host.run("uname", "-m").stdout.strip() == "aarch64":
        return
    host.require_tools({str(_FORMAT): "qemu-user-static"})
    if not (_MOUNT / "register").exists():
        host.run("mount", "-t", "binfmt_misc", "binfmt_misc", _MOUNT)
    if not _ENTRY.exists():
        # With its flag F the kernel keeps the program open: roots of containers need not have it.
        (_MOUNT / "register").write_text(_FORMAT.read_text().strip())
