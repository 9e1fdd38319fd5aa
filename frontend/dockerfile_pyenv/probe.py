"""What only the Dockerfile frontend can know about each PYENV line, and how to ask it.

Each PYENV line of the user's file is replaced by an ENV with its words and an exec that bears its number. The graph
that the Dockerfile frontend makes of this text is never built; it is read. Which numbers are in it are the lines that
the target reaches. The exec's own record holds the words with their variables expanded, USER, ENV and the platform at
that line, and what lies below it in its root file system are the lines whose environments are there already: through
FROM of another stage, too. So variable expansion, ARG scopes, ONBUILD and stage references are upstream's, not ours.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from buildkit_llb.definition import Definition, Vertex
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.stages import Line, count_stages
from dockerfile_pyenv.text import Edits, Expansion, substitute

_MARKER = "dockerfile-pyenv-probe"
_VARIABLE = "PYENV_PROBE"
_NO_EDITS = Edits()


@dataclass(frozen=True, slots=True)
class Site:
    """A PYENV line's place in the build, for one platform."""

    number: int
    target: str
    """Platform that is built for; "" where the build's result has just one."""
    platform: str
    """Platform of the line's stage, as "os/architecture[/variant]": `FROM --platform` may make it another one."""
    user: str
    """USER at the line, as the image config has it; "" where there is none."""
    env: Mapping[str, str]
    """ENV, and the values of ARG, at the line."""
    words: tuple[str, ...]
    """The line's words with variables expanded and quotes removed."""
    below: tuple[int, ...]
    """Numbers of the PYENV lines whose environments the line finds in its file system, in the order of building."""
    empty: bool
    """The line stands in a stage made FROM scratch that holds nothing yet."""
    in_target: bool
    """The line's stage is the build's result or below it, so that the result's config has what its base has."""
    base: str = ""
    """What the stage's file system starts from, as its source op names it: "docker-image://docker.io/library/…"."""


def text(
    dockerfile: Dockerfile, lines: Sequence[Line], edits: Edits = _NO_EDITS, *, every_stage: bool = False
) -> Expansion:
    """The user's text with every PYENV line replaced by its probe.

    With `every_stage` it ends in a stage that all others are needed for.
    """
    found = substitute(dockerfile, {line.index: _probe(line) for line in lines}, edits)
    if not every_stage or found.text.rstrip().endswith(dockerfile.escape.encode()):
        return found
    copies = "".join(f"COPY --from={stage} / /{stage}/\n" for stage in range(count_stages(dockerfile)))
    return replace(found, text=b"%s\nFROM scratch\n%s" % (found.text, copies.encode()))


def _probe(line: Line) -> str:
    marker = f"{json.dumps([_MARKER, str(line.number)])}\n"
    if isinstance(line.statement, DockerfileError):
        return f"RUN {marker}"
    # What a line mounts from another stage lets the target reach that stage's lines.
    mounts = "".join(f"--mount={word.raw} " for name, word in line.statement.flags if name == "mount" and word)
    words = (f"{_variable(line.number, i)}={word.raw}" for i, word in enumerate(line.statement.words))
    return f"ENV {' '.join(words)}\nRUN {mounts}{marker}"


def _variable(number: int, word: int) -> str:
    return f"{_VARIABLE}_{number}_{word}"


def read(definitions: Mapping[str, Definition]) -> dict[int, tuple[Site, ...]]:
    """The sites of every reached PYENV line, by its number: one for each platform that the build is for.

    `definitions` has a graph for each of these platforms, or one under "".
    """
    found: dict[int, list[Site]] = {}
    for target, definition in sorted(definitions.items()):
        vertices = {vertex.digest: vertex for vertex in definition.vertices()}
        head, output = definition.head_output
        result = {vertex.digest for vertex in _chain(head, output, vertices)}
        for vertex in vertices.values():
            number = _number(vertex)
            if number is not None:
                site = _site(number, target, vertex, vertices)
                found.setdefault(number, []).append(replace(site, in_target=vertex.digest in result))
    return {number: tuple(sites) for number, sites in sorted(found.items())}


def _number(vertex: Vertex) -> int | None:
    args = vertex.op.exec.meta.args
    return int(args[1]) if len(args) == 2 and args[0] == _MARKER else None  # noqa: PLR2004 - the marker has one argument


def _site(number: int, target: str, vertex: Vertex, vertices: Mapping[str, Vertex]) -> Site:
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
    return Site(
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
