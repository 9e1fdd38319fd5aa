"""An engine of the bed as tests see it: the docker CLI, builds, and what is in an image."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from tests.bed import cli

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bed.settings import EngineKind


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build said; `image` is the image's id, empty where the build failed or made none."""

    returncode: int
    log: str
    image: str


@dataclass(frozen=True, slots=True)
class File:
    """One path of an image; `kind` is `file`, `directory`, `symlink`, `hardlink` or `device`."""

    kind: str
    mode: int
    uid: int
    gid: int
    link: str = ""
    sha256: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine of the bed; it knows nothing of the user's own docker configuration."""

    kind: EngineKind

    @property
    def host(self) -> str:
        """The value for DOCKER_HOST."""
        return self.kind.docker_host

    @property
    def address(self) -> str:
        """The IPv4 address where published ports are reached, from the host and from containers."""
        return self.kind.address

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables for any program that talks to this engine."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "BUILDX_"))}
        return {**mine, **cli.command(self.host)[1], **(extra or {})}

    def docker(
        self,
        *words: str | Path,
        input: str | bytes | None = None,  # noqa: A002 - subprocess.run's own name for it
        check: bool = True,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the docker CLI; standard output and standard error apart, as text.

        Raises:
            AssertionError: it failed and `check` is set; the message holds its output.
        """
        command = [str(word) for word in words]
        data = input.encode() if isinstance(input, str) else input
        raw = cli.run(self.host, command, self.environment(env), data or b"", cwd)
        output, errors = raw.stdout.decode(errors="replace"), raw.stderr.decode(errors="replace")
        if check and raw.returncode:
            raise AssertionError(f"docker {' '.join(command)}: status {raw.returncode}\n{output}\n{errors}")
        return subprocess.CompletedProcess(command, raw.returncode, output, errors)

    def build(
        self,
        *words: str | Path,
        input: str | bytes | None = None,  # noqa: A002 - subprocess.run's own name for it
        progress: str = "plain",
        check: bool = True,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> BuildResult:
        """Run `docker buildx build` with these words, the context among them.

        Raises:
            AssertionError: the build failed and `check` is set; the message holds its log.
        """
        with tempfile.TemporaryDirectory() as directory:
            iid = Path(directory, "iid")
            done = self.docker(
                "buildx",
                "build",
                f"--progress={progress}",
                f"--iidfile={iid}",
                *words,
                input=input,
                check=check,
                env=env,
                cwd=cwd,
            )
            image = iid.read_text().strip() if iid.exists() else ""
        return BuildResult(done.returncode, done.stdout + done.stderr, image)

    def run(self, image: str, *words: str, options: tuple[str, ...] = ()) -> str:
        """What a command in a new container of the image prints; blanks around it are taken off."""
        return self.docker("run", "--rm", *options, image, *words).stdout.strip()

    def image_config(self, image: str) -> dict[str, Any]:
        """The image's own configuration: `config`, `history`, `rootfs` and the rest, as the registry has it."""
        with tempfile.TemporaryFile() as file:
            self._write(file, "save", image)
            with tarfile.open(fileobj=file) as tar:
                manifest = json.loads(_read(tar, "manifest.json"))
                config: dict[str, Any] = json.loads(_read(tar, manifest[0]["Config"]))
                return config

    def files(self, image: str) -> dict[str, File]:
        """All paths of the image, without a leading slash, as its layers leave them."""
        container = self.docker("create", image, "/none").stdout.strip()
        try:
            with tempfile.TemporaryFile() as file:
                self._write(file, "export", container)
                with tarfile.open(fileobj=file) as tar:
                    return {_path(member): _file(tar, member) for member in tar if _path(member) not in _DOCKERS_OWN}
        finally:
            self.docker("rm", "--force", container)

    def tidy(self) -> None:
        """Forget stopped containers, and images without a name that no test can be using any more."""
        self.docker("container", "prune", "--force")
        self.docker("image", "prune", "--force", "--filter", "until=10m")

    def prune(self) -> None:
        """Forget the build cache, stopped containers and images without a name."""
        self.docker("container", "prune", "--force")
        self.docker("image", "prune", "--force")
        self.docker("buildx", "prune", "--all", "--force")

    def _write(self, file: IO[bytes], *words: str) -> None:
        subprocess.run([cli.command(self.host)[0], *words], stdout=file, env=self.environment(), check=True)
        file.seek(0)


# What `docker create` lays into every container for its own mounts.
_DOCKERS_OWN: Final = frozenset(
    {".dockerenv", "dev/console", "dev/pts", "dev/shm", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"}
)
_KINDS: Final = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
}


def _path(member: tarfile.TarInfo) -> str:
    return member.name.strip("/")


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo) -> File:
    content = tar.extractfile(member) if member.isreg() else None
    return File(
        kind=_KINDS.get(member.type, "device"),
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        link=member.linkname,
        sha256=hashlib.file_digest(content, "sha256").hexdigest() if content else "",  # type: ignore[arg-type]
        size=member.size,
    )


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    content = tar.extractfile(name)
    assert content is not None
    return content.read()
