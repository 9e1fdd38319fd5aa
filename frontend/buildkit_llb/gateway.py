"""Typed calls to the daemon's gateway.

Messages and RPCs: moby/buildkit frontend/gateway/pb/gateway.proto. What a daemon can do is asked by capability, never
by version, which the gateway does not tell.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol, Self

from buildkit_llb.definition import Definition, check
from buildkit_llb.errors import VERTEX, Range, RpcError, Status, UnsupportedError
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import gateway_pb2, ops_pb2
from buildkit_llb.sourcemap import range_to_pb

# Capabilities: moby/buildkit frontend/gateway/pb/caps.go, with the first version that has them.
CAP_INPUTS = "frontend.inputs"
"""Inputs can be asked for and handed over (BuildKit 0.7)."""
CAP_WARNINGS = "gateway.warnings"
"""Warn exists (BuildKit 0.10)."""
CAP_SOURCE_META = "source.metaresolver"
"""ResolveSourceMeta exists (BuildKit 0.13)."""

# Capabilities of LLB: moby/buildkit solver/pb/caps.go.
CAP_MERGE_OP = "mergeop"
"""MergeOp works: BuildKit 0.10, and a snapshotter that can, so not Docker's classic image store."""
CAP_DIFF_OP = "diffop"
"""DiffOp works; see `CAP_MERGE_OP`."""

_SERVICE = "/moby.buildkit.v1.frontend.LLBBridge/"
_GO_MODE_DIR = 1 << 31
_GO_MODE_SYMLINK = 1 << 27
_GO_MODE_TYPE = 0x8F280000
"""Type bits of Go's io/fs.FileMode: dir, symlink, pipe, socket, device, character device, irregular."""


class Caller(Protocol):
    """What a Gateway needs of a connection; `stdio.Connection` is one."""

    def unary(self, path: str, request: bytes) -> bytes:
        """Call an RPC and wait for its answer."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The capabilities that the daemon has enabled, of the gateway and of LLB."""

    frontend: frozenset[str]
    llb: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ref:
    """A solved graph, by the daemon's id for it. An empty id is nil: an empty file system, or none at all.

    `definition` is the graph that it was solved from, with names and source locations, where the daemon told.
    """

    id: str = ""
    definition: Definition | None = None


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement about a result. `message` holds all of it but the ref."""

    message: gateway_pb2.Attestation
    ref: Ref | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a solve gives and a build returns.

    `refs` holds a single ref under the key "", or with `is_map` one per platform. `attestations` are by platform too.
    `unknown` holds fields of newer daemons.
    """

    refs: Mapping[str, Ref] = field(default_factory=lambda: MappingProxyType({}))
    is_map: bool = False
    metadata: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    attestations: Mapping[str, tuple[Attestation, ...]] = field(default_factory=lambda: MappingProxyType({}))
    unknown: bytes = b""

    @classmethod
    def from_pb(cls, result: gateway_pb2.Result) -> Self:
        """Take over a parsed message; refs that are mere strings (BuildKit < 0.7) are understood."""
        rest = gateway_pb2.Result()
        rest.CopyFrom(result)
        for name in ("ref_deprecated", "refs_deprecated", "ref", "refs", "metadata", "attestations"):
            rest.ClearField(name)
        refs: dict[str, Ref] = {}
        kind = result.WhichOneof("result")
        if kind == "ref":
            refs[""] = _ref(result.ref)
        elif kind == "refs":
            refs = {key: _ref(result.refs.refs[key]) for key in sorted(result.refs.refs)}
        elif kind == "ref_deprecated":
            refs[""] = Ref(result.ref_deprecated)
        elif kind == "refs_deprecated":
            refs = {key: Ref(one) for key, one in sorted(result.refs_deprecated.refs.items())}
        return cls(
            refs=MappingProxyType(refs),
            is_map=kind in ("refs", "refs_deprecated"),
            metadata=MappingProxyType({key: result.metadata[key] for key in sorted(result.metadata)}),
            attestations=MappingProxyType(
                {
                    key: tuple(_attestation(one) for one in result.attestations[key].attestation)
                    for key in sorted(result.attestations)
                }
            ),
            unknown=rest.SerializeToString(),
        )

    def to_pb(self) -> gateway_pb2.Result:
        """Build the message. Refs go by their ids alone: the daemon knows the graphs, and they count for the size."""
        result = gateway_pb2.Result(metadata=self.metadata)
        if self.is_map:
            result.refs.SetInParent()
            for key, ref in self.refs.items():
                result.refs.refs[key].id = ref.id
        elif "" in self.refs:
            result.ref.SetInParent()
            result.ref.id = self.refs[""].id
        for key, statements in self.attestations.items():
            result.attestations[key].SetInParent()
            for statement in statements:
                message = result.attestations[key].attestation.add()
                message.CopyFrom(statement.message)
                if statement.ref is not None:
                    message.ref.SetInParent()
                    message.ref.id = statement.ref.id
        result.MergeFromString(self.unknown)
        return result

    def map_refs(self, fn: Callable[[Ref], Ref]) -> Self:
        """Replace every ref that is not nil, those of attestations too."""
        refs = {key: _map_ref(ref, fn) for key, ref in self.refs.items()}
        attestations = {
            key: tuple(one if one.ref is None else replace(one, ref=_map_ref(one.ref, fn)) for one in statements)
            for key, statements in self.attestations.items()
        }
        return replace(self, refs=MappingProxyType(refs), attestations=MappingProxyType(attestations))


@dataclass(frozen=True, slots=True)
class CacheImport:
    """A cache to import from, such as type `registry` with the attr `ref`."""

    type: str
    attrs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stat:
    """What is known of a file. `mode` are the bits of Go's io/fs.FileMode, `mtime` is in nanoseconds since 1970."""

    path: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    linkname: str

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return bool(self.mode & _GO_MODE_DIR)

    @property
    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return bool(self.mode & _GO_MODE_SYMLINK)

    @property
    def is_regular(self) -> bool:
        """Whether it is a regular file."""
        return not self.mode & _GO_MODE_TYPE

    @property
    def permissions(self) -> int:
        """The permission bits, such as 0o644."""
        return stat.S_IMODE(self.mode & 0o777)


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image's config as JSON, its digest, and the reference that was resolved (a policy may have changed it)."""

    ref: str
    digest: str
    config: bytes


@dataclass(frozen=True, slots=True)
class SourceMeta:
    """What a source is before it is fetched.

    `checksum` is a git commit or the digest of a download, `image` is there for images.
    """

    identifier: str
    attrs: Mapping[str, str]
    image: ImageConfig | None
    checksum: str


class Gateway:
    """The calls of one build. All raise RpcError and ConnectionLostError."""

    def __init__(self, connection: Caller) -> None:
        self._connection = connection
        self._caps: Caps | None = None

    @property
    def caps(self) -> Caps:
        """What the daemon can do; asked once."""
        if self._caps is None:
            answer = gateway_pb2.PongResponse.FromString(self._call("Ping", gateway_pb2.PingRequest()))
            self._caps = Caps(
                frontend=frozenset(cap.id for cap in answer.frontend_api_caps if cap.enabled),
                llb=frozenset(cap.id for cap in answer.llb_caps if cap.enabled),
            )
        return self._caps

    def solve(  # noqa: PLR0913 - the parts of a solve
        self,
        *,
        definition: Definition | None = None,
        frontend: str = "",
        opts: Mapping[str, str] | None = None,
        inputs: Mapping[str, Definition] | None = None,
        cache_imports: Iterable[CacheImport] = (),
        evaluate: bool = False,
    ) -> Result:
        """Solve a graph, or let another frontend make one.

        Without `evaluate` the answer is lazy: nothing is built before someone reads from it, and errors come then.
        Raises DefinitionError for a graph that would crash the daemon, and ValueError for a definition and a frontend
        at once, which the daemon refuses (solver/llbsolver/provenance.go).
        """
        if definition is not None and frontend:
            raise ValueError("a solve takes a definition or a frontend, not both")
        request = gateway_pb2.SolveRequest(
            frontend=frontend,
            frontend_opt=opts,
            allow_result_return=True,
            allow_result_array_ref=True,
            evaluate=evaluate,
        )
        if definition is not None:
            check(definition)
            request.definition.CopyFrom(definition.to_pb())
        for key, one in (inputs or {}).items():
            check(one)
            request.frontend_inputs[key].CopyFrom(one.to_pb())
        for cache in cache_imports:
            request.cache_imports.add(type=cache.type, attrs=cache.attrs)
        answer = gateway_pb2.SolveResponse.FromString(self._call("Solve", request))
        if not answer.HasField("result"):
            return Result(refs=MappingProxyType({"": Ref(answer.ref)}))
        return Result.from_pb(answer.result)

    def read_file(self, ref: Ref, path: str, *, offset: int = 0, length: int = 0) -> bytes:
        """Read a file, or `length` bytes of it from `offset`; builds the ref if need be. An answer holds up to 16 MiB.

        Raises FileNotFoundError, NotADirectoryError and IsADirectoryError, and OSError for what is no regular file.
        """
        if offset and not length:
            raise ValueError("an offset needs a length")
        request = gateway_pb2.ReadFileRequest(ref=ref.id, file_path=path)
        if length:
            request.range.CopyFrom(gateway_pb2.FileRange(offset=offset, length=length))
        try:
            return gateway_pb2.ReadFileResponse.FromString(self._call("ReadFile", request)).data
        except RpcError as error:
            found = _file_error(error, path)
            if found is None:
                raise
            if found.errno == errno.EINVAL and self.stat_file(ref, path).is_dir:
                found = _os_error(errno.EISDIR, path)
            raise found from error

    def stat_file(self, ref: Ref, path: str) -> Stat:
        """Look at a file; symbolic links are followed. Raises FileNotFoundError and NotADirectoryError."""
        request = gateway_pb2.StatFileRequest(ref=ref.id, path=path)
        try:
            answer = gateway_pb2.StatFileResponse.FromString(self._call("StatFile", request))
        except RpcError as error:
            raise _file_error(error, path) or error from error
        return _stat(answer.stat)

    def read_dir(self, ref: Ref, path: str, *, include_pattern: str = "") -> tuple[Stat, ...]:
        """List a directory. Raises FileNotFoundError and NotADirectoryError."""
        request = gateway_pb2.ReadDirRequest(ref=ref.id, dir_path=path, include_pattern=include_pattern)
        try:
            answer = gateway_pb2.ReadDirResponse.FromString(self._call("ReadDir", request))
        except RpcError as error:
            raise _file_error(error, path) or error from error
        return tuple(_stat(entry) for entry in answer.entries)

    def resolve_image_config(
        self, name: str, *, platform: Platform | None = None, resolve_mode: str = "", log_name: str = ""
    ) -> ImageConfig:
        """Find an image's config without pulling its layers.

        `name` is a reference in full (`ops.normalize_image`); `resolve_mode` is `default`, `pull` or `local`;
        `log_name` is what progress shows.
        """
        request = gateway_pb2.ResolveImageConfigRequest(
            ref=name,
            platform=None if platform is None else platform.to_pb(),
            resolve_mode=resolve_mode,
            log_name=log_name,
        )
        answer = gateway_pb2.ResolveImageConfigResponse.FromString(self._call("ResolveImageConfig", request))
        return ImageConfig(answer.ref or name, answer.digest, answer.config)

    def resolve_source_meta(
        self,
        identifier: str,
        *,
        attrs: Mapping[str, str] | None = None,
        platform: Platform | None = None,
        resolve_mode: str = "",
        log_name: str = "",
    ) -> SourceMeta:
        """Find what a source op will fetch. Raises UnsupportedError before BuildKit 0.13."""
        if CAP_SOURCE_META not in self.caps.frontend:
            raise UnsupportedError(CAP_SOURCE_META)
        request = gateway_pb2.ResolveSourceMetaRequest(
            source=ops_pb2.SourceOp(identifier=identifier, attrs=attrs),
            platform=None if platform is None else platform.to_pb(),
            resolve_mode=resolve_mode,
            log_name=log_name,
        )
        answer = gateway_pb2.ResolveSourceMetaResponse.FromString(self._call("ResolveSourceMeta", request))
        return SourceMeta(
            identifier=answer.source.identifier,
            attrs=MappingProxyType(dict(answer.source.attrs)),
            image=ImageConfig(answer.source.identifier.partition("://")[2], answer.image.digest, answer.image.config)
            if answer.HasField("image")
            else None,
            checksum=answer.git.checksum or answer.http.checksum,
        )

    def inputs(self) -> dict[str, Definition]:
        """Ask for the graphs that the caller handed over; none where the daemon knows no inputs."""
        if CAP_INPUTS not in self.caps.frontend:
            return {}
        answer = gateway_pb2.InputsResponse.FromString(self._call("Inputs", gateway_pb2.InputsRequest()))
        return {key: Definition.from_pb(answer.definitions[key]) for key in sorted(answer.definitions)}

    def warn(  # noqa: PLR0913 - the parts of a warning
        self,
        digest: str,
        short: str,
        *,
        level: int = 1,
        detail: Sequence[str] = (),
        url: str = "",
        source_info: ops_pb2.SourceInfo | None = None,
        ranges: Sequence[Range] = (),
    ) -> None:
        """Show a warning beside the vertex `digest`; before BuildKit 0.10 nothing is shown.

        Clients print levels 1 and higher. `source_info` and `ranges` give the excerpt (`sourcemap.source_info`).
        """
        if CAP_WARNINGS not in self.caps.frontend:
            return
        request = gateway_pb2.WarnRequest(
            digest=digest,
            level=level,
            short=short.encode(),
            detail=[line.encode() for line in detail],
            url=url,
            info=source_info,
            ranges=[range_to_pb(one) for one in ranges],
        )
        self._call("Warn", request)

    def return_result(self, result: Result) -> None:
        """End the build with a result; once only, and then the process has to end with status 0."""
        self._call("Return", gateway_pb2.ReturnRequest(result=result.to_pb()))

    def return_error(self, status: Status) -> None:
        """End the build with an error; once only."""
        self._call("Return", gateway_pb2.ReturnRequest(error=status.to_pb()))

    def _call(self, name: str, request: "_Message") -> bytes:
        return self._connection.unary(_SERVICE + name, request.SerializeToString(deterministic=True))


class _Message(Protocol):
    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...  # noqa: N802 - protobuf's name


def _ref(ref: gateway_pb2.Ref) -> Ref:
    return Ref(ref.id, Definition.from_pb(ref.definition) if ref.HasField("definition") else None)


def _map_ref(ref: Ref, fn: Callable[[Ref], Ref]) -> Ref:
    return fn(ref) if ref.id else ref


def _attestation(message: gateway_pb2.Attestation) -> Attestation:
    rest = gateway_pb2.Attestation()
    rest.CopyFrom(message)
    rest.ClearField("ref")
    return Attestation(rest, _ref(message.ref) if message.HasField("ref") else None)


def _stat(entry: gateway_pb2.Stat) -> Stat:
    return Stat(entry.path, entry.mode, entry.uid, entry.gid, entry.size, entry.mod_time, entry.linkname)


_FILE_ERRORS = (
    (re.compile(r"no such file or directory$"), errno.ENOENT),
    (re.compile(r"not a directory$"), errno.ENOTDIR),
    (re.compile(r"is a directory$"), errno.EISDIR),
    (re.compile(r"is not a regular file$"), errno.EINVAL),
)
"""What a daemon says of a file, as text of code Unknown (frontend/gateway/gateway.go, cache/util/fsutil.go)."""


def _file_error(error: RpcError, path: str) -> OSError | None:
    """Tell an error of the file itself from one of the build that had to run before it could be read."""
    if error.status.has(VERTEX):
        return None
    numbers = (number for pattern, number in _FILE_ERRORS if pattern.search(error.status.message))
    number = next(numbers, None)
    return None if number is None else _os_error(number, path)


def _os_error(number: int, path: str) -> OSError:
    """Make the subclass of OSError that belongs to an error number."""
    words = "not a regular file" if number == errno.EINVAL else os.strerror(number)
    return OSError(number, words, path)
