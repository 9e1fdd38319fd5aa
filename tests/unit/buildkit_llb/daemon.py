"""A stand-in for the daemon: an HTTP/2 server on a pipe pair that answers gRPC calls with what a test says.

    with Daemon({"Ping": lambda request: PongResponse().SerializeToString()}) as daemon:
        gateway = Gateway(daemon.connect())

A handler takes the serialized request and returns the serialized answer, a `Status` for an error, or a `Reply` for all
that a daemon should never do. Names without a slash are methods of LLBBridge.
"""

import os
import struct
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
)
from h2.settings import SettingCodes, Settings
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hyperframe.frame import GoAwayFrame

from buildkit_llb.errors import Status
from buildkit_llb.preface import PREFACE
from buildkit_llb.stdio import Connection

SERVICE = "/moby.buildkit.v1.frontend.LLBBridge/"
_MAX_FRAME = 1 << 20
GO_HEADER_FRAME = 16384
"""Go writes header blocks in frames of this size, whatever the client allows (x/net http2/write.go)."""


def prefixed(message: bytes, *, compressed: bool = False) -> bytes:
    """Put gRPC's prefix before a message."""
    return struct.pack(">BI", compressed, len(message)) + message


@dataclass(frozen=True)
class Reply:
    """An answer in all its parts.

    Without `headers`, the trailers are all there is (gRPC's Trailers-Only). `then` says what follows the body: the
    trailers, a reset stream, a GOAWAY, the end of the connection, or a frame that breaks HTTP/2.
    """

    body: bytes = b""
    headers: Sequence[tuple[str, str]] | None = ((":status", "200"), ("content-type", "application/grpc"))
    trailers: Sequence[tuple[str, str]] = (("grpc-status", "0"),)
    then: Literal["trailers", "reset", "goaway", "eof", "garbage", "trailers, goaway"] = "trailers"


def error(status: Status, *, trailers_only: bool = True) -> Reply:
    """Answer with an error as grpc-go does: base64 without padding, the message percent-encoded."""
    message = "".join(
        char if " " <= char <= "~" and char != "%" else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in status.message
    )
    fields = [("grpc-status", str(status.code)), ("grpc-message", message)]
    if status.details:
        fields.append(("grpc-status-details-bin", b64encode(status.to_bytes()).decode().rstrip("=")))
    if trailers_only:
        return Reply(headers=None, trailers=[(":status", "200"), ("content-type", "application/grpc"), *fields])
    return Reply(trailers=fields)


@dataclass
class _Stream:
    path: str
    request: bytearray = field(default_factory=bytearray)
    reply: Reply | None = None
    sent: int = 0


class _Huffman(HuffmanEncoder):
    """hpack's Huffman encoder in linear time: its own takes minutes for the details of a large error."""

    _CODES: ClassVar = [
        format(code, f"0{length}b") for code, length in zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)
    ]

    def encode(self, bytes_to_encode: bytes | None) -> bytes:
        """Encode, and pad with ones to whole bytes (RFC 7541 5.2)."""
        bits = "".join(self._CODES[byte] for byte in bytes_to_encode or b"")
        bits += "1" * (-len(bits) % 8)
        return int("1" + bits, 2).to_bytes(len(bits) // 8 + 1, "big")[1:]


class Daemon:
    """The stand-in; a context manager that runs it in a thread.

    `window` is its flow control window for requests, in bytes; `frame` limits the DATA frames that it sends,
    and `write` the bytes of each write to the pipe. With `early` it answers before it has read the request. With
    `chatty` it sends pings and new settings before each answer.
    """

    def __init__(
        self,
        handlers: Mapping[str, Callable[[bytes], bytes | Status | Reply]],
        *,
        window: int = 1 << 20,
        frame: int = 1 << 20,
        write: int = 1 << 20,
        early: bool = False,
        chatty: bool = False,
    ) -> None:
        self._handlers = {name if "/" in name else SERVICE + name: handler for name, handler in handlers.items()}
        self._window, self._frame, self._write = window, frame, write
        self._early, self._chatty = early, chatty
        self.calls: list[tuple[str, bytes]] = []
        """The calls that came in, as (method, request)."""
        self.headers: list[dict[str, str]] = []
        """The headers of each call."""
        self.events: list[Event] = []
        """Everything that the client sent but requests."""
        self.received = 0
        """How many bytes the client has sent."""
        self._streams: dict[int, _Stream] = {}
        self._closed = False
        self._leaving = False
        self._failure: BaseException | None = None
        self.greeted = threading.Event()
        """Set as soon as the client has written anything."""
        self._read_fd, self.client_write = os.pipe()
        self.client_read, self._write_fd = os.pipe()
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_FRAME_SIZE: _MAX_FRAME,
                SettingCodes.MAX_CONCURRENT_STREAMS: 250,
            },
        )
        self._h2.max_inbound_frame_size = _MAX_FRAME
        self._h2.encoder.huffman_coder = _Huffman(REQUEST_CODES, REQUEST_CODES_LENGTH)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for fd in (self.client_write, self.client_read):
            os.close(fd)
        self._thread.join(timeout=30)
        os.close(self._read_fd)
        if not self._closed:
            os.close(self._write_fd)
        if self._failure is not None:
            raise self._failure

    def connect(self, *, preface_sent: bool = False) -> Connection:
        """Give the client's end; `preface_sent` writes the preface first, as a frontend's `__main__` does."""
        if preface_sent:
            os.write(self.client_write, PREFACE)
        return Connection(self.client_read, self.client_write, preface_sent=preface_sent)

    @property
    def goaway_received(self) -> bool:
        """Whether the client has ended the connection by a GOAWAY frame."""
        return any(isinstance(event, ConnectionTerminated) for event in self.events)

    def request(self, method: str) -> bytes:
        """The request of the last call of a method."""
        return [request for name, request in self.calls if name == method][-1]

    def _run(self) -> None:
        try:
            self._h2.initiate_connection()
            # A setting of its own: it counts only when the client has acknowledged it.
            self._h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: self._window})
            self._flush()
            while not self._closed and (data := os.read(self._read_fd, 1 << 20)):
                self.received += len(data)
                self.greeted.set()
                if self._leaving:
                    continue
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._pump()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client has gone
        except BaseException as failure:  # noqa: BLE001 - it is raised again where the test can see it
            self._failure = failure
            self._close()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            headers = {str(key): str(value) for key, value in event.headers or ()}
            self.headers.append(headers)
            self._streams[event.stream_id] = _Stream(headers[":path"])
            if self._early:
                self._answer(event.stream_id)
        elif isinstance(event, DataReceived):
            self._streams[event.stream_id].request += event.data or b""
            if not self._early:
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        elif isinstance(event, StreamEnded):
            if not self._early:
                self._answer(event.stream_id)
        else:
            self.events.append(event)

    def _answer(self, stream_id: int) -> None:
        stream = self._streams[stream_id]
        request = bytes(stream.request)
        if not self._early:
            assert request[:5] == struct.pack(">BI", 0, len(request) - 5)
        self.calls.append((stream.path.removeprefix(SERVICE), request[5:]))
        answer = self._handlers[stream.path](request[5:])
        if isinstance(answer, bytes):
            answer = Reply(prefixed(answer))
        elif isinstance(answer, Status):
            answer = error(answer)
        stream.reply = answer
        if self._chatty:
            self._h2.ping(b"8 bytes!")
            self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 100})
        if answer.headers is not None:
            self._h2.send_headers(stream_id, answer.headers)

    def _pump(self) -> None:
        """Send as much of the answers as the client's windows allow."""
        for stream_id, stream in list(self._streams.items()):
            if stream.reply is None:
                continue
            body = stream.reply.body
            while stream.sent < len(body):
                size = min(self._frame, self._h2.local_flow_control_window(stream_id), len(body) - stream.sent)
                if size <= 0:
                    break
                self._h2.send_data(stream_id, body[stream.sent : stream.sent + size])
                stream.sent += size
                self._flush()
            if stream.sent == len(body):
                del self._streams[stream_id]
                self._finish(stream_id, stream.reply)
        self._flush()

    def _finish(self, stream_id: int, reply: Reply) -> None:
        if reply.then.startswith("trailers"):
            self._h2.streams[stream_id].max_outbound_frame_size = GO_HEADER_FRAME
            self._h2.send_headers(stream_id, reply.trailers, end_stream=True)
            if self._early:
                # Go resets a stream whose request it has not read, as soon as it has answered (x/net http2/server.go).
                self._h2.reset_stream(stream_id, ErrorCodes.NO_ERROR)
        if reply.then == "reset":
            self._h2.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
        elif reply.then.endswith("goaway"):
            self._leaving = True
            self._flush()
            os.write(self._write_fd, GoAwayFrame(0, stream_id, error_code=ErrorCodes.ENHANCE_YOUR_CALM).serialize())
        elif reply.then == "garbage":
            self._flush()
            os.write(self._write_fd, b"\x00\x00\x01\x01\x04\x00\x00\x00\x00\x00")
        elif reply.then == "eof":
            self._flush()
            self._close()

    def _close(self) -> None:
        self._closed = True
        os.close(self._write_fd)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        for start in range(0, len(data), self._write):
            piece = memoryview(data)[start : start + self._write]
            while piece:
                piece = piece[os.write(self._write_fd, piece) :]
