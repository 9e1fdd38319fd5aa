"""All that is done to the graph which the Dockerfile frontend made of the expanded text."""

from collections.abc import Collection
from typing import NamedTuple

from buildkit_llb.definition import Definition
from buildkit_llb.proto import ops_pb2
from dockerfile_pyenv.dockerfile.rewrite import Expansion
from dockerfile_pyenv.emit.cache_keys import without_cache, without_epoch
from dockerfile_pyenv.emit.chains import UnknownShapeError
from dockerfile_pyenv.emit.error_lines import readable
from dockerfile_pyenv.emit.parallel import parallel
from dockerfile_pyenv.emit.step_names import relabel
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.plan.model import Plan


class UsersGraph(NamedTuple):
    """A graph with the user's own names and lines."""

    definition: Definition
    unknown_shapes: tuple[str, ...] = ()
    """Why its groups stayed one after the other; empty where they did not."""


def users_graph(  # noqa: PLR0913 - the engine and the build each have a say
    definition: Definition,
    info: ops_pb2.SourceInfo,
    expansion: Expansion,
    plan: Plan,
    *,
    side_by_side: bool,
    merge: bool,
    no_cache: Collection[str],
) -> UsersGraph:
    """The same image's graph: the steps of a group side by side, with the names and lines of the user's file.

    `info` describes that file. `merge` says that the engine has the caps `mergeop` and `diffop`; `no_cache` has the
    names from `--no-cache-filter`. Raises DockerfileError for a line whose builder it cannot reach.
    """
    unknown: tuple[str, ...] = ()
    definition = without_epoch(definition, plan.environments)
    built = next((one for one in plan.environments if one.builder), None)
    # Only side by side a line reaches its builder: the text cannot say it.
    if side_by_side or built:
        try:
            definition = parallel(definition, expansion, plan, merge=merge)
        except UnknownShapeError as error:
            if built:
                raise DockerfileError(f"--builder cannot be used here: {error}", lines=built.line.lines) from None
            unknown = (str(error),)
    definition = relabel(without_cache(definition, plan, no_cache), info, expansion, plan)
    return UsersGraph(readable(definition, plan), unknown)
