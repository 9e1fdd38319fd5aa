"""`make demo`: the main job, from nothing to an environment that answers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Final

from tests.bed import bed, cli, image, settings
from tests.bed.host import BedError, timed

_EXAMPLE: Final = settings.REPOSITORY / "dockerfile-syntax" / "examples" / "guide"
_IMAGE: Final = "dockerfile-pyenv-demo"
_PYTHON: Final = '"$ASTRO_PYENV_epo_pyenv"'


def main() -> int:
    """Build the guide's example and show what the image answers; the exit status."""
    try:
        host = os.environ.get("DOCKER_HOST") if _has_docker() else _start_bed()
        image.build(host, quiet=True)
        say(f"building {_EXAMPLE.relative_to(settings.REPOSITORY)}/Dockerfile:")
        say("".join(f"    {line}\n" for line in (_EXAMPLE / "Dockerfile").read_text().splitlines()).rstrip("\n"))
        with timed("docker build"):
            docker(
                host, "buildx", "build", "--load", "--progress=plain", "--tag", _IMAGE,
                "--build-arg", f"BUILDKIT_SYNTAX={image.NAME}", str(_EXAMPLE),
            )  # fmt: skip
        for command in (
            f"{_PYTHON} --version",
            f'{_PYTHON} -c \'import pandas; print("pandas", pandas.__version__, "in", pandas.__file__)\'',
        ):
            say(f"docker run {_IMAGE} sh -c '{command}'")
            docker(host, "run", "--rm", _IMAGE, "sh", "-c", command)
        if host:
            say("the test bed still runs, and `make bed-down` stops it")
    except (BedError, subprocess.CalledProcessError) as error:
        say(f"the demo failed: {error}")
        return 1
    return 0


def say(text: str) -> None:
    """Tell the person at the terminal what happens."""
    sys.stdout.write(f"==> {text}\n" if not text.startswith(" ") else f"{text}\n")
    sys.stdout.flush()


def docker(host: str | None, *words: str) -> None:
    """Run the docker CLI, its output the demo's own."""
    command, environment = cli.command(host)
    subprocess.run([command, *words], check=True, env=os.environ | environment, stdin=subprocess.DEVNULL)


def _has_docker() -> bool:
    """Whether a Docker runs here already, with buildx."""
    if shutil.which("docker") is None:
        return False
    checks = (["docker", "info"], ["docker", "buildx", "version"])
    return all(
        subprocess.run(check, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
        for check in checks
    )


def _start_bed() -> str:
    say("no Docker runs here: starting the test bed's own (the first time it is made from Debian packages)")
    bed.up(["28"], ["3.9", "3.11"])
    return settings.ENGINES["28"].docker_host


if __name__ == "__main__":
    sys.exit(main())
