"""Which steps of a build graph, and which entries of a history, are which PYENV line's: the one place that knows.

A line's step is an exec with the line's own command, at the line's own place. Equal lines of equal build stages share
their vertices, and a line has one step for each state that it starts from.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import eq
from typing import NamedTuple

from buildkit_llb.definition import Definition, Vertex
from buildkit_llb.sourcemap import locations
from dockerfile_pyenv.dockerfile.rewrite import Expansion
from dockerfile_pyenv.emit import commands
from dockerfile_pyenv.interpreters.provider import PREFIX
from dockerfile_pyenv.plan.model import Environment, Group, Plan

_Lines = tuple[int, int]
_BEFORE_ARGUMENTS = re.compile(r"RUN (\|\d+ .* )?", re.DOTALL)


class Steps:
    """The steps of a graph that the Dockerfile frontend made of an expanded text, by the lines they are for."""

    def __init__(self, definition: Definition, expansion: Expansion, plan: Plan) -> None:
        # A build context may be another build's graph, whose locations are of that build's file.
        infos = definition.source.infos if definition.source else ()
        own = {index for index, info in enumerate(infos) if info.data == expansion.text}
        found = locations(definition)
        self._places = {digest: [one for one in places if one.source_index in own] for digest, places in found.items()}
        self._expansion = expansion
        self._environments = {environment.line.lines: environment for environment in plan.environments}
        texts = {lines: tuple(commands.command(environment)) for lines, environment in self._environments.items()}
        self._of: dict[_Lines, dict[str, Vertex]] = {}
        for vertex in definition.vertices():
            arguments = tuple(vertex.op.exec.meta.args)
            for lines in self._lines(vertex) if arguments else ():
                if texts.get(lines) == arguments:
                    self._of.setdefault(lines, {})[vertex.digest] = vertex

    def of(self, environment: Environment) -> Iterable[Vertex]:
        """The steps that build an environment, one for each state that its line starts from."""
        return self._of.get(environment.line.lines, {}).values()

    def is_foreign(self, vertex: Vertex) -> bool:
        """Whether a vertex comes from other files alone: from the graph of another build."""
        return not self._places.get(vertex.digest, True)

    def is_generated(self, vertex: Vertex) -> bool:
        """Whether a vertex comes from text that stands in for a PYENV line."""
        places = self._places.get(vertex.digest, ())
        return any(place.first_line in self._expansion.generated for place in places)

    def environment(self, vertex: Vertex) -> Environment:
        """The environment whose line a generated vertex comes from; the first where equal lines share it."""
        return next(self._environments[lines] for lines in self._lines(vertex) if lines in self._environments)

    def _lines(self, vertex: Vertex) -> Iterable[_Lines]:
        places = self._places.get(vertex.digest, ())
        found = (self._expansion.user_lines(place.first_line, place.last_line) for place in places)
        return [lines for lines in found if lines is not None]


def installing(definition: Definition, environments: Iterable[Environment]) -> Iterator[tuple[Environment, Vertex]]:
    """The execs that install one of these environments, in one step or apart, whatever line they stand at."""
    texts = {
        tuple(command(environment)): environment
        for environment in environments
        for command in (commands.command, commands.install, commands.fall_back, commands.build, commands.check)
    }
    for vertex in definition.vertices():
        environment = texts.get(tuple(vertex.op.exec.meta.args))
        if environment:
            yield environment, vertex


def added_interpreter(vertex: Vertex) -> str:
    """Id of the interpreter that an op adds to the image, as a copy or as a step; "" for other ops."""
    for action in vertex.op.file.actions:
        if action.copy.dest.startswith(f"{PREFIX}/python/"):
            return action.copy.dest.removeprefix(f"{PREFIX}/python/").strip("/")
    return commands.placed_interpreter(vertex.op.exec.meta.args)


class Entry(NamedTuple):
    """One entry of an image's history that a group leaves there."""

    is_it: Callable[[str], object]
    """Whether this is it, by its `created_by`, as the Dockerfile frontend writes it (dockerfile2llb/convert.go)."""
    text: str | None
    """What it reads for the user; None for an entry without a layer, which is dropped."""


def history_entries(group: Group, plan: Plan) -> Sequence[Entry]:
    """The entries of a group, in their order."""
    return [
        Entry(partial(eq, "USER 0:0"), None),
        *(
            Entry(partial(eq, f"COPY / {PREFIX}/python/{one}/ # buildkit"), plan.title(one))
            for one in group.interpreters
        ),
        *(Entry(partial(_is_run, commands.command(one)), one.line.text) for one in group.environments),
        *([Entry(partial(_begins, "ENV ASTRO_PYENV_"), None)] if group.variables else []),
        Entry(partial(_begins, "LABEL dockerfile-pyenv.environments="), None),
        Entry(partial(eq, f"USER {group.user}"), None),
    ]


def _begins(start: str, created_by: str) -> bool:
    return created_by.startswith(start)


def _is_run(command: Sequence[str], created_by: str) -> bool:
    """Whether an entry is that of a RUN; values of ARG come before its arguments: "RUN |1 A=b …"."""
    end = f"{' '.join(command)} # buildkit"
    return created_by.endswith(end) and _BEFORE_ARGUMENTS.fullmatch(created_by.removesuffix(end)) is not None
