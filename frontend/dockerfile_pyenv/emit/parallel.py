"""The pass that takes the steps of a group apart, in the graph that the Dockerfile frontend made of the expanded text.

There they stand one on the other: before ← interpreters ← step ← step. Here no step depends on another line, and an
install depends on nothing of its stage but what it needs to know (apart.py); what was made is laid into the image, in
the order of the text (placing.py).
"""

from buildkit_llb.definition import Definition, Vertex
from buildkit_llb.graph import State
from buildkit_llb.splice import Replacement, Resolve, splice
from dockerfile_pyenv.dockerfile.rewrite import Expansion
from dockerfile_pyenv.emit import apart
from dockerfile_pyenv.emit.chains import Chain, find
from dockerfile_pyenv.emit.placing import Placing
from dockerfile_pyenv.plan.model import Plan


def parallel(definition: Definition, expansion: Expansion, plan: Plan, *, merge: bool) -> Definition:
    """The same image's graph with the steps of each group taken apart.

    `merge` says that the engine has the caps `mergeop` and `diffop`. Raises UnknownShapeError for a graph that cannot
    be taken apart; as it is, it builds the same image.
    """
    chains = {chain.steps[-1].digest: chain for chain in find(definition, expansion, plan)}

    def change(vertex: Vertex, resolve: Resolve) -> Replacement | None:
        if vertex.digest not in chains:
            return None
        origins: dict[str, str] = {}
        end = _build(chains[vertex.digest], resolve, origins, merge=merge)
        return Replacement({0: end}, origins)

    return splice(definition, change)


def _build(chain: Chain, resolve: Resolve, origins: dict[str, str], *, merge: bool) -> State:
    lines = list(zip(chain.group.environments, chain.steps, strict=True))
    installed = apart.install(lines, resolve(chain.before), resolve, origins)
    placing = Placing(chain, resolve, origins, merge=merge)
    for interpreter, copied in zip(chain.group.interpreters, chain.interpreters, strict=True):
        placing.interpreter(interpreter, copied)
    for line, one in zip(lines, installed, strict=True):
        placing.environment(line, one)
    return placing.joined(_title(chain))


def _title(chain: Chain) -> str:
    """What progress calls the op that lays a group's layers on each other: it has the number of the last line."""
    last = chain.steps[-1].name
    if len(chain.steps) == 1:
        return last
    names = ", ".join(item.statement.name or f"python{item.interpreter.minor}" for item in chain.group.environments)
    return f"{last.partition(']')[0]}] PYENV {names}"
