"""SOURCE_DATE_EPOCH is no part of what PYENV lines do.

It is a time of each commit's own (https://reproducible-builds.org/specs/source-date-epoch/). Where a stage asks for it
with ARG, the Dockerfile frontend gives it to every RUN after that, and with it each commit would install every
environment anew. Image and history still bear it.
"""

from collections.abc import Iterable

from buildkit_llb.definition import Definition, Vertex, rewrite
from buildkit_llb.proto import ops_pb2
from dockerfile_pyenv import expand
from dockerfile_pyenv.plan import Environment

_VARIABLE = "SOURCE_DATE_EPOCH="


def without_epoch(definition: Definition, environments: Iterable[Environment]) -> Definition:
    """The same graph, in which no step of these environments is given the variable."""
    commands = {tuple(expand.command(environment)) for environment in environments}

    def concerned(vertex: Vertex) -> bool:
        meta = vertex.op.exec.meta
        return any(one.startswith(_VARIABLE) for one in meta.env) and tuple(meta.args) in commands

    def change(vertex: Vertex) -> ops_pb2.Op | None:
        if not concerned(vertex):
            return None
        op = ops_pb2.Op()
        op.CopyFrom(vertex.op)
        del op.exec.meta.env[:]
        op.exec.meta.env.extend(one for one in vertex.op.exec.meta.env if not one.startswith(_VARIABLE))
        return op

    return rewrite(definition, change) if any(map(concerned, definition.vertices())) else definition
