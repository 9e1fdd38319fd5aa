"""Names and lines of the graph."""

from dataclasses import replace

from tests.unit.planning import plan_of

from buildkit_llb import ops, sourcemap
from buildkit_llb.definition import Definition
from buildkit_llb.proto import ops_pb2
from dockerfile_pyenv import expand
from dockerfile_pyenv.relabel import relabel
from dockerfile_pyenv.source import Context, Source

USERS = b"FROM a\nPYENV 3.9 one one.txt\nPYENV 3.9 two\nRUN y\n"


def graph() -> tuple[Definition, Source, expand.Expansion, expand.Plan]:
    """The graph that upstream makes of the expanded text of USERS, its names and locations with it."""
    dockerfile, plan = plan_of(USERS)
    expansion = expand.expand(dockerfile, plan)
    text = expansion.text.decode().splitlines()
    first, second = plan.environments
    root = ops.image("a", description="[stage-0 1/5] FROM a")
    python = ops.copy(ops.scratch(), "/", "/opt/astro-pyenv/python/3.9.25/")
    added = ops.file(root, [python], description="[stage-0 2/5] COPY --from=dockerfile-pyenv/python-3.9.25 / /opt/…")
    one = ops.run(expand.command(first), root=added, description="[stage-0 3/5] RUN --mount …").root
    two = ops.run(expand.command(second), root=one, description="[stage-0 4/5] RUN --mount …").root
    last = ops.run(["y"], root=two, description="[stage-0 5/5] RUN y")
    definition = ops.marshal(last.root)
    runs = [number for number, line in enumerate(text, 1) if line.startswith("RUN ")]
    copies = [number for number, line in enumerate(text, 1) if line.startswith("COPY ")]
    source = ops_pb2.Source(infos=[ops_pb2.SourceInfo(filename="Dockerfile", data=expansion.text)])
    for state, line in zip((root, added, one, two, last.root), (1, copies[0], *runs), strict=True):
        place = ops_pb2.Range(start=ops_pb2.Position(line=line), end=ops_pb2.Position(line=line))
        source.locations[state.digest].locations.append(ops_pb2.Location(ranges=[place]))
    located = Definition(definition.ops, definition.metadata, source)
    users = Source(USERS, "Other.Dockerfile", None, Definition(), Context(None))
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
