"""Typed calls, against the stand-in daemon."""

import errno
from collections.abc import Callable, Mapping

import pytest
from tests.unit.buildkit_llb.daemon import Daemon, Reply

from buildkit_llb import ops
from buildkit_llb.definition import Definition, DefinitionError
from buildkit_llb.errors import VERTEX, Detail, Range, RpcError, Status, UnsupportedError
from buildkit_llb.gateway import Attestation, CacheImport, Caps, Gateway, ImageConfig, Ref, Result, SourceMeta, Stat
from buildkit_llb.platforms import Platform
from buildkit_llb.proto import gateway_pb2, ops_pb2, status_pb2
from buildkit_llb.sourcemap import source_info

_GRAPH = ops.marshal(ops.image("debian", description="base"))
_UNKNOWN = b"\xfa\x01\x03new"


def _pong(*caps: str) -> Callable[[bytes], bytes]:
    """Answer Ping with these capabilities, and some that are disabled."""
    disabled = gateway_pb2.APICap(id="disabled")
    answer = gateway_pb2.PongResponse(
        frontend_api_caps=[disabled, *(gateway_pb2.APICap(id=cap, enabled=True) for cap in caps)],
        llb_caps=[disabled, gateway_pb2.APICap(id="mergeop", enabled=True)],
    )
    return lambda _: answer.SerializeToString()


def _daemon(handlers: Mapping[str, Callable[[bytes], bytes | Status | Reply]], *caps: str) -> Daemon:
    return Daemon({"Ping": _pong(*caps), **handlers})


def _solved(**result: object) -> Callable[[bytes], bytes]:
    """Answer Solve with a result."""
    answer = gateway_pb2.SolveResponse(result=gateway_pb2.Result(**result))  # type: ignore[arg-type]
    return lambda _: answer.SerializeToString()


def _broken() -> Definition:
    """A graph whose source index is out of range."""
    locations = {_GRAPH.head: ops_pb2.Locations(locations=[ops_pb2.Location(source_index=1)])}
    source = ops_pb2.Source(locations=locations, infos=[ops_pb2.SourceInfo()])
    return Definition(_GRAPH.ops, _GRAPH.metadata, source)


def test_capabilities_are_asked_once() -> None:
    """What is enabled counts, and is asked only once."""
    with _daemon({}, "readfile", "return") as daemon:
        gateway = Gateway(daemon.connect())
        assert gateway.caps == gateway.caps == Caps(frozenset({"readfile", "return"}), frozenset({"mergeop"}))
    assert [name for name, _ in daemon.calls] == ["Ping"]


def test_graph_is_solved() -> None:
    """A solve sends the graph and its cache imports, and requests refs with their graphs."""
    answer = _solved(ref=gateway_pb2.Ref(id="1", definition=_GRAPH.to_pb()), metadata={"k": b"v"})
    with _daemon({"Solve": answer}) as daemon:
        result = Gateway(daemon.connect()).solve(
            definition=_GRAPH, cache_imports=[CacheImport("registry", {"ref": "example.org/cache"})], evaluate=True
        )
    assert result == Result({"": Ref("1", _GRAPH)}, metadata={"k": b"v"})
    assert gateway_pb2.SolveRequest.FromString(daemon.request("Solve")) == gateway_pb2.SolveRequest(
        definition=_GRAPH.to_pb(),
        allow_result_return=True,
        allow_result_array_ref=True,
        cache_imports=[gateway_pb2.CacheOptionsEntry(type="registry", attrs={"ref": "example.org/cache"})],
        evaluate=True,
    )


def test_frontend_is_solved() -> None:
    """A solve by another frontend sends its options and inputs, an empty input too, and no graph."""
    refs = gateway_pb2.RefMap(refs={"linux/amd64": gateway_pb2.Ref(id="1"), "linux/arm64": gateway_pb2.Ref(id="")})
    with _daemon({"Solve": _solved(refs=refs)}) as daemon:
        result = Gateway(daemon.connect()).solve(
            frontend="dockerfile.v0", opts={"cmdline": "x"}, inputs={"dockerfile": _GRAPH, "empty": Definition()}
        )
    assert result == Result({"linux/amd64": Ref("1"), "linux/arm64": Ref("")}, is_map=True)
    request = gateway_pb2.SolveRequest.FromString(daemon.request("Solve"))
    assert request.frontend == "dockerfile.v0"
    assert not request.HasField("definition")
    assert dict(request.frontend_opt) == {"cmdline": "x"}
    assert {key: Definition.from_pb(one) for key, one in request.frontend_inputs.items()} == {
        "dockerfile": _GRAPH,
        "empty": Definition(),
    }


def test_solve_refuses_what_the_daemon_must_not_get() -> None:
    """Both a graph and a frontend, or a source index out of range: nothing is sent."""
    with _daemon({}) as daemon:
        gateway = Gateway(daemon.connect())
        with pytest.raises(ValueError, match="not both"):
            gateway.solve(definition=_GRAPH, frontend="dockerfile.v0")
        with pytest.raises(DefinitionError, match="source index"):
            gateway.solve(definition=_broken())
        with pytest.raises(DefinitionError, match="source index"):
            gateway.solve(frontend="dockerfile.v0", inputs={"dockerfile": _broken()})
    assert daemon.calls == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (gateway_pb2.SolveResponse(ref="old"), Result({"": Ref("old")})),
        (gateway_pb2.SolveResponse(result=gateway_pb2.Result(ref_deprecated="old")), Result({"": Ref("old")})),
        (
            gateway_pb2.SolveResponse(
                result=gateway_pb2.Result(refs_deprecated=gateway_pb2.RefMapDeprecated(refs={"b": "2", "a": "1"}))
            ),
            Result({"a": Ref("1"), "b": Ref("2")}, is_map=True),
        ),
        (gateway_pb2.SolveResponse(result=gateway_pb2.Result(ref=gateway_pb2.Ref())), Result({"": Ref("")})),
        (gateway_pb2.SolveResponse(result=gateway_pb2.Result(metadata={"k": b""})), Result(metadata={"k": b""})),
    ],
    ids=["bare ref", "string ref", "string refs", "nil", "no ref"],
)
def test_every_kind_of_ref_is_understood(answer: gateway_pb2.SolveResponse, expected: Result) -> None:
    """Refs come as messages, as the strings of old daemons, as nil, or not at all."""
    with _daemon({"Solve": lambda _: answer.SerializeToString()}) as daemon:
        assert Gateway(daemon.connect()).solve(definition=_GRAPH) == expected


def _full_result() -> gateway_pb2.Result:
    """A result with everything that there is, and fields of a newer daemon."""
    statement = gateway_pb2.Attestation(
        kind=gateway_pb2.AttestationKind.BUNDLE,
        metadata={"m": b"\x00"},
        ref=gateway_pb2.Ref(id="sbom", definition=_GRAPH.to_pb()),
        path="/p",
        in_toto_predicate_type="https://spdx.dev/Document",
        in_toto_subjects=[gateway_pb2.InTotoSubject(kind=1, digest=["sha256:0"], name="n")],
    )
    statement.MergeFromString(_UNKNOWN)
    result = gateway_pb2.Result(
        refs=gateway_pb2.RefMap(refs={"a": gateway_pb2.Ref(id="1", definition=_GRAPH.to_pb()), "b": gateway_pb2.Ref()}),
        metadata={"containerimage.config": b"{}", "z": b"\xff"},
        attestations={
            "a": gateway_pb2.Attestations(attestation=[statement, gateway_pb2.Attestation(path="no ref")]),
            "b": gateway_pb2.Attestations(),
        },
    )
    result.MergeFromString(_UNKNOWN)
    return result


def test_result_is_returned_whole() -> None:
    """All of a result comes back to the daemon, but graphs, which it knows."""
    returned = _full_result()
    with _daemon({"Return": lambda _: b""}) as daemon:
        Gateway(daemon.connect()).return_result(Result.from_pb(returned))
    expected = _full_result()
    expected.refs.refs["a"].ClearField("definition")
    expected.attestations["a"].attestation[0].ref.ClearField("definition")
    assert gateway_pb2.ReturnRequest.FromString(daemon.request("Return")) == gateway_pb2.ReturnRequest(result=expected)


@pytest.mark.parametrize("refs", [{"": Ref("1")}, {"": Ref("")}, {}], ids=["ref", "nil", "none"])
def test_single_ref_is_returned_as_such(refs: dict[str, Ref]) -> None:
    """A single ref is not sent as a map of refs; a nil ref stays nil, and no ref stays no ref."""
    with _daemon({"Return": lambda _: b""}) as daemon:
        Gateway(daemon.connect()).return_result(Result(refs))
    request = gateway_pb2.ReturnRequest.FromString(daemon.request("Return"))
    assert request.HasField("result")
    assert not request.HasField("error")
    assert request.result.WhichOneof("result") == ("ref" if refs else None)
    assert Result.from_pb(request.result) == Result(refs)


def test_empty_map_of_refs_stays_a_map() -> None:
    """A result for no platform at all is not the same as a single ref."""
    assert Result(is_map=True).to_pb().WhichOneof("result") == "refs"


def test_refs_are_mapped_wherever_they_are() -> None:
    """Refs of attestations are mapped like any other; nil and all else stay."""
    result = Result.from_pb(_full_result())
    mapped = result.map_refs(lambda ref: Ref("new " + ref.id))
    assert dict(mapped.refs) == {"a": Ref("new 1"), "b": Ref()}
    before, after = result.attestations["a"], mapped.attestations["a"]
    assert after == (Attestation(before[0].message, Ref("new sbom")), before[1])
    assert (mapped.metadata, mapped.is_map, mapped.unknown) == (result.metadata, True, _UNKNOWN)


@pytest.mark.parametrize("code", [0, 2, 3])
def test_error_is_returned_alone_and_never_with_code_0(code: int) -> None:
    """Return has an error or a result, never both or neither, and code 0 would lose the error."""
    status = Status(code, "failed", (Detail("x", b"y"),))
    with _daemon({"Return": lambda _: b""}) as daemon:
        Gateway(daemon.connect()).return_error(status)
    request = gateway_pb2.ReturnRequest.FromString(daemon.request("Return"))
    assert not request.HasField("result")
    details = [status_pb2.Detail(type_url="x", value=b"y")]
    assert request.error == status_pb2.Status(code=code or 2, message="failed", details=details)


def test_file_is_read() -> None:
    """A file is read whole, or in part."""
    answer = gateway_pb2.ReadFileResponse(data=b"text").SerializeToString()
    with _daemon({"ReadFile": lambda _: answer}) as daemon:
        gateway = Gateway(daemon.connect())
        assert gateway.read_file(Ref("1"), "Dockerfile") == b"text"
        assert (
            daemon.request("ReadFile")
            == gateway_pb2.ReadFileRequest(ref="1", file_path="Dockerfile").SerializeToString()
        )
        gateway.read_file(Ref("1"), "Dockerfile", offset=5, length=7)
        assert gateway_pb2.ReadFileRequest.FromString(daemon.request("ReadFile")).range == gateway_pb2.FileRange(
            offset=5, length=7
        )
        with pytest.raises(ValueError, match="requires length"):
            gateway.read_file(Ref("1"), "Dockerfile", offset=5)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("open nope: no such file or directory", FileNotFoundError),
        ("failed to stat: lstat /x/nope: no such file or directory", FileNotFoundError),
        ("open Dockerfile/nope: not a directory", NotADirectoryError),
        ("read /nope: is a directory", IsADirectoryError),
    ],
)
def test_missing_file_is_told_from_its_words(message: str, kind: type[OSError]) -> None:
    """The daemon has no code for a missing file, only words; they become what `open` would raise."""
    calls: list[Callable[[Gateway], object]] = [
        lambda gateway: gateway.read_file(Ref("1"), "nope"),
        lambda gateway: gateway.stat_file(Ref("1"), "nope"),
        lambda gateway: gateway.read_dir(Ref("1"), "nope"),
    ]
    with _daemon(dict.fromkeys(("ReadFile", "StatFile", "ReadDir"), lambda _: Status(2, message))) as daemon:
        gateway = Gateway(daemon.connect())
        for call in calls:
            with pytest.raises(kind) as caught:
                call(gateway)
            assert caught.value.filename == "nope"


@pytest.mark.parametrize("mode", [0o755 | 1 << 31, 0o644 | 1 << 25], ids=["directory", "pipe"])
def test_what_is_no_regular_file_is_looked_at(mode: int) -> None:
    """A directory and another special file give the same words; a second look tells them apart."""
    answer = gateway_pb2.StatFileResponse(stat=gateway_pb2.Stat(mode=mode)).SerializeToString()
    with (
        _daemon({"ReadFile": lambda _: Status(2, "x is not a regular file"), "StatFile": lambda _: answer}) as daemon,
        pytest.raises(OSError, match="x") as caught,
    ):
        Gateway(daemon.connect()).read_file(Ref("1"), "x")
    assert caught.value.errno == (errno.EISDIR if mode & 1 << 31 else errno.EINVAL)
    assert isinstance(caught.value, IsADirectoryError) == bool(mode & 1 << 31)


@pytest.mark.parametrize(
    "status",
    [
        Status(2, "process did not complete: no such file or directory", (Detail(VERTEX, b'{"digest":"sha256:0"}'),)),
        Status(5, "no such ref: , all []"),
    ],
    ids=["a step failed", "another error"],
)
def test_failed_build_is_no_missing_file(status: Status) -> None:
    """Reading builds what is read from; a failure of that keeps its details, whatever its words."""
    with _daemon(dict.fromkeys(("ReadFile", "StatFile", "ReadDir"), lambda _: status)) as daemon:
        gateway = Gateway(daemon.connect())
        for call in (gateway.read_file, gateway.stat_file, gateway.read_dir):
            with pytest.raises(RpcError) as caught:
                call(Ref("1"), "x")
            assert caught.value.status == status


def test_files_are_looked_at() -> None:
    """What is known of a file, and of those in a directory."""
    entries = [
        gateway_pb2.Stat(path="bin", mode=0o755 | 1 << 31, uid=1, gid=2, size=3, mod_time=4),
        gateway_pb2.Stat(path="sh", mode=0o777 | 1 << 27, linkname="dash"),
        gateway_pb2.Stat(path="file", mode=0o4644),
    ]
    handlers = {
        "ReadDir": lambda _: gateway_pb2.ReadDirResponse(entries=entries).SerializeToString(),
        "StatFile": lambda _: gateway_pb2.StatFileResponse(stat=entries[0]).SerializeToString(),
    }
    with _daemon(handlers) as daemon:
        gateway = Gateway(daemon.connect())
        directory, link, file = gateway.read_dir(Ref("1"), "/", include_pattern="*")
        assert gateway.stat_file(Ref("1"), "bin") == directory == Stat("bin", 0o755 | 1 << 31, 1, 2, 3, 4, "")
    assert (directory.is_dir, directory.is_symlink, directory.is_regular) == (True, False, False)
    assert (link.is_dir, link.is_symlink, link.is_regular, link.linkname) == (False, True, False, "dash")
    assert (file.is_dir, file.is_symlink, file.is_regular, file.permissions) == (False, False, True, 0o644)
    request = gateway_pb2.ReadDirRequest.FromString(daemon.request("ReadDir"))
    assert request == gateway_pb2.ReadDirRequest(ref="1", dir_path="/", include_pattern="*")


def test_image_config_is_resolved() -> None:
    """The config comes with the digest, and with the reference that was resolved where the daemon says it."""
    answers = [
        gateway_pb2.ResolveImageConfigResponse(digest="sha256:1", config=b"{}", ref="docker.io/library/other:1"),
        gateway_pb2.ResolveImageConfigResponse(config=b"{}"),
    ]
    with _daemon({"ResolveImageConfig": lambda _: answers.pop(0).SerializeToString()}) as daemon:
        gateway = Gateway(daemon.connect())
        found = gateway.resolve_image_config(
            "docker.io/library/debian:1", platform=Platform("linux", "arm64"), resolve_mode="pull", log_name="looking"
        )
        assert found == ImageConfig("docker.io/library/other:1", "sha256:1", b"{}")
        assert gateway_pb2.ResolveImageConfigRequest.FromString(
            daemon.request("ResolveImageConfig")
        ) == gateway_pb2.ResolveImageConfigRequest(
            ref="docker.io/library/debian:1",
            platform=ops_pb2.Platform(os="linux", architecture="arm64"),
            resolve_mode="pull",
            log_name="looking",
        )
        assert gateway.resolve_image_config("docker.io/library/debian:1").ref == "docker.io/library/debian:1"


@pytest.mark.parametrize(
    ("answer", "image", "checksum"),
    [
        (
            gateway_pb2.ResolveSourceMetaResponse(
                image=gateway_pb2.ResolveSourceImageResponse(digest="sha256:1", config=b"{}")
            ),
            ImageConfig("docker.io/library/debian:1", "sha256:1", b"{}"),
            "",
        ),
        (gateway_pb2.ResolveSourceMetaResponse(git=gateway_pb2.ResolveSourceGitResponse(checksum="abc")), None, "abc"),
        (gateway_pb2.ResolveSourceMetaResponse(http=gateway_pb2.ResolveSourceHTTPResponse(checksum="d")), None, "d"),
    ],
    ids=["image", "git", "http"],
)
def test_source_is_resolved(
    answer: gateway_pb2.ResolveSourceMetaResponse, image: ImageConfig | None, checksum: str
) -> None:
    """An image has a config, a repository a commit, and a download a digest."""
    identifier = "docker-image://docker.io/library/debian:1"
    answer.source.CopyFrom(ops_pb2.SourceOp(identifier=identifier, attrs={"a": "b"}))
    with _daemon({"ResolveSourceMeta": lambda _: answer.SerializeToString()}, "source.metaresolver") as daemon:
        gateway = Gateway(daemon.connect())
        found = gateway.resolve_source_meta(
            identifier, attrs={"x": "y"}, platform=Platform("linux", "amd64"), resolve_mode="local", log_name="looking"
        )
        assert found == SourceMeta(identifier, {"a": "b"}, image, checksum)
        gateway.resolve_source_meta(identifier)
    request = gateway_pb2.ResolveSourceMetaRequest.FromString(daemon.calls[-2][1])
    assert request == gateway_pb2.ResolveSourceMetaRequest(
        source=ops_pb2.SourceOp(identifier=identifier, attrs={"x": "y"}),
        platform=ops_pb2.Platform(os="linux", architecture="amd64"),
        resolve_mode="local",
        log_name="looking",
    )


def test_inputs_are_asked_for() -> None:
    """The caller's graphs come by name, byte for byte."""
    answer = gateway_pb2.InputsResponse(definitions={"b": _GRAPH.to_pb(), "a": Definition().to_pb()})
    with _daemon({"Inputs": lambda _: answer.SerializeToString()}, "frontend.inputs") as daemon:
        assert Gateway(daemon.connect()).inputs() == {"a": Definition(), "b": _GRAPH}


def test_warning_is_shown() -> None:
    """A warning goes out with its excerpt."""
    info = source_info("Dockerfile", b"FROM scratch\n", definition=_GRAPH)
    with _daemon({"Warn": lambda _: b""}, "gateway.warnings") as daemon:
        Gateway(daemon.connect()).warn(
            "sha256:0",
            "Rule: ü",
            detail=["why"],
            url="https://example.org",
            source_info=info,
            ranges=[Range(1, 2, 3, 4)],
        )
    assert gateway_pb2.WarnRequest.FromString(daemon.request("Warn")) == gateway_pb2.WarnRequest(
        digest="sha256:0",
        level=1,
        short="Rule: ü".encode(),
        detail=[b"why"],
        url="https://example.org",
        info=info,
        ranges=[
            ops_pb2.Range(
                start=ops_pb2.Position(line=1, character=3),
                end=ops_pb2.Position(line=2, character=4),
            )
        ],
    )


def test_old_daemon_is_not_asked_for_what_it_lacks() -> None:
    """Without the capabilities, nothing is warned, there are no inputs, and a source cannot be resolved."""
    with _daemon({}, "readfile") as daemon:
        gateway = Gateway(daemon.connect())
        gateway.warn("sha256:0", "unseen")
        assert gateway.inputs() == {}
        with pytest.raises(UnsupportedError, match=r"source\.metaresolver"):
            gateway.resolve_source_meta("git://example.org/a")
    assert [name for name, _ in daemon.calls] == ["Ping"]
