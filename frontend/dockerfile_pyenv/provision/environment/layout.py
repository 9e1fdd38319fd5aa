"""Paths of a step, and the error that a step ends with."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple, Optional

CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep the CA bundle."""


class ProvisionError(Exception):
    """The environment cannot be built; the message ends the build's log."""


class InStageError(Exception):
    """The line cannot be installed apart from its stage; the message is the reason, in one line."""


def site_packages(path: Path, version: str) -> Path:
    """Return where an environment has its packages; `version` is the X.Y of its Python."""
    return path / "lib" / f"python{version}" / "site-packages"


class Layout(NamedTuple):
    """Absolute paths; tests set them below a temporary directory."""

    root: Path = Path("/")
    """The image: parent of /etc, /tmp and home directories."""
    environments: Path = Path("/opt/astro-pyenv/envs")
    commands: Path = Path("/usr/local/bin")
    """Directory of the link `pythonX.Y`."""
    run: Path = Path("/run/dockerfile-pyenv")
    """Parent of the step's mounts; nothing below it stays in the image."""
    requirements: Optional[Path] = None
    """Requirements files of one line, in the step that reads those of several lines."""
    cache_directory: str = ""
    """Another cache than the cache mount; "" for that."""
    builds: bool = True
    """Whether packages may be built from source. An install apart from its stage never does."""

    in_builder: bool = False
    """Whether this is the file system of the line's --builder, and not of its stage."""

    @property
    def uv(self) -> Path:
        """uv, a static program."""
        return self.run / "uv"

    @property
    def context(self) -> Path:
        """Requirements files of the build context, at their paths there."""
        return self.requirements or self.run / "context"

    @property
    def secrets(self) -> Path:
        """Build secrets that set variables: files named after the variables."""
        return self.run / "secrets"

    @property
    def answers(self) -> Path:
        """Output of `--step=ask`, and the part of it for one line in `--step=install`: see answers.py."""
        return self.run / "answers"

    @property
    def apart(self) -> Path:
        """The note that `--step=install` left, or nothing, in `--step=stage`."""
        return self.run / "apart"

    @property
    def built(self) -> Path:
        """What the line's builder or stage made, in `--step=check`."""
        return self.run / "built"

    @property
    def cache(self) -> Path:
        """The cache mount: that of all installs apart from their stage, or one of lines that install the same."""
        return Path(self.cache_directory or self.run / "cache")

    @property
    def home(self) -> Path:
        """HOME of the programs in the step."""
        return self.run / "home"

    @property
    def tmp(self) -> Path:
        """TMPDIR of the programs in the step."""
        return self.run / "tmp"

    def find(self, path: str) -> Path:
        """Return where this process finds a path of the image; a relative path starts at the working directory."""
        if path.startswith(f"{self.run}/"):
            return Path(path)
        return self.root / path.lstrip("/") if path.startswith("/") else Path(path)

    def name(self, path: Path) -> str:
        """Return the path in the image of what `find` returned."""
        text = str(path)
        root = str(self.root).rstrip("/")
        return text[len(root) :] if root and text.startswith(f"{root}/") else text

    def kind(self, path: str) -> str:
        """Return what a path of the image is: "file", "directory", or "" if it does not exist."""
        found = self.find(path)
        return "directory" if found.is_dir() else "file" if found.exists() else ""

    def certificates(self) -> str:
        """Return the path of the image's CA bundle; "" if it has none."""
        return next((path for path in CERTIFICATES if self.find(path).is_file()), "")

    def write_lines(self, name: str, lines: List[str]) -> Path:
        """Write lines into a file of the step's temporary directory; return its path."""
        path = self.tmp / name
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", errors="surrogateescape")
        return path
