"""Source locations, names and progress groups of the vertices of a Definition.

Nothing here changes an op's bytes, so digests and cache keys stay the same. Messages: Source, OpMetadata and
ProgressGroup of moby/buildkit solver/pb/ops.proto.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from buildkit_llb.definition import CUSTOM_NAME, Definition, Vertex, add_locations
from buildkit_llb.errors import Range
from buildkit_llb.proto import ops_pb2

__all__ = ["Location", "ProgressGroup", "group", "locations", "range_to_pb", "relocate", "rename", "source_info"]


@dataclass(frozen=True, slots=True)
class Location:
    """The lines of a source file that a vertex comes from, `first_line` to `last_line`, 1-based and inclusive.

    `source_index` is the index of the file in the definition's `source.infos`.
    """

    source_index: int
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class ProgressGroup:
    """Vertices with the same group `id` are shown as one line of progress, `name`.

    A group whose members are all `weak` is not shown as a group.
    """

    id: str
    name: str
    weak: bool = False


def range_to_pb(value: Range) -> ops_pb2.Range:
    """Build the message of `value`."""
    return ops_pb2.Range(
        start=ops_pb2.Position(line=value.start_line, character=value.start_character),
        end=ops_pb2.Position(line=value.end_line, character=value.end_character),
    )


def source_info(
    filename: str, data: bytes, *, language: str = "Dockerfile", definition: Definition | None = None
) -> ops_pb2.SourceInfo:
    """Describe a source file: its name, its content, and the language for syntax highlighting.

    `filename` is relative to the build context, `data` the whole file, `language` such as `Dockerfile`. `definition` is
    the graph that it was loaded from.
    """
    info = ops_pb2.SourceInfo(filename=filename, data=data, language=language)
    if definition is not None:
        info.definition.CopyFrom(definition.to_pb())
    return info


def locations(definition: Definition) -> dict[str, tuple[Location, ...]]:
    """Return the lines that each vertex of `definition` comes from, by digest. Vertices without lines are left out."""
    if definition.source is None:
        return {}
    found = {digest: tuple(_locations(one)) for digest, one in sorted(definition.source.locations.items())}
    return {digest: lines for digest, lines in found.items() if lines}


def relocate(
    definition: Definition,
    info: ops_pb2.SourceInfo,
    *,
    map_lines: Callable[[int], tuple[int, int] | None],
    replaces: Callable[[ops_pb2.SourceInfo], bool] = lambda _: True,
) -> Definition:
    """Move the locations of a generated source file in `definition` to the file that it was generated from.

    Sources for which `replaces` is true (all by default) become the file that `info` describes. Each of their lines
    becomes `map_lines(line)`, as lines (first, last), or is dropped if that is None. All lines are 1-based.

    Sources that are equal afterwards become one.
    """
    if definition.source is None:
        return definition
    source = ops_pb2.Source()
    source.CopyFrom(definition.source)
    replaced = {index for index, one in enumerate(source.infos) if replaces(one)}
    for index in replaced:
        source.infos[index].CopyFrom(info)
    for entry in source.locations.values():
        kept: list[ops_pb2.Location] = []
        for location in entry.locations:
            if location.source_index in replaced and location.ranges:
                ranges = [range_to_pb(Range(*lines)) for lines in _map_ranges(location.ranges, map_lines)]
                if not ranges:
                    continue
                del location.ranges[:]
                location.ranges.extend(ranges)
            kept.append(location)
        if len(kept) < len(entry.locations):
            rest = ops_pb2.Locations(locations=kept)
            entry.ClearField("locations")
            entry.MergeFrom(rest)
    return replace(definition, source=_unified(source))


def _unified(source: ops_pb2.Source) -> ops_pb2.Source:
    """Make one of equal sources in `source`, as Go clients do (client/llb/sourcemap.go, equalSourceMap)."""
    first: dict[object, int] = {}
    infos: list[ops_pb2.SourceInfo] = []
    indexes: list[int] = []
    for info in source.infos:
        # The metadata of the graph that loaded the file does not count.
        key = (info.filename, info.language, info.data, tuple(info.definition.ops))
        if key not in first:
            first[key] = len(infos)
            infos.append(info)
        indexes.append(first[key])
    if len(infos) == len(source.infos):
        return source
    rest = ops_pb2.Source(infos=infos)
    source.ClearField("infos")
    source.MergeFrom(rest)
    for entry in source.locations.values():
        for location in entry.locations:
            if 0 <= location.source_index < len(indexes):
                location.source_index = indexes[location.source_index]
        kept = ops_pb2.Locations()
        add_locations(kept, entry)
        entry.CopyFrom(kept)
    return source


def rename(
    definition: Definition,
    fn: Callable[[str, ops_pb2.Op, ops_pb2.OpMetadata, tuple[Location, ...]], str | None],
) -> Definition:
    """Name each vertex of `definition` `fn(digest, op, metadata, locations)`; None keeps its name."""
    lines = locations(definition)

    def change(vertex: Vertex, metadata: ops_pb2.OpMetadata) -> bool:
        name = fn(vertex.digest, vertex.op, vertex.metadata, lines.get(vertex.digest, ()))
        if name is not None:
            metadata.description[CUSTOM_NAME] = name
        return name is not None

    return _change_metadata(definition, change)


def group(definition: Definition, groups: Mapping[str, ProgressGroup]) -> Definition:
    """Put vertices of `definition` into progress `groups`, which are by digest."""

    def change(vertex: Vertex, metadata: ops_pb2.OpMetadata) -> bool:
        one = groups.get(vertex.digest)
        if one is not None:
            metadata.progress_group.CopyFrom(ops_pb2.ProgressGroup(id=one.id, name=one.name, weak=one.weak))
        return one is not None

    return _change_metadata(definition, change)


def _change_metadata(definition: Definition, change: Callable[[Vertex, ops_pb2.OpMetadata], bool]) -> Definition:
    """Call `change` with a copy of each vertex's metadata, and keep the copy if it returns true."""
    metadata = dict(definition.metadata)
    for vertex in definition.vertices():
        copy = ops_pb2.OpMetadata()
        copy.CopyFrom(vertex.metadata)
        if change(vertex, copy):
            metadata[vertex.digest] = copy
    return replace(definition, metadata=MappingProxyType(metadata))


def _locations(entry: ops_pb2.Locations) -> Iterator[Location]:
    for location in entry.locations:
        for one in location.ranges:
            yield Location(location.source_index, one.start.line, max(one.start.line, one.end.line))


def _map_ranges(
    ranges: Iterable[ops_pb2.Range], map_lines: Callable[[int], tuple[int, int] | None]
) -> Iterator[tuple[int, int]]:
    """Map each line of the ranges to a range of its own, as upstream writes them, without duplicates."""
    lines = [line for one in ranges for line in range(one.start.line, max(one.start.line, one.end.line) + 1)]
    mapped = [one for line in lines if (one := map_lines(line)) is not None]
    return iter(dict.fromkeys(mapped))
