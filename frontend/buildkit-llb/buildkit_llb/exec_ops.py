"""The op that runs a command.

Fields and defaults: moby/buildkit solver/pb/ops.proto and client/llb/exec.go (v0.32.2).
"""

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
    """A mount at `dest` while a command runs.

    `state` is the file system to mount, from its path `selector`; None mounts an empty directory. With `output`, the
    content that the command leaves is an output of the execution. If neither `readonly` nor `output` is set, the
    command can write to the mount, and its changes are discarded. `cache` mounts a persistent directory, as
    (id, sharing). `tmpfs` mounts memory, limited to `tmpfs_size` bytes unless that is 0. `readonly` has no effect on
    cache and tmpfs mounts.
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
    """The outputs of a command: its root file system, and its mounts with `output`, by path."""

    root: State
    mounts: Mapping[str, State]


def run(  # noqa: PLR0913 - one keyword per field of the op
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
    """Run a command in the file system `root`: ExecOp.

    `args` is run without a shell, in the directory `cwd`, as `user` (name or number, by default root), for `platform`;
    `env` holds `name=value`. The `network` `none` is loopback alone. `description` is the step's name in the progress
    output. With `readonly_root` the root is not an output, and the execution's `root` is the one given.
    `mounts` are sorted by path, as client/llb does: the n-th mount with an output is output n of the op, whatever its
    field `output` says (solver/llbsolver/ops/exec.go).

    Raises ValueError for no `args`, and for a mount with `output` that is also read-only, a cache or a tmpfs.
    """
    if not args:
        raise ValueError("run requires at least one argument")
    ordered = sorted([Mount("/", root, readonly=readonly_root, output=not readonly_root), *mounts], key=_dest)
    inputs = Inputs()
    caps = {"exec.meta.base", "exec.meta.setsdefaultpath"}
    marshalled: list[ops_pb2.Mount] = []
    outputs: dict[str, int] = {}
    for mount in ordered:
        index = NO_OUTPUT
        if mount.output:
            if mount.readonly or mount.cache or mount.tmpfs:
                raise ValueError(f"the mount {mount.dest} is an output, so it cannot be read-only, a cache or a tmpfs")
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
