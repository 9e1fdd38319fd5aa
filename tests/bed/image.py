"""The frontend image: built from this tree, and in the bed derived with the site's defaults, as a company would."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.bed import archives, cli, settings
from tests.bed.host import BedError, timed

NAME: Final = "dockerfile-pyenv:dev"
RELEASED: Final = "dockerfile-pyenv:1"
"""The name on the syntax lines of README and the examples, so that they build with what is loaded here."""
_PLAIN: Final = "dockerfile-pyenv:plain"  # before the site's defaults
_TABLE: Final = "/pyenv/site/downloads.json"


def build(docker_host: str | None, *, quiet: bool = False) -> None:
    """Build the frontend image into an engine and name it `dockerfile-pyenv:dev` and `dockerfile-pyenv:1` there.

    Args:
        docker_host: the engine's address as in DOCKER_HOST, or None for the CLI's default
        quiet: show the build's log only when it fails

    Raises:
        BedError: there is no docker CLI with buildx, or a build failed.
    """
    in_bed = docker_host in {kind.docker_host for kind in settings.ENGINES.values()}
    with timed(f"building {NAME}"):
        _build(docker_host, settings.REPOSITORY, *([_PLAIN] if in_bed else [NAME, RELEASED]), quiet=quiet)
        if in_bed:
            with tempfile.TemporaryDirectory() as context:
                _site(Path(context))
                _build(docker_host, Path(context), NAME, RELEASED, quiet=quiet)


def copy(source: str, target: str) -> None:
    """Load the image of one bed engine into another, unless it is there."""
    if any(_layers(source, name) != _layers(target, name) for name in (NAME, RELEASED)):
        with timed(f"loading {NAME} into another engine"), tempfile.NamedTemporaryFile(suffix=".tar") as file:
            _docker(source, "save", "--output", file.name, NAME, RELEASED)
            _docker(target, "load", "--quiet", "--input", file.name)


def _site(context: Path) -> None:
    """Write the context of an image that has the bed's own table of interpreters and mirror of sources."""
    shutil.copy(archives.TABLE, context / "downloads.json")
    (context / "Dockerfile").write_text(
        f"FROM {_PLAIN}\nCOPY downloads.json {_TABLE}\nENV UV_PYTHON_DOWNLOADS_JSON_URL={_TABLE}\n"
        f"ENV PYENV_SOURCE_MIRROR={archives.SOURCES_URL}\n"
    )


def _build(docker_host: str | None, context: Path, *tags: str, quiet: bool) -> None:
    command = ["buildx", "build", "--load", "--provenance=false", "--progress=plain", *(f"--tag={tag}" for tag in tags)]
    log = _docker(docker_host, *command, str(context))
    if not quiet:
        sys.stderr.write(log)


def _layers(docker_host: str, name: str) -> object:
    try:
        image = json.loads(_docker(docker_host, "image", "inspect", name))[0]
    except BedError:
        return None
    return image["Created"], image["RootFS"]["Layers"]


def _docker(docker_host: str | None, *words: str) -> str:
    done = cli.run(docker_host, words, os.environ | cli.command(docker_host)[1])
    output = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode:
        raise BedError(f"docker {' '.join(words)} failed:\n{output[-8000:]}")
    return output
