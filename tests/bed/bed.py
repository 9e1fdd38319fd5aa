"""The whole bed: up, down, status."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.bed import (
    alpine,
    archives,
    bases,
    cli,
    daemon,
    emulation,
    host,
    interpreters,
    network,
    process,
    registry,
    settings,
    sources,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_UNUSED_DAYS: Final = 14
_REGISTRY_BYTES: Final = 1_500_000_000


@contextmanager
def in_use() -> Iterator[None]:
    """Have the bed for this process's tests: they start it with `up(…, keep=False)`, and the last to leave stops it.

    Another run's process of the same number waits: it would use the same engines.
    """
    try:
        with host.locked("tests", settings.WORKER):
            yield
    finally:
        with host.locked():
            if _tests_alone().exists() and not host.any_locked("tests"):
                _down()


def up(engines: Sequence[str], pythons: Sequence[str] | None = None, *, keep: bool = True) -> list[str]:
    """Start the services and these engines, making first what the cache lacks.

    Args:
        engines: names of `settings.ENGINES`
        pythons: `X.Y` of the interpreters to have, all by default
        keep: whether it stays up when the last tests leave it; where it was to stay before, it does

    Returns:
        the engines that were not running before

    """
    releases = [release for release in settings.RELEASES if pythons is None or release.minor in pythons]
    host.require_tools()
    with host.locked():
        running = bool(process.names())
        if not running:
            _sweep()
        note_use(running=running, keep=keep)
        with ThreadPoolExecutor(4) as pool:
            compiled = pool.submit(interpreters.ensure, releases)
            network.up()
            cli.ensure()
            registry.up()
            bases_pushed = [pool.submit(_push_base, suite) for suite in settings.BASE_SUITES]
            started = [name for name in engines if daemon.up(settings.ENGINES[name])]
            pushed = dict(push.result() for push in bases_pushed)
            ready = compiled.result()
        archives.publish(ready)
        for archive in ready:
            image = bases.python(archive, "bookworm")
            pushed[image.name] = registry.push(image)
        for name in engines:
            _forget_old(settings.ENGINES[name], pushed)
    return started


def extend(kind: settings.EngineKind, pythons: Sequence[str], suites: Sequence[str]) -> list[settings.Release]:
    """Add to the bed, which is up, what only few tests need: it costs minutes where the cache lacks it.

    Args:
        kind: the engine that will use them
        pythons: `X.Y` of interpreters beyond `settings.RELEASES`, as archives and as images
        suites: Debian suites to have `debian:<suite>-slim` of

    Returns:
        the releases that there are of these interpreters, none for what neither cache nor Debian's pool has

    """
    with host.locked():
        releases = [release for minor in pythons if (release := sources.newest(minor))]
        with ThreadPoolExecutor(4) as pool:
            compiled = pool.submit(interpreters.ensure, releases)
            pushed = dict(pool.map(_push_base, suites))
            ready = compiled.result()
        archives.publish(ready, archives.FULL_TABLE)
        for archive in ready:
            if archive.release in releases:
                image = bases.python(archive, "bookworm")
                pushed[image.name] = registry.push(image)
        for release in (*settings.RELEASES, *releases):
            sources.ensure(release)
        _forget_old(kind, pushed)
    return releases


def extend_arm64(kind: settings.EngineKind) -> None:
    """Let the engine run containers of arm64, and have the images of `bases.arm64` for it."""
    with host.locked():
        emulation.up()
        _forget_old(kind, {image.name: registry.push(image) for image in bases.arm64()})


def extend_musl(kind: settings.EngineKind) -> None:
    """Add the stand-ins of Alpine's images to the bed, and interpreters for musl, which `archives.MUSL_TABLE` has."""
    with host.locked():
        ready = interpreters.ensure(settings.MUSL_RELEASES)
        archives.publish(ready, archives.MUSL_TABLE)
        images = [alpine.base(), alpine.builder()]
        images += [alpine.python(archive) for archive in ready if archive.release in settings.MUSL_RELEASES]
        for release in settings.MUSL_RELEASES:
            sources.ensure(release)
        _forget_old(kind, {image.name: registry.push(image) for image in images})


def down(engines: Sequence[str] | None = None) -> None:
    """Stop these engines of this process, or the whole bed."""
    host.require_tools()
    with host.locked():
        if engines is None:
            _down()
        else:
            _stop(engines)


def _down() -> None:
    _stop(settings.ENGINES)
    for name in process.names():
        process.stop(name)
    archives.withdraw()
    network.down()
    shutil.rmtree(settings.STATE / "engines", ignore_errors=True)
    _tests_alone().unlink(missing_ok=True)


def _stop(engines: Iterable[str]) -> None:
    with ThreadPoolExecutor(len(settings.ENGINES)) as pool:
        list(pool.map(lambda name: daemon.down(settings.ENGINES[name]), engines))


def note_use(*, running: bool, keep: bool) -> None:
    """Write down whether tests alone use the bed: those that start it with `keep=False` do, until others ask for it."""
    if keep:
        _tests_alone().unlink(missing_ok=True)
    elif not running:
        _tests_alone().touch()


def _tests_alone() -> Path:
    """The file that is there while the bed is up for tests alone."""
    return settings.STATE / "up-for-tests"


def status() -> list[str]:
    """What runs, one line each."""
    return process.names()


def _sweep() -> None:
    for directory in ("roots", "layers", "interpreters", "sources"):
        host.sweep(settings.CACHE / directory, _UNUSED_DAYS)
    # Whatever the tests pushed is in there too; what the bed needs of it is pushed again from the cache's layers.
    data = settings.CACHE / "registry"
    if sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) > _REGISTRY_BYTES:
        shutil.rmtree(data)


def _push_base(suite: str) -> tuple[str, str]:
    image = bases.debian(suite)
    return image.name, registry.push(image)


def _forget_old(kind: settings.EngineKind, pushed: Mapping[str, str]) -> None:
    """Remove from an engine what it pulled of images that the registry has got again: it would never ask again."""
    record = settings.CACHE / "engines" / f"{kind.instance}.json"
    known: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    old = [name for name, digest in pushed.items() if known.get(name) != digest]
    if old:
        docker, variables = cli.command(kind.docker_host)
        host.run(docker, "image", "rm", "--force", *old, check=False, env=os.environ | variables)
        with host.whole(record) as new:
            new.write_text(json.dumps(known | dict(pushed), indent=1))
