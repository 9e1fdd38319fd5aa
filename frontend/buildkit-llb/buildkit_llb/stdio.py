"""A blocking HTTP/2 client for gRPC on two file descriptors.

The daemon serves HTTP/2 on the frontend's stdin and stdout (moby/buildkit frontend/gateway/gateway.go, `serve`). Calls
can run at the same time: while the client waits for one response, it takes those of other calls, pings and settings.
"""

import os
import re
import select
import struct
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

import h2.frame_buffer
from google.protobuf.message import DecodeError
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error, ProtocolError
from h2.settings import SettingCodes, Settings

from buildkit_llb.errors import ConnectionLostError, RpcError, Status
from buildkit_llb.preface import MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, SETTINGS

# Go splits header blocks into frames of 16 KiB, whatever the peer allows (x/net http2/write.go, splitHeaderBlock). h2
# accepts 64 of them by default, too few for the error details of a Dockerfile of 300 KB.
h2.frame_buffer.CONTINUATION_BACKLOG = MAX_HEADER_LIST_SIZE // 16384

_CONNECTION_WINDOW: Final = 2**31 - 1
_READ_SIZE: Final = 256 << 10
_SOON: Final = 2
"""Milliseconds to wait for an answer before the caller does other work in the meantime."""
_PREFIX: Final = struct.Struct(">BI")
"""gRPC's message prefix: a flag for compression, and the length (gRPC over HTTP/2, Length-Prefixed-Message)."""
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
"""An encoded byte of `grpc-message`."""


class Connection:
    """A gRPC client connection on a pair of file descriptors, which reads from `read_fd` and writes to `write_fd`.

    Set `preface_sent` if `PREFACE` has been written already; otherwise it is sent with the first call. The caller
    closes the file descriptors. No GOAWAY frame is ever sent: after Return, it would make the daemon fail a successful
    build.
    """

    def __init__(self, read_fd: int, write_fd: int, *, preface_sent: bool) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._lost: str | None = None
        self._poll = select.poll()
        self._poll.register(read_fd, select.POLLIN)
        self.meanwhile: Iterator[object] = iter(())
        """What the caller has to do while the daemon works: the client takes a step when it would have to wait."""
        self._answers: dict[int, _Answer] = {}
        """Of the calls that run, by stream."""
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._h2.local_settings = Settings(
            client=True, initial_values={SettingCodes(code): value for code, value in SETTINGS.items()}
        )
        self._h2.max_inbound_frame_size = MAX_FRAME_SIZE
        self._h2.decoder.max_header_list_size = MAX_HEADER_LIST_SIZE
        self._h2.initiate_connection()
        if preface_sent:
            self._h2.data_to_send()
        window = self._h2.inbound_flow_control_window
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW - window)

    def unary(self, path: str, request: bytes) -> bytes:
        """Call an RPC and wait for the response.

        `path` is `/<package>.<Service>/<Method>`. The request and the response are serialized messages.

        Raises RpcError if the daemon answers with an error, and ConnectionLostError if it does not answer.
        """
        return self.start(path, request)()

    def start(self, path: str, request: bytes) -> Callable[[], bytes]:
        """Send `request` to the RPC at `path`, and return a function that waits for the response.

        Other calls can be made in between. Both functions raise what `unary` does, such as ConnectionLostError.
        """
        with self._in_use():
            stream_id = self._h2.get_next_available_stream_id()
            answer = self._answers[stream_id] = _Answer()
            self._h2.send_headers(
                stream_id,
                [
                    (":method", "POST"),
                    (":scheme", "http"),
                    (":path", path),
                    (":authority", "localhost"),
                    ("content-type", "application/grpc"),
                    ("te", "trailers"),
                ],
            )
            self._send(stream_id, _PREFIX.pack(0, len(request)) + request, answer)

        def wait() -> bytes:
            if not answer.ended:
                with self._in_use():
                    while not answer.ended:
                        self._receive(answer)
            self._answers.pop(stream_id, None)
            if answer.broken:
                raise ConnectionLostError(answer.broken)
            return _result(answer)

        return wait

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        """Convert what can go wrong on the connection to ConnectionLostError."""
        if self._lost is not None:
            raise ConnectionLostError(self._lost)
        try:
            yield
        except H2Error as error:
            # h2 has a GOAWAY frame in its buffer now: flush nothing more.
            raise self._give_up(f"HTTP/2 error: {type(error).__name__} {error}") from error
        except OSError as error:
            raise self._give_up(f"the connection to the build engine broke: {error}") from error

    def _send(self, stream_id: int, body: bytes, answer: "_Answer") -> None:
        """Send a request's body. Read while the peer's flow control windows are full."""
        view = memoryview(body)
        while view and not answer.ended:
            window = self._h2.local_flow_control_window(stream_id)
            size = min(window, self._h2.max_outbound_frame_size, len(view))
            if size <= 0:
                self._receive(answer)
                continue
            self._h2.send_data(stream_id, bytes(view[:size]), end_stream=size == len(view))
            view = view[size:]
            self._flush()
        if view and not answer.broken:
            # The daemon answered before it read the whole request, with an error or because it does not need the rest.
            with suppress(ProtocolError):
                self._h2.reset_stream(stream_id, ErrorCodes.NO_ERROR)
            self._flush()

    def _receive(self, answer: "_Answer") -> None:
        """Read from the daemon, let h2 respond, and pass the events to the answers; the caller waits for `answer`."""
        self._flush()
        patience = _SOON
        while not self._poll.poll(patience) and next(self.meanwhile, self) is not self:
            patience = 0
        data = os.read(self._read_fd, _READ_SIZE)
        if not data:
            raise self._give_up("the build engine closed the connection")
        events = self._h2.receive_data(data)
        for event in events:
            if (taker := self._answers.get(getattr(event, "stream_id", 0))) is not None:
                taker.take(event)
        terminated = next((event for event in events if isinstance(event, ConnectionTerminated)), None)
        if terminated is not None:
            lost = self._give_up(f"the build engine ended the connection (GOAWAY, error {terminated.error_code})")
            if not answer.ended:
                raise lost
            return
        for event in events:
            if isinstance(event, DataReceived):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        self._flush()

    def _flush(self) -> None:
        view = memoryview(self._h2.data_to_send())
        while view:
            view = view[os.write(self._write_fd, view) :]

    def _give_up(self, reason: str) -> ConnectionLostError:
        self._lost = self._lost or reason
        return ConnectionLostError(reason)


class _Answer:
    """The response so far on one stream."""

    __slots__ = ("body", "broken", "ended", "headers")

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = bytearray()
        self.ended = False
        self.broken = ""

    def take(self, event: Event) -> None:
        """Add an event. Events after the end are ignored."""
        if self.ended:
            return
        if isinstance(event, ResponseReceived | TrailersReceived):
            self.headers.update(event.headers or ())
        elif isinstance(event, DataReceived):
            self.body += event.data
        elif isinstance(event, StreamEnded):
            self.ended = True
        elif isinstance(event, StreamReset):
            self.ended = True
            self.broken = f"the build engine reset the call (HTTP/2 error {event.error_code})"


def _result(answer: _Answer) -> bytes:
    """Return the message of a finished call, or raise its error."""
    if answer.headers.get(b":status") != b"200":
        http_status = answer.headers.get(b":status", b"").decode(errors="replace")
        raise ConnectionLostError(f"the build engine answered with HTTP status {http_status!r}")
    status = _status(answer.headers)
    if status.code:
        raise RpcError(status)
    if len(answer.body) < _PREFIX.size:
        raise ConnectionLostError("the build engine answered without a message")
    compressed, length = _PREFIX.unpack_from(answer.body)
    if compressed:
        raise ConnectionLostError("the build engine answered with a compressed message")
    if length != len(answer.body) - _PREFIX.size:
        raise ConnectionLostError(
            f"the build engine answered with {len(answer.body) - _PREFIX.size} bytes of a message of {length}"
        )
    return bytes(answer.body[_PREFIX.size :])


def _status(headers: dict[bytes, bytes]) -> Status:
    """Read the status from a call's headers and trailers.

    `grpc-status-details-bin` holds the whole status; grpc-go writes its base64 without padding.
    """
    try:
        code = int(headers.get(b"grpc-status", b""))
    except ValueError:
        raise ConnectionLostError("the build engine answered without a gRPC status") from None
    message = _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), headers.get(b"grpc-message", b""))
    details = headers.get(b"grpc-status-details-bin")
    if code and details:
        # If the details cannot be read, the code and the message still say what is wrong.
        with suppress(Base64Error, DecodeError):
            status = Status.from_bytes(b64decode(details + b"=" * (-len(details) % 4), validate=True))
            return replace(status, code=code)
    return Status(code, message.decode(errors="replace"))
