"""Names and lines of the graph."""

import re
from dataclasses import replace

import pytest
from tests.unit import upstream
from tests.unit.planning import plan_of

from buildkit_llb import ops, sourcemap
from buildkit_llb.definition import Definition
from buildkit_llb.proto import ops_pb2
from buildkit_llb.splice import Replacement, splice
from dockerfile_pyenv.emit import commands, expand
from dockerfile_pyenv.emit.graph import users_graph
from dockerfile_pyenv.emit.step_names import relabel

USERS = b"FROM a\nPYENV 3.9 one one.txt\nPYENV 3.9 two\nRUN y\n"


def graph() -> tuple[Definition, ops_pb2.SourceInfo, expand.Expansion, expand.Plan]:
    """The graph that upstream makes of the expanded text of USERS, its names and locations with it."""
    dockerfile, plan = plan_of(USERS)
    expansion = expand.expand(dockerfile, plan)
    text = expansion.text.decode().splitlines()
    first, second = plan.environments
    root = ops.image("a", description="[stage-0 1/5] FROM a")
    python = ops.copy(ops.scratch(), "/", "/opt/astro-pyenv/python/3.9.25/")
    added = ops.file(root, [python], description="[stage-0 2/5] COPY --from=dockerfile-pyenv/python-3.9.25 / /opt/…")
    one = ops.run(commands.command(first), root=added, description="[stage-0 3/5] RUN --mount …").root
    two = ops.run(commands.command(second), root=one, description="[stage-0 4/5] RUN --mount …").root
    last = ops.run(["y"], root=two, description="[stage-0 5/5] RUN y")
    definition = ops.marshal(last.root)
    runs = [number for number, line in enumerate(text, 1) if line.startswith("RUN ")]
    copies = [number for number, line in enumerate(text, 1) if line.startswith("COPY ")]
    source = ops_pb2.Source(infos=[ops_pb2.SourceInfo(filename="Dockerfile", data=expansion.text)])
    for state, line in zip((root, added, one, two, last.root), (1, copies[0], *runs), strict=True):
        place = ops_pb2.Range(start=ops_pb2.Position(line=line), end=ops_pb2.Position(line=line))
        source.locations[state.digest].locations.append(ops_pb2.Location(ranges=[place]))
    located = Definition(definition.ops, definition.metadata, source)
    users = sourcemap.source_info("Other.Dockerfile", USERS)
    return located, users, expansion, plan


def test_steps_read_and_count_as_the_users_file_has_them() -> None:
    """A PYENV line is one step under its own words; an interpreter's copy counts with it."""
    definition, *rest = graph()
    names = [vertex.name for vertex in relabel(definition, *rest).vertices()]
    assert names == [
        "[1/4] FROM a",
        "[2/4] PYENV 3.9 (CPython 3.9.25, standalone by default)",
        "[2/4] PYENV 3.9 one one.txt",
        "[3/4] PYENV 3.9 two",
        "[4/4] RUN y",
    ]


def test_steps_of_a_long_stage_count_without_interpreters() -> None:
    """Upstream pads the numbers of a stage of ten steps or more; they are of one stage all the same."""
    definition, *rest = graph()
    metadata = {}
    for vertex in definition.vertices():
        match = re.fullmatch(r"\[stage-0 (\d)/5\](.*)", vertex.name)
        assert match
        padded = f"[stage-0 {int(match[1]) + 5:>2}/10]{match[2]}"
        metadata[vertex.digest] = ops_pb2.OpMetadata(description={"llb.customname": padded})
    names = [vertex.name for vertex in relabel(replace(definition, metadata=metadata), *rest).vertices()]
    assert [name.partition("]")[0] for name in names] == ["[6/9", "[7/9", "[7/9", "[8/9", "[9/9"]


def test_lines_are_the_users() -> None:
    """Every location points at the user's own file and line."""
    definition, *rest = graph()
    relabelled = relabel(definition, *rest)
    found = sourcemap.locations(relabelled)
    lines = [[place.first_line for place in found[vertex.digest]] for vertex in relabelled.vertices()]
    assert lines == [[1], [2], [2], [3], [4]]
    assert relabelled.source is not None
    assert [(info.filename, info.data) for info in relabelled.source.infos] == [("Other.Dockerfile", USERS)]


def test_no_digest_changes() -> None:
    """Names and lines lie beside the ops: cache keys stay."""
    definition, *rest = graph()
    assert relabel(definition, *rest).ops == definition.ops


def test_brackets_in_a_command_are_no_part_of_the_name() -> None:
    """A command that itself reads like a step keeps its words."""
    definition, *rest = graph()
    last = definition.vertices()[-1]
    description = dict(last.metadata.description) | {"llb.customname": '[stage-0 5/5] RUN echo "[Step 1/3] apt"'}
    metadata = {**definition.metadata, last.digest: ops_pb2.OpMetadata(description=description)}
    names = [vertex.name for vertex in relabel(replace(definition, metadata=metadata), *rest).vertices()]
    assert names[-1] == '[4/4] RUN echo "[Step 1/3] apt"'


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize(
    "first", ["FROM debian\nRUN a\nPYENV 3.9 x\nRUN b\nRUN c\nRUN d\nRUN e\n", "FROM debian\nPYENV 3.9 one\n"]
)
def test_the_graph_of_another_target_keeps_its_names_and_lines(first: str, *, merge: bool) -> None:
    """A build context of bake may have PYENV lines too: their locations are of their own file."""
    inner, _ = _built(first.encode(), None, merge=merge)
    second = b"FROM base\nPYENV 3.9 one one.txt\nPYENV 3.9 two\nRUN y\n"
    outer, infos = _built(second, inner, merge=merge)
    names = {vertex.digest: vertex.name for vertex in outer.vertices()}
    lines = sourcemap.locations(outer)
    for vertex in inner.vertices():
        assert names[vertex.digest] == vertex.name
        places = sourcemap.locations(inner).get(vertex.digest, ())
        found = {(infos[one.source_index], one.first_line) for one in lines.get(vertex.digest, ())}
        assert {(first.encode(), one.first_line) for one in places} <= found
    assert "[2/4] PYENV 3.9 one one.txt" in names.values()
    assert "[3/4] PYENV 3.9 two" in names.values()


def _built(source: bytes, context: Definition | None, *, merge: bool) -> tuple[Definition, list[bytes]]:
    """The graph of a file after all passes; `context` is what its base is."""
    dockerfile, plan = plan_of(source)
    expansion = expand.expand(dockerfile, plan)
    definition = upstream.graph(expansion.text)
    if context is not None:
        definition = _on(definition, context)
    made = users_graph(
        definition,
        sourcemap.source_info("Dockerfile", source),
        expansion,
        plan,
        side_by_side=True,
        merge=merge,
        no_cache=(),
    ).definition
    assert made.source is not None
    return made, [info.data for info in made.source.infos]


def _on(definition: Definition, context: Definition) -> Definition:
    """A graph that starts from another one instead of the image named base, and has its files and lines, too."""
    state = ops.from_definition(context)
    joined = splice(
        definition,
        lambda vertex, _: Replacement({0: state}) if vertex.op.source.identifier.endswith("/base:latest") else None,
    )
    assert context.source is not None
    assert joined.source is not None
    source = ops_pb2.Source()
    source.CopyFrom(context.source)
    source.infos.extend(joined.source.infos)
    for digest, found in joined.source.locations.items():
        for one in found.locations:
            moved = source.locations[digest].locations.add()
            moved.CopyFrom(one)
            moved.source_index += len(context.source.infos)
    return replace(joined, source=source)
