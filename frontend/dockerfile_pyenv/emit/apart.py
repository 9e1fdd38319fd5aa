"""Environments that are installed apart from their stage.

A line's step stands on its stage: whatever changes there, it runs again. Here a step asks the stage what an install
needs to know of it, and the install stands on the answers alone, which BuildKit compares by their content: it keys a
mount that is read-only by the files in it, and a file op by what it copies (solver/llbsolver/ops/exec.go, file.go).

    before ─► ask ─► answers ─► root ─► install ─┐
    before ──────────────────────────────► fall back ─► check ─► (placing.py)

An install that cannot be done apart leaves nothing but a note, and its line falls back: it is installed in the stage,
or in its builder, which gets the answers, too. There packages' code may run, so that step does not see the cache that
the installs of all lines share. A check is made only of what comes from a builder, and where imports are to be checked;
anything else the step in the stage checks itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

from buildkit_llb import ops
from buildkit_llb.definition import Vertex
from buildkit_llb.graph import State
from buildkit_llb.proto import ops_pb2
from buildkit_llb.splice import Resolve
from dockerfile_pyenv.emit import commands
from dockerfile_pyenv.emit.derived import Derived, Shown, by_content
from dockerfile_pyenv.plan.model import Environment

_GIVEN = {ops_pb2.MountType.SECRET, ops_pb2.MountType.SSH}

_NOTES = ("/.in-stag[e]", "/.librarie[s]")
"""What an install leaves next to the environment or in its place, as patterns: there may be none of them."""

Line = tuple[Environment, Vertex]
"""An environment, and its step in the graph."""


class Installed(NamedTuple):
    """A line's environment, in a directory of its name: in one of two file systems, and the other one has none."""

    in_stage: State
    apart: State | None = None
    """None where the line cannot be installed apart."""
    checked: State | None = None
    """An empty directory that a check left; None where there is nothing to check."""


def install(lines: Sequence[Line], before: State, resolve: Resolve, origins: dict[str, str]) -> list[Installed]:
    """Install the environments of a group; `origins` gets each new op and the line's step that it was made from."""
    answers = _answers([(one, step) for one, step in lines if one.is_asked], before, resolve, origins)
    found = []
    for environment, step in lines:
        apart = None
        if answers and not environment.needs_stage:
            apart = _install(environment, step, answers, resolve)
            origins[apart.digest] = step.digest
        if answers and environment.builder:
            in_stage = _fall_back(environment, step, _builder(step, resolve), apart, resolve, origins, answers)
        else:
            in_stage = _fall_back(environment, step, before, apart, resolve, origins)
        origins[in_stage.digest] = step.digest
        checked = _check(environment, step, before, Installed(in_stage, apart), resolve, origins)
        found.append(Installed(in_stage, apart, checked))
    return found


def _builder(step: Vertex, resolve: Resolve) -> State:
    """The file system of a line's builder, which the text mounts."""
    mount = next(one for one in step.op.exec.mounts if one.dest == commands.BUILDER)
    return resolve(step.inputs[mount.input])


class _Answers(NamedTuple):
    """What was asked of the stage, for the lines of a group."""

    state: State
    root: State
    """What installs have as their root file system."""


def _answers(lines: Sequence[Line], before: State, resolve: Resolve, origins: dict[str, str]) -> _Answers | None:
    if not lines:
        return None
    environments = [environment for environment, _ in lines]
    first = lines[0][1]
    asking = Derived(first, resolve, before, commands.ask(environments))
    asking.keep(lambda mount: mount.mount_type not in _GIVEN and mount.dest not in {commands.CACHE, commands.CONTEXT})
    for number, (_, step) in enumerate(lines):
        asking.move(step, commands.CONTEXT, f"{commands.CONTEXTS}/{number}")
    asking.offline()
    answers = asking.output(commands.ANSWERS)
    root = by_content(answers, "/root", first.name)
    origins |= {answers.digest: first.digest, root.digest: first.digest}
    return _Answers(answers, root)


def _install(environment: Environment, step: Vertex, answers: _Answers, resolve: Resolve) -> State:
    made = Derived(step, resolve, answers.root, commands.install(environment))
    made.bare()
    made.keep(lambda mount: mount.dest != commands.CACHE)
    made.cache(commands.CACHE, commands.SHARED_CACHE)
    made.show([Shown(commands.ANSWERS, answers.state, f"/lines/{environment.statement.name}")])
    return made.output(commands.ENVIRONMENTS)


def _fall_back(  # noqa: PLR0913, PLR0917 - it stands on everything
    environment: Environment,
    step: Vertex,
    before: State,
    apart: State | None,
    resolve: Resolve,
    origins: dict[str, str],
    answers: _Answers | None = None,
) -> State:
    """Install in the stage, or with `answers` in the builder, what was not installed apart."""
    arguments = commands.build(environment) if answers else commands.fall_back(environment)
    made = Derived(step, resolve, before, arguments)
    made.keep(lambda _: True)
    if answers:
        made.with_variables(environment.builder_env)
        made.show([Shown(commands.ANSWERS, answers.state, f"/lines/{environment.statement.name}")])
    if apart:
        # The note alone: an environment that a registry's cache has is not pulled to see that there is none.
        made.show([Shown(commands.APART, _noted(apart, step, origins))])
    return made.output(commands.ENVIRONMENTS)


def _noted(installed: State, step: Vertex, origins: dict[str, str]) -> State:
    """The notes of an install, without the environment."""
    notes = [ops.copy(installed, note, "/", wildcard=True, empty_wildcard=True) for note in _NOTES]
    noted = ops.file(ops.scratch(), notes, description=step.name)
    origins[noted.digest] = step.digest
    return noted


def _check(  # noqa: PLR0913, PLR0917 - it stands on everything
    environment: Environment,
    step: Vertex,
    before: State,
    installed: Installed,
    resolve: Resolve,
    origins: dict[str, str],
) -> State | None:
    if not environment.check_imports and not environment.builder:
        return None
    made = Derived(step, resolve, before, commands.check(environment))
    made.keep(lambda mount: mount.mount_type not in _GIVEN and mount.dest != commands.CACHE)
    made.offline()
    for dest, state in ((commands.APART, installed.apart), (commands.BUILT, installed.in_stage)):
        if state:
            shown = state if environment.check_imports else _noted(state, step, origins)
            made.show([Shown(dest, shown)])
    checked = made.output(commands.CHECKED)
    origins[checked.digest] = step.digest
    return checked
