"""`--no-cache-filter=<name>`: environments that are to be made anew, as stages are."""

from collections.abc import Collection
from dataclasses import replace
from types import MappingProxyType

from buildkit_llb.definition import Definition
from buildkit_llb.proto import ops_pb2
from dockerfile_pyenv import expand
from dockerfile_pyenv.plan import Plan


def refreshed(definition: Definition, plan: Plan, names: Collection[str]) -> Definition:
    """The same graph, with the steps of the environments of these names kept from the cache.

    A stage of such a name is the Dockerfile frontend's own affair. Names count without their case, as those of stages.
    """
    wanted = {name.lower() for name in names}
    commands = {
        tuple(expand.command(environment))
        for environment in plan.environments
        if environment.statement.name and environment.statement.name.lower() in wanted
    }
    if not commands:
        return definition
    metadata = dict(definition.metadata)
    for vertex in definition.vertices():
        if tuple(vertex.op.exec.meta.args) in commands:
            changed = ops_pb2.OpMetadata()
            changed.CopyFrom(vertex.metadata)
            changed.ignore_cache = True
            changed.caps["meta.ignorecache"] = True
            metadata[vertex.digest] = changed
    return replace(definition, metadata=MappingProxyType(metadata))
