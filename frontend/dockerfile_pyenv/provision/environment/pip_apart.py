"""Runs pip so that it ends before it prepares a source distribution, of which it would run code.

    pythonX.Y -I <this file> NOTE install …

pip would try other versions if it could only not build one (resolution/resolvelib/factory.py), so it is ended on the
spot. NOTE gets the reason. It is also written if this pip cannot be stopped in that way.
"""

from __future__ import annotations

import os
import sys
from typing import Callable

STATUS = 75
"""Exit status if pip was ended. pip itself has none that is as high."""


def main(note: str) -> int:
    """Run pip; return its exit status."""

    def end(reason: str) -> None:
        with open(note, "w", encoding="utf-8") as file:  # noqa: PTH123 - as little as possible is imported before pip
            file.write(reason)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(STATUS)

    def stop(self: object, *_: object, **__: object) -> None:
        link = getattr(getattr(self, "req", self), "link", None) or getattr(self, "link", None)
        end(str(getattr(link, "filename", None) or "a package"))

    try:
        patch(stop)
    except Exception:  # noqa: BLE001 - whatever pip this is, it must not run as it is
        end("")
    from pip._internal.cli.main import main as run  # noqa: PLC0415 - after the patch

    return int(run(sys.argv[2:]) or 0)


def patch(stop: Callable[..., None]) -> None:
    """Put `stop` in the place of what prepares source distributions, and of what runs their code. Raises Exception."""
    import importlib  # noqa: PLC0415 - see above

    try:
        sdist = importlib.import_module("pip._internal.distributions.sdist")
    except ImportError:  # before pip 20.1
        sdist = importlib.import_module("pip._internal.distributions.source.legacy")
    install = importlib.import_module("pip._internal.req.req_install").InstallRequirement
    for owner, name in (
        (sdist.SourceDistribution, "prepare_distribution_metadata"),
        (install, "prepare_metadata"),
    ):
        if not callable(getattr(owner, name)):
            raise TypeError(name)
        setattr(owner, name, stop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
