"""A stand-in for a daemon that serves one build: local directories, and a Dockerfile frontend that knows little.

It stands beside the tests on real engines, for what these do not do on demand, and for the shell's own branches.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import PurePosixPath

from tests.unit.buildkit_llb.daemon import Daemon, Reply
from tests.unit.upstream import BASE, convert

from buildkit_llb.definition import Definition
from buildkit_llb.errors import Status
from buildkit_llb.proto import gateway_pb2

Handler = Callable[[bytes], bytes | Status | Reply]


@dataclass
class Build:
    """One build: what the client has, and what the daemon was asked."""

    dockerfiles: Mapping[str, bytes]
    """Files of the `dockerfile` directory."""
    context: Mapping[str, bytes] = field(default_factory=dict)
    """Files of the `context` directory; a key with a final slash is a directory."""
    inputs: Mapping[str, Definition] = field(default_factory=dict)
    caps: tuple[str, ...] = ("frontend.inputs", "gateway.warnings", "reference.attestations")
    llb_caps: tuple[str, ...] = ()
    warnings: tuple[dict[str, object], ...] = ()
    """What lint finds, whatever the text."""
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    """In place of what is done here."""
    solved: list[gateway_pb2.SolveRequest] = field(default_factory=list)
    warned: list[gateway_pb2.WarnRequest] = field(default_factory=list)
    returned: list[gateway_pb2.ReturnRequest] = field(default_factory=list)
    sent: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    """Files of local directories, by the ref of the solve that requested them."""
    done: threading.Event = field(default_factory=threading.Event)

    def daemon(self) -> Daemon:
        """The daemon of this build; a context manager."""
        handlers: dict[str, Handler] = {
            "Ping": self._ping,
            "Inputs": self._inputs,
            "Solve": self._solve,
            "ReadFile": self._read_file,
            "StatFile": self._stat_file,
            "ResolveImageConfig": self._image_config,
            "Warn": self._warn,
            "Return": self.answer_return,
        }
        return Daemon({**handlers, **self.handlers})

    def texts(self) -> list[str]:
        """The Dockerfiles that were handed over, in turn."""
        return [text_of(request).decode() for request in self.solved if request.frontend]

    def warned_of(self, words: str) -> list[gateway_pb2.WarnRequest]:
        """The warnings whose first line begins with these words."""
        return [one for one in self.warned if one.short.decode().startswith(words)]

    def _ping(self, _: bytes) -> bytes:
        caps, llb_caps = (
            [gateway_pb2.APICap(id=name, enabled=True) for name in names] for names in (self.caps, self.llb_caps)
        )
        return gateway_pb2.PongResponse(frontend_api_caps=caps, llb_caps=llb_caps).SerializeToString()

    def _inputs(self, _: bytes) -> bytes:
        definitions = {name: definition.to_pb() for name, definition in self.inputs.items()}
        return gateway_pb2.InputsResponse(definitions=definitions).SerializeToString()

    def _solve(self, data: bytes) -> bytes | Status:
        request = gateway_pb2.SolveRequest.FromString(data)
        self.solved.append(request)
        if not request.frontend:
            ref = gateway_pb2.Ref(id=str(len(self.solved)), definition=request.definition)
            return gateway_pb2.SolveResponse(result=gateway_pb2.Result(ref=ref)).SerializeToString()
        if "requestid" in request.frontend_opt:
            answer = {"warnings": list(self.warnings), "sources": []}
            result = gateway_pb2.Result(metadata={"result.json": json.dumps(answer).encode(), "version": b"1.0.0"})
            return gateway_pb2.SolveResponse(result=result).SerializeToString()
        text = text_of(request) or self.dockerfiles.get(request.frontend_opt.get("filename", "Dockerfile"), b"")
        definition, config = convert(text, request.frontend_opt)
        ref = gateway_pb2.Ref(id=str(len(self.solved)), definition=definition)
        result = gateway_pb2.Result(ref=ref, metadata={"containerimage.config": json.dumps(config).encode()})
        return gateway_pb2.SolveResponse(result=result).SerializeToString()

    def _files(self, ref: str) -> Mapping[str, bytes]:
        if ref not in self.sent:
            definition = Definition.from_pb(self.solved[int(ref) - 1].definition)
            source = definition.vertices()[-1].op.source
            files = self.dockerfiles if source.identifier == "local://dockerfile" else self.context
            excluded, wanted = (
                json.loads(source.attrs[f"local.{name}"]) if f"local.{name}" in source.attrs else default
                for name, default in (("excludepatterns", []), ("followpaths", ["*"]))
            )
            is_wanted = re.compile("|".join(f"{translate(one)}|{translate(one + '/*')}" for one in wanted)).fullmatch
            self.sent[ref] = {
                name: data
                for name, data in files.items()
                if is_wanted(name) and not any(PurePosixPath(name).match(one) for one in excluded)
            }
        return self.sent[ref]

    def _read_file(self, data: bytes) -> bytes | Status:
        request = gateway_pb2.ReadFileRequest.FromString(data)
        files = self._files(request.ref)
        if request.file_path + "/" in files:
            return Status(2, f"read {request.file_path}: is a directory")
        if request.file_path not in files:
            return Status(2, f"open /tmp/x/{request.file_path}: no such file or directory")
        return gateway_pb2.ReadFileResponse(data=files[request.file_path]).SerializeToString()

    def _stat_file(self, data: bytes) -> bytes | Status:
        request = gateway_pb2.StatFileRequest.FromString(data)
        if request.path not in self._files(request.ref):
            return Status(2, f"lstat /tmp/x/{request.path}: no such file or directory")
        return gateway_pb2.StatFileResponse(stat=gateway_pb2.Stat(path=request.path)).SerializeToString()

    def _image_config(self, _: bytes) -> bytes:
        return gateway_pb2.ResolveImageConfigResponse(
            config=json.dumps({"history": [BASE]}).encode()
        ).SerializeToString()

    def _warn(self, data: bytes) -> bytes:
        self.warned.append(gateway_pb2.WarnRequest.FromString(data))
        return b""

    def answer_return(self, data: bytes) -> bytes:
        """Take what the frontend returns."""
        self.returned.append(gateway_pb2.ReturnRequest.FromString(data))
        self.done.set()
        return b""


def text_of(request: gateway_pb2.SolveRequest) -> bytes:
    """The Dockerfile in a Solve of the Dockerfile frontend; empty where it has none as an input."""
    if "dockerfile" not in request.frontend_inputs:
        return b""
    (vertex,) = Definition.from_pb(request.frontend_inputs["dockerfile"]).vertices()
    name = "/" + (request.frontend_opt.get("filename", "Dockerfile"))
    return next(action.mkfile.data for action in vertex.op.file.actions if action.mkfile.path == name)
