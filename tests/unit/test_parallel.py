"""The steps of a group side by side: the same files, and no step that depends on another line."""

from __future__ import annotations

import shlex
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
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.emit import commands, expand
from dockerfile_pyenv.emit.cache_keys import without_epoch
from dockerfile_pyenv.emit.chains import UnknownShapeError
from dockerfile_pyenv.emit.error_lines import readable
from dockerfile_pyenv.emit.parallel import parallel
from dockerfile_pyenv.emit.step_names import relabel
from dockerfile_pyenv.instruction.lines import pyenv_lines
from dockerfile_pyenv.plan import probe
from dockerfile_pyenv.plan.make import plan_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dockerfile_pyenv.dockerfile.rewrite import Expansion
    from dockerfile_pyenv.plan.model import Plan


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
    scopes = probe.read({"": upstream.graph(probe.text(dockerfile, lines).text)})
    plan = plan_lines(dockerfile, lines, scopes, select)
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
        # A group is asked once, for all its lines; without MergeOp its layers are laid one on the other.
        kept = {arguments: keys for arguments, keys in one.items() if commands.PLACE not in arguments or merge}
        assert kept
        for arguments, keys in kept.items():
            assert "--step=ask" in arguments or before[arguments] == after[arguments] == keys


STAGE = 'FROM debian:1\nENV A=a\nUSER 5\nRUN ["x"]\n'
ONE = "PYENV 3.9 a r.txt\n"


def installs(source: str, *, merge: bool) -> set[str]:
    """Cache keys of the steps of a Dockerfile that install the environment `a` apart from its stage."""
    found = steps(build(source).parallel(merge=merge))
    wanted = {"--step=install", "--name=a"}
    (keys,) = [keys for arguments, keys in found.items() if wanted <= set(arguments)]
    return keys


@pytest.mark.parametrize("merge", [True, False], ids=["merge", "copy"])
@pytest.mark.parametrize(
    ("stage", "again"),
    [
        (STAGE.replace('["x"]', '["y"]'), False),
        (STAGE.replace("A=a", "A=b"), False),
        (STAGE + "USER 0\nUSER 5\n", False),
        (STAGE + "PYENV 3.13 another\n", False),
        (STAGE.replace("debian:1", "debian:2"), True),
        (STAGE.replace("A=a", "PIP_INDEX_URL=https://a"), True),
        (STAGE.replace("USER 5", "USER 6"), True),
    ],
    ids=["instruction", "variable", "same user", "another line", "C library", "setting of installers", "another user"],
)
def test_an_install_depends_on_what_its_stage_answers(stage: str, again: bool, merge: bool) -> None:  # noqa: FBT001
    """A change in the stage installs nothing again, unless the stage answers something else."""
    assert (installs(stage + ONE, merge=merge) != installs(STAGE + ONE, merge=merge)) == again


@pytest.mark.parametrize("stage", [STAGE.replace('["x"]', '["y"]'), STAGE.replace("A=a", "A=b")])
def test_a_stage_of_equal_outline_lays_nothing_again(stage: str) -> None:
    """With MergeOp, the layers of environments and interpreters stand on an outline of their stage alone."""
    before, after = (steps(build(one + ONE).parallel(merge=True)) for one in (STAGE, stage))
    placed = [arguments for arguments in before if commands.PLACE in arguments]
    assert len(placed) == 2
    assert all(before[arguments] == after[arguments] for arguments in placed)


def test_an_install_sees_its_stage_through_answers_alone() -> None:
    """No way in the graph leads from the stage to an install, but by the step that asks."""
    built = build(STAGE + ONE).parallel(merge=True)
    vertices = {vertex.digest: vertex for vertex in built.vertices()}
    (install,) = [one for one in vertices.values() if "--step=install" in one.op.exec.meta.args]
    waiting, seen = [install.digest], set()
    while waiting:
        vertex = vertices[waiting.pop()]
        seen.add(vertex.digest)
        if "--step=ask" not in vertex.op.exec.meta.args:
            waiting += [digest for digest, _ in vertex.inputs if digest not in seen]
    assert not [one for one in seen if vertices[one].op.source.identifier.startswith("docker-image://")]
    assert list(install.op.exec.meta.env) == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    assert not any(one.startswith("--owner") for one in install.op.exec.meta.args)


def test_only_an_install_gets_secrets() -> None:
    """The stage is asked, and files are laid into the image, without a secret, a cache mount or the network."""
    built = build(STAGE + ONE)
    secret = ops_pb2.Mount(input=-1, dest="/run/dockerfile-pyenv/secrets/X", output=-1, mount_type="SECRET")

    def give(vertex: Vertex) -> ops_pb2.Op | None:
        op = ops_pb2.Op()
        op.CopyFrom(vertex.op)
        if "--name=a" in op.exec.meta.args:
            op.exec.mounts.append(secret)
        return op

    given = replace(built, definition=rewrite(built.definition, give)).parallel(merge=True)
    found = {}
    for vertex in given.vertices():
        if part := _part(vertex):
            kinds = {one.mount_type for one in vertex.op.exec.mounts}
            private = {ops_pb2.MountType.SECRET, ops_pb2.MountType.CACHE} & kinds
            found[part] = len(private), vertex.op.exec.network == ops_pb2.NetMode.NO_NETWORK
    assert found == {
        " (ask)": (0, True),
        " (install)": (2, False),
        " (stage)": (2, False),
        " (outline)": (0, True),
        " (place)": (0, True),
    }


def caches(definition: Definition) -> dict[str, set[str]]:
    """Ids of the cache mounts of each part of a graph."""
    found: dict[str, set[str]] = {}
    for vertex in definition.vertices():
        mounts = [one for one in vertex.op.exec.mounts if one.mount_type == ops_pb2.MountType.CACHE]
        found.setdefault(_part(vertex), set()).update(one.cache_opt.id for one in mounts)
    return {part: ids for part, ids in found.items() if ids}


def test_where_packages_code_may_run_there_is_no_cache_that_others_trust() -> None:
    """Installs apart share a cache; what runs in a stage shares one with those alone that install the same."""
    lines = ["PYENV 3.9 a r.txt", "PYENV 3.9 b r.txt", "PYENV 3.9 c s.txt", "PYENV --interpreter=base 3.9 d r.txt"]
    built = build(STAGE + "\n".join(lines) + "\n")
    for merge in (True, False):
        found = caches(built.parallel(merge=merge))
        assert set(found) == {" (install)", " (stage)"}
        assert found[" (install)"] == {commands.SHARED_CACHE}
        assert len(found[" (stage)"]) == 3
        assert commands.SHARED_CACHE not in found[" (stage)"]
    assert caches(built.definition) == {"": found[" (stage)"]}


@pytest.mark.parametrize("flag", ["--expose=x", "--link=/venvs/a", "--check-imports"])
def test_what_changes_no_file_of_an_environment_installs_nothing_again(flag: str) -> None:
    """A package that is built from source is not built again either: its step has the same cache mount."""
    before, after = (
        {
            arguments: keys
            for arguments, keys in steps(build(f"{STAGE}PYENV {more}3.9 a r.txt\n").parallel(merge=True)).items()
            if {"--step=install", "--step=stage"} & set(arguments)
        }
        for more in ("", f"{flag} ")
    )
    assert len(before) == 2
    assert after == before


def test_a_cache_is_for_the_values_of_flags() -> None:
    """Two lines of the same words do not install the same if a variable in a flag, or a site's default, differs."""
    (environment,) = build(f"{STAGE}PYENV --extra=$E 3.9 a project/pyproject.toml\n").plan.environments
    found = set()
    for more in ({"extra": ("s3",)}, {"extra": ("gcs",)}, {"exclude_newer": "2024-05-02T00:00:00Z"}):
        statement = replace(environment.statement, flags=replace(environment.statement.flags, **more))
        found.add(commands.own_cache(replace(environment, statement=statement), ""))
    assert len(found) == 3


@pytest.mark.parametrize("flag", ["build-constraint", "builder", "mount", "exclude-newer", "installer"])
def test_lines_share_no_cache_where_a_variable_has_another_value(flag: str) -> None:
    """Their words are the same, and what they install is not."""
    values = {
        "build-constraint": ("setuptools==80", "setuptools==81"),
        "builder": ("debian:12", "debian:13"),
        "mount": ("from=a,target=/x", "from=b,target=/x"),
        "exclude-newer": ("2024-05-01", "2024-05-02"),
        "installer": ("uv", "pip"),
    }[flag]

    def own(value: str) -> str:
        _, plan = plan_of(f"FROM debian\nPYENV --{flag}=$X 3.9 a\n".encode(), [{"words": ["3.9", "a", value]}])
        return commands.own_cache(plan.environments[0], "")

    assert own(values[0]) == own(values[0]) != own(values[1])


def test_what_a_stage_has_where_mounts_are_is_hidden() -> None:
    """A step looks there for mounts that not every step has: what a base image has at their paths is not ours."""
    built = build(STAGE + ONE + "PYENV --interpreter=base 3.9 d\n")
    hidden = {}
    for definition in (built.definition, built.parallel(merge=True), built.parallel(merge=False)):
        for vertex in definition.vertices():
            mounts = {one.dest: one.mount_type for one in vertex.op.exec.mounts}
            if any(dest.startswith(f"{commands.RUN}/") for dest in mounts):
                hidden[_part(vertex)] = mounts.get(commands.RUN) == ops_pb2.MountType.TMPFS
    assert hidden == dict.fromkeys(["", " (ask)", " (install)", " (stage)"], True)


def test_a_namespace_of_cache_mounts_counts_for_all() -> None:
    """The Dockerfile frontend writes BUILDKIT_CACHE_MOUNT_NS in front of an id."""

    def give(vertex: Vertex) -> ops_pb2.Op | None:
        op = ops_pb2.Op()
        op.CopyFrom(vertex.op)
        for mount in op.exec.mounts:
            if mount.mount_type == ops_pb2.MountType.CACHE:
                mount.cache_opt.id = f"mine/{mount.cache_opt.id}"
        return op

    built = build(STAGE + ONE)
    found = caches(replace(built, definition=rewrite(built.definition, give)).parallel(merge=True))
    assert found[" (install)"] == {f"mine/{commands.SHARED_CACHE}"}
    assert {one.startswith(f"mine/{commands.SHARED_CACHE}-") for one in found[" (stage)"]} == {True}


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_a_dockerfiles_graph(folder: Path, regenerate: bool) -> None:  # noqa: FBT001
    """Each case's groups become the graph beside it, with copies and with merged layers, its names the user's."""
    source, found = case(folder)
    dockerfile, plan = plan_of(source, found)
    expansion = expand.expand(dockerfile, plan)
    definition = upstream.graph(expansion.text)
    users = sourcemap.source_info("Dockerfile", source)
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
        name = (vertex.name or vertex.op.source.identifier) + _part(vertex)
        on = f" <- {', '.join(map(str, taken))}" if taken else ""
        where = ",".join(f"{one.first_line}-{one.last_line}" for one in places.get(vertex.digest, ()))
        lines.append(f"{numbers[vertex.digest]:3} {kind:6} {name}{on}{f'  (lines {where})' if where else ''}\n")
    return "".join(lines)


def _part(vertex: Vertex) -> str:
    """What an exec does for a line."""
    arguments = vertex.op.exec.meta.args
    steps = [one.removeprefix("--step=") for one in arguments if one.startswith("--step=")]
    scripts = {commands.PLACE: " (place)", commands.SKETCH: " (outline)"}
    return f" ({steps[0]})" if steps else next((part for script, part in scripts.items() if script in arguments), "")


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
        (_from_the_middle, "another step starts from the middle of a group"),
        (_without_the_last, "the step of 'PYENV 3.9 a' is not among those of its group"),
        (_read_only, "has no writable root file system"),
        (lambda: _between(vertex_of("a").digest), "does not start from that of the line before it"),
        (lambda: _between(vertex_of("a").inputs[0][0]), "does not start from its group's interpreters"),
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
        found = steps(made)
        assert {len(keys) for keys in found.values()} == {1}
        assert len([arguments for arguments in found if "--step=install" in arguments]) == 3
        assert evaluate(made) == evaluate(built.definition)


def test_an_error_line_reads_as_the_users_line() -> None:
    """The arguments of a line's steps are its words; what it runs, and its PATH, are as before."""
    built = build(STAGE + "PYENV --no-compile 3.9   a r.txt 'six==1.17.0' <<EOF\nx\nEOF\n")
    made = built.parallel(merge=True)
    shown = readable(made, built.plan)
    before = {shlex.join(one.op.exec.meta.args): one for one in made.vertices() if "--name=a" in one.op.exec.meta.args}
    after = [one.op.exec.meta for one in shown.vertices() if "PYENV" in one.op.exec.meta.args]
    placed = [commands.place(built.plan.environments[0]), commands.place_interpreter("3.9.25")]
    others = {shlex.join(words) for words in (commands.ask(built.plan.environments), *placed)}
    assert len(before) == 2
    assert len(after) == len(before | dict.fromkeys(others)) == 5
    for meta in after:
        env = dict(one.partition("=")[::2] for one in meta.env)
        command = env["DOCKERFILE_PYENV_COMMAND"]
        line = ["PYENV", "3.9", "a", "r.txt", "<<EOF", "six==1.17.0"]
        assert list(meta.args) == (["PYENV", "3.9.25"] if command == shlex.join(placed[1]) else line)
        programs = commands.PLACING if commands.PLACE in command else commands.PROVISION
        assert env["PATH"].startswith(f"{programs}:/usr/local/sbin:")
        assert command in {*before, *others}
    assert readable(shown, built.plan) is shown


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
    first = tuple(commands.command(timed.plan.environments[0]))
    assert steps(made)[first] == steps(with_a.definition)[first] != steps(timed.definition)[first]
    (run,) = [one for one in made.vertices() if list(one.op.exec.meta.args) == ["x"]]
    assert list(run.op.exec.meta.env)[:2] == ["SOURCE_DATE_EPOCH=1", "A=b"]
    assert sourcemap.locations(made).keys() == {one.digest for one in made.vertices() if one.name}
    assert without_epoch(plain.definition, plain.plan.environments) is plain.definition
