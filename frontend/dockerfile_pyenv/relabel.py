"""Progress names and source locations of the graph, as the user's own file has them.

All of it lies beside the ops' bytes (solver/llbsolver/vertex.go, BuildKit v0.32): digests and cache keys stay.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from buildkit_llb import sourcemap
from buildkit_llb.definition import Definition
from buildkit_llb.errors import Range
from buildkit_llb.proto import ops_pb2
from buildkit_llb.sourcemap import Location, ProgressGroup
from dockerfile_pyenv.plan import PREFIX, Environment, Plan
from dockerfile_pyenv.recipes import step_prefix
from dockerfile_pyenv.source import Source
from dockerfile_pyenv.text import Expansion

_NAME = re.compile(r"\[(?P<stage>[^\]]* )?(?P<index> *\d+)/(?P<total>\d+)\] (?P<rest>.*)", re.DOTALL)
"""Upstream's names of steps: "[linux/amd64 build 2/5] RUN make" (dockerfile2llb/convert.go, prefixCommand)."""

_Stage = tuple[str, int]


def relabel(definition: Definition, source: Source, expansion: Expansion, plan: Plan) -> Definition:
    """The same graph, with every name and line as the user's file has them."""
    names, generated = _names(definition, expansion, plan)
    renamed = sourcemap.rename(definition, lambda digest, _op, _metadata, _lines: names.get(digest))
    # A line's step and what carries its files over are one to the user.
    groups = {digest: ProgressGroup(f"dockerfile-pyenv {names[digest]}", names[digest]) for digest in generated}
    renamed = sourcemap.group(renamed, groups)
    relocated = sourcemap.relocate(
        renamed,
        filename=source.filename,
        data=source.dockerfile,
        language="Dockerfile",
        source_definition=source.definition,
        map_lines=lambda line: expansion.user_lines(line, line),
        replaces=lambda info: info.data == expansion.text,
    )
    return _locate_interpreters(relocated, source, plan)


def _locate_interpreters(definition: Definition, source: Source, plan: Plan) -> Definition:
    """Point the steps that provide an interpreter at the lines that ask for it: a failing download is theirs."""
    if definition.source is None:
        return definition
    index = next((i for i, info in enumerate(definition.source.infos) if info.data == source.dockerfile), None)
    if index is None:
        return definition
    located = ops_pb2.Source()
    located.CopyFrom(definition.source)
    asking: dict[str, list[tuple[int, int]]] = {}
    for environment in plan.environments:
        asking.setdefault(step_prefix(environment.interpreter.id), []).append(environment.line.lines)
    for vertex in definition.vertices():
        for prefix, lines in asking.items():
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
    environments = {environment.line.lines: environment for environment in plan.environments}
    texts: dict[str, str] = {}
    extras: dict[_Stage, set[int]] = {}
    vertices = definition.vertices()
    steps = {vertex.digest: match for vertex in vertices if (match := _NAME.fullmatch(vertex.name))}
    lines = sourcemap.locations(definition)
    for vertex in vertices:
        match = steps.get(vertex.digest)
        if match is None or not _is_generated(lines.get(vertex.digest, ()), expansion):
            continue
        if interpreter := _interpreter(vertex.op):
            texts[vertex.digest] = plan.title(interpreter)
            extras.setdefault(_stage(match), set()).add(int(match["index"]))
        elif vertex.op.WhichOneof("op") == "diff":
            # The layer of what stands above it.
            texts[vertex.digest] = texts[vertex.inputs[-1][0]]
        elif not match["rest"].startswith("PYENV "):
            texts[vertex.digest] = _environment(lines[vertex.digest], expansion, environments).line.text
    names = {
        digest: _name(match, plan, extras.get(_stage(match), set()), texts.get(digest, match["rest"]))
        for digest, match in steps.items()
    }
    return names, set(texts)


def _environment(
    locations: tuple[Location, ...], expansion: Expansion, environments: Mapping[tuple[int, int], Environment]
) -> Environment:
    """The environment whose generated lines a step came from."""
    places = (expansion.user_lines(one.first_line, one.first_line) for one in locations)
    return next(environments[lines] for lines in places if lines is not None and lines in environments)


def _stage(match: re.Match[str]) -> _Stage:
    return match["stage"] or "", int(match["total"])


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


def _is_generated(locations: tuple[Location, ...], expansion: Expansion) -> bool:
    return any(location.first_line in expansion.generated for location in locations)


def _interpreter(op: ops_pb2.Op) -> str:
    """Name of the interpreter that a file op adds; "" for other ops."""
    for action in op.file.actions:
        if action.copy.dest.startswith(f"{PREFIX}/python/"):
            return action.copy.dest.removeprefix(f"{PREFIX}/python/").strip("/")
    return ""
