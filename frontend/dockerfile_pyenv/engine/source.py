"""The user's Dockerfile and its build context.

Both are found as dockerui/context.go and dockerui/config.go (BuildKit v0.32) find them: a git or http context also has
the Dockerfile; else they are inputs of the build, else the client's local directories.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from buildkit_llb import ops
from buildkit_llb.definition import Definition, Vertex, rewrite
from buildkit_llb.gateway import Gateway, Ref
from buildkit_llb.ops import State
from buildkit_llb.proto import ops_pb2
from buildkit_llb.sourcemap import source_info
from dockerfile_pyenv.engine import build_options
from dockerfile_pyenv.engine.build_options import BuildOptions
from dockerfile_pyenv.errors import PyenvError

_ARCHIVES = (b"BZh", b"\x1f\x8b\x08", b"\xfd7zXZ\x00")
"""First bytes of bzip2, gzip and xz files, which dockerui takes for archives, as it does tar."""
_PATTERN = re.compile(r"([*?\[])")
"""Characters that make a followed path a pattern (fsutil's FollowLinks)."""
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
    """Content of `<Dockerfile>.dockerignore`; None if it does not exist."""
    definition: Definition
    """The graph that the file was read from, for errors and warnings that point into it."""
    context: "Context"

    @property
    def info(self) -> ops_pb2.SourceInfo:
        """The file as errors, warnings and graphs point at it."""
        return source_info(self.filename, self.dockerfile, definition=self.definition)


class Context(NamedTuple):
    """The build context: a local directory of the client's, or a graph that holds it."""

    state: State | None
    """The graph; None for a local directory."""
    remote: bool = False
    """The graph is a git repository or an archive: upstream has to get it as an input."""


def read(gateway: Gateway, build: BuildOptions, inputs: Mapping[str, Definition]) -> Source:
    """Read the Dockerfile that the build names.

    Raises PyenvError if it does not exist or an input is empty, RpcError if the context cannot be read.
    """
    address = build.opts.get(build.opts.get(build_options.CONTEXT_KEY, build_options.CONTEXT), "")
    filename = build.filename
    state: State | None
    if remote := _remote(gateway, build, address):
        state, name = remote if isinstance(remote, tuple) else (remote, filename)
        context = Context(_subdirectory(build, state), remote=True)
        if build_options.DOCKERFILE_KEY in build.opts:
            place = _local_dockerfile(build, filename)  # the client's `-f` overrides the remote's file
        else:
            place, filename = state, name
    else:
        _refuse_nil(inputs)
        local = "dockerfile" not in inputs or build_options.DOCKERFILE_KEY in build.opts
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


def _refuse_nil(inputs: Mapping[str, Definition]) -> None:
    """Refuse an empty graph as upstream does (client/llb/definition.go): the daemon has no file system to read for it.

    Empty graphs of other names go on to the Dockerfile frontend, which knows what its version makes of them.
    """
    for name in ("context", "dockerfile"):
        if name in inputs and not inputs[name].ops:
            raise PyenvError(
                "failed to get frontend inputs: invalid nil input definition to definition op: "
                f"the input {name} is empty"
            )


def _local_dockerfile(build: BuildOptions, filename: str) -> State:
    """The op that the daemon's own frontend makes: with equal bytes it is one vertex, and the file is sent once."""
    name = build.opts.get(build_options.DOCKERFILE_KEY, "dockerfile")
    paths = [filename, filename + ".dockerignore"]
    if posixpath.basename(filename) == build_options.DEFAULT_FILENAME:
        paths.append(posixpath.join(posixpath.dirname(filename), build_options.DEFAULT_FILENAME.lower()))
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
        if base != build_options.DEFAULT_FILENAME:
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
    """The git or http context at an address; an http file that is not an archive is the Dockerfile itself."""
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
    """The graph of a git repository, made by the Dockerfile frontend, which knows the syntax of addresses."""
    if address.startswith("ssh://"):
        raise PyenvError(f"cannot read the git context {address}: write it as git@host:path.git")
    if address.startswith("github.com/"):
        address = "https://" + address
    result = gateway.solve(
        frontend="dockerfile.v0",
        opts={
            build_options.CMDLINE: "dockerfile-pyenv",
            build_options.NAMED_CONTEXT + "repository": address,
            build_options.CONTEXT_KEY: "pyenv-none",
        },
        inputs={"dockerfile": ops.marshal(ops.file(ops.scratch(), [ops.mkfile("/Dockerfile", b"FROM repository\n")]))},
    )
    definition = result.refs[""].definition
    if definition is None:
        raise PyenvError(f"cannot read the git context {address}: the engine returned no graph")
    keep = build.opts.get(build_options.KEEP_GIT_DIR, "").lower() in {"1", "t", "true"}
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
    path = build.opts.get(build_options.CONTEXT_SUBDIR)
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
    """Patterns of the files that the client excludes from a local context."""
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


def context_files(
    build: BuildOptions, source: Source, paths: Sequence[str], exclude: Sequence[str], patterns: Iterable[str] = ()
) -> State:
    """A graph with the named files of the build context, and those of the patterns, at their paths."""
    if source.context.state is not None:
        return source.context.state
    return ops.local(
        "context",
        session=build.local_session("context"),
        follow_paths=[*map(quoted, paths), *patterns],
        exclude_patterns=exclude,
        # A hint of our own: under the context's the client would send the whole context again.
        shared_key_hint="pyenv-requirements",
        description="[internal] load requirements of PYENV lines",
    )


def quoted(path: str) -> str:
    """A path as a pattern that matches this path alone."""
    return _PATTERN.sub(r"[\1]", path)
