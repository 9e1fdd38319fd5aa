"""Runs pip so that constraints apply to what source builds require, and to nothing else.

    pythonX.Y -I <this file> CONSTRAINTS install …

pip has --build-constraint from 25.3 on. Before, the only way is PIP_CONSTRAINT in the environment of the pip that it
starts for the requirements of a build (build_env.py); in its own, the variable would limit the environment's packages.
"""

from __future__ import annotations

import os
import sys
from typing import Any

NATIVE = (25, 3)
"""First version of pip with --build-constraint."""


def main(constraints: str) -> int:
    """Run pip; return its exit status."""
    import pip  # noqa: PLC0415 - of the environment

    arguments = sys.argv[2:]
    if tuple(int(part) for part in pip.__version__.split(".")[:2] if part.isdigit()) >= NATIVE:
        arguments.append(f"--build-constraint={constraints}")
    else:
        limit(constraints)
    from pip._internal.cli.main import main as run  # noqa: PLC0415 - after the change

    return int(run(arguments) or 0)


def limit(constraints: str) -> None:
    """Let pip start the installs of build requirements with PIP_CONSTRAINT."""
    from pip._internal import build_env  # noqa: PLC0415 - this pip has no option for it

    start = build_env.call_subprocess

    def limited(*words: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        os.environ["PIP_CONSTRAINT"] = constraints
        try:
            return start(*words, **options)
        finally:
            del os.environ["PIP_CONSTRAINT"]

    build_env.call_subprocess = limited


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
