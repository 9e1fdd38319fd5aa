"""The whole bed: up, down, status."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.bed import archives, bases, cli, daemon, host, interpreters, network, process, registry, settings

if TYPE_CHECKING:
    from collections.abc import Sequence


def up(engines: Sequence[str], pythons: Sequence[str] | None = None) -> list[str]:
    """Start the services and these engines, making first what the cache lacks.

    Args:
        engines: names of `settings.ENGINES`
        pythons: `X.Y` of the interpreters to have, all by default

    Returns:
        the engines that were not running before

    """
    releases = [release for release in settings.RELEASES if pythons is None or release.minor in pythons]
    host.require_tools()
    with host.locked():
        for directory in ("roots", "layers", "interpreters", "sources"):
            host.sweep(settings.CACHE / directory)
        with ThreadPoolExecutor(4) as pool:
            compiled = pool.submit(interpreters.ensure, releases)
            network.up()
            cli.ensure()
            registry.up()
            pushed = [pool.submit(_push_base, suite) for suite in settings.BASE_SUITES]
            started = [name for name in engines if daemon.up(settings.ENGINES[name])]
            for push in pushed:
                push.result()
            ready = compiled.result()
        archives.publish(ready)
        for archive in ready:
            registry.push(bases.python(archive, "bookworm"))
    return started


def down(engines: Sequence[str] | None = None) -> None:
    """Stop these engines, or the whole bed."""
    host.require_tools()
    with host.locked():
        for name in engines if engines is not None else settings.ENGINES:
            daemon.down(settings.ENGINES[name])
        if engines is None:
            for name in process.names():
                process.stop(name)
            archives.withdraw()
            network.down()
            shutil.rmtree(settings.STATE / "engines", ignore_errors=True)


def status() -> list[str]:
    """What runs, one line each."""
    return process.names()


def _push_base(suite: str) -> None:
    registry.push(bases.debian(suite))
