"""The steps of a group side by side, in the graph that the Dockerfile frontend made of the expanded text.

There they stand one on the other: before ← interpreters ← step ← step. Here every step starts from the state before the
group, so that it depends on no other line, and what each has made is joined:

- with the caps `mergeop` and `diffop`, each step's layer is DiffOp(before, step), and that of each interpreter
  likewise; one MergeOp lays them on the state before the group;
- without them, as in Docker's classic image store, what a step has made is copied onto the interpreters, one copy for
  each step. A directory's copy takes over everything but times; a step makes nothing but its environment and the link
  of its interpreter (provision/environment). It makes that link a second time in a mount of its own, where nothing
  else is: in /usr/local/bin there may be one that the base has, and that directory may itself be a link.

Either way there is a layer for each interpreter and each line, in the order of the text: the image's history fits.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from buildkit_llb import ops
from buildkit_llb.definition import Definition, Vertex
from buildkit_llb.graph import NO_INPUT, State
from buildkit_llb.proto import ops_pb2
from buildkit_llb.sourcemap import locations
from buildkit_llb.splice import Replacement, Resolve, splice, with_inputs
from dockerfile_pyenv import expand
from dockerfile_pyenv.plan import PREFIX, Environment, Group, Plan
from dockerfile_pyenv.text import Expansion

_COMMANDS = "/usr/local/bin"
"""Where a step makes the link of its interpreter."""
_LINKS = f"{expand.RUN}/links"
"""Where it makes it again, if that is there (provision/environment/layout.py)."""

Output = tuple[str, int]


class UnknownShapeError(Exception):
    """The graph has a group in a shape that is not taken apart; the message names the shape."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A group in the graph."""

    group: Group
    before: Output
    """The state before the group."""
    interpreters: tuple[Vertex, ...]
    """The copies that add interpreters, each onto the one before."""
    steps: tuple[Vertex, ...]
    """One for each environment."""


def parallel(definition: Definition, expansion: Expansion, plan: Plan, *, merge: bool) -> Definition:
    """The same graph with the steps of each group side by side.

    `merge` says that the engine has the caps `mergeop` and `diffop`. Raises UnknownShapeError for a graph that cannot
    be taken apart; as it is, it builds the same image.
    """
    chains = find(definition, expansion, plan)
    # Stages that begin alike share their first steps.
    before = {step.digest: chain.before for chain in chains for step in chain.steps}
    ends = {chain.steps[-1].digest: chain for chain in chains}
    made: dict[str, State] = {}

    def change(vertex: Vertex, resolve: Resolve) -> Replacement | None:
        if vertex.digest not in before:
            return None
        own = made[vertex.digest] = _step_on(before[vertex.digest], vertex, resolve, links=not merge)
        if vertex.digest not in ends:
            return Replacement({0: own}, {own.digest: vertex.digest})
        chain = ends[vertex.digest]
        layers = [made[step.digest] for step in chain.steps]
        joined = _merged(chain, layers, resolve) if merge else _copied(chain, layers, resolve)
        located = {state.digest: origin for state, origin in joined}
        return Replacement({0: joined[-1][0]}, {own.digest: vertex.digest, **located})

    return splice(definition, change)


def find(definition: Definition, expansion: Expansion, plan: Plan) -> tuple[Chain, ...]:
    """All groups in a graph. Raises UnknownShapeError."""
    graph = _Graph(definition, expansion)
    chains = {
        vertex.digest: _chain(group, vertex, graph)
        for group in plan.groups
        for vertex in graph.steps(group.environments[-1])
    }
    _check_takers(chains, graph)
    known = {step.digest for chain in chains.values() for step in chain.steps}
    for environment in plan.environments:
        for vertex in graph.steps(environment):
            if vertex.digest not in known:
                raise UnknownShapeError(f"the step of {environment.line.text!r} stands apart from its group")
    return tuple(chains.values())


class _Graph:
    """A graph's vertices, and which of them are the steps of which lines."""

    def __init__(self, definition: Definition, expansion: Expansion) -> None:
        self.vertices = {vertex.digest: vertex for vertex in definition.vertices()}
        self.takers: dict[Output, set[str]] = {definition.head_output: {""}}
        self._steps: dict[tuple[tuple[str, ...], tuple[int, int] | None], dict[str, Vertex]] = {}
        places = locations(definition)
        for vertex in self.vertices.values():
            for output in vertex.inputs:
                self.takers.setdefault(output, set()).add(vertex.digest)
            arguments = tuple(vertex.op.exec.meta.args)
            for place in places.get(vertex.digest, ()) if arguments else ():
                lines = expansion.user_lines(place.first_line, place.last_line)
                self._steps.setdefault((arguments, lines), {})[vertex.digest] = vertex

    def steps(self, environment: Environment) -> Iterable[Vertex]:
        """The steps of a line: by its command and its lines in the user's file.

        There is one for each state that it starts from, and equal lines of equal stages share theirs.
        """
        return self._steps.get((tuple(expand.command(environment)), environment.line.lines), {}).values()


def _chain(group: Group, last: Vertex, graph: _Graph) -> Chain:
    """Walk down from a group's last step."""
    steps = [last]
    for environment in reversed(group.environments[:-1]):
        below = _root(steps[-1])
        found = [step for step in graph.steps(environment) if (step.digest, 0) == below]
        if not found:
            raise UnknownShapeError(f"the step of {steps[-1].name!r} does not stand on that of the line before it")
        steps += found
    before = _root(steps[-1])
    interpreters: list[Vertex] = []
    for interpreter in reversed(list(group.interpreters)):
        copied = graph.vertices.get(before[0])
        if copied is None or _destination(copied) != f"{PREFIX}/python/{interpreter}/":
            raise UnknownShapeError(f"the step of {steps[-1].name!r} does not stand on its group's interpreters")
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
            raise UnknownShapeError("something starts from the middle of a group of PYENV lines")


def _root(step: Vertex) -> Output:
    """The output that a step has as its root file system."""
    mount = next((one for one in step.op.exec.mounts if one.dest == "/"), None)
    if mount is None or mount.input < 0 or mount.output != 0:
        raise UnknownShapeError(f"the step of {step.name!r} has no root file system that it could change")
    if any(one.output > 0 for one in step.op.exec.mounts):
        raise UnknownShapeError(f"the step of {step.name!r} has outputs beside its root file system")
    return step.inputs[mount.input]


def _destination(vertex: Vertex) -> str:
    """Where a file op that is one copy onto a base writes to; "" for other ops."""
    actions = vertex.op.file.actions
    if len(actions) != 1 or actions[0].WhichOneof("action") != "copy" or actions[0].input < 0:
        return ""
    return actions[0].copy.dest


def _step_on(root: Output, step: Vertex, resolve: Resolve, *, links: bool) -> State:
    """A step that starts from another root file system; with `links`, its links are the output after that."""
    op = ops_pb2.Op()
    op.CopyFrom(step.op)
    inputs = [resolve(one) for one in step.inputs]
    mount = next(one for one in op.exec.mounts if one.dest == "/")
    if any(one.input == mount.input and one.dest != "/" for one in op.exec.mounts):
        mount.input = len(inputs)
        inputs.append(resolve(root))
    else:
        inputs[mount.input] = resolve(root)
    if links:
        op.exec.mounts.append(ops_pb2.Mount(input=NO_INPUT, dest=_LINKS, output=1))
    return State(with_inputs(step, op, inputs), 0)


def _copy_on(base: Output, copied: Vertex, resolve: Resolve) -> State:
    """A copy onto another file system."""
    inputs = [resolve(one) for one in copied.inputs]
    inputs[copied.op.file.actions[0].input] = resolve(base)
    return State(with_inputs(copied, copied.op, inputs), 0)


_Joined = list[tuple[State, str]]
"""The states on the way to a group's end, and the ops whose locations they get; the last one is the end."""


def _merged(chain: Chain, made: Sequence[State], resolve: Resolve) -> _Joined:
    before = resolve(chain.before)
    copies = [(_copy_on(chain.before, one, resolve), one) for one in chain.interpreters]
    parts = [*copies, *zip(made, chain.steps, strict=True)]
    layers = [(ops.diff(before, state, description=origin.name), origin.digest) for state, origin in parts]
    last = chain.steps[-1]
    merged = ops.merge([before, *(state for state, _ in layers)], description=_title(chain))
    return [*((state, origin.digest) for state, origin in copies), *layers, (merged, last.digest)]


def _title(chain: Chain) -> str:
    """What progress calls the op that lays a group's layers on each other: it has the number of the last line."""
    last = chain.steps[-1].name
    if len(chain.steps) == 1:
        return last
    names = ", ".join(item.statement.name or f"python{item.interpreter.minor}" for item in chain.group.environments)
    return f"{last.partition(']')[0]}] PYENV {names}"


def _copied(chain: Chain, made: Sequence[State], resolve: Resolve) -> _Joined:
    joined: _Joined = []
    state = resolve((chain.interpreters[-1].digest, 0) if chain.interpreters else chain.before)
    for environment, step, own in zip(chain.group.environments, chain.steps, made, strict=True):
        state = ops.file(state, list(_copies(environment, own)), description=step.name)
        joined.append((state, step.digest))
    return joined


def _copies(environment: Environment, made: State) -> Iterator[ops.FileAction]:
    """What a step has made, as copies: nothing but this may be in it."""
    if not environment.statement.flags.no_venv:
        yield ops.copy(made, environment.path, f"{PREFIX}/envs/", create_dest_path=True)
    if not environment.interpreter.is_base:
        links = State(made.node, made.index + 1)
        yield ops.copy(links, "/*", f"{_COMMANDS}/", wildcard=True, empty_wildcard=True, create_dest_path=True)
    if environment.link:
        # The directory comes along with its owner; where the image has no home for it, there is none.
        folder, parent = posixpath.dirname(environment.link), posixpath.dirname(posixpath.dirname(environment.link))
        pattern = f"{folder[:-1]}[{folder[-1]}]"
        yield ops.copy(made, pattern, f"{parent}/", wildcard=True, empty_wildcard=True)
