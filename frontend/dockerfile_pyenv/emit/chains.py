"""The groups in the graph that the Dockerfile frontend made of the expanded text.

There their steps stand one on the other: before ← interpreters ← step ← step.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from buildkit_llb.definition import Definition, Vertex
from dockerfile_pyenv.dockerfile.rewrite import Expansion
from dockerfile_pyenv.emit.steps import Steps, added_interpreter
from dockerfile_pyenv.plan.model import Group, Plan

Output = tuple[str, int]
"""An output of an op, as the op's digest and the output's index."""


class UnknownShapeError(Exception):
    """The graph has a group in a shape that is not taken apart; the message names the shape."""


class Chain(NamedTuple):
    """A group in the graph."""

    group: Group
    before: Output
    """The state before the group."""
    interpreters: tuple[Vertex, ...]
    """The copies that add interpreters, each onto the one before."""
    steps: tuple[Vertex, ...]
    """One for each environment."""


def find(definition: Definition, expansion: Expansion, plan: Plan) -> tuple[Chain, ...]:
    """All groups in a graph. Raises UnknownShapeError."""
    graph = _Graph(definition, expansion, plan)
    chains = {
        vertex.digest: _chain(group, vertex, graph)
        for group in plan.groups
        for vertex in graph.steps.of(group.environments[-1])
    }
    _check_takers(chains, graph)
    known = {step.digest for chain in chains.values() for step in chain.steps}
    for environment in plan.environments:
        for vertex in graph.steps.of(environment):
            if vertex.digest not in known:
                raise UnknownShapeError(f"the step of {environment.line.text!r} is not among those of its group")
    return tuple(chains.values())


class _Graph:
    """A graph's vertices, what starts from each of their outputs, and which of them are the steps of which lines."""

    def __init__(self, definition: Definition, expansion: Expansion, plan: Plan) -> None:
        self.steps = Steps(definition, expansion, plan)
        self.vertices = {vertex.digest: vertex for vertex in definition.vertices()}
        self.takers: dict[Output, set[str]] = {definition.head_output: {""}}
        for vertex in self.vertices.values():
            for output in vertex.inputs:
                self.takers.setdefault(output, set()).add(vertex.digest)


def _chain(group: Group, last: Vertex, graph: _Graph) -> Chain:
    """Walk down from a group's last step."""
    steps = [last]
    for environment in reversed(group.environments[:-1]):
        below = _root(steps[-1])
        found = [step for step in graph.steps.of(environment) if (step.digest, 0) == below]
        if not found:
            raise UnknownShapeError(f"the step of {steps[-1].name!r} does not start from that of the line before it")
        steps += found
    before = _root(steps[-1])
    interpreters: list[Vertex] = []
    for interpreter in reversed(list(group.interpreters)):
        copied = graph.vertices.get(before[0])
        if copied is None or not _is_one_copy(copied) or added_interpreter(copied) != interpreter:
            raise UnknownShapeError(f"the step of {steps[-1].name!r} does not start from its group's interpreters")
        interpreters.append(copied)
        before = copied.inputs[copied.op.file.actions[0].input]
    return Chain(group, before, tuple(reversed(interpreters)), tuple(reversed(steps)))


def _check_takers(chains: Mapping[str, Chain], graph: _Graph) -> None:
    """Nothing but a group's next step may start from within a group."""
    following: dict[str, set[str]] = {}
    for chain in chains.values():
        for step, after in pairwise(chain.steps):
            following.setdefault(step.digest, set()).add(after.digest)
    for digest, expected in following.items():
        if digest not in chains and graph.takers.get((digest, 0)) != expected:
            raise UnknownShapeError("another step starts from the middle of a group of PYENV lines")


def _root(step: Vertex) -> Output:
    """The output that a step has as its root file system."""
    mount = next((one for one in step.op.exec.mounts if one.dest == "/"), None)
    if mount is None or mount.input < 0 or mount.output != 0:
        raise UnknownShapeError(f"the step of {step.name!r} has no writable root file system")
    if any(one.output > 0 for one in step.op.exec.mounts):
        raise UnknownShapeError(f"the step of {step.name!r} has outputs other than its root file system")
    return step.inputs[mount.input]


def _is_one_copy(vertex: Vertex) -> bool:
    """Whether a vertex is a file op that is a single copy onto a base."""
    actions = vertex.op.file.actions
    return len(actions) == 1 and actions[0].WhichOneof("action") == "copy" and actions[0].input >= 0
