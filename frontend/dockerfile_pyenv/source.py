"""The user's Dockerfile, and the build context that it comes with.

Where both come from is decided as dockerui/context.go and dockerui/config.go (BuildKit v0.32) decide it: a git or http
context holds the Dockerfile too; otherwise an input of the build, otherwise the client's local directories.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from buildkit_llb import ops
from buildkit_llb.definition import Definition, Vertex, rewrite
from buildkit_llb.gateway import Gateway, Ref
from buildkit_llb.ops import State
from buildkit_llb.proto import ops_pb2
from dockerfile_pyenv import options
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.options import BuildOptions

_ARCHIVES = (b"BZh", b"\x1f\x8b\x08", b"\xfd7zXZ\x00")
"""First bytes of bzip2, gzip and xz files: what dockerui takes for an archive, beside tar."""
_PATTERN = re.compile(r"([*?\[])")
"""What makes a path to follow a pattern (fsutil's FollowLinks)."""
_TAR_MAGIC = slice(257, 262)
_HTTP = re.compile(r"https?://")
_GIT_HTTP = re.compile(r"https?://[^#?]*\.git([#?].*)?", re.DOTALL)
"""An http address is a git repository only with this suffix (dfgitutil/git_ref.go)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A Dockerfile as read, and where its build context is."""

    dockerfile: bytes
    filename: str
    ignore: bytes | None
    """Content of `<Dockerfile>.dockerignore`; None where there is none."""
    definition: Definition
    """The graph that the file was read from, for errors and warnings that point into it."""
    context: "Context"


@dataclass(frozen=True, slots=True)
class Context:
    """The build context: a local directory of the client's, or a graph that holds it."""

    state: State | None
    """The graph; None for a local directory."""
    remote: bool = False
    """The graph is a git repository's or an archive's: upstream must be led to it by name."""


def read(gateway: Gateway, build: BuildOptions, inputs: Mapping[str, Definition]) -> Source:
    """Read the Dockerfile that the build names.

    Raises PyenvError where there is none of that name; RpcError where its place cannot be read.
    """
    address = build.opts.get(build.opts.get(options.CONTEXT_KEY, options.CONTEXT), "")
    filename = build.filename
    state: State | None
    if remote := _remote(gateway, build, address):
        state, name = remote if isinstance(remote, tuple) else (remote, filename)
        context = Context(_subdirectory(build, state), remote=True)
        if options.DOCKERFILE_KEY in build.opts:
            place = _local_dockerfile(build, filename)  # `-f` of the client's goes before the remote's own
        else:
            place, filename = state, name
    else:
        local = "dockerfile" not in inputs or options.DOCKERFILE_KEY in build.opts
        place = _local_dockerfile(build, filename) if local else ops.from_definition(inputs["dockerfile"])
        state = ops.from_definition(inputs["context"]) if "context" in inputs else None
        context = Context(_subdirectory(build, state) if state else None)
    definition = ops.marshal(place)
    ref = gateway.solve(definition=definition).refs[""]
    try:
        text = _read_dockerfile(gateway, ref, filename)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise PyenvError(f"failed to read dockerfile: open {filename}: {error.strerror}") from None
    ignore = _read_optional(gateway, ref, filename + ".dockerignore")
    return Source(text, filename, ignore, definition, context)


def _local_dockerfile(build: BuildOptions, filename: str) -> State:
    """The op that the daemon's own frontend makes: equal bytes share its vertex, and the file is sent once."""
    name = build.opts.get(options.DOCKERFILE_KEY, "dockerfile")
    paths = [filename, filename + ".dockerignore"]
    if posixpath.basename(filename) == options.DEFAULT_FILENAME:
        paths.append(posixpath.join(posixpath.dirname(filename), options.DEFAULT_FILENAME.lower()))
    return ops.local(
        name,
        session=build.local_session(name),
        follow_paths=paths,
        shared_key_hint=name,
        differ_none=True,
        description=f"[internal] load build definition from {filename}",
    )


def _read_dockerfile(gateway: Gateway, ref: Ref, filename: str) -> bytes:
    try:
        return gateway.read_file(ref, filename)
    except FileNotFoundError:
        folder, base = posixpath.split(filename)
        if base != options.DEFAULT_FILENAME:
            raise
        lower = _read_optional(gateway, ref, posixpath.join(folder, base.lower()))
        if lower is None:
            raise
        return lower


def _read_optional(gateway: Gateway, ref: Ref, path: str) -> bytes | None:
    try:
        return gateway.read_file(ref, path)
    except (FileNotFoundError, IsADirectoryError):
        return None


def _remote(gateway: Gateway, build: BuildOptions, address: str) -> State | tuple[State, str] | None:
    """The git or http context at an address; an http file that is no archive is the Dockerfile itself."""
    if _is_git(address):
        return _git(gateway, build, address)
    if not _HTTP.match(address):
        return None
    download = ops.http(address, filename="context", description="[internal] load remote build context")
    ref = gateway.solve(definition=ops.marshal(download)).refs[""]
    head = gateway.read_file(ref, "context", length=1024)
    if head.startswith(_ARCHIVES) or head[_TAR_MAGIC] == b"ustar":
        return ops.file(ops.scratch(), [ops.copy(download, "/context", "/", attempt_unpack=True)])
    return download, "context"


def _is_git(address: str) -> bool:
    return address.startswith(("git://", "ssh://", "git@", "github.com/")) or bool(_GIT_HTTP.fullmatch(address))


def _git(gateway: Gateway, build: BuildOptions, address: str) -> State:
    """The graph of a git repository, which the Dockerfile frontend makes: addresses are its language, not ours."""
    if address.startswith("ssh://"):
        raise PyenvError(f"cannot read the git context {address}: write it as git@host:path.git")
    if address.startswith("github.com/"):
        address = "https://" + address
    result = gateway.solve(
        frontend="dockerfile.v0",
        opts={
            options.CMDLINE: "dockerfile-pyenv",
            options.NAMED_CONTEXT + "repository": address,
            options.CONTEXT_KEY: "pyenv-none",
        },
        inputs={"dockerfile": ops.marshal(ops.file(ops.scratch(), [ops.mkfile("/Dockerfile", b"FROM repository\n")]))},
    )
    definition = result.refs[""].definition
    if definition is None:
        raise PyenvError(f"cannot read the git context {address}: the engine gave no graph for it")
    keep = build.opts.get(options.KEEP_GIT_DIR, "").lower() in {"1", "t", "true"}
    return ops.from_definition(_keep_git_directory(definition) if keep else definition)


def _keep_git_directory(definition: Definition) -> Definition:
    def keep(vertex: Vertex) -> ops_pb2.Op | None:
        if not vertex.op.source.identifier.startswith("git://"):
            return None
        op = ops_pb2.Op()
        op.CopyFrom(vertex.op)
        op.source.attrs["git.keepgitdir"] = "true"
        return op

    return rewrite(definition, keep)


def _subdirectory(build: BuildOptions, state: State) -> State:
    path = build.opts.get(options.CONTEXT_SUBDIR)
    if not path:
        return state
    return ops.file(ops.scratch(), [ops.copy(state, path, "/", dir_copy_contents=True)])


def ignore_patterns(data: bytes) -> tuple[str, ...]:
    """Patterns of a `.dockerignore` file, as moby/patternmatcher's ignorefile reads them."""
    patterns = []
    for raw in data.decode("utf-8-sig", "replace").split("\n"):
        if raw.startswith("#"):
            continue
        pattern = raw.strip()
        negated = pattern.startswith("!")
        pattern = pattern[1:].strip() if negated else pattern
        if not pattern:
            if negated:
                patterns.append("!")
            continue
        pattern = posixpath.normpath(pattern)
        pattern = pattern.lstrip("/") if len(pattern) > 1 else pattern
        patterns.append("!" + pattern if negated else pattern)
    return tuple(patterns)


def excluded(gateway: Gateway, build: BuildOptions, source: Source) -> tuple[str, ...]:
    """Patterns of the files that the client keeps back from a local context."""
    if source.context.state is not None:
        return ()
    data = source.ignore
    if data is None:
        state = ops.local(
            "context",
            session=build.local_session("context"),
            follow_paths=[".dockerignore"],
            shared_key_hint="context-.dockerignore",
            differ_none=True,
            description="[internal] load .dockerignore",
        )
        data = _read_optional(gateway, gateway.solve(definition=ops.marshal(state)).refs[""], ".dockerignore")
    return ignore_patterns(data or b"")


def context_files(build: BuildOptions, source: Source, paths: Sequence[str], exclude: Sequence[str]) -> State:
    """A graph that holds the named files of the build context, at their paths."""
    if source.context.state is not None:
        return source.context.state
    return ops.local(
        "context",
        session=build.local_session("context"),
        follow_paths=[_PATTERN.sub(r"[\1]", path) for path in paths],
        exclude_patterns=exclude,
        # A hint of our own: under the context's the client would send the whole context again.
        shared_key_hint="pyenv-requirements",
        description="[internal] load requirements of PYENV lines",
    )
