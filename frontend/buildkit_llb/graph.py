"""Graphs under construction: an output of an op, the ops that lead to it, and how they become a definition.

Ops are marshalled as they are made, byte for byte as moby/buildkit's client/llb does it, so that an op that the daemon
makes too is the same vertex: done once and shown once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

from buildkit_llb.definition import CUSTOM_NAME, Definition, digest_of, marshal_op
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import ops_pb2

NO_INPUT = -1
"""Index of an input that is not there: an empty file system (solver/pb/const.go)."""
NO_OUTPUT = -1
"""Index of an output that is not kept (solver/pb/const.go)."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A marshalled op and the ops that it takes inputs from."""

    digest: str
    raw: bytes
    metadata: ops_pb2.OpMetadata
    inputs: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class State:
    """One output of an op: a file system to be. Without an op it is the empty one, `scratch`."""

    node: Node | None = None
    index: int = 0

    @property
    def digest(self) -> str:
        """Digest of the op; empty for scratch."""
        return self.node.digest if self.node else ""


def scratch() -> State:
    """Start from nothing."""
    return State()


def from_definition(definition: Definition, *, digest: str = "", index: int = 0) -> State:
    """Continue a marshalled graph from what it stands for, or from another of its outputs.

    Metadata is kept, source locations are not. Raises DefinitionError for a broken graph, KeyError for a digest that
    is not there.
    """
    if not digest:
        digest, index = definition.head_output
    nodes: dict[str, Node] = {}
    for vertex in definition.vertices():
        inputs = {one: nodes[one] for one, _ in vertex.inputs}
        nodes[vertex.digest] = Node(vertex.digest, vertex.raw, vertex.metadata, tuple(inputs.values()))
    return State(nodes[digest], index) if digest else State()


def marshal(state: State) -> Definition:
    """Marshal the graph that leads to a state; the same graph gives the same bytes in every process."""
    if state.node is None:
        return Definition()
    nodes = {node.digest: node for node in _walk(state.node)}
    terminal = marshal_op(ops_pb2.Op(inputs=[ops_pb2.Input(digest=state.digest, index=state.index)]))
    metadata = {digest: node.metadata for digest, node in nodes.items()}
    caps = {"constraints", "platform"}
    if any(one.description for one in metadata.values()):
        caps.add("meta.description")
    if any(one.ignore_cache for one in metadata.values()):
        caps.add("meta.ignorecache")
    metadata[digest_of(terminal)] = _metadata(caps, "")
    return Definition(
        ops=(*(node.raw for node in nodes.values()), terminal), metadata=MappingProxyType(metadata), source=None
    )


class Inputs:
    """The inputs of an op under construction; equal outputs share an input."""

    def __init__(self) -> None:
        self.inputs: list[ops_pb2.Input] = []
        self.nodes: list[Node] = []

    def add(self, state: State | None) -> int:
        """Take a state as an input and tell its index; nothing and scratch are NO_INPUT."""
        if state is None or state.node is None:
            return NO_INPUT
        one = ops_pb2.Input(digest=state.digest, index=state.index)
        if one not in self.inputs:
            self.inputs.append(one)
            self.nodes.append(state.node)
        return self.inputs.index(one)


def make_node(
    op: ops_pb2.Op,
    *,
    inputs: Iterable[Node] = (),
    caps: set[str],
    description: str = "",
    platform: Platform | None = None,
) -> Node:
    """Marshal an op; `caps` are what it asks of a daemon, `description` is what progress shows."""
    op.constraints.SetInParent()  # client/llb/marshal.go always writes it, and the digest counts it
    if platform is not None:
        op.platform.CopyFrom(platform.to_pb())
    raw = marshal_op(op)
    nodes = {node.digest: node for node in inputs}
    return Node(digest_of(raw), raw, _metadata(caps, description), tuple(nodes.values()))


def _metadata(caps: set[str], description: str) -> ops_pb2.OpMetadata:
    return ops_pb2.OpMetadata(
        caps=dict.fromkeys(sorted(caps), True), description={CUSTOM_NAME: description} if description else {}
    )


def _walk(head: Node) -> Iterator[Node]:
    """Visit the nodes that lead to `head`, inputs first."""
    done: set[str] = set()
    stack = [(head, iter(head.inputs))]
    while stack:
        node, inputs = stack[-1]
        following = next((one for one in inputs if one.digest not in done), None)
        if following is not None:
            stack.append((following, iter(following.inputs)))
            continue
        stack.pop()
        done.add(node.digest)
        yield node
