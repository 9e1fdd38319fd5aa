"""The calls that a frontend makes to the daemon, one method of `Gateway` each.

To add a call, add its messages to proto/gateway.proto (`make proto` generates the code), a method here, and a test with
the stand-in daemon. Check for capabilities, never for versions: the gateway does not report the daemon's version.

Messages and RPCs: moby/buildkit frontend/gateway/pb/gateway.proto.
"""

import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from buildkit_llb.definition import Definition, check
from buildkit_llb.errors import Range, RpcError, Status, UnsupportedError
from buildkit_llb.files import Stat, file_error, os_error
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import gateway_pb2, ops_pb2
from buildkit_llb.result import Attestation, Ref, Result
from buildkit_llb.sourcemap import range_to_pb

__all__ = [
    "CAP_DIFF_OP",
    "CAP_MERGE_OP",
    "Attestation",
    "CacheImport",
    "Caps",
    "Gateway",
    "ImageConfig",
    "Ref",
    "Result",
    "SourceMeta",
    "Stat",
    "Transport",
]

# Gateway capabilities: moby/buildkit frontend/gateway/pb/caps.go, each with the first version that has it.
_CAP_INPUTS = "frontend.inputs"  # BuildKit 0.7
_CAP_WARNINGS = "gateway.warnings"  # BuildKit 0.10
_CAP_SOURCE_META = "source.metaresolver"  # BuildKit 0.13

# LLB capabilities: moby/buildkit solver/pb/caps.go.
CAP_MERGE_OP = "mergeop"
"""The daemon can run MergeOp, which `ops.merge` makes.

Requires BuildKit 0.10 and a snapshotter that supports it, which Docker's classic image store does not.
"""
CAP_DIFF_OP = "diffop"
"""The daemon can run DiffOp, which `ops.diff` makes. Requires the same as `CAP_MERGE_OP`."""

_SERVICE = "/moby.buildkit.v1.frontend.LLBBridge/"


class Transport(Protocol):
    """What a Gateway requires of its connection. `Connection` implements it; tests can pass their own."""

    def unary(self, path: str, request: bytes) -> bytes:
        """Send `request` to the RPC at `path`, `/<package>.<Service>/<Method>`; the response. Both are serialized."""

    def start(self, path: str, request: bytes) -> Callable[[], bytes]:
        """Send `request` to the RPC at `path` as `unary` does, and return a function that waits for the response."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The capabilities that the daemon has enabled: `frontend` those of the gateway, `llb` those of graphs."""

    frontend: frozenset[str]
    llb: frozenset[str]


@dataclass(frozen=True, slots=True)
class CacheImport:
    """A cache to import from, such as `CacheImport("registry", {"ref": "example.org/cache"})`.

    `type` and `attrs` are those of `docker buildx build --cache-from=type=…` (CacheOptionsEntry, gateway.proto).
    """

    type: str
    attrs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image's config, as `Gateway.resolve_image_config` finds it.

    `ref` is the reference that was resolved, which a source policy may have changed, `digest` that of its manifest or
    index, and `config` the JSON of the OCI image specification.
    """

    ref: str
    digest: str
    config: bytes


@dataclass(frozen=True, slots=True)
class SourceMeta:
    """What a source op will fetch, as `Gateway.resolve_source_meta` finds it.

    `identifier` and `attrs` are the op's, which a source policy may have changed. `image` is set for images, and
    `checksum` for git (the commit) and http (the digest).
    """

    identifier: str
    attrs: Mapping[str, str]
    image: ImageConfig | None
    checksum: str


class Gateway:
    """The calls of one build, on a `connection` to the daemon that runs the frontend.

    Every call raises RpcError if the daemon answers with an error, and ConnectionLostError if it does not answer.
    """

    def __init__(self, connection: Transport) -> None:
        self._connection = connection
        self._caps: Caps | None = None

    @property
    def caps(self) -> Caps:
        """The daemon's capabilities; the first use calls the daemon."""
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
        """Solve `definition`, or run another frontend, such as `dockerfile.v0`, with `opts` and `inputs`.

        Results are lazy unless `evaluate` is set: the daemon builds a ref, and reports its errors, when the ref is
        first read or returned. `cache_imports` are caches to read from, in addition to those of the client.

        Raises DefinitionError for a graph that would crash the daemon, and ValueError for both a definition and a
        frontend, which the daemon rejects (solver/llbsolver/provenance.go).
        """
        return self.start_solve(
            definition=definition,
            frontend=frontend,
            opts=opts,
            inputs=inputs,
            cache_imports=cache_imports,
            evaluate=evaluate,
        )()

    def start_solve(  # noqa: PLR0913 - the parts of a solve
        self,
        *,
        definition: Definition | None = None,
        frontend: str = "",
        opts: Mapping[str, str] | None = None,
        inputs: Mapping[str, Definition] | None = None,
        cache_imports: Iterable[CacheImport] = (),
        evaluate: bool = False,
    ) -> Callable[[], Result]:
        """Start a solve, and return a function that waits for the result: the daemon solves in parallel.

        `definition`, `frontend`, `opts`, `inputs`, `cache_imports` and `evaluate` are those of `solve`, and so are the
        errors, ValueError and DefinitionError before the call.
        """
        if definition is not None and frontend:
            raise ValueError("solve takes a definition or a frontend, not both")
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
        response = self._connection.start(_SERVICE + "Solve", request.SerializeToString(deterministic=True))

        def wait() -> Result:
            answer = gateway_pb2.SolveResponse.FromString(response())
            if not answer.HasField("result"):
                return Result(refs=MappingProxyType({"": Ref(answer.ref)}))
            return Result.from_pb(answer.result)

        return wait

    def read_file(self, ref: Ref, path: str, *, offset: int = 0, length: int = 0) -> bytes:
        """Read the file `path` of `ref`, or `length` bytes of it from `offset`. The daemon builds the ref first.

        A response holds at most 16 MiB (4 MiB before BuildKit 0.14): read larger files in parts.

        Raises FileNotFoundError, NotADirectoryError or IsADirectoryError, OSError for other files that are not regular,
        and ValueError for an `offset` without a `length`.
        """
        if offset and not length:
            raise ValueError("offset requires length")
        request = gateway_pb2.ReadFileRequest(ref=ref.id, file_path=path)
        if length:
            request.range.CopyFrom(gateway_pb2.FileRange(offset=offset, length=length))
        try:
            return gateway_pb2.ReadFileResponse.FromString(self._call("ReadFile", request)).data
        except RpcError as error:
            found = file_error(error, path)
            if found is None:
                raise
            if found.errno == errno.EINVAL and self.stat_file(ref, path).is_dir:
                found = os_error(errno.EISDIR, path)
            raise found from error

    def stat_file(self, ref: Ref, path: str) -> Stat:
        """Return the metadata of the file `path` of `ref`, following symbolic links.

        Raises FileNotFoundError or NotADirectoryError.
        """
        request = gateway_pb2.StatFileRequest(ref=ref.id, path=path)
        try:
            answer = gateway_pb2.StatFileResponse.FromString(self._call("StatFile", request))
        except RpcError as error:
            raise file_error(error, path) or error from error
        return Stat.from_pb(answer.stat)

    def read_dir(self, ref: Ref, path: str, *, include_pattern: str = "") -> tuple[Stat, ...]:
        """List the directory `path` of `ref`; `include_pattern` is a glob.

        Raises FileNotFoundError or NotADirectoryError.
        """
        request = gateway_pb2.ReadDirRequest(ref=ref.id, dir_path=path, include_pattern=include_pattern)
        try:
            answer = gateway_pb2.ReadDirResponse.FromString(self._call("ReadDir", request))
        except RpcError as error:
            raise file_error(error, path) or error from error
        return tuple(Stat.from_pb(entry) for entry in answer.entries)

    def resolve_image_config(
        self, name: str, *, platform: Platform | None = None, resolve_mode: str = "", log_name: str = ""
    ) -> ImageConfig:
        """Resolve an image's config without pulling its layers.

        `name` is a full reference (see `ops.normalize_image`), `platform` and `resolve_mode` are as for `ops.image`.
        `log_name` is the step's name in the progress output.
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
        """Resolve what a source op would fetch: an image's digest, a git ref's commit, a download's digest.

        `identifier` and `attrs` are those of the op, such as `git://example.org/repository#main`. `platform`,
        `resolve_mode` and `log_name` are as for `resolve_image_config`. Raises UnsupportedError before BuildKit 0.13.
        """
        if _CAP_SOURCE_META not in self.caps.frontend:
            raise UnsupportedError(_CAP_SOURCE_META)
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
        """Return the graphs that the client passed as inputs, by name; empty before BuildKit 0.7."""
        if _CAP_INPUTS not in self.caps.frontend:
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
        """Show a warning for the vertex `digest`. Does nothing before BuildKit 0.10.

        `short` is one line, `detail` more of them, and `url` leads to an explanation. Clients print warnings of `level`
        1 and above. `source_info` (see `sourcemap.source_info`) and `ranges` are the lines that they quote with it.
        """
        if _CAP_WARNINGS not in self.caps.frontend:
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
        """End the build with `result`. Call once; the process must then exit with status 0, or the build fails."""
        self._call("Return", gateway_pb2.ReturnRequest(result=result.to_pb()))

    def return_error(self, status: Status) -> None:
        """End the build with the error `status`. Call once; code 0 is sent as `errors.UNKNOWN`."""
        self._call("Return", gateway_pb2.ReturnRequest(error=status.to_pb()))

    def _call(self, name: str, request: "_Message") -> bytes:
        return self._connection.unary(_SERVICE + name, request.SerializeToString(deterministic=True))


class _Message(Protocol):
    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...  # noqa: N802 - protobuf's name
