"""The `dockerfile-pyenv` command."""

import argparse

from dockerfile_pyenv import __version__


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="dockerfile-pyenv",
        description="BuildKit frontend for Dockerfiles with PYENV lines: put `# syntax=dockerfile-pyenv:1` on the "
        "first line of a Dockerfile and run `docker build`.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.parse_args()
    parser.print_help()
