"""Where everything lies while a step runs, and the one error that it ends with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class ProvisionError(Exception):
    """The environment cannot be built; the message is for the reader of the build's log."""


class Layout(NamedTuple):
    """Absolute paths; tests put a temporary directory in their place."""

    root: Path = Path("/")
    """What /etc, /tmp and home directories are looked up below."""
    environments: Path = Path("/opt/astro-pyenv/envs")
    commands: Path = Path("/usr/local/bin")
    """Where `pythonX.Y` gets its link."""
    run: Path = Path("/run/dockerfile-pyenv")
    """The step's own mounts; nothing below it stays in the image."""

    @property
    def uv(self) -> Path:
        """The installer: a static program."""
        return self.run / "uv"

    @property
    def context(self) -> Path:
        """Requirement files of the build context, at their paths there."""
        return self.run / "context"

    @property
    def secrets(self) -> Path:
        """Secrets of the build that stand for variables, in files of the variables' names."""
        return self.run / "secrets"

    @property
    def links(self) -> Path:
        """Where links in `commands` are made a second time, if this is there: the build copies them from here."""
        return self.run / "links"

    @property
    def cache(self) -> Path:
        """A cache mount, shared by all builds on the engine."""
        return self.run / "cache"

    @property
    def home(self) -> Path:
        """Home directory of what runs in the step."""
        return self.run / "home"

    @property
    def tmp(self) -> Path:
        """Temporary directory of what runs in the step."""
        return self.run / "tmp"

    def find(self, path: str) -> Path:
        """Return a path of the image as this process finds it; a relative one starts at the working directory."""
        if path.startswith(f"{self.run}/"):
            return Path(path)
        return self.root / path.lstrip("/") if path.startswith("/") else Path(path)

    def kind(self, path: str) -> str:
        """Say what a path of the image is: "file", "directory", or "" for nothing."""
        found = self.find(path)
        return "directory" if found.is_dir() else "file" if found.exists() else ""
