"""Replacing ops of a Definition by any number of new ops, while the others keep their metadata and locations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from buildkit_llb.definition import Definition, Vertex, add_locations, digest_of, marshal_op
from buildkit_llb.graph import Node, State, marshal
from buildkit_llb.proto import ops_pb2

__all__ = ["Node", "Replacement", "Resolve", "splice", "with_inputs"]

Resolve = Callable[[tuple[str, int]], State]
"""Returns the state in the new graph for an output of the old one, given as (digest, output index)."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """The states that replace the `outputs` of an op; `located` says which source lines new ops get."""

    outputs: Mapping[int, State]
    """The new states, by the index of the op's output."""
    located: Mapping[str, str] = field(default_factory=dict)
    """The digests of new ops, each with the digest of the old op whose source locations it gets."""


def splice(definition: Definition, fn: Callable[[Vertex, Resolve], Replacement | None]) -> Definition:
    """Replace ops of `definition` by others, any number of them, and keep everything else.

    `fn` is called with each vertex, inputs first, and a function that resolves outputs of the old graph. It returns a
    Replacement, or None to keep the op, with its inputs updated. Ops whose inputs do not change keep their bytes, and
    unreachable ops are dropped. Metadata and source locations move with their ops.

    To change ops one for one, `rewrite` is simpler. Raises DefinitionError for a broken graph.
    """
    outputs: dict[tuple[str, int], State] = {}
    nodes: dict[str, Node] = {}
    located: dict[str, list[str]] = {}

    def resolve(output: tuple[str, int]) -> State:
        return outputs.get(output) or State(nodes[output[0]], output[1])

    for vertex in definition.vertices():
        node = nodes[vertex.digest] = with_inputs(vertex, vertex.op, [resolve(one) for one in vertex.inputs])
        located.setdefault(node.digest, []).append(vertex.digest)
        replacement = fn(vertex, resolve)
        if replacement is not None:
            outputs |= {(vertex.digest, index): state for index, state in replacement.outputs.items()}
            for new, old in replacement.located.items():
                located.setdefault(new, []).append(old)
    if not definition.ops:
        return definition
    spliced = marshal(resolve(definition.head_output))
    metadata = dict(spliced.metadata)
    terminal = definition.metadata.get(digest_of(definition.ops[-1]))
    if terminal is not None:
        metadata[digest_of(spliced.ops[-1])] = terminal
    return replace(
        definition,
        ops=spliced.ops,
        metadata=MappingProxyType(metadata),
        source=None if definition.source is None else _move_locations(definition, spliced, located),
    )


def with_inputs(vertex: Vertex, op: ops_pb2.Op, inputs: list[State]) -> Node:
    """Return the op of `vertex` with `inputs` in place of its own. It keeps its bytes if nothing changes.

    `op` is `vertex.op`, whose inputs are replaced one for one, or a changed copy of it with inputs of its own. It gets
    the vertex's metadata.
    """
    new = ops_pb2.Op()
    new.CopyFrom(op)
    if op is vertex.op:  # its inputs may have fields of newer daemons
        for one, state in zip(new.inputs, inputs, strict=True):
            one.digest, one.index = state.digest, state.index
    else:
        del new.inputs[:]
        new.inputs.extend(ops_pb2.Input(digest=state.digest, index=state.index) for state in inputs)
    raw = vertex.raw if new == vertex.op else marshal_op(new)
    taken = {state.node.digest: state.node for state in inputs if state.node is not None}
    return Node(digest_of(raw), raw, vertex.metadata, tuple(taken.values()))


def _move_locations(old: Definition, new: Definition, located: Mapping[str, list[str]]) -> ops_pb2.Source:
    source = ops_pb2.Source()
    if old.source is None:
        return source
    source.CopyFrom(old.source)
    source.ClearField("locations")
    terminal = {digest_of(new.ops[-1]): [digest_of(old.ops[-1])]}
    for digest in new.digests:
        for origin in {**located, **terminal}.get(digest, ()):
            if origin in old.source.locations:
                add_locations(source.locations[digest], old.source.locations[origin])
    return source
