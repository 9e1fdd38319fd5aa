"""The op that changes files, by a sequence of actions.

Fields and defaults: moby/buildkit solver/pb/ops.proto and client/llb/fileop.go (v0.32.2).
"""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from buildkit_llb.graph import NO_OUTPUT, Inputs, State, make_node
from buildkit_llb.proto import ops_pb2

_NO_TIME = -1
"""Timestamp of an action that does not set one: the modification time is the same in every build."""
_NO_MODE = -1
"""Mode of a copy that keeps the permission bits."""

Owner = tuple[int | str, int | str]
"""User and group, each a number, or a name in the /etc/passwd or /etc/group of the base."""


@dataclass(frozen=True, slots=True)
class FileAction:
    """One `action` of a file op, with the state `source` that it reads and the `owner` of what it writes.

    Use `copy`, `mkdir`, `mkfile` and `rm` to make one.
    """

    action: ops_pb2.FileAction
    source: State | None = None
    owner: Owner | None = None


def copy(  # noqa: PLR0913 - one keyword per field of the action
    source: State,
    src: str,
    dest: str,
    *,
    mode: int | None = None,
    owner: Owner | None = None,
    follow_symlink: bool = False,
    dir_copy_contents: bool = False,
    attempt_unpack: bool = False,
    create_dest_path: bool = False,
    wildcard: bool = False,
    empty_wildcard: bool = False,
    include_patterns: Sequence[str] = (),
    exclude_patterns: Sequence[str] = (),
) -> FileAction:
    """Copy `src` of the state `source` to `dest`.

    With `attempt_unpack`, an archive is extracted. With `dir_copy_contents`, the contents of a directory are copied
    instead of the directory. `mode` and `owner` replace those of the source. With `wildcard`, `src` is a pattern, which
    has to match a file unless `empty_wildcard` is set. With `follow_symlink`, a link at `src` is followed; with
    `create_dest_path`, missing directories above `dest` are made. `include_patterns` and `exclude_patterns`, as in
    .dockerignore, choose among the files of a directory.
    """
    action = ops_pb2.FileActionCopy(
        src=_absolute(src),
        dest=_absolute(dest, keep_slash=True),
        mode=_NO_MODE if mode is None else mode,
        follow_symlink=follow_symlink,
        dir_copy_contents=dir_copy_contents,
        attempt_unpack=attempt_unpack,
        create_dest_path=create_dest_path,
        allow_wildcard=wildcard,
        allow_empty_wildcard=empty_wildcard,
        timestamp=_NO_TIME,
        include_patterns=include_patterns,
        exclude_patterns=exclude_patterns,
    )
    return FileAction(ops_pb2.FileAction(copy=action), source, owner)


def mkfile(path: str, data: bytes, *, mode: int = 0o644, owner: Owner | None = None) -> FileAction:
    """Write `data` to the file `path`, with the permission bits `mode` and as `owner`, by default root."""
    action = ops_pb2.FileActionMkFile(path=_absolute(path), mode=mode & 0o777, data=data, timestamp=_NO_TIME)
    return FileAction(ops_pb2.FileAction(mkfile=action), None, owner)


def mkdir(path: str, *, mode: int = 0o755, parents: bool = False, owner: Owner | None = None) -> FileAction:
    """Make the directory `path`, and with `parents` those above it that are missing.

    They get the permission bits `mode` and the `owner`, by default root.
    """
    action = ops_pb2.FileActionMkDir(path=_absolute(path), mode=mode & 0o777, make_parents=parents, timestamp=_NO_TIME)
    return FileAction(ops_pb2.FileAction(mkdir=action), None, owner)


def rm(path: str, *, allow_not_found: bool = False, wildcard: bool = False) -> FileAction:
    """Remove a file, or a directory with its contents.

    With `wildcard`, `path` is a pattern. Nothing to remove is an error, unless `allow_not_found` is set.
    """
    action = ops_pb2.FileActionRm(path=_absolute(path), allow_not_found=allow_not_found, allow_wildcard=wildcard)
    return FileAction(ops_pb2.FileAction(rm=action))


def file(base: State, actions: Sequence[FileAction], *, description: str = "") -> State:
    """Apply `actions` to `base`, in order: FileOp.

    `description` is the step's name in the progress output. Raises ValueError for no actions.
    """
    if not actions:
        raise ValueError("file requires at least one action")
    inputs = Inputs()
    base_index = inputs.add(base)
    caps = {"file.base"}
    marshalled: list[ops_pb2.FileAction] = []
    sources = [inputs.add(one.source) for one in actions]
    for position, (one, source) in enumerate(zip(actions, sources, strict=True)):
        action = ops_pb2.FileAction()
        action.CopyFrom(one.action)
        action.input = base_index if position == 0 else len(inputs.inputs) + position - 1
        action.secondary_input = source
        action.output = 0 if position == len(actions) - 1 else NO_OUTPUT
        if one.owner is not None:
            _set_owner(action, one.owner, base_index)
        if action.copy.include_patterns or action.copy.exclude_patterns:
            caps.add("file.copy.includeexcludepatterns")
        marshalled.append(action)
    op = ops_pb2.Op(inputs=inputs.inputs, file=ops_pb2.FileOp(actions=marshalled))
    return State(make_node(op, inputs=inputs.nodes, caps=caps, description=description))


def _set_owner(action: ops_pb2.FileAction, owner: Owner, base_index: int) -> None:
    opts = [
        ops_pb2.UserOpt(by_id=one)
        if isinstance(one, int)
        else ops_pb2.UserOpt(by_name=ops_pb2.NamedUserOpt(name=one, input=base_index))
        for one in owner
    ]
    chown = ops_pb2.ChownOpt(user=opts[0], group=opts[1])
    kind = action.WhichOneof("action")
    if kind == "copy":
        action.copy.owner.CopyFrom(chown)
    elif kind == "mkfile":
        action.mkfile.owner.CopyFrom(chown)
    else:
        action.mkdir.owner.CopyFrom(chown)


def _absolute(path: str, *, keep_slash: bool = False) -> str:
    """Make a path absolute. With `keep_slash`, keep a final `/` or `/.`: a copy reads it (client/llb/fileop.go)."""
    absolute = "/" + posixpath.normpath("/" + path).lstrip("/")  # Go's path.Clean has no special root `//`
    if absolute != "/" and keep_slash and path.endswith(("/", "/.")):
        absolute += "/"
    if keep_slash and path.endswith("/."):
        absolute += "."
    return absolute
