"""The error line of a failing install: BuildKit repeats the arguments of the step, which read as the user's line.

    process "PYENV 3.9 etl etl.txt" did not complete successfully: exit code: 1

PYENV is a program in provision/environment/, found on PATH; what it runs stands in a variable. Steps that lay
something into the image have one in provision/environment/place/, since their mounts are elsewhere.
"""

import shlex
from collections.abc import Iterator

from buildkit_llb.definition import Definition, Vertex, rewrite
from buildkit_llb.proto import ops_pb2
from dockerfile_pyenv.emit import commands
from dockerfile_pyenv.emit.steps import installing
from dockerfile_pyenv.plan.model import Environment, Plan

COMMAND = "DOCKERFILE_PYENV_COMMAND"
"""The command line of a step, as a shell reads it."""


def readable(definition: Definition, plan: Plan) -> Definition:
    """The same graph, in which the steps of a plan's environments have the user's words as arguments."""
    steps = {vertex.digest: words for words, vertex in _steps(definition, plan)}

    def change(vertex: Vertex) -> ops_pb2.Op | None:
        words = steps.get(vertex.digest)
        if words is None:
            return None
        op = ops_pb2.Op()
        op.CopyFrom(vertex.op)
        meta = op.exec.meta
        path = next((one.removeprefix("PATH=") for one in reversed(meta.env) if one.startswith("PATH=")), commands.PATH)
        programs = commands.PLACING if commands.PLACE in meta.args else commands.PROVISION
        env = [one for one in meta.env if not one.startswith(("PATH=", f"{COMMAND}="))]
        del meta.args[:], meta.env[:]
        meta.args.extend(words)
        meta.env.extend([f"PATH={programs}:{path}", *env, f"{COMMAND}={shlex.join(vertex.op.exec.meta.args)}"])
        return op

    return rewrite(definition, change) if steps else definition


def _steps(definition: Definition, plan: Plan) -> Iterator[tuple[list[str], Vertex]]:
    """The execs that install, ask the stage for a group, or lay something into the image, and the words for each."""
    for environment, vertex in installing(definition, plan.environments):
        yield _words(environment), vertex
    others = {tuple(commands.place(environment)): _words(environment) for environment in plan.environments}
    for group in plan.groups:
        if asked := [environment for environment in group.environments if environment.is_asked]:
            others[tuple(commands.ask(asked))] = _words(asked[0])
        # Whatever line needs an interpreter first: its step is the same in all files.
        others |= {tuple(commands.place_interpreter(one)): ["PYENV", one] for one in group.interpreters}
    for vertex in definition.vertices():
        if words := others.get(tuple(vertex.op.exec.meta.args)):
            yield words, vertex


def _words(environment: Environment) -> list[str]:
    """A line without its flags, its variables expanded: lines that mean the same share their step."""
    statement = environment.statement
    bodies = (body.name for body in statement.bodies)
    words = ("PYENV", statement.version, statement.name, *statement.files, *bodies, *statement.inline)
    return [word for word in words if word]
