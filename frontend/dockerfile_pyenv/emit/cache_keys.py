"""What is not to count, and what is not to be kept, in the cache keys of PYENV lines' steps."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from types import MappingProxyType

from buildkit_llb.definition import Definition, Vertex, rewrite
from buildkit_llb.proto import ops_pb2
from dockerfile_pyenv.emit.steps import installing
from dockerfile_pyenv.plan.model import Environment, Plan

_EPOCH = "SOURCE_DATE_EPOCH="


def without_epoch(definition: Definition, environments: Iterable[Environment]) -> Definition:
    """The same graph, in which no step of these environments is given SOURCE_DATE_EPOCH.

    It is a time of each commit's own (https://reproducible-builds.org/specs/source-date-epoch/). Where a stage has it
    as an ARG, the Dockerfile frontend gives it to every RUN after that, and with it each commit would reinstall every
    environment. Image and history still have it.
    """
    steps = installing(definition, environments)
    given = {step.digest for _, step in steps if any(one.startswith(_EPOCH) for one in step.op.exec.meta.env)}

    def change(vertex: Vertex) -> ops_pb2.Op | None:
        if vertex.digest not in given:
            return None
        op = ops_pb2.Op()
        op.CopyFrom(vertex.op)
        del op.exec.meta.env[:]
        op.exec.meta.env.extend(one for one in vertex.op.exec.meta.env if not one.startswith(_EPOCH))
        return op

    return rewrite(definition, change) if given else definition


def without_cache(definition: Definition, plan: Plan, names: Collection[str]) -> Definition:
    """The same graph, in which the steps of the environments of these names ignore the cache: `--no-cache-filter`.

    A build stage of such a name is the Dockerfile frontend's own affair. As with stages, case does not matter.
    """
    wanted = {name.lower() for name in names}
    environments = [item for item in plan.environments if item.statement.name and item.statement.name.lower() in wanted]
    metadata = dict(definition.metadata)
    for _, vertex in installing(definition, environments) if environments else ():
        changed = ops_pb2.OpMetadata()
        changed.CopyFrom(vertex.metadata)
        changed.ignore_cache = True
        changed.caps["meta.ignorecache"] = True
        metadata[vertex.digest] = changed
    return replace(definition, metadata=MappingProxyType(metadata)) if environments else definition
