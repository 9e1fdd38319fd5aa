"""What a newer daemon writes that the messages here do not name, at every level of a graph."""

from collections.abc import Iterator
from dataclasses import replace

from google.protobuf.message import Message
from tests.unit.buildkit_llb.graphs import golden

from buildkit_llb import sourcemap
from buildkit_llb.definition import Definition, Vertex, rewrite
from buildkit_llb.graph import State
from buildkit_llb.proto import ops_pb2
from buildkit_llb.sourcemap import ProgressGroup
from buildkit_llb.splice import Replacement, Resolve, splice, with_inputs

MARK = b"\xfa\x01\x03new"
"""Field 31 with three bytes, which no message here has."""


def messages(message: Message) -> Iterator[Message]:
    """Yield a message and all that are in it."""
    yield message
    for _, value in message.ListFields():
        if isinstance(value, Message):
            yield from messages(value)
        elif not isinstance(value, str | bytes | int):
            values = value.values() if hasattr(value, "values") else value
            for one in values:
                if isinstance(one, Message):
                    yield from messages(one)


def marked(message: ops_pb2.Op) -> ops_pb2.Op:
    """Copy an op, with the unknown field in all of its messages."""
    copy = ops_pb2.Op()
    copy.CopyFrom(message)
    for one in list(messages(copy)):
        one.MergeFromString(MARK)
    return copy


def of_a_newer_daemon() -> Definition:
    """The golden graph, with the unknown field in every message."""
    definition = rewrite(golden(), lambda vertex: marked(vertex.op))
    pb = definition.to_pb()
    for one in list(messages(pb)):
        one.MergeFromString(MARK)
    return Definition.from_pb(pb)


def marks(definition: Definition) -> list[int]:
    """Count the unknown fields of a graph: those of its ops, one by one in any order, and those of all."""
    return [*sorted(raw.count(MARK) for raw in definition.ops), definition.to_bytes().count(MARK)]


def changed(vertex: Vertex) -> ops_pb2.Op | None:
    """Change the source that the others depend on."""
    if vertex.op.WhichOneof("op") != "source":
        return None
    op = ops_pb2.Op()
    op.CopyFrom(vertex.op)
    op.source.identifier += "-changed"
    return op


def test_the_graph_of_this_test_has_them_at_every_level() -> None:
    definition = of_a_newer_daemon()
    *of_ops, whole = marks(definition)
    assert of_ops[0] == 0  # the terminal op
    assert min(of_ops[1:]) >= 2
    assert whole > sum(of_ops) + len(definition.metadata) + 3
    kinds = {type(one).__name__ for vertex in definition.vertices() for one in messages(vertex.op)}
    assert {"Op", "Input", "ExecOp", "Meta", "Mount", "FileAction", "FileActionCopy", "SourceOp"} <= kinds


def test_unknown_fields_survive_every_change() -> None:
    """Of names, groups and lines, and of an op that all others depend on, whichever way it is changed."""
    definition = of_a_newer_daemon()
    before = marks(definition)
    assert Definition.from_bytes(definition.to_bytes()) == replace(definition, metadata=dict(definition.metadata))

    def replaced(vertex: Vertex, resolve: Resolve) -> Replacement | None:
        op = changed(vertex)
        if op is None:
            return None
        node = with_inputs(vertex, op, [resolve(one) for one in vertex.inputs])
        return Replacement({0: State(node)}, {node.digest: vertex.digest})

    renamed = sourcemap.rename(definition, lambda digest, *_: digest)
    grouped = sourcemap.group(definition, dict.fromkeys(definition.digests, ProgressGroup("id", "name")))
    assert definition.source is not None
    (info,) = definition.source.infos
    relocated = sourcemap.relocate(definition, info, map_lines=lambda line: (line, line), replaces=lambda _: False)
    rewritten, spliced = rewrite(definition, changed), splice(definition, replaced)
    assert not {rewritten.head, spliced.head} & set(definition.digests)
    for one in (renamed, grouped, relocated, rewritten, spliced):
        assert marks(one) == before


def test_locations_keep_them_where_sources_or_ops_become_one() -> None:
    definition = of_a_newer_daemon()
    assert definition.source is not None
    source = ops_pb2.Source()
    source.CopyFrom(definition.source)
    source.infos.append(source.infos[0])
    for entry in source.locations.values():
        for one in list(entry.locations):
            entry.locations.append(one)
            entry.locations[-1].source_index = 1
    doubled = replace(definition, source=source)
    joined = sourcemap.relocate(doubled, source.infos[0], map_lines=lambda line: (line, line), replaces=lambda _: False)
    assert joined.source == definition.source
    dropped = sourcemap.relocate(definition, source.infos[0], map_lines=lambda _: None)
    assert dropped.source is not None
    assert all(MARK in entry.SerializeToString() for entry in dropped.source.locations.values())


def test_splice_without_changes_keeps_every_op() -> None:
    """Its bytes, metadata and lines; the order of the ops may be another."""
    for definition in (golden(), of_a_newer_daemon()):
        kept = splice(definition, lambda *_: None)
        assert sorted(kept.ops) == sorted(definition.ops)
        assert kept.head_output == definition.head_output
        assert dict(kept.metadata) == dict(definition.metadata)
        assert kept.source == definition.source
