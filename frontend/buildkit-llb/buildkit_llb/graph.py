"""Graphs under construction: states, the ops that they are outputs of, and how they become a Definition.

Each op is marshalled when it is made, to the same bytes as by Go clients (moby/buildkit client/llb/marshal.go). An op
that another frontend makes too is then the same vertex, which the daemon runs and shows once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

from buildkit_llb.definition import CUSTOM_NAME, Definition, digest_of, marshal_op
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import ops_pb2

NO_INPUT = -1
"""Index for no input: an empty file system (solver/pb/const.go)."""
NO_OUTPUT = -1
"""Index for no output: the changes are discarded (solver/pb/const.go)."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A marshalled op: its bytes `raw`, their `digest`, its `metadata`, and the nodes of its `inputs`."""

    digest: str
    raw: bytes
    metadata: ops_pb2.OpMetadata
    inputs: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class State:
    """One output of an op: a file system that the build will produce. Without an op, it is `scratch`.

    `node` is the op, and `index` the number of the output. The functions of `ops` make both.
    """

    node: Node | None = None
    index: int = 0

    @property
    def digest(self) -> str:
        """Digest of the op; empty for scratch."""
        return self.node.digest if self.node else ""


def scratch() -> State:
    """Start from an empty file system."""
    return State()


def from_definition(definition: Definition, *, digest: str = "", index: int = 0) -> State:
    """Continue `definition` from its result, or from output `index` of the vertex `digest`.

    Metadata is kept, source locations are not. Raises DefinitionError for a broken graph, and KeyError for a digest
    that is not in it.
    """
    if not digest:
        digest, index = definition.head_output
    nodes: dict[str, Node] = {}
    for vertex in definition.vertices():
        inputs = {one: nodes[one] for one, _ in vertex.inputs}
        nodes[vertex.digest] = Node(vertex.digest, vertex.raw, vertex.metadata, tuple(inputs.values()))
    return State(nodes[digest], index) if digest else State()


def marshal(state: State) -> Definition:
    """Marshal the graph of `state`. Equal graphs give equal bytes, in every process."""
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
    """Collects the inputs of an op. A state that is added twice is one input."""

    def __init__(self) -> None:
        self.inputs: list[ops_pb2.Input] = []
        self.nodes: list[Node] = []

    def add(self, state: State | None) -> int:
        """Add a state and return the index of its input; NO_INPUT for None and scratch."""
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
    """Marshal an op. `caps` are the capabilities that it requires, `description` is its name in the progress output."""
    op.constraints.SetInParent()  # client/llb/marshal.go always writes it, so it is part of the digest
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
    """Visit `head` and every node it depends on, inputs first."""
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
