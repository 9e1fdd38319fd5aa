"""The result of a solve, which is also what a build returns.

Messages: Result, Ref and Attestation of moby/buildkit frontend/gateway/pb/gateway.proto.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from buildkit_llb.definition import Definition
from buildkit_llb.proto import gateway_pb2


@dataclass(frozen=True, slots=True)
class Ref:
    """A solved graph, by the `id` that the daemon gave it.

    An empty `id` is a nil ref: an empty file system, or no file system at all. `definition` is the graph that the ref
    was solved from, with names and source locations; None if the daemon did not send it (before BuildKit 0.7).
    """

    id: str = ""
    definition: Definition | None = None

    @classmethod
    def from_pb(cls, ref: gateway_pb2.Ref) -> Self:
        """Read the message `ref`."""
        return cls(ref.id, Definition.from_pb(ref.definition) if ref.HasField("definition") else None)


@dataclass(frozen=True, slots=True)
class Attestation:
    """An attestation of a result, such as an SBOM. `message` holds everything but its `ref`, the attested files."""

    message: gateway_pb2.Attestation
    ref: Ref | None = None

    @classmethod
    def from_pb(cls, message: gateway_pb2.Attestation) -> Self:
        """Read `message`."""
        rest = gateway_pb2.Attestation()
        rest.CopyFrom(message)
        rest.ClearField("ref")
        return cls(rest, Ref.from_pb(message.ref) if message.HasField("ref") else None)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a solve, which is also what a build returns.

    `refs` holds a single ref under the key "", or, with `is_map`, one ref per platform. `metadata` holds what exporters
    read, such as the image config under `containerimage.config`. `attestations` are by platform. `unknown` holds the
    fields of newer daemons, serialized.
    """

    refs: Mapping[str, Ref] = field(default_factory=lambda: MappingProxyType({}))
    is_map: bool = False
    metadata: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    attestations: Mapping[str, tuple[Attestation, ...]] = field(default_factory=lambda: MappingProxyType({}))
    unknown: bytes = b""

    @classmethod
    def from_pb(cls, result: gateway_pb2.Result) -> Self:
        """Read the message `result`. Daemons before BuildKit 0.7 send refs as plain strings; those are read too."""
        rest = gateway_pb2.Result()
        rest.CopyFrom(result)
        for name in ("ref_deprecated", "refs_deprecated", "ref", "refs", "metadata", "attestations"):
            rest.ClearField(name)
        refs: dict[str, Ref] = {}
        kind = result.WhichOneof("result")
        if kind == "ref":
            refs[""] = Ref.from_pb(result.ref)
        elif kind == "refs":
            refs = {key: Ref.from_pb(result.refs.refs[key]) for key in sorted(result.refs.refs)}
        elif kind == "ref_deprecated":
            refs[""] = Ref(result.ref_deprecated)
        elif kind == "refs_deprecated":
            refs = {key: Ref(one) for key, one in sorted(result.refs_deprecated.refs.items())}
        return cls(
            refs=MappingProxyType(refs),
            is_map=kind in ("refs", "refs_deprecated"),
            metadata=MappingProxyType({key: result.metadata[key] for key in sorted(result.metadata)}),
            attestations=MappingProxyType(
                {
                    key: tuple(Attestation.from_pb(one) for one in result.attestations[key].attestation)
                    for key in sorted(result.attestations)
                }
            ),
            unknown=rest.SerializeToString(),
        )

    def to_pb(self) -> gateway_pb2.Result:
        """Build the message. Refs are sent as ids: the daemon has their graphs, which would only add to the size."""
        result = gateway_pb2.Result(metadata=self.metadata)
        if self.is_map:
            result.refs.SetInParent()
            for key, ref in self.refs.items():
                result.refs.refs[key].id = ref.id
        elif "" in self.refs:
            result.ref.SetInParent()
            result.ref.id = self.refs[""].id
        for key, statements in self.attestations.items():
            result.attestations[key].SetInParent()
            for statement in statements:
                message = result.attestations[key].attestation.add()
                message.CopyFrom(statement.message)
                if statement.ref is not None:
                    message.ref.SetInParent()
                    message.ref.id = statement.ref.id
        result.MergeFromString(self.unknown)
        return result

    def map_refs(self, fn: Callable[[Ref], Ref]) -> Self:
        """Replace every ref that is not nil by the result of `fn` for it, including those of attestations."""
        refs = {key: _map_ref(ref, fn) for key, ref in self.refs.items()}
        attestations = {
            key: tuple(one if one.ref is None else replace(one, ref=_map_ref(one.ref, fn)) for one in statements)
            for key, statements in self.attestations.items()
        }
        return replace(self, refs=MappingProxyType(refs), attestations=MappingProxyType(attestations))


def _map_ref(ref: Ref, fn: Callable[[Ref], Ref]) -> Ref:
    return fn(ref) if ref.id else ref
