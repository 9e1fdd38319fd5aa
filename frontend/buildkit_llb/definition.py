"""An LLB graph as it travels: ops, and beside them what has no part in their digests.

A vertex's digest is the digest of its op's bytes alone (moby/buildkit solver/llbsolver/vertex.go). Names, capabilities,
progress groups and source locations stand beside the ops and may change freely.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Self

from buildkit_llb.proto import ops_pb2

CUSTOM_NAME = "llb.customname"
"""Key of a description: the name that progress shows (client/llb/state.go, WithCustomName)."""


class DefinitionError(ValueError):
    """A graph that no daemon may be given."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """One op of a graph with all that stands beside it.

    `op` and `metadata` are shared with nothing and never written to by this package; treat them as read-only.
    """

    digest: str
    op: ops_pb2.Op
    raw: bytes
    metadata: ops_pb2.OpMetadata

    @property
    def inputs(self) -> tuple[tuple[str, int], ...]:
        """The outputs that the op takes, as (digest, output index)."""
        return tuple((one.digest, one.index) for one in self.op.inputs)

    @property
    def name(self) -> str:
        """The name that progress shows, or an empty string."""
        return self.metadata.description.get(CUSTOM_NAME, "")


@dataclass(frozen=True, slots=True)
class Definition:
    """A marshalled graph; the empty one is `scratch`, which the wire also uses for nil.

    `ops` holds each op's bytes, inputs before the ops that take them. The last op is terminal: it does nothing but
    point at the output that the graph stands for. `unknown` holds fields of newer daemons.
    """

    ops: tuple[bytes, ...] = ()
    metadata: Mapping[str, ops_pb2.OpMetadata] = field(default_factory=lambda: MappingProxyType({}))
    source: ops_pb2.Source | None = None
    unknown: bytes = b""

    @classmethod
    def from_pb(cls, definition: ops_pb2.Definition) -> Self:
        """Take over a parsed message."""
        rest = ops_pb2.Definition()
        rest.CopyFrom(definition)
        for name in ("ops", "metadata", "source"):
            rest.ClearField(name)
        return cls(
            ops=tuple(definition.ops),
            metadata=MappingProxyType(dict(definition.metadata)),
            source=definition.source if definition.HasField("source") else None,
            unknown=rest.SerializeToString(),
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse pb.Definition."""
        return cls.from_pb(ops_pb2.Definition.FromString(data))

    def to_pb(self) -> ops_pb2.Definition:
        """Build the message."""
        definition = ops_pb2.Definition(ops=self.ops, metadata=self.metadata, source=self.source)
        definition.MergeFromString(self.unknown)
        return definition

    def to_bytes(self) -> bytes:
        """Serialize pb.Definition; equal graphs give equal bytes."""
        return self.to_pb().SerializeToString(deterministic=True)

    def to_json(self) -> dict[str, object]:
        """Build the value that Go's encoding/json gives, without source locations: a Source detail holds one."""
        value: dict[str, object] = {"def": [b64encode(op).decode() for op in self.ops]}
        if self.metadata:
            value["metadata"] = {digest: _metadata_json(self.metadata[digest]) for digest in sorted(self.metadata)}
        return value

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of `ops`, in their order."""
        return tuple(digest_of(op) for op in self.ops)

    @property
    def head(self) -> str:
        """Digest of the vertex that the graph stands for; empty for scratch."""
        return self.head_output[0]

    @property
    def head_output(self) -> tuple[str, int]:
        """The output that the graph stands for, as (digest, output index); ("", 0) for scratch."""
        inputs = ops_pb2.Op.FromString(self.ops[-1]).inputs if self.ops else ()
        return (inputs[0].digest, inputs[0].index) if inputs else ("", 0)

    def vertices(self) -> tuple[Vertex, ...]:
        """Parse the ops, inputs before the ops that take them, in the order of `ops` where that is so already.

        The terminal op is no vertex. Raises DefinitionError where an op takes an input that is not there.
        """
        parsed: dict[str, Vertex] = {}
        for raw in self.ops[:-1]:
            digest = digest_of(raw)
            metadata = self.metadata.get(digest) or ops_pb2.OpMetadata()
            parsed[digest] = Vertex(digest, ops_pb2.Op.FromString(raw), raw, metadata)
        order: dict[str, Vertex] = {}
        for digest in parsed:
            stack = [digest]
            while stack:
                vertex = parsed[stack[-1]]
                missing = [one for one, _ in vertex.inputs if one not in order]
                if not missing:
                    order[vertex.digest] = vertex
                    stack.pop()
                    continue
                if missing[0] not in parsed:
                    raise DefinitionError(f"op {vertex.digest} takes an input that is not there: {missing[0]}")
                stack.append(missing[0])
        return tuple(order.values())


def digest_of(raw: bytes) -> str:
    """Compute the digest of an op's bytes."""
    return "sha256:" + sha256(raw).hexdigest()


def marshal_op(op: ops_pb2.Op) -> bytes:
    """Serialize an op as Go's deterministic marshalling does: map keys in order, and members of a oneof last.

    The daemon marshals each op anew and takes the digest of that (solver/llbsolver/vertex.go, recomputeDigests). With
    bytes of another order, source locations would belong to digests that it never looks up.
    """
    kind = op.WhichOneof("op")
    if kind is None:
        return op.SerializeToString(deterministic=True)
    head = ops_pb2.Op(
        inputs=op.inputs,
        platform=op.platform if op.HasField("platform") else None,
        constraints=op.constraints if op.HasField("constraints") else None,
    )
    rest = ops_pb2.Op()
    rest.CopyFrom(op)
    for name in ("inputs", "platform", "constraints"):
        rest.ClearField(name)
    # What is left are the member of the oneof and unknown fields, which follow it in Go and in Python alike.
    return head.SerializeToString(deterministic=True) + rest.SerializeToString(deterministic=True)


def check(definition: Definition) -> None:
    """Refuse a graph that would crash or puzzle a daemon.

    A source index out of range is an index panic in the daemon as soon as a vertex fails (solver/llbsolver/result.go
    in v0.32, solver/llbsolver/bridge.go in v0.8). Raises DefinitionError.
    """
    if definition.ops:
        head = definition.head
        if not head:
            raise DefinitionError("the last op points at nothing")
        if head not in definition.digests:
            raise DefinitionError(f"the last op points at an op that is not there: {head}")
    if definition.source is None:
        return
    count = len(definition.source.infos)
    for digest, locations in definition.source.locations.items():
        for location in locations.locations:
            if not 0 <= location.source_index < count:
                raise DefinitionError(
                    f"source index {location.source_index} of op {digest} is out of range: there are {count} sources"
                )


def rewrite(definition: Definition, fn: Callable[[Vertex], ops_pb2.Op | None]) -> Definition:
    """Change ops of a graph and carry everything else over.

    `fn` sees each vertex, inputs first, and returns its new op, or None for no change. A new op names its inputs by
    their digests in the graph as it was, and may name any vertex that comes before it; digests are then renewed in it
    and in all ops that take it. Unchanged ops keep their bytes, ops that nothing takes any more are dropped, metadata
    and source locations follow their op. Where two ops become one, the first one's metadata stays.

    Raises DefinitionError where a new op takes an input that does not come before it.
    """
    renewed: dict[str, str] = {}
    raws: dict[str, bytes] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    for vertex in definition.vertices():
        raw, op = _renew(fn(vertex), vertex.op, vertex.raw, renewed)
        digest = digest_of(raw)
        renewed[vertex.digest] = digest
        raws.setdefault(digest, raw)
        inputs[digest] = tuple(one.digest for one in op.inputs)
    if not definition.ops:
        return definition
    terminal = definition.ops[-1]
    raw, op = _renew(None, ops_pb2.Op.FromString(terminal), terminal, renewed)
    reachable = _reachable((one.digest for one in op.inputs), inputs)
    renewed[digest_of(terminal)] = digest_of(raw)
    renewed = {old: new for old, new in renewed.items() if new in reachable or new == digest_of(raw)}
    metadata: dict[str, ops_pb2.OpMetadata] = {}
    for old, new in renewed.items():
        if old in definition.metadata:
            metadata.setdefault(new, definition.metadata[old])
    return replace(
        definition,
        ops=(*(one for digest, one in raws.items() if digest in reachable), raw),
        metadata=MappingProxyType(metadata),
        source=None if definition.source is None else _move_locations(definition.source, renewed),
    )


def _renew(
    changed: ops_pb2.Op | None, op: ops_pb2.Op, raw: bytes, renewed: Mapping[str, str]
) -> tuple[bytes, ops_pb2.Op]:
    """Give an op, changed or not, the new digests of its inputs; the bytes stay where nothing changed."""
    new = ops_pb2.Op()
    new.CopyFrom(op if changed is None else changed)
    for one in new.inputs:
        if one.digest not in renewed:
            raise DefinitionError(f"an op takes an input that does not come before it: {one.digest}")
        one.digest = renewed[one.digest]
    return (raw, op) if new == op else (marshal_op(new), new)


def _reachable(heads: Iterable[str], inputs: Mapping[str, tuple[str, ...]]) -> set[str]:
    seen: set[str] = set()
    stack = list(heads)
    while stack:
        digest = stack.pop()
        if digest not in seen:
            seen.add(digest)
            stack.extend(inputs[digest])
    return seen


def _move_locations(source: ops_pb2.Source, renewed: Mapping[str, str]) -> ops_pb2.Source:
    moved = ops_pb2.Source()
    moved.CopyFrom(source)
    moved.ClearField("locations")
    for old, new in renewed.items():
        if old in source.locations:
            target = moved.locations[new].locations
            target.extend(one for one in source.locations[old].locations if one not in target)
    return moved


def _metadata_json(metadata: ops_pb2.OpMetadata) -> dict[str, object]:
    value: dict[str, object] = {}
    if metadata.ignore_cache:
        value["ignore_cache"] = True
    if metadata.description:
        value["description"] = dict(sorted(metadata.description.items()))
    if metadata.caps:
        value["caps"] = dict(sorted(metadata.caps.items()))
    return value
