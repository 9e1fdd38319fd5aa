"""Interpreters from a directory instead of the network: archives and release tarballs, laid out as on a mirror.

The directory is the build context named `pyenv-mirror` (`--build-context pyenv-mirror=…`), which takes precedence; else
the value of UV_PYTHON_INSTALL_MIRROR or PYENV_SOURCE_MIRROR if that is not an http address: `file:///…` is a path in
the frontend image, which a site may have derived, and any other value is a path in the build context.
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from buildkit_llb import ops
from buildkit_llb.ops import State
from dockerfile_pyenv.engine import build_options, source
from dockerfile_pyenv.engine.dockerfile_frontend import DockerfileFrontend
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.interpreters.graphs import File
from dockerfile_pyenv.interpreters.provider import Download, is_address, path_of
from dockerfile_pyenv.plan.model import Environment, Plan

CONTEXT = "pyenv-mirror"
_IMAGE = "file://"


class _MirrorDirectory(NamedTuple):
    """A directory: its name in messages, and the path of its files."""

    title: str
    prefix: str = ""


def find(stock: DockerfileFrontend, plan: Plan, tools: State) -> Mapping[str, File]:
    """Files that replace downloads of a plan, by their addresses; empty without a mirror directory.

    Raises DockerfileError at a line whose interpreter the mirror lacks.
    """
    wanted: dict[_MirrorDirectory, dict[str, Environment]] = {}
    for environment, download in _downloads(plan):
        place = _place(stock, download.mirror)
        if place is not None:
            wanted.setdefault(place, {}).setdefault(download.url, environment)
    found: dict[str, File] = {}
    for place, users in wanted.items():
        paths = {url: posixpath.join(place.prefix, path_of(url)) for url in users}
        state = _state(stock, place, list(paths.values()), tools)
        ref = stock.solve_definition(ops.marshal(state))
        for url, environment in users.items():
            try:
                stock.gateway.stat_file(ref, paths[url])
            except (FileNotFoundError, NotADirectoryError):
                raise DockerfileError(
                    f"{place.title} has no {paths[url]}, which Python {environment.interpreter.version} of this "
                    f"line is made from: copy {url} there",
                    lines=environment.line.lines,
                ) from None
            found[url] = File(state, "/" + paths[url].lstrip("/"))
    return found


def _downloads(plan: Plan) -> Iterator[tuple[Environment, Download]]:
    for environment in plan.environments:
        for recipe in environment.recipes.values():
            for download in recipe.downloads:
                yield environment, download


def _place(stock: DockerfileFrontend, setting: str) -> _MirrorDirectory | None:
    if build_options.NAMED_CONTEXT + CONTEXT in stock.build.opts:
        return _MirrorDirectory(f"the build context {CONTEXT}")
    value = stock.build.setting(setting)
    if not value or is_address(value):
        return None
    if value.startswith(_IMAGE):
        return _MirrorDirectory(f"{setting}={value}, a directory of the frontend's image,", value.removeprefix(_IMAGE))
    return _MirrorDirectory(
        f"{setting}={value}, a directory of the build context,", posixpath.normpath(value.lstrip("/"))
    )


def _state(stock: DockerfileFrontend, place: _MirrorDirectory, paths: list[str], tools: State) -> State:
    if not place.prefix:
        return _named(stock, paths)
    if place.prefix.startswith("/"):
        return tools
    # Without the patterns of .dockerignore: users exclude a mirror there, so that COPY does not copy it.
    return source.context_files(stock.build, stock.source, paths, ())


def _named(stock: DockerfileFrontend, paths: list[str]) -> State:
    """The named context; of a local directory only the required files."""
    kind, _, name = stock.build.opts[build_options.NAMED_CONTEXT + CONTEXT].partition(":")
    if kind == "local":
        return ops.local(
            name,
            session=stock.build.local_session(name),
            follow_paths=paths,
            shared_key_hint=CONTEXT,
            description=f"[internal] load Python from {CONTEXT}",
        )
    if kind == "input":
        return ops.from_definition(stock.inputs[name])
    return stock.named_context(CONTEXT)
