"""The steps of a group side by side: the same files, and no step that depends on another line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit import upstream
from tests.unit.buildkit_llb.graphs import PROPERTY
from tests.unit.dockerfiles import dockerfiles
from tests.unit.evaluate import evaluate, steps
from tests.unit.planning import GOOD, case, plan_of, select
from tests.unit.test_cases import compare

from buildkit_llb import ops, sourcemap
from buildkit_llb.definition import Definition, Vertex, rewrite
from buildkit_llb.proto import ops_pb2
from buildkit_llb.splice import Replacement, Resolve, splice
from dockerfile_pyenv import expand, probe
from dockerfile_pyenv import plan as planning
from dockerfile_pyenv.epoch import without_epoch
from dockerfile_pyenv.lexer import lex
from dockerfile_pyenv.parallel import UnknownShapeError, parallel
from dockerfile_pyenv.relabel import relabel
from dockerfile_pyenv.source import Context, Source
from dockerfile_pyenv.stages import pyenv_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dockerfile_pyenv.plan import Plan
    from dockerfile_pyenv.text import Expansion


@dataclass(frozen=True)
class Built:
    """A Dockerfile on its way through the frontend."""

    definition: Definition
    expansion: Expansion
    plan: Plan

    def parallel(self, *, merge: bool) -> Definition:
        """The graph with its groups side by side."""
        return parallel(self.definition, self.expansion, self.plan, merge=merge)


def build(source: str) -> Built:
    """Take a Dockerfile through every step of the frontend that needs no daemon, its probe too."""
    dockerfile = lex(source.encode())
    lines = pyenv_lines(dockerfile)
    sites = probe.read({"": upstream.graph(probe.text(dockerfile, lines).text)})
    plan = planning.make(dockerfile, lines, sites, select)
    expansion = expand.expand(dockerfile, plan)
    return Built(upstream.graph(expansion.text), expansion, plan)


@PROPERTY
@given(dockerfiles(), st.booleans())
def test_the_files_are_the_same(source: str, merge: bool) -> None:  # noqa: FBT001
    """Whatever the groups and stages, the image holds the same files with the steps side by side and one by one."""
    built = build(source)
    assert evaluate(built.parallel(merge=merge)) == evaluate(built.definition)


LINES = [
    "PYENV 3.9 a r.txt\n",
    "PYENV 3.9 b\n",
    "PYENV 3.11 c r.txt\n",
    "PYENV --no-venv 3.10\n",
    "PYENV 3.13 d s.txt\n",
    "PYENV --interpreter=base 3.9 e\n",
]
HEAD = 'FROM python:3.9\nRUN ["x"]\n'


@PROPERTY
@given(st.lists(st.sampled_from(LINES), min_size=1, unique=True), st.sets(st.sampled_from(LINES)), st.booleans())
def test_a_line_depends_on_no_other_of_its_group(group: list[str], others: set[str], merge: bool) -> None:  # noqa: FBT001
    """Lines that two versions of a group have in common, in whatever order and company, are the same steps."""
    shared = [line for line in sorted(others) if line in group]
    changed = [line for line in sorted(others, reverse=True) if line not in group] + shared[::-1] + ["PYENV 3.10 new\n"]
    before, after = (
        steps(build(HEAD + "".join(lines)).parallel(merge=merge)) for lines in ([*group, "PYENV 3.11 old\n"], changed)
    )
    alone = [steps(build(HEAD + line).parallel(merge=merge)) for line in shared]
    for one in alone:
        ((arguments, digests),) = one.items()
        assert before[arguments] == after[arguments] == digests


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_a_dockerfiles_graph(folder: Path, regenerate: bool) -> None:  # noqa: FBT001
    """Each case's groups become the graph beside it, with copies and with merged layers, its names the user's."""
    source, found = case(folder)
    dockerfile, plan = plan_of(source, found)
    expansion = expand.expand(dockerfile, plan)
    definition = upstream.graph(expansion.text)
    users = Source(source, "Dockerfile", None, Definition(), Context(None))
    drawn = "".join(
        f"{title}:\n" + draw(relabel(parallel(definition, expansion, plan, merge=merge), users, expansion, plan))
        for title, merge in (("without mergeop and diffop", False), ("with mergeop and diffop", True))
    )
    compare(folder / "graph", drawn.encode(), regenerate=regenerate)


def draw(definition: Definition) -> str:
    """A graph as text: each op's number, kind and name, the ops that it stands on or copies from, and its lines."""
    numbers: dict[str, int] = {}
    lines = []
    places = sourcemap.locations(definition)
    for vertex in definition.vertices():
        numbers[vertex.digest] = len(numbers) + 1
        kind = vertex.op.WhichOneof("op")
        taken = list(dict.fromkeys(numbers[digest] for digest, _ in vertex.inputs))
        if kind == "exec":
            root = next(one.input for one in vertex.op.exec.mounts if one.dest == "/")
            taken = [numbers[vertex.inputs[root][0]]]
        name = vertex.name or vertex.op.source.identifier
        on = f" <- {', '.join(map(str, taken))}" if taken else ""
        where = ",".join(f"{one.first_line}-{one.last_line}" for one in places.get(vertex.digest, ()))
        lines.append(f"{numbers[vertex.digest]:3} {kind:6} {name}{on}{f'  (lines {where})' if where else ''}\n")
    return "".join(lines)


TWO = build("FROM debian\nPYENV 3.9 a\nPYENV 3.11 b\n")


def vertex_of(name: str) -> Vertex:
    """The step of an environment in TWO."""
    return next(one for one in TWO.definition.vertices() if f"--name={name}" in one.op.exec.meta.args)


def _between(digest: str) -> Definition:
    """TWO with a command between a vertex and what takes it."""

    def change(vertex: Vertex, _: Resolve) -> Replacement | None:
        if vertex.digest != digest:
            return None
        own = ops.run(["x"], root=ops.from_definition(TWO.definition, digest=digest)).root
        return Replacement({0: own})

    return splice(TWO.definition, change)


def _from_the_middle() -> Definition:
    middle = ops.from_definition(TWO.definition, digest=vertex_of("a").digest)
    end = ops.run(["x"], root=ops.from_definition(TWO.definition), mounts=[ops.Mount("/m", middle)]).root
    return replace(ops.marshal(end), source=TWO.definition.source)


def _without_the_last() -> Definition:
    middle = ops.marshal(ops.from_definition(TWO.definition, digest=vertex_of("a").digest))
    return replace(middle, source=TWO.definition.source)


def _read_only() -> Definition:
    def change(vertex: Vertex) -> ops_pb2.Op | None:
        if vertex.digest != vertex_of("b").digest:
            return None
        op = ops_pb2.Op()
        op.CopyFrom(vertex.op)
        op.exec.mounts[0].output = -1
        return op

    return rewrite(TWO.definition, change)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_from_the_middle, "something starts from the middle of a group"),
        (_without_the_last, "the step of 'PYENV 3.9 a' stands apart from its group"),
        (_read_only, "has no root file system that it could change"),
        (lambda: _between(vertex_of("a").digest), "does not stand on that of the line before it"),
        (lambda: _between(vertex_of("a").inputs[0][0]), "does not stand on its group's interpreters"),
    ],
    ids=["middle", "no last step", "read-only root", "a step between", "a step above the interpreters"],
)
@pytest.mark.parametrize("merge", [True, False], ids=["merge", "copy"])
def test_a_shape_that_is_not_known_is_named(make: Callable[[], Definition], words: str, merge: bool) -> None:  # noqa: FBT001
    """A graph that cannot be taken apart is refused with words for its shape, never changed in part."""
    with pytest.raises(UnknownShapeError, match=words):
        parallel(make(), TWO.expansion, TWO.plan, merge=merge)


def test_equal_stages_share_their_steps() -> None:
    """Lines that two stages have in common are one step, be it the last of its group or not."""
    built = build(
        "FROM debian AS s0\nPYENV 3.9 a\nFROM debian AS s1\nPYENV 3.9 a\nPYENV 3.9 b\n"
        "FROM debian AS s2\nPYENV 3.9 a\nPYENV 3.9 c\n"
        "FROM debian\nCOPY --from=s0 / /s0/\nCOPY --from=s1 / /s1/\nCOPY --from=s2 / /s2/\n"
    )
    for merge in (True, False):
        made = built.parallel(merge=merge)
        assert sorted(len(digests) for digests in steps(made).values()) == [1, 1, 1]
        assert evaluate(made) == evaluate(built.definition)


def test_what_stands_before_a_group_keeps_its_bytes() -> None:
    """Nothing above a group changes, so that it is found in caches which other frontends have filled."""
    built = build('FROM debian\nRUN ["x"]\nPYENV 3.9 a\nRUN ["y"]\n')
    before = [vertex.raw for vertex in built.definition.vertices()]
    run = next(index for index, vertex in enumerate(built.definition.vertices()) if "RUN" in vertex.name)
    for merge in (True, False):
        assert set(before[: run + 1]) <= set(built.parallel(merge=merge).ops)


def test_a_graph_without_groups_stays() -> None:
    """Where no PYENV line is reached, the graph keeps every byte."""
    definition = upstream.graph(b'FROM debian\nRUN ["x"]\n')
    made = parallel(definition, TWO.expansion, TWO.plan, merge=True)
    assert made.to_bytes() == definition.to_bytes()


def test_the_epoch_enters_no_step() -> None:
    """A stage's ARG SOURCE_DATE_EPOCH reaches its RUN lines, and the steps of PYENV lines are the same without it."""
    text = 'FROM debian\n{}PYENV 3.9 a\nRUN ["x"]\nPYENV 3.9 b\n'
    plain, timed = build(text.format("")), build(text.format("ENV SOURCE_DATE_EPOCH=1 A=b\n"))
    with_a = build(text.format("ENV A=b\n"))
    made = without_epoch(timed.definition, timed.plan.environments)
    first = tuple(expand.command(timed.plan.environments[0]))
    assert steps(made)[first] == steps(with_a.definition)[first] != steps(timed.definition)[first]
    (run,) = [one for one in made.vertices() if list(one.op.exec.meta.args) == ["x"]]
    assert list(run.op.exec.meta.env)[:2] == ["SOURCE_DATE_EPOCH=1", "A=b"]
    assert sourcemap.locations(made).keys() == {one.digest for one in made.vertices() if one.name}
    assert without_epoch(plain.definition, plain.plan.environments) is plain.definition
