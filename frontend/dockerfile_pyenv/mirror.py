"""Interpreters out of a directory in place of the network: archives and release tarballs, laid out as on a mirror.

The directory is the build context named `pyenv-mirror` (`--build-context pyenv-mirror=…`), which goes before all else;
or what UV_PYTHON_INSTALL_MIRROR or PYENV_SOURCE_MIRROR name, where that is no http address: `file:///…` is a path in
the frontend's own image, as a site's derived image may have it, and any other is a path in the build context.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from buildkit_llb import ops
from buildkit_llb.ops import State
from dockerfile_pyenv import options, source
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.handover import Handover
from dockerfile_pyenv.interpreters import Build, is_address
from dockerfile_pyenv.plan import Environment, Plan
from dockerfile_pyenv.providers import Tarball
from dockerfile_pyenv.recipes import File, path_of

CONTEXT = "pyenv-mirror"
_SETTINGS = {Build: "UV_PYTHON_INSTALL_MIRROR", Tarball: "PYENV_SOURCE_MIRROR"}
_IMAGE = "file://"


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory: how messages call it, and where its files begin."""

    title: str
    prefix: str = ""


def find(handover: Handover, plan: Plan, tools: State) -> Mapping[str, File]:
    """Files that stand in for downloads of a plan, by the addresses of these; empty where nothing is mirrored so.

    Raises DockerfileError at the line whose interpreter a mirror does not have.
    """
    wanted: dict[_Place, dict[str, Environment]] = {}
    for environment, recipe in _downloads(plan):
        place = _place(handover, _SETTINGS[type(recipe)])
        if place is not None:
            wanted.setdefault(place, {}).setdefault(recipe.url, environment)
    found: dict[str, File] = {}
    for place, users in wanted.items():
        paths = {url: posixpath.join(place.prefix, path_of(url)) for url in users}
        state = _state(handover, place, list(paths.values()), tools)
        ref = handover.solve_definition(ops.marshal(state))
        for url, environment in users.items():
            try:
                handover.gateway.stat_file(ref, paths[url])
            except (FileNotFoundError, NotADirectoryError):
                raise DockerfileError(
                    f"{place.title} has no {paths[url]}, from which Python {environment.interpreter.version} of this "
                    f"line is made: put {url} there",
                    lines=environment.line.lines,
                ) from None
            found[url] = File(state, "/" + paths[url].lstrip("/"))
    return found


def _downloads(plan: Plan) -> Iterator[tuple[Environment, Build | Tarball]]:
    for environment in plan.environments:
        for recipe in environment.recipes.values():
            if isinstance(recipe, Build | Tarball):
                yield environment, recipe


def _place(handover: Handover, setting: str) -> _Place | None:
    if options.NAMED_CONTEXT + CONTEXT in handover.build.opts:
        return _Place(f"the build context {CONTEXT}")
    value = handover.build.setting(setting)
    if not value or is_address(value):
        return None
    if value.startswith(_IMAGE):
        return _Place(f"{setting}={value}, a directory of the frontend's image,", value.removeprefix(_IMAGE))
    return _Place(f"{setting}={value}, a directory of the build context,", posixpath.normpath(value.lstrip("/")))


def _state(handover: Handover, place: _Place, paths: list[str], tools: State) -> State:
    if not place.prefix:
        return _named(handover, paths)
    if place.prefix.startswith("/"):
        return tools
    # Not excluded by .dockerignore: a mirror is to be kept out of what COPY takes.
    return source.context_files(handover.build, handover.source, paths, ())


def _named(handover: Handover, paths: list[str]) -> State:
    """The named context; of a local directory just the files that are wanted."""
    kind, _, name = handover.build.opts[options.NAMED_CONTEXT + CONTEXT].partition(":")
    if kind == "local":
        return ops.local(
            name,
            session=handover.build.local_session(name),
            follow_paths=paths,
            shared_key_hint=CONTEXT,
            description=f"[internal] load Python from {CONTEXT}",
        )
    if kind == "input":
        return ops.from_definition(handover.inputs[name])
    return handover.named_context(CONTEXT)
