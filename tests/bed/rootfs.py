"""Debian root filesystems: made once by mmdebstrap, kept in the cache, entered through namespaces of their own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bed import settings
from tests.bed.host import environment, run, say, timed, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INSIDE: Final = Path(__file__).with_name("inside.sh")
_RECIPE: Final = "3"  # another number builds all roots again
_ENGINE_PACKAGES: Final = ("docker.io", "ca-certificates", "iptables", "git")
_TOOL_PACKAGES: Final = ("docker-cli", "docker-buildx", "docker-compose", "docker-registry")
_ROOTLESS_PACKAGES: Final = ("rootlesskit", "slirp4netns", "uidmap", "iproute2")
_BUILDER_PACKAGES: Final = (
    "gcc",
    "libc6-dev",
    "libbz2-dev",
    "libffi-dev",
    "libgdbm-dev",
    "liblzma-dev",
    "libncurses-dev",
    "libreadline-dev",
    "libsqlite3-dev",
    "libssl-dev",
    "make",
    "pkg-config",
    "uuid-dev",
    "xz-utils",
    "zlib1g-dev",
)


@dataclass(frozen=True, slots=True)
class Root:
    """A root filesystem: a Debian suite with packages."""

    suite: str
    packages: tuple[str, ...]

    @property
    def key(self) -> str:
        """A name for exactly this content, as far as the bed decides it."""
        words = (_RECIPE, self.suite, *self.packages)
        return f"{self.suite}-{hashlib.sha256(' '.join(words).encode()).hexdigest()[:12]}"

    @property
    def path(self) -> Path:
        """Where the cache has it, or will have it."""
        return settings.CACHE / "roots" / self.key

    def ensure(self) -> Path:
        """The path of the finished root; makes it first if the cache has none, once for all threads."""
        with _making(self.key):
            if not self.path.is_dir():
                with (
                    timed(f"making a Debian {self.suite} root with {', '.join(self.packages[:2])}, … (about 25 s)"),
                    whole(self.path) as new,
                ):
                    bootstrap(self.suite, new, self.packages)
        os.utime(self.path)
        return self.path


@cache
def _making(key: str) -> threading.Lock:  # noqa: ARG001 - what the lock is kept under
    return threading.Lock()


def engine_root(suite: str) -> Root:
    """The root that a suite's Docker engine runs in."""
    extra = _TOOL_PACKAGES + _ROOTLESS_PACKAGES if suite == settings.TOOLS_SUITE else ()
    return Root(suite, _ENGINE_PACKAGES + extra)


BUILDER: Final = Root(settings.BUILDER_SUITE, _BUILDER_PACKAGES)


def bootstrap(suite: str, target: Path, packages: Sequence[str] = (), options: Sequence[str] = ()) -> None:
    """Make a minimal root filesystem: a directory, or a tar archive where `target` ends in `.tar`."""
    # An expired Release file, as of a suite in the making, is no reason to stop.
    sources = f"deb [signed-by={settings.DEBIAN_KEYRING}] {settings.debian_mirror()} {suite} main"
    include = [f"--include={','.join(packages)}"] if packages else []
    run(
        "mmdebstrap",
        "--variant=minbase",
        # Without it bookworm takes the usrmerge package, and with that all of perl, to have a merged /usr.
        "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
        "--dpkgopt=force-unsafe-io",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Check-Valid-Until "false"',
        *include,
        *options,
        suite,
        target,
        sources,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(settings.EPOCH)},
    )


def command(root: Path, binds: Mapping[Path, str], words: Sequence[str], *, network: bool = False) -> list[str]:
    """The command line that runs `words` in `root`; it begins when it reads a line on its standard input.

    Nothing of it outlives its first process: the pid namespace ends with it.
    """
    spaces = ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", *(["--net"] if network else [])]
    mounts = [f"{source}:{target}" for source, target in binds.items()]
    return ["unshare", *spaces, "sh", str(_INSIDE), str(root), *mounts, "--", *words]


def run_inside(root: Path, binds: Mapping[Path, str], words: Sequence[str], env: Mapping[str, str], log: Path) -> int:
    """Run a command in `root` to its end, its output in `log`; the exit status. It does not outlive this process."""
    with log.open("w") as output:
        return subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *command(root, binds, words)],
            input="go\n",
            text=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(env),
            check=False,
        ).returncode


def program(root: Path, path: str) -> list[str]:
    """The words that run a program of `root` on the host, with the root's own loader and libc.

    The host's libc may be older than the program, or another one.
    """
    libraries = ":".join(str(directory) for directory in sorted((root / "usr/lib").glob("*-linux-gnu*")))
    loader = next(iter(sorted((root / "usr/lib").glob("*-linux-gnu*/ld-linux*.so.*"))))
    return [str(loader), "--library-path", libraries, str(root / path.lstrip("/"))]


def wrapper(target: Path, root: Path, path: str) -> None:
    """Write a script at `target` that runs a program of `root` on the host."""
    text = "#!/bin/sh\nexec " + " ".join(program(root, path)) + ' "$@"\n'
    if not target.exists() or target.read_text() != text:
        say(f"writing {target}")
        with whole(target) as new:
            new.write_text(text)
            new.chmod(0o755)
