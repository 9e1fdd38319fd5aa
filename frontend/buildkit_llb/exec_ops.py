"""The op that runs a command."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from buildkit_llb.graph import NO_INPUT, NO_OUTPUT, Inputs, State, make_node
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import ops_pb2

_SHARING = {
    "shared": ops_pb2.CacheSharingOpt.SHARED,
    "private": ops_pb2.CacheSharingOpt.PRIVATE,
    "locked": ops_pb2.CacheSharingOpt.LOCKED,
}


@dataclass(frozen=True, slots=True)
class Mount:
    """Something mounted at `dest` while a command runs.

    `state` is mounted from its path `selector`; None is an empty directory. With `output`, what the command leaves
    there is an output of the execution. A mount that is neither `readonly` nor an output is written to and forgotten.
    `cache` names a persistent directory as (id, sharing). `tmpfs` is memory, at most `tmpfs_size` bytes of it where
    that is not 0. `readonly` says nothing of caches and tmpfs.
    """

    dest: str
    state: State | None = None
    selector: str = ""
    readonly: bool = True
    output: bool = False
    cache: tuple[str, Literal["shared", "private", "locked"]] | None = None
    tmpfs: bool = False
    tmpfs_size: int = 0


@dataclass(frozen=True, slots=True)
class Execution:
    """The outputs of a command: its root file system, and mounts by their path."""

    root: State
    mounts: Mapping[str, State]


def run(  # noqa: PLR0913 - one keyword per fact about a process
    args: Sequence[str],
    *,
    root: State,
    mounts: Iterable[Mount] = (),
    env: Iterable[str] = (),
    cwd: str = "/",
    user: str = "",
    network: Literal["default", "none"] = "default",
    readonly_root: bool = False,
    platform: Platform | None = None,
    description: str = "",
) -> Execution:
    """Run a command in a root file system; `env` holds `name=value`.

    With `readonly_root` the root is no output, and the execution's `root` is the one given.
    Mounts are ordered by their path, as client/llb orders them: the n-th mount with an output is output n of the op,
    whatever its field `output` says (solver/llbsolver/ops/exec.go).
    """
    if not args:
        raise ValueError("an execution needs arguments")
    ordered = sorted([Mount("/", root, readonly=readonly_root, output=not readonly_root), *mounts], key=_dest)
    inputs = Inputs()
    caps = {"exec.meta.base", "exec.meta.setsdefaultpath"}
    marshalled: list[ops_pb2.Mount] = []
    outputs: dict[str, int] = {}
    for mount in ordered:
        index = NO_OUTPUT
        if mount.output:
            if mount.readonly or mount.cache or mount.tmpfs:
                raise ValueError(f"the mount {mount.dest} cannot be read-only, a cache or a tmpfs and have an output")
            index = outputs[mount.dest] = len(outputs)
        marshalled.append(_mount(mount, inputs.add(mount.state), index, caps))
    op = ops_pb2.Op(
        inputs=inputs.inputs,
        exec=ops_pb2.ExecOp(
            meta=ops_pb2.Meta(args=args, env=env, cwd=cwd, user=user, remove_mount_stubs_recursive=True),
            mounts=marshalled,
        ),
    )
    if network == "none":
        op.exec.network = ops_pb2.NetMode.NO_NETWORK
        caps.add("exec.meta.network")
    node = make_node(op, inputs=inputs.nodes, caps=caps, description=description, platform=platform)
    states = {dest: State(node, index) for dest, index in outputs.items()}
    return Execution(states.pop("/", root), MappingProxyType(states))


def _dest(mount: Mount) -> str:
    return mount.dest


def _mount(mount: Mount, input_index: int, output_index: int, caps: set[str]) -> ops_pb2.Mount:
    readonly = mount.readonly and not mount.cache and not mount.tmpfs
    one = ops_pb2.Mount(
        input=input_index, selector=mount.selector, dest=mount.dest, output=output_index, readonly=readonly
    )
    if mount.selector:
        caps.add("exec.mount.selector")
    if mount.cache:
        one.mount_type = ops_pb2.MountType.CACHE
        one.cache_opt.id = mount.cache[0]
        one.cache_opt.sharing = _SHARING[mount.cache[1]]
        caps |= {"exec.mount.cache", "exec.mount.cache.sharing"}
    elif mount.tmpfs:
        one.mount_type = ops_pb2.MountType.TMPFS
        one.tmpfs_opt.size = mount.tmpfs_size
        caps.add("exec.mount.tmpfs")
        if mount.tmpfs_size:
            caps.add("exec.mount.tmpfs.size")
    elif input_index != NO_INPUT:
        caps.add("exec.mount.bind")
    return one
