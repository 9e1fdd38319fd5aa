"""Steps that are made from a line's own: on its platform, with its limits and metadata, and with some of its mounts."""

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from buildkit_llb import ops
from buildkit_llb.definition import Vertex
from buildkit_llb.ops import NO_INPUT, State
from buildkit_llb.proto import ops_pb2
from buildkit_llb.splice import Node, Resolve, with_inputs
from dockerfile_pyenv.emit.commands import BUILDER, PATH

_NO_OUTPUT = -1
"""Index of the output of a mount that has none (solver/pb/const.go)."""


class Shown(NamedTuple):
    """A file system that a step sees at a path, read-only; the step's cache key has its content."""

    dest: str
    state: State
    selector: str = ""


class Derived:
    """A step under construction, from the step of a line."""

    def __init__(
        self,
        step: Vertex,
        resolve: Resolve,
        root: State,
        arguments: Sequence[str],
        *,
        described: Vertex | None = None,
    ) -> None:
        self._step = step
        self._resolve = resolve
        self._described = described or step
        self._op = ops_pb2.Op()
        self._op.CopyFrom(step.op)
        self._inputs: list[State] = []
        self._caps: set[str] = set()
        # The root is an output even where nobody takes it: without one it would be read-only, and older BuildKits
        # would hash all that is in it for the cache key (solver/llbsolver/ops/exec.go, getMountDeps).
        del self._op.exec.mounts[:]
        self._op.exec.mounts.append(ops_pb2.Mount(input=self._add(root), dest="/", output=0))
        del self._op.exec.meta.args[:]
        self._op.exec.meta.args.extend(arguments)

    def keep(self, wanted: Callable[[ops_pb2.Mount], bool]) -> None:
        """Take over the mounts of the line's step that are wanted, but for its root and its builder."""
        for mount in self._step.op.exec.mounts:
            if mount.dest not in {"/", BUILDER} and wanted(mount):
                self._mount(mount, mount.dest)

    def move(self, step: Vertex, dest: str, to: str, *, file: str = "") -> None:
        """Take over a mount of any line's step to another path: all of it, or a file of it."""
        for mount in step.op.exec.mounts:
            if mount.dest == dest:
                self._mount(mount, to, step, file)

    def cache(self, dest: str, name: str) -> None:
        """Mount another cache, by its id, where the line's step has one."""
        for mount in self._step.op.exec.mounts:
            if mount.dest == dest:
                other = ops_pb2.Mount()
                other.CopyFrom(mount)
                # BUILDKIT_CACHE_MOUNT_NS stands in front (dockerfile2llb/convert_runmount.go).
                other.cache_opt.id = posixpath.join(posixpath.dirname(mount.cache_opt.id), name)
                self._mount(other, dest)

    def show(self, shown: Iterable[Shown]) -> None:
        """Mount file systems read-only."""
        for one in shown:
            self._caps |= {"exec.mount.bind"} | ({"exec.mount.selector"} if one.selector else set())
            index = self._add(one.state)
            mount = ops_pb2.Mount(input=index, selector=one.selector, dest=one.dest, output=_NO_OUTPUT, readonly=True)
            self._op.exec.mounts.append(mount)

    def bare(self, *, keep_path: bool = False) -> None:
        """Leave out what the stage and the build's arguments say, but for the stage's PATH where that is kept."""
        meta = self._op.exec.meta
        path = [one for one in meta.env if one.startswith("PATH=")] if keep_path else [f"PATH={PATH}"]
        del meta.env[:]
        meta.env.extend(path)
        meta.cwd = "/"

    def with_variables(self, env: Mapping[str, str]) -> None:
        """Have these variables, and no others."""
        meta = self._op.exec.meta
        del meta.env[:]
        meta.env.extend(f"{name}={value}" for name, value in env.items())
        if "PATH" not in env:
            meta.env.append(f"PATH={PATH}")
        meta.cwd = "/"

    def offline(self) -> None:
        """Give the step no network, and no proxy variables, which may hold credentials."""
        self._op.exec.network = ops_pb2.NetMode.NO_NETWORK
        self._op.exec.meta.ClearField("proxy_env")
        self._caps.add("exec.meta.network")

    def root(self) -> State:
        """The step's root file system, as it leaves it."""
        return State(self._node(), 0)

    def output(self, dest: str) -> State:
        """A directory, empty at first, as the step leaves it."""
        # Outputs have the numbers of their mounts (solver/llbsolver/ops/exec.go), and this is the second one.
        self._op.exec.mounts.append(ops_pb2.Mount(input=NO_INPUT, dest=dest, output=1))
        return State(self._node(), 1)

    def _mount(self, mount: ops_pb2.Mount, dest: str, step: Vertex | None = None, file: str = "") -> None:
        one = ops_pb2.Mount()
        one.CopyFrom(mount)
        one.dest = dest
        if file:
            one.selector = f"{mount.selector}/{file}"
        if mount.input != NO_INPUT:
            one.input = self._add(self._resolve((step or self._step).inputs[mount.input]))
        self._op.exec.mounts.append(one)

    def _add(self, state: State) -> int:
        if state.node is None:
            return NO_INPUT
        output = (state.digest, state.index)
        outputs = [(one.digest, one.index) for one in self._inputs]
        if output in outputs:
            return outputs.index(output)
        self._inputs.append(state)
        return len(outputs)

    def _node(self) -> Node:
        metadata = ops_pb2.OpMetadata()
        metadata.CopyFrom(self._step.metadata)
        metadata.ClearField("description")
        metadata.description.update(self._described.metadata.description)
        for cap in sorted(self._caps):
            metadata.caps[cap] = True
        return with_inputs(replace(self._step, metadata=metadata), self._op, self._inputs)


def by_content(state: State, path: str, name: str) -> State:
    """A directory as a file system of its own, for steps that are to depend on nothing but what is in it.

    A step's root is in its cache key by the key of the op that it comes from; a copy's is that of what it copies.
    """
    return ops.file(ops.scratch(), [ops.copy(state, path, "/", dir_copy_contents=True)], description=name)
