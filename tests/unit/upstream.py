"""What the Dockerfile frontend makes of a text: the graph of one target, with its names, locations and image config.

It stands in for dockerfile2llb where tests need many graphs and no engine. It knows FROM, RUN with mounts, COPY, ENV
and USER, and stages that build on each other; it expands no variables. The engine tests are about the real one.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from typing import TYPE_CHECKING

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import ops_pb2
from dockerfile_pyenv.dockerfile.lexer import Instruction, lex
from dockerfile_pyenv.errors import legible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildkit_llb.ops import Mount, State

PLATFORM = Platform.parse("linux/amd64")
BASE: dict[str, object] = {"created_by": "# debian.sh --arch 'amd64'", "empty_layer": False}
"""What the history of every base begins with."""
_STEPS = frozenset({"FROM", "RUN", "COPY"})
_FLAG = re.compile(r"""--(mount|network)=("[^"]*"|\S+)\s*""")


@dataclass(frozen=True)
class Stage:
    """A stage as far as it was read."""

    name: str
    state: State = field(default_factory=ops.scratch)
    env: tuple[str, ...] = ()
    user: str = ""
    history: tuple[dict[str, object], ...] = ()


def convert(text: bytes, opts: Mapping[str, str] | None = None) -> tuple[ops_pb2.Definition, dict[str, object]]:
    """The graph and the image config of a text's last stage, or of the option `target`."""
    opts = opts or {}
    places: dict[str, list[ops_pb2.Location]] = {}
    stages: list[Stage] = []
    # What stands before the first FROM makes nothing.
    instructions = tuple(dropwhile(lambda item: item.keyword != "FROM", lex(text).instructions))
    instructions = tuple(replace(item, text=legible(item.text)) for item in instructions)
    number = 0
    for index, item in enumerate(instructions):
        if item.keyword == "FROM":
            stages.append(_from(item, stages))
            number = 0
        number += item.keyword in _STEPS
        total = _total(instructions, index)
        title = f"[{stages[-1].name} {number}/{total}] {item.keyword} {item.text}"
        before = stages[-1].state
        stages[-1] = stage = _dispatch(item, stages, title)
        if stage.state != before:
            ranges = [_line(line) for line in range(item.lines[0], item.lines[1] + 1)]
            location = ops_pb2.Location(ranges=ranges)
            if location not in places.setdefault(stage.state.digest, []):
                places[stage.state.digest].append(location)
    stage = next((one for one in stages if one.name == opts.get("target")), stages[-1] if stages else Stage(""))
    definition = ops.marshal(stage.state)
    source = ops_pb2.Source(infos=[ops_pb2.SourceInfo(filename=opts.get("filename", "Dockerfile"), data=text)])
    for digest in definition.digests:
        if digest in places:
            source.locations[digest].locations.extend(places[digest])
    config = {"config": {"User": stage.user, "Env": list(stage.env)}, "history": list(stage.history)}
    return replace(definition, source=source).to_pb(), config


def graph(text: bytes, opts: Mapping[str, str] | None = None) -> Definition:
    """The graph alone."""
    return Definition.from_pb(convert(text, opts)[0])


def _total(instructions: tuple[Instruction, ...], index: int) -> int:
    """How many steps the stage has that an instruction stands in."""
    starts = [position for position, item in enumerate(instructions) if item.keyword == "FROM"]
    first = max(position for position in starts if position <= index)
    last = min((position for position in starts if position > index), default=len(instructions))
    return sum(item.keyword in _STEPS for item in instructions[first:last])


def _from(item: Instruction, stages: list[Stage]) -> Stage:
    base, *rest = item.text.split()
    name = rest[1] if rest else f"stage-{len(stages)}"
    below = next((stage for stage in stages if stage.name == base), None)
    return replace(below, name=name) if below else Stage(name)


def _dispatch(item: Instruction, stages: list[Stage], title: str) -> Stage:
    stage = stages[-1]
    history: dict[str, object] = {"created_by": f"{item.keyword} {item.text}", "empty_layer": True}
    match item.keyword:
        case "FROM":
            base = item.text.split()[0]
            if base == "scratch" or any(one.name == base for one in stages[:-1]):
                return stage
            return replace(stage, state=ops.image(base, platform=PLATFORM, description=title), history=(BASE,))
        case "RUN":
            flags = _FLAG.findall(item.text)
            words = _FLAG.sub("", item.text)
            args = json.loads(words) if words.startswith("[") else ["/bin/sh", "-c", words]
            mounts = [mount for name, flag in flags if name == "mount" and (mount := _mount(flag.strip('"'), stages))]
            root = stage.state
            env, user = stage.env, stage.user
            done = ops.run(args, root=root, mounts=mounts, env=env, user=user, platform=PLATFORM, description=title)
            history = {"created_by": f"RUN {' '.join(args)} # buildkit"}
            stage = replace(stage, state=done.root)
        case "COPY":
            *flags, origin, target = item.text.split()
            source = _named(flags[0].removeprefix("--from="), stages) if flags else ops.local("context")
            action = ops.copy(source, origin, target, create_dest_path=True, dir_copy_contents=origin == "/")
            history = {"created_by": f"COPY {origin} {target} # buildkit"}
            stage = replace(stage, state=ops.file(stage.state, [action], description=title))
        case "ENV":
            stage = replace(stage, env=(*stage.env, *shlex.split(item.text)))
        case "USER":
            user = item.text.strip('"')
            history = {"created_by": f"USER {user}", "empty_layer": True}
            stage = replace(stage, user=user)
    return replace(stage, history=(*stage.history, history))


def _named(name: str, stages: list[Stage]) -> State:
    """A stage's file system, by name or number, or a named build context's."""
    for number, stage in enumerate(stages):
        if name in {stage.name, str(number)}:
            return stage.state
    return ops.local(name)


def _mount(flag: str, stages: list[Stage]) -> Mount | None:
    """What a mount adds to the graph; nothing for secrets and agents of ssh, which are no file system."""
    fields = dict(part.partition("=")[::2] for part in flag.split(","))
    match fields["type"]:
        case "cache":
            return ops.Mount(fields["target"], cache=(fields.get("id", fields["target"]), "shared"))
        case "tmpfs":
            return ops.Mount(fields["target"], tmpfs=True)
        case "secret" | "ssh":
            return None
        case _:
            return ops.Mount(fields["target"], _named(fields["from"], stages), selector=fields.get("source", ""))


def _line(line: int) -> ops_pb2.Range:
    return ops_pb2.Range(start=ops_pb2.Position(line=line), end=ops_pb2.Position(line=line))
