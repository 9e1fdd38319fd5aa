"""Source locations, names and progress groups."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.buildkit_llb.graphs import PROPERTY, definitions, golden

from buildkit_llb import ops
from buildkit_llb.definition import Definition, check
from buildkit_llb.errors import Range
from buildkit_llb.proto import ops_pb2
from buildkit_llb.sourcemap import (
    Location,
    ProgressGroup,
    group,
    locations,
    range_to_pb,
    relocate,
    rename,
    source_info,
)


def _located(*ranges: tuple[int, int, int]) -> tuple[Definition, str]:
    """A graph of one op with ranges (source index, first, last) in two sources, and the op's digest."""
    state = ops.run(["true"], root=ops.scratch(), description="old name").root
    entries = [
        ops_pb2.Location(source_index=index, ranges=[range_to_pb(Range(first, last))]) for index, first, last in ranges
    ]
    source = ops_pb2.Source(
        locations={state.digest: ops_pb2.Locations(locations=entries), "sha256:none": ops_pb2.Locations()},
        infos=[source_info("generated", b"a\nb\nc\nd\n"), source_info("other", b"x\n", language="")],
    )
    return replace(ops.marshal(state), source=source), state.digest


def _relocate(definition: Definition, lines: dict[int, tuple[int, int]], **more: object) -> Definition:
    return relocate(
        definition,
        source_info("Dockerfile", b"written\n"),
        map_lines=lines.get,
        **more,  # type: ignore[arg-type]
    )


def test_locations_are_read() -> None:
    """Each vertex's lines are told by source; one that has none is left out."""
    definition, digest = _located((0, 2, 3), (1, 1, 0))
    assert locations(definition) == {digest: (Location(0, 2, 3), Location(1, 1, 1))}
    assert locations(Definition()) == {}


def test_golden_locations_are_the_lines_of_the_instructions() -> None:
    """A real daemon's graph tells the line of each instruction."""
    definition = golden()
    assert definition.source is not None
    text = definition.source.infos[0].data.decode().splitlines()
    found = locations(definition)
    named = {vertex.name: found[vertex.digest] for vertex in definition.vertices() if vertex.digest in found}
    assert len(named) > 8
    for name, (location,) in named.items():
        if name.startswith("["):
            assert text[location.first_line - 1] == name.partition("] ")[2]


@pytest.mark.parametrize(
    ("before", "lines", "after"),
    [
        ([(0, 2, 2)], {2: (7, 9)}, [Location(0, 7, 9)]),
        ([(0, 1, 3)], {1: (1, 1), 2: (5, 5), 3: (5, 5)}, [Location(0, 1, 1), Location(0, 5, 5)]),
        ([(0, 1, 2), (0, 3, 3)], {3: (4, 4)}, [Location(0, 4, 4)]),
        ([(0, 1, 1)], {}, []),
    ],
    ids=["one line becomes a span", "equal lines once", "a range without counterpart is dropped", "nothing left"],
)
def test_lines_are_mapped(
    before: list[tuple[int, int, int]], lines: dict[int, tuple[int, int]], after: list[Location]
) -> None:
    """Each line goes where the map says, and each target is named once."""
    definition, digest = _located(*before)
    relocated = _relocate(definition, lines)
    assert locations(relocated).get(digest, ()) == tuple(after)
    assert relocated.ops == definition.ops
    check(relocated)


def test_location_without_ranges_stays() -> None:
    """A location that names a source but no lines has nothing to map."""
    definition, digest = _located((0, 1, 1))
    assert definition.source is not None
    del definition.source.locations[digest].locations[0].ranges[:]
    relocated = _relocate(definition, {})
    assert relocated.source is not None
    assert len(relocated.source.locations[digest].locations) == 1


def test_only_the_chosen_source_is_replaced() -> None:
    """Sources and ranges that are not the generated one's stay as they are."""
    definition, digest = _located((0, 2, 2), (1, 1, 1))
    relocated = _relocate(definition, {2: (1, 1)}, replaces=lambda info: info.filename == "generated")
    assert locations(relocated)[digest] == (Location(0, 1, 1), Location(1, 1, 1))
    assert relocated.source is not None
    assert [(info.filename, info.data, info.language) for info in relocated.source.infos] == [
        ("Dockerfile", b"written\n", "Dockerfile"),
        ("other", b"x\n", ""),
    ]
    assert definition.source is not None
    assert definition.source.infos[0].filename == "generated"


def test_sources_that_become_equal_are_one() -> None:
    """The file may be known from another build already, whose graph is an input of this one."""
    loaded = source_info("Dockerfile", b"written\n", definition=ops.marshal(ops.local("dockerfile")))
    again = ops_pb2.SourceInfo()
    again.CopyFrom(loaded)
    again.definition.metadata.clear()
    definition, digest = _located((0, 2, 3), (1, 1, 1), (2, 7, 7), (0, 4, 4))
    assert definition.source is not None
    definition.source.infos.insert(1, again)
    mapped = relocate(
        definition,
        loaded,
        map_lines={2: (5, 5), 3: (6, 6), 4: (1, 1)}.get,
        replaces=lambda one: one.data == b"a\nb\nc\nd\n",
    )
    assert mapped.source is not None
    assert [info.data for info in mapped.source.infos] == [b"written\n", b"x\n"]
    assert locations(mapped) == {digest: (Location(0, 5, 5), Location(0, 6, 6), Location(0, 1, 1), Location(1, 7, 7))}
    check(mapped)


@pytest.mark.parametrize("field", ["filename", "data", "language", "definition"])
def test_sources_that_differ_stay_apart(field: str) -> None:
    """In their name, text, language, or where they were read from."""
    definition, _ = _located((0, 1, 1), (1, 1, 1))
    assert definition.source is not None
    loaded = source_info("Dockerfile", b"written\n", definition=ops.marshal(ops.local("dockerfile")))
    other = definition.source.infos[1]
    other.CopyFrom(loaded)
    if field == "definition":
        other.definition.CopyFrom(ops.marshal(ops.local("elsewhere")).to_pb())
    else:
        setattr(other, field, b"other" if field == "data" else "other")
    mapped = relocate(definition, loaded, map_lines={1: (1, 1)}.get, replaces=lambda one: one.filename == "generated")
    assert mapped.source is not None
    assert [one.source_index for entry in mapped.source.locations.values() for one in entry.locations] == [0, 1]


def test_source_tells_where_it_was_read_from() -> None:
    """The graph that loaded the file is part of the source, for those who want to read it again."""
    place = ops.marshal(ops.local("dockerfile", session="s"))
    info = source_info("Dockerfile", b"", definition=place)
    assert info.definition == place.to_pb()
    assert not source_info("Dockerfile", b"").HasField("definition")


def test_graph_without_sources_is_left_alone() -> None:
    """Where nothing has a location there is nothing to point elsewhere."""
    definition = ops.marshal(ops.image("debian"))
    assert _relocate(definition, {1: (1, 1)}) == definition


def test_names_are_changed_where_one_is_found() -> None:
    """The function sees op, metadata and lines; None keeps the name."""
    definition, digest = _located((0, 2, 3))
    seen = []

    def name(*args: object) -> str:
        seen.append(args)
        return "new name"

    (vertex,) = rename(definition, name).vertices()
    assert vertex.name == "new name"
    assert seen == [(digest, vertex.op, definition.metadata[digest], (Location(0, 2, 3),))]
    assert definition.vertices()[0].name == "old name"
    assert rename(definition, lambda *_: None) == definition


def test_vertices_are_grouped() -> None:
    """The vertices of the digests, and no others, are in the group."""
    first = ops.run(["first"], root=ops.scratch()).root
    second = ops.run(["second"], root=first).root
    definition = group(ops.marshal(second), {second.digest: ProgressGroup("id", "PYENV 3.9 epo", weak=True)})
    one, two = definition.vertices()
    assert not one.metadata.HasField("progress_group")
    assert two.metadata.progress_group == ops_pb2.ProgressGroup(id="id", name="PYENV 3.9 epo", weak=True)
    assert two.metadata.caps == {"exec.meta.base": True, "exec.meta.setsdefaultpath": True, "exec.mount.bind": True}


@PROPERTY
@given(definitions(), st.dictionaries(st.integers(1, 40), st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_digests_stay(definition: Definition, lines: dict[int, tuple[int, int]]) -> None:
    """Changes of names, groups and locations change no op, and the result passes `check`."""
    changed = _relocate(rename(definition, lambda digest, *_: digest[:9]), lines)
    changed = group(changed, dict.fromkeys(definition.digests, ProgressGroup("g", "name")))
    assert changed.ops == definition.ops
    assert changed.digests == definition.digests
    check(changed)
    if definition.source is not None:
        expected = {
            digest: tuple(Location(0, *lines[one.first_line]) for one in found if one.first_line in lines)
            for digest, found in locations(definition).items()
        }
        clamped = {
            d: tuple(Location(0, x.first_line, max(x.first_line, x.last_line)) for x in f) for d, f in expected.items()
        }
        assert locations(changed) == {digest: found for digest, found in clamped.items() if found}
