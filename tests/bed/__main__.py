"""`python -m tests.bed up|down|status`."""

from __future__ import annotations

import argparse
import os
import sys

from tests.bed import bed, cli, host, image, settings


def main() -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bed", description="The test bed of dockerfile-pyenv.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the bed; prints DOCKER_HOST=… last")
    up.add_argument("--engine", action="append", choices=sorted(settings.ENGINES), help="repeatable; default: 28")
    up.add_argument("--python", action="append", metavar="X.Y", help="repeatable; default: all that the bed has")
    commands.add_parser("down", help="stop everything the bed runs")
    commands.add_parser("status", help="list what runs")
    commands.add_parser("image", help="build the frontend image into the engine that DOCKER_HOST names")
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "up":
                bed.up(arguments.engine or ["28"], arguments.python)
                cli.offer()
                sys.stdout.write(f"DOCKER_HOST={settings.ENGINES[(arguments.engine or ['28'])[0]].docker_host}\n")
            case "down":
                bed.down()
            case "status":
                sys.stdout.writelines(f"{name}\n" for name in bed.status())
            case "image":
                image.build(os.environ.get("DOCKER_HOST"))
                sys.stdout.write(f"Write as the first line of a Dockerfile: # syntax={image.RELEASED}\n")
    except host.BedError as error:
        sys.stderr.write(f"test bed: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
