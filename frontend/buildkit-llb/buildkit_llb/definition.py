"""A marshalled LLB graph: reading it, checking it and rewriting it.

A vertex's digest is the digest of its op's bytes alone (moby/buildkit solver/llbsolver/vertex.go). Names, capabilities,
progress groups and source locations are stored next to the ops, and can change without changing a digest.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Self

from buildkit_llb.proto import ops_pb2

CUSTOM_NAME = "llb.customname"
"""Key in a vertex's description: its name in the progress output (client/llb/state.go, WithCustomName)."""


class DefinitionError(ValueError):
    """A graph is broken, and would fail in the daemon or crash it."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """One op of a graph, with its metadata.

    `raw` holds the op's bytes, whose digest is `digest`. Treat `op` and `metadata` as read-only.
    """

    digest: str
    op: ops_pb2.Op
    raw: bytes
    metadata: ops_pb2.OpMetadata

    @property
    def inputs(self) -> tuple[tuple[str, int], ...]:
        """The op's inputs, as (digest, output index)."""
        return _inputs(self.raw)

    @property
    def name(self) -> str:
        """The name in the progress output, or an empty string."""
        return self.metadata.description.get(CUSTOM_NAME, "")


@dataclass(frozen=True, slots=True)
class Definition:
    """A marshalled graph. The empty one is `scratch`, which the gateway also uses for nil.

    `ops` holds each op's bytes, inputs before the ops that use them. The last op is the terminal op, whose only input
    is the graph's result. `metadata` is by digest. `source` holds the source files, and the lines of them that each op
    comes from (module `sourcemap`). `unknown` holds the fields of newer daemons, serialized.
    """

    ops: tuple[bytes, ...] = ()
    metadata: Mapping[str, ops_pb2.OpMetadata] = field(default_factory=lambda: MappingProxyType({}))
    source: ops_pb2.Source | None = None
    unknown: bytes = b""

    @classmethod
    def from_pb(cls, definition: ops_pb2.Definition) -> Self:
        """Read the message `definition`."""
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
        """Parse `data`, a serialized pb.Definition.

        Raises google.protobuf.message.DecodeError for other bytes.
        """
        return cls.from_pb(ops_pb2.Definition.FromString(data))

    def to_pb(self) -> ops_pb2.Definition:
        """Build the message."""
        definition = ops_pb2.Definition(ops=self.ops, metadata=self.metadata, source=self.source)
        definition.MergeFromString(self.unknown)
        return definition

    def to_bytes(self) -> bytes:
        """Serialize pb.Definition. Equal graphs give equal bytes."""
        return self.to_pb().SerializeToString(deterministic=True)

    def to_json(self) -> dict[str, object]:
        """Build the JSON value that Go writes in a Source detail, which holds no source locations."""
        value: dict[str, object] = {"def": [b64encode(op).decode() for op in self.ops]}
        if self.metadata:
            value["metadata"] = {digest: _metadata_json(self.metadata[digest]) for digest in sorted(self.metadata)}
        return value

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of `ops`, in the same order."""
        return tuple(digest_of(op) for op in self.ops)

    @property
    def head(self) -> str:
        """Digest of the vertex whose output is the graph's result; empty for scratch."""
        return self.head_output[0]

    @property
    def head_output(self) -> tuple[str, int]:
        """The output that is the graph's result, as (digest, output index); ("", 0) for scratch."""
        inputs = ops_pb2.Op.FromString(self.ops[-1]).inputs if self.ops else ()
        return (inputs[0].digest, inputs[0].index) if inputs else ("", 0)

    def vertices(self) -> tuple[Vertex, ...]:
        """Parse the ops, without the terminal op, and sort them topologically: inputs first.

        The order of `ops` is kept if it is topological already. Raises DefinitionError for a missing input.
        """
        parsed: dict[str, Vertex] = {}
        for raw in self.ops[:-1]:
            digest = digest_of(raw)
            metadata = self.metadata.get(digest) or ops_pb2.OpMetadata()
            parsed[digest] = Vertex(digest, _op(raw), raw, metadata)
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
                    raise DefinitionError(f"op {vertex.digest} has an input that is not in the graph: {missing[0]}")
                stack.append(missing[0])
        return tuple(order.values())


_KEPT = 10_000
"""How many ops are kept: one after the other, the passes over a graph read its ops a dozen times."""


@lru_cache(_KEPT)
def digest_of(raw: bytes) -> str:
    """Compute the digest of an op's bytes."""
    return "sha256:" + sha256(raw).hexdigest()


@lru_cache(_KEPT)
def _op(raw: bytes) -> ops_pb2.Op:
    return ops_pb2.Op.FromString(raw)


@lru_cache(_KEPT)
def _inputs(raw: bytes) -> tuple[tuple[str, int], ...]:
    return tuple((one.digest, one.index) for one in _op(raw).inputs)


def marshal_op(op: ops_pb2.Op) -> bytes:
    """Serialize an op as Go's deterministic marshalling does: map keys sorted, and members of a oneof last.

    The daemon marshals each op again and uses the digest of the result (solver/llbsolver/vertex.go, recomputeDigests).
    If the bytes differed from Go's, the source locations would be stored under digests that it never looks up.
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
    # The rest is the member of the oneof and the unknown fields, which follow it in Go and in Python.
    return head.SerializeToString(deterministic=True) + rest.SerializeToString(deterministic=True)


def check(definition: Definition) -> None:
    """Raise DefinitionError for a graph that would crash the daemon or fail there without a clear error.

    A source index out of range makes the daemon panic when a vertex fails (solver/llbsolver/result.go in v0.32,
    solver/llbsolver/bridge.go in v0.8).
    """
    if definition.ops:
        head = definition.head
        if not head:
            raise DefinitionError("the last op has no input")
        if head not in definition.digests:
            raise DefinitionError(f"the last op has an input that is not in the graph: {head}")
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
    """Replace ops of `definition` one for one, and keep everything else.

    `fn` is called with each vertex, inputs first, and returns its new op, or None to keep it. A new op refers to its
    inputs by their digests in the old graph, and can refer to any vertex before it; `rewrite` updates these digests,
    and those in every op downstream. Unchanged ops keep their bytes, and unreachable ops are dropped. Metadata and
    source locations move with their op; where two ops become equal, the metadata of the first is kept.

    To replace an op by several, use `splice`. Raises DefinitionError if a new op's input does not come before it.
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
    """Update the digests of an op's inputs. Return the old bytes if nothing changed."""
    new = ops_pb2.Op()
    new.CopyFrom(op if changed is None else changed)
    for one in new.inputs:
        if one.digest not in renewed:
            raise DefinitionError(f"an op has an input that does not come before it: {one.digest}")
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
            add_locations(moved.locations[new], source.locations[old])
    return moved


def add_locations(target: ops_pb2.Locations, more: ops_pb2.Locations) -> None:
    """Add `more` to `target`: locations that it does not have, and fields of newer daemons."""
    for one in more.locations:
        if one not in target.locations:
            target.locations.append(one)
    rest = ops_pb2.Locations()
    rest.CopyFrom(more)
    rest.ClearField("locations")
    target.MergeFrom(rest)


def _metadata_json(metadata: ops_pb2.OpMetadata) -> dict[str, object]:
    value: dict[str, object] = {}
    if metadata.ignore_cache:
        value["ignore_cache"] = True
    if metadata.description:
        value["description"] = dict(sorted(metadata.description.items()))
    if metadata.caps:
        value["caps"] = dict(sorted(metadata.caps.items()))
    return value
