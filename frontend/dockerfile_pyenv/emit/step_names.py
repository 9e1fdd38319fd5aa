"""Progress names and source locations of the graph, as the user's own file has them.

All of it is stored outside of the ops' bytes (solver/llbsolver/vertex.go, BuildKit v0.32): digests and cache keys stay.
"""

import re
from dataclasses import replace

from buildkit_llb import sourcemap
from buildkit_llb.definition import Definition
from buildkit_llb.errors import Range
from buildkit_llb.proto import ops_pb2
from buildkit_llb.sourcemap import ProgressGroup
from dockerfile_pyenv.dockerfile.rewrite import Expansion
from dockerfile_pyenv.emit.steps import Steps, added_interpreter
from dockerfile_pyenv.interpreters.graphs import step_prefix
from dockerfile_pyenv.plan.model import Plan

_NAME = re.compile(r"\[(?P<stage>[^\]]* )?(?P<index> *\d+)/(?P<total>\d+)\] (?P<rest>.*)", re.DOTALL)
"""Upstream's names of steps: "[linux/amd64 build 2/5] RUN make" (dockerfile2llb/convert.go, prefixCommand)."""

_Stage = tuple[str, int]


def relabel(definition: Definition, info: ops_pb2.SourceInfo, expansion: Expansion, plan: Plan) -> Definition:
    """The same graph, with every name and line as the user's file has them; `info` describes that file."""
    names, generated = _names(definition, expansion, plan)
    renamed = sourcemap.rename(definition, lambda digest, _op, _metadata, _lines: names.get(digest))
    # A line's step and what carries its files over are one to the user.
    groups = {digest: ProgressGroup(f"dockerfile-pyenv {names[digest]}", names[digest]) for digest in generated}
    relocated = sourcemap.relocate(
        sourcemap.group(renamed, groups),
        info,
        map_lines=lambda line: expansion.user_lines(line, line),
        replaces=lambda one: one.data == expansion.text,
    )
    return _locate_interpreters(relocated, info, plan)


def _locate_interpreters(definition: Definition, info: ops_pb2.SourceInfo, plan: Plan) -> Definition:
    """Point the steps that provide an interpreter at the lines that need it: a failing download is theirs."""
    if definition.source is None:
        return definition
    index = next((i for i, one in enumerate(definition.source.infos) if one.data == info.data), None)
    if index is None:
        return definition
    located = ops_pb2.Source()
    located.CopyFrom(definition.source)
    needing: dict[str, list[tuple[int, int]]] = {}
    for environment in plan.environments:
        needing.setdefault(step_prefix(environment.interpreter.id), []).append(environment.line.lines)
    for vertex in definition.vertices():
        for prefix, lines in needing.items():
            if vertex.name.startswith(prefix):
                located.locations[vertex.digest].locations.extend(
                    ops_pb2.Location(
                        source_index=index,
                        ranges=[sourcemap.range_to_pb(Range(line, line)) for line in range(first, last + 1)],
                    )
                    for first, last in lines
                )
    return replace(definition, source=located)


def _names(definition: Definition, expansion: Expansion, plan: Plan) -> tuple[dict[str, str], set[str]]:
    """New names of the vertices that upstream counts as steps, and which of them stand for PYENV lines.

    The instructions that add interpreters are no instructions of the user's file: they get the number of the PYENV
    line that they belong to, and the steps after them count without them.
    """
    ours = Steps(definition, expansion, plan)
    texts: dict[str, str] = {}
    extras: dict[_Stage, set[int]] = {}
    vertices = definition.vertices()
    own = (vertex for vertex in vertices if not ours.is_foreign(vertex))
    steps = {vertex.digest: match for vertex in own if (match := _NAME.fullmatch(vertex.name))}
    for vertex in vertices:
        match = steps.get(vertex.digest)
        if match is None or not ours.is_generated(vertex):
            continue
        if interpreter := added_interpreter(vertex):
            texts[vertex.digest] = plan.title(interpreter)
            extras.setdefault(_stage(match), set()).add(int(match["index"]))
        elif vertex.op.WhichOneof("op") == "diff":
            # The layer of what stands above it.
            texts[vertex.digest] = texts[vertex.inputs[-1][0]]
        elif not match["rest"].startswith("PYENV "):
            texts[vertex.digest] = ours.environment(vertex).line.text
    names = {
        digest: _name(match, plan, extras.get(_stage(match), set()), texts.get(digest, match["rest"]))
        for digest, match in steps.items()
    }
    return names, set(texts)


def _stage(match: re.Match[str]) -> _Stage:
    # Numbers are padded to the width of the total: "[build  9/10]", "[build 10/10]".
    return (match["stage"] or "").strip(), int(match["total"])


def _name(match: re.Match[str], plan: Plan, extras: set[int], text: str) -> str:
    index = int(match["index"])
    # An extra counts with the first PYENV line of its group, which follows it.
    index += (index in extras) - sum(extra <= index for extra in extras)
    total = str(int(match["total"]) - len(extras))
    words = (match["stage"] or "").split()
    if plan.stages == 1 and plan.environments:
        # The only stage of a file goes without its name; ours count as stages upstream, so that it has one.
        words = words[:-1]
    return f"[{' '.join([*words, f'{index:>{len(total)}}'])}/{total}] {text}"
