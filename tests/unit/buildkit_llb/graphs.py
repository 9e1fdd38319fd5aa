"""Random graphs, and the golden one."""

from pathlib import Path

from hypothesis import strategies as st
from tests.unit.properties import examples

from buildkit_llb.definition import Definition, digest_of, marshal_op
from buildkit_llb.proto import ops_pb2

PROPERTY = examples(80)

GOLDEN = Path(__file__).parent / "golden" / "docker-28.5.definition"
"""What dockerfile.v0 of Docker 28.5 (BuildKit 0.25) made of the Dockerfile that its source info holds."""


def golden() -> Definition:
    """Read the golden graph."""
    return Definition.from_bytes(GOLDEN.read_bytes())


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    """Make a graph of up to a dozen ops: each takes outputs of earlier ops, and all lead to the last."""
    raws: list[bytes] = []
    metadata: dict[str, ops_pb2.OpMetadata] = {}
    locations: dict[str, ops_pb2.Locations] = {}
    unused: set[str] = set()
    count = draw(st.integers(1, 12))
    for number in range(count):
        digests = [digest_of(raw) for raw in raws]
        inputs = draw(st.lists(st.tuples(st.sampled_from(digests), st.integers(0, 3)), max_size=4)) if digests else []
        if number == count - 1:
            inputs += [(digest, 0) for digest in sorted(unused)]
        op = ops_pb2.Op(inputs=[ops_pb2.Input(digest=digest, index=index) for digest, index in inputs])
        if draw(st.booleans()):
            op.constraints.SetInParent()
        op.source.identifier = f"local://{number}"
        op.source.attrs.update(draw(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3)))
        op.MergeFromString(draw(st.sampled_from([b"", b"\xfa\x01\x03new"])))
        raw = marshal_op(op)
        raws.append(raw)
        digest = digest_of(raw)
        unused -= {one for one, _ in inputs}
        unused.add(digest)
        if draw(st.booleans()):
            metadata[digest] = ops_pb2.OpMetadata(description={"llb.customname": f"step {number}"}, caps={"x": True})
        if draw(st.booleans()):
            line = draw(st.integers(1, 40))
            ranges = [ops_pb2.Range(start=ops_pb2.Position(line=line), end=ops_pb2.Position(line=line))]
            locations[digest] = ops_pb2.Locations(locations=[ops_pb2.Location(source_index=0, ranges=ranges)])
    terminal = marshal_op(ops_pb2.Op(inputs=[ops_pb2.Input(digest=digest_of(raws[-1]), index=draw(st.integers(0, 2)))]))
    metadata[digest_of(terminal)] = ops_pb2.OpMetadata(caps={"constraints": True})
    source = ops_pb2.Source(locations=locations, infos=[ops_pb2.SourceInfo(filename="Dockerfile", data=b"text")])
    return Definition(
        ops=(*raws, terminal),
        metadata=metadata,
        source=draw(st.sampled_from([None, source])) if not locations else source,
        unknown=draw(st.sampled_from([b"", b"\xfa\x01\x03new"])),
    )
