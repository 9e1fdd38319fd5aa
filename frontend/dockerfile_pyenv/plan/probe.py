"""Ask the Dockerfile frontend what only it knows about each PYENV line.

Each PYENV line of the user's file is replaced by an ENV with its words and an exec with its number. The graph that the
Dockerfile frontend makes from this text is never built, only read. The numbers in it are the lines that the target
reaches. Each exec has the words with their variables expanded, USER, ENV and the platform at that line, and the execs
below it in its root file system are the lines whose environments already exist there, also through FROM of another
stage. So upstream does variable expansion, ARG scopes, ONBUILD and stage references, and this project does not.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from buildkit_llb.definition import Definition, Vertex
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction
from dockerfile_pyenv.dockerfile.rewrite import NO_EDITS, Edits, Expansion, substitute
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.lines import PyenvLine, count_stages
from dockerfile_pyenv.plan.line_scope import LineScope

_MARKER = "dockerfile-pyenv-probe"
_BUILDER = f"{_MARKER}-builder"
_VARIABLE = "PYENV_PROBE"
_ALIAS = re.compile(r"\s+AS\s+([\w.-]+)\s*$", re.IGNORECASE)


def text(
    dockerfile: Dockerfile, lines: Sequence[PyenvLine], edits: Edits = NO_EDITS, *, every_stage: bool = False
) -> Expansion:
    """The user's text with every PYENV line replaced by its probe.

    With `every_stage` it ends with a stage that requires all others.
    """
    stages = {match[1].lower() for item in dockerfile.instructions if (match := _stage(item))}
    found = substitute(dockerfile, {line.index: _probe(line, stages) for line in lines}, edits)
    if not every_stage or found.text.rstrip().endswith(dockerfile.escape.encode()):
        return found
    copies = "".join(f"COPY --from={stage} / /{stage}/\n" for stage in range(count_stages(dockerfile)))
    return replace(found, text=b"%s\nFROM scratch\n%s" % (found.text, copies.encode()))


def with_builders(probe: Expansion, names: Sequence[str], escape: str) -> Expansion | None:
    """A probe's text with a last stage that requires a stage for each builder; None where nothing can follow it."""
    if probe.text.rstrip().endswith(escape.encode()):
        return None
    stages = [f"FROM {name} AS {_BUILDER}-{i}\nRUN {json.dumps([_BUILDER, str(i)])}\n" for i, name in enumerate(names)]
    copies = (f"COPY --from={_BUILDER}-{i} / /{i}/\n" for i in range(len(names)))
    text = "".join([*stages, f"FROM scratch AS {_BUILDER}\n", *copies])
    return replace(probe, text=b"%s\n%s" % (probe.text, text.encode()))


def builders_target() -> str:
    """Name of the stage that `with_builders` adds last."""
    return _BUILDER


def read_builders(definition: Definition, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """ENV of builders, by their names, in the graph of such a text."""
    found: dict[str, Mapping[str, str]] = {}
    for vertex in definition.vertices():
        args = vertex.op.exec.meta.args
        if len(args) == 2 and args[0] == _BUILDER:  # noqa: PLR2004 - the marker has one argument
            env = dict(entry.partition("=")[::2] for entry in vertex.op.exec.meta.env)
            found[names[int(args[1])]] = {
                key: value for key, value in env.items() if not key.startswith(f"{_VARIABLE}_")
            }
    return found


def _stage(item: Instruction) -> re.Match[str] | None:
    return _ALIAS.search(item.text) if item.keyword == "FROM" else None


def _probe(line: PyenvLine, stages: Collection[str]) -> str:
    marker = f"{json.dumps([_MARKER, str(line.number)])}\n"
    if isinstance(line.statement, DockerfileError):
        return f"RUN {marker}"
    # A mount from another stage makes the target reach the lines of that stage.
    mounts = "".join(f"--mount={word.raw} " for name, word in line.statement.flags if name == "mount" and word)
    # So does a builder that is a stage.
    builders = (word.raw for name, word in line.statement.flags if name == "builder" and word)
    mounts += "".join(f"--mount=from={one},target=/{_MARKER} " for one in builders if one.lower() in stages)
    words = (f"{_variable(line.number, i)}={word.raw}" for i, word in enumerate(line.statement.words))
    return f"ENV {' '.join(words)}\nRUN {mounts}{marker}"


def _variable(number: int, word: int) -> str:
    return f"{_VARIABLE}_{number}_{word}"


def read(definitions: Mapping[str, Definition]) -> dict[int, tuple[LineScope, ...]]:
    """The scopes of each reached PYENV line, by its number: one for each target platform.

    `definitions` has a graph for each of these platforms, or a single one under "".
    """
    found: dict[int, list[LineScope]] = {}
    for target, definition in sorted(definitions.items()):
        vertices = {vertex.digest: vertex for vertex in definition.vertices()}
        head, output = definition.head_output
        result = {vertex.digest for vertex in _chain(head, output, vertices)}
        for vertex in vertices.values():
            number = _number(vertex)
            if number is not None:
                scope = _scope(number, target, vertex, vertices)
                found.setdefault(number, []).append(replace(scope, in_target=vertex.digest in result))
    return {number: tuple(scopes) for number, scopes in sorted(found.items())}


def _number(vertex: Vertex) -> int | None:
    args = vertex.op.exec.meta.args
    return int(args[1]) if len(args) == 2 and args[0] == _MARKER else None  # noqa: PLR2004 - the marker has one argument


def _scope(number: int, target: str, vertex: Vertex, vertices: Mapping[str, Vertex]) -> LineScope:
    env = dict(entry.partition("=")[::2] for entry in vertex.op.exec.meta.env)
    words: list[str] = []
    while (key := _variable(number, len(words))) in env:
        words.append(env[key])
    below: list[int] = []
    empty, base = True, ""
    for lower in _roots(vertex, vertices):
        marked = _number(lower)
        if marked is not None:
            below.append(marked)
        elif lower.op.WhichOneof("op") != "file" or any(action.HasField("copy") for action in lower.op.file.actions):
            empty, base = False, lower.op.source.identifier
    return LineScope(
        number=number,
        target=target,
        platform=_platform(vertex),
        user=vertex.op.exec.meta.user,
        env={key: value for key, value in env.items() if not key.startswith(_VARIABLE + "_")},
        words=tuple(words),
        below=tuple(reversed(below)),
        empty=empty,
        in_target=False,
        base=base,
    )


def _roots(vertex: Vertex, vertices: Mapping[str, Vertex]) -> Iterator[Vertex]:
    """The vertices that made the file system in which an exec runs, from the top down."""
    mount = next((mount for mount in vertex.op.exec.mounts if mount.dest == "/"), None)
    if mount and mount.input >= 0:
        yield from _chain(*vertex.inputs[mount.input], vertices)


def _chain(digest: str, output: int, vertices: Mapping[str, Vertex]) -> Iterator[Vertex]:
    """The vertices that made a file system, from the one with this output down."""
    while digest:
        vertex = vertices[digest]
        yield vertex
        position = _base(vertex, output)
        digest, output = vertex.inputs[position] if position >= 0 else ("", 0)


def _base(vertex: Vertex, output: int) -> int:
    """Which input of an op is the base of one of its outputs; -1 where it starts from nothing (solver/pb/ops.proto)."""
    op = vertex.op
    match op.WhichOneof("op"):
        case "exec":
            outputs = [mount for mount in op.exec.mounts if mount.output >= 0]
            return outputs[output].input if output < len(outputs) else -1
        case "file":
            position = len(op.inputs) + next(i for i, action in enumerate(op.file.actions) if action.output == output)
            while position >= len(op.inputs):
                position = op.file.actions[position - len(op.inputs)].input
            return position
        case "merge":
            return op.merge.inputs[0].input
        case _:
            return -1


def _platform(vertex: Vertex) -> str:
    platform = Platform.from_pb(vertex.op.platform)
    # The normal form of containerd/platforms (database.go), in which named contexts are looked up.
    plain = (platform.architecture, platform.variant) in {("arm64", "v8"), ("amd64", "v1")}
    return str(replace(platform, variant="") if plain else platform)
