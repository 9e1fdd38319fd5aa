"""What stands beside the ops of a graph: source locations, names and progress groups.

Nothing here changes an op's bytes, so digests and cache keys stay.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from buildkit_llb.definition import CUSTOM_NAME, Definition, Vertex
from buildkit_llb.errors import Range
from buildkit_llb.proto import ops_pb2


@dataclass(frozen=True, slots=True)
class Location:
    """Lines of a source that a vertex came from; 1-based, inclusive."""

    source_index: int
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class ProgressGroup:
    """Vertices of one id are shown as one line of progress; a weak group only beside a member that is not weak."""

    id: str
    name: str
    weak: bool = False


def range_to_pb(value: Range) -> ops_pb2.Range:
    """Build the message."""
    return ops_pb2.Range(
        start=ops_pb2.Position(line=value.start_line, character=value.start_character),
        end=ops_pb2.Position(line=value.end_line, character=value.end_character),
    )


def source_info(
    filename: str, data: bytes, *, language: str = "Dockerfile", definition: Definition | None = None
) -> ops_pb2.SourceInfo:
    """Describe a source file; `definition` is the graph that it was read from."""
    info = ops_pb2.SourceInfo(filename=filename, data=data, language=language)
    if definition is not None:
        info.definition.CopyFrom(definition.to_pb())
    return info


def locations(definition: Definition) -> dict[str, tuple[Location, ...]]:
    """Read which lines each vertex came from, by digest; vertices without lines are left out."""
    if definition.source is None:
        return {}
    found = {digest: tuple(_locations(one)) for digest, one in sorted(definition.source.locations.items())}
    return {digest: lines for digest, lines in found.items() if lines}


def relocate(  # noqa: PLR0913 - a source is described by this many facts
    definition: Definition,
    *,
    filename: str,
    data: bytes,
    language: str,
    source_definition: Definition | None,
    map_lines: Callable[[int], tuple[int, int] | None],
    replaces: Callable[[ops_pb2.SourceInfo], bool] = lambda _: True,
) -> Definition:
    """Point the locations of a generated source at the source that it was made from.

    The sources that `replaces` picks, all by default, become the one described here, and each line of their ranges
    becomes what `map_lines` says: lines (first, last), or None for no counterpart. All lines are 1-based.
    """
    if definition.source is None:
        return definition
    info = source_info(filename, data, language=language, definition=source_definition)
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
            entry.CopyFrom(ops_pb2.Locations(locations=kept))
    return replace(definition, source=source)


def rename(
    definition: Definition,
    fn: Callable[[str, ops_pb2.Op, ops_pb2.OpMetadata, tuple[Location, ...]], str | None],
) -> Definition:
    """Give vertices the names that `fn(digest, op, metadata, locations)` finds for them; None keeps the name."""
    lines = locations(definition)

    def change(vertex: Vertex, metadata: ops_pb2.OpMetadata) -> bool:
        name = fn(vertex.digest, vertex.op, vertex.metadata, lines.get(vertex.digest, ()))
        if name is not None:
            metadata.description[CUSTOM_NAME] = name
        return name is not None

    return _change_metadata(definition, change)


def group(definition: Definition, groups: Mapping[str, ProgressGroup]) -> Definition:
    """Put the vertices of these digests into progress groups."""

    def change(vertex: Vertex, metadata: ops_pb2.OpMetadata) -> bool:
        one = groups.get(vertex.digest)
        if one is not None:
            metadata.progress_group.CopyFrom(ops_pb2.ProgressGroup(id=one.id, name=one.name, weak=one.weak))
        return one is not None

    return _change_metadata(definition, change)


def _change_metadata(definition: Definition, change: Callable[[Vertex, ops_pb2.OpMetadata], bool]) -> Definition:
    """Replace the metadata that `change` says it has written to."""
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
    """Map each line of the ranges; one range per line is what upstream writes, and equal ones are written once."""
    lines = [line for one in ranges for line in range(one.start.line, max(one.start.line, one.end.line) + 1)]
    mapped = [one for line in lines if (one := map_lines(line)) is not None]
    return iter(dict.fromkeys(mapped))
