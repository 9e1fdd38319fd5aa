"""Replace ops of a graph by other ops, new ones among them, and carry over what stands beside the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from buildkit_llb.definition import Definition, Vertex, digest_of, marshal_op
from buildkit_llb.graph import Node, State, marshal
from buildkit_llb.proto import ops_pb2

Resolve = Callable[[tuple[str, int]], State]
"""Finds what stands in the new graph for an output of the old one, (digest, output index)."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """What takes the place of an op."""

    outputs: Mapping[int, State]
    """By the index of the op's output."""
    located: Mapping[str, str] = field(default_factory=dict)
    """Digests of new ops, and of the ops of the old graph whose source locations they get."""


def splice(definition: Definition, fn: Callable[[Vertex, Resolve], Replacement | None]) -> Definition:
    """Replace ops of a graph.

    `fn` sees each vertex, inputs first, and returns what takes its place, or None for the same op with its inputs
    renewed. Ops whose inputs stay keep their bytes; ops that nothing takes any more are dropped. Metadata and source
    locations follow their ops. Raises DefinitionError for a broken graph.
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
    """An op of a graph with other inputs, one for each that it has; the bytes stay where nothing changes.

    `op` is the vertex's own, or a changed one that has its metadata.
    """
    new = ops_pb2.Op()
    new.CopyFrom(op)
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
                target = source.locations[digest].locations
                target.extend(one for one in old.source.locations[origin].locations if one not in target)
    return source
