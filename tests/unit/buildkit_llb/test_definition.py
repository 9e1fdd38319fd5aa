"""Graphs as they travel: reading, writing, walking and rewriting."""

import json
from base64 import b64decode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.buildkit_llb.graphs import GOLDEN, PROPERTY, definitions, golden

from buildkit_llb import ops
from buildkit_llb.definition import Definition, DefinitionError, Vertex, check, digest_of, marshal_op, rewrite
from buildkit_llb.proto import ops_pb2


def _copy(op: ops_pb2.Op) -> ops_pb2.Op:
    copy = ops_pb2.Op()
    copy.CopyFrom(op)
    return copy


def _keep(_: Vertex) -> None:
    """Change nothing."""


@PROPERTY
@given(definitions())
def test_definition_survives_the_wire(definition: Definition) -> None:
    """Every op keeps its bytes, and metadata, locations and unknown fields are there again."""
    data = definition.to_bytes()
    again = Definition.from_bytes(data)
    assert again.ops == definition.ops
    assert again == replace(definition, metadata=again.metadata)
    assert dict(again.metadata) == dict(definition.metadata)
    assert again.to_bytes() == data


@PROPERTY
@given(definitions())
def test_vertices_come_after_their_inputs(definition: Definition) -> None:
    """Walking meets every op but the terminal one, once, with its inputs before it and its own bytes."""
    seen: list[str] = []
    for vertex in definition.vertices():
        assert {digest for digest, _ in vertex.inputs} <= set(seen)
        assert digest_of(vertex.raw) == vertex.digest
        assert vertex.metadata == definition.metadata.get(vertex.digest, ops_pb2.OpMetadata())
        seen.append(vertex.digest)
    assert tuple(seen) == tuple(dict.fromkeys(definition.digests[:-1]))
    assert definition.head == seen[-1]


@PROPERTY
@given(definitions(), st.randoms(use_true_random=False))
def test_vertices_are_sorted_where_the_ops_are_not(definition: Definition, random: object) -> None:
    """Ops in any order are walked inputs first."""
    shuffled = list(definition.ops[:-1])
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    seen: set[str] = set()
    for vertex in replace(definition, ops=(*shuffled, definition.ops[-1])).vertices():
        assert {digest for digest, _ in vertex.inputs} <= seen
        seen.add(vertex.digest)
    assert seen == set(definition.digests[:-1])


@PROPERTY
@given(definitions())
def test_rewrite_without_changes_is_the_identity(definition: Definition) -> None:
    """Changing nothing changes no byte, whether said by None or by an equal op."""
    assert rewrite(definition, _keep).to_bytes() == definition.to_bytes()
    assert rewrite(definition, lambda vertex: _copy(vertex.op)).to_bytes() == definition.to_bytes()


@PROPERTY
@given(definitions(), st.data())
def test_rewrite_renews_digests_of_dependants_only(definition: Definition, data: st.DataObject) -> None:
    """A changed op changes the digests of the ops downstream, and no others; metadata and locations follow."""
    vertices = definition.vertices()
    changed = data.draw(st.sampled_from(vertices)).digest

    def change(vertex: Vertex) -> ops_pb2.Op | None:
        if vertex.digest != changed:
            return None
        op = _copy(vertex.op)
        op.source.identifier = "local://changed"
        return op

    rewritten = rewrite(definition, change)
    dependants = {changed}
    for vertex in vertices:
        if {digest for digest, _ in vertex.inputs} & dependants:
            dependants.add(vertex.digest)
    assert len(rewritten.ops) == len(definition.ops)
    check(rewritten)
    for old, new in zip(vertices, rewritten.vertices(), strict=True):
        assert (old.raw == new.raw) == (old.digest not in dependants)
        assert [index for _, index in old.inputs] == [index for _, index in new.inputs]
        assert old.metadata == new.metadata
        assert (old.digest in definition.metadata) == (new.digest in rewritten.metadata)
        if definition.source is not None and rewritten.source is not None:
            assert definition.source.locations.get(old.digest) == rewritten.source.locations.get(new.digest)
    assert set(rewritten.metadata) <= set(rewritten.digests)
    assert len(rewritten.metadata) == len(definition.metadata)
    assert rewritten.unknown == definition.unknown
    assert rewritten.head_output[1] == definition.head_output[1]


def _chain() -> tuple[Definition, dict[str, str]]:
    """Base <- first <- second <- last, and their digests by name."""
    base = ops.image("debian")
    first = ops.run(["first"], root=base, description="first").root
    second = ops.run(["second"], root=first, description="second").root
    last = ops.run(["last"], root=second, description="last").root
    digests = {"base": base.digest, "first": first.digest, "second": second.digest, "last": last.digest}
    return ops.marshal(last), digests


def test_rewrite_can_take_another_input_and_drops_what_is_unreachable() -> None:
    """An op can take any op before it as input; unreachable ops are dropped, with their metadata and locations."""
    definition, digests = _chain()

    def onto_base(vertex: Vertex) -> ops_pb2.Op | None:
        if vertex.name != "last":
            return None
        op = _copy(vertex.op)
        op.inputs[0].digest = digests["base"]
        return op

    rewritten = rewrite(definition, onto_base)
    assert [vertex.name for vertex in rewritten.vertices()] == ["", "last"]
    assert rewritten.vertices()[1].inputs == ((digests["base"], 0),)
    assert rewritten == replace(ops.marshal(ops.run(["last"], root=ops.image("debian"), description="last").root))
    assert set(rewritten.metadata) == set(rewritten.digests)


def test_rewrite_refuses_an_input_that_comes_later() -> None:
    """An op cannot be put on top of one that needs it."""
    definition, digests = _chain()

    def onto_last(vertex: Vertex) -> ops_pb2.Op:
        op = _copy(vertex.op)
        op.inputs.add(digest=digests["last"])
        return op

    with pytest.raises(DefinitionError, match="does not come before it: " + digests["last"]):
        rewrite(definition, onto_last)


def test_rewrite_joins_ops_that_become_one() -> None:
    """Two ops that become equal are one, with the first one's name and the locations of both."""
    left, right = (ops.run([name], root=ops.scratch(), description=name).root for name in ("left", "right"))
    definition = ops.marshal(ops.merge([left, right]))
    places = {left.digest: 1, right.digest: 2}
    locations = {
        digest: ops_pb2.Locations(locations=[_location(line), _location(9)]) for digest, line in places.items()
    }
    definition = replace(definition, source=ops_pb2.Source(locations=locations, infos=[ops_pb2.SourceInfo()]))

    def equal(vertex: Vertex) -> ops_pb2.Op:
        op = _copy(vertex.op)
        if op.WhichOneof("op") == "exec":
            op.exec.meta.args[:] = ["equal"]
        return op

    rewritten = rewrite(definition, equal)
    joined, merged = rewritten.vertices()
    assert joined.name == "left"
    assert merged.inputs == ((joined.digest, 0), (joined.digest, 0))
    assert rewritten.source is not None
    assert list(rewritten.source.locations[joined.digest].locations) == [_location(1), _location(9), _location(2)]


def _location(line: int) -> ops_pb2.Location:
    return ops_pb2.Location(ranges=[ops_pb2.Range(start=ops_pb2.Position(line=line), end=ops_pb2.Position(line=line))])


def test_empty_definition_is_scratch() -> None:
    """The empty graph is valid, has no vertices and no head, and stays empty."""
    empty = Definition()
    check(empty)
    assert empty.to_bytes() == b""
    assert Definition.from_bytes(b"") == empty
    assert (empty.head, empty.head_output, empty.vertices(), empty.digests) == ("", ("", 0), (), ())
    assert rewrite(empty, _keep) == empty


def test_missing_input_is_refused() -> None:
    """A graph with a missing op is rejected, and the error names the op's digest."""
    definition, digests = _chain()
    with pytest.raises(DefinitionError, match="not in the graph: " + digests["base"]):
        replace(definition, ops=definition.ops[1:]).vertices()


@pytest.mark.parametrize(
    ("terminal", "words"),
    [
        (ops_pb2.Op(), "the last op has no input"),
        (ops_pb2.Op(inputs=[ops_pb2.Input(digest="sha256:0")]), "not in the graph: sha256:0"),
    ],
)
def test_check_refuses_a_graph_without_a_head(terminal: ops_pb2.Op, words: str) -> None:
    """The last op has to point at an op of the graph."""
    definition, _ = _chain()
    with pytest.raises(DefinitionError, match=words):
        check(replace(definition, ops=(*definition.ops[:-1], marshal_op(terminal))))


@pytest.mark.parametrize("index", [-1, 1, 2, 2**31 - 1])
def test_check_refuses_a_source_index_out_of_range(index: int) -> None:
    """A source index that points past the sources would panic the daemon at the first vertex that fails."""
    definition, digests = _chain()
    locations = {digests["first"]: ops_pb2.Locations(locations=[ops_pb2.Location(source_index=index)])}
    source = ops_pb2.Source(locations=locations, infos=[ops_pb2.SourceInfo()])
    with pytest.raises(DefinitionError, match=f"source index {index} of op {digests['first']}"):
        check(replace(definition, source=source))
    locations[digests["first"]].locations[0].source_index = 0
    check(replace(definition, source=ops_pb2.Source(locations=locations, infos=[ops_pb2.SourceInfo()])))


def test_golden_definition_survives_and_marshals_as_in_go() -> None:
    """A real daemon's ops keep their bytes through the wire and a rewrite, and re-marshal to the same bytes."""
    definition = golden()
    assert len(definition.vertices()) == 14
    assert rewrite(definition, _keep).to_bytes() == definition.to_bytes()
    assert definition.to_pb() == ops_pb2.Definition.FromString(GOLDEN.read_bytes())
    assert [marshal_op(vertex.op) for vertex in definition.vertices()] == [
        vertex.raw for vertex in definition.vertices()
    ]


def test_json_is_what_go_writes() -> None:
    """The JSON names ops and metadata as Go's struct tags do, and leaves out what is empty."""
    state = ops.image("debian", description="base")
    definition = ops.marshal(state)
    named = {digest: metadata for digest, metadata in definition.metadata.items() if digest == state.digest}
    named["sha256:uncached"] = ops_pb2.OpMetadata(ignore_cache=True)
    value = replace(definition, metadata=named).to_json()
    assert [b64decode(op) for op in value["def"]] == list(definition.ops)  # type: ignore[attr-defined]
    assert value["metadata"] == {
        state.digest: {"description": {"llb.customname": "base"}, "caps": {"source.image": True}},
        "sha256:uncached": {"ignore_cache": True},
    }
    assert json.dumps(Definition().to_json()) == '{"def": []}'
