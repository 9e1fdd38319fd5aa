"""HTTP/2 and gRPC on two pipes, against a server that can be difficult."""

import os
import threading
import time
from collections.abc import Iterator

import pytest
from h2.events import PingAckReceived, SettingsAcknowledged
from tests.unit.buildkit_llb.daemon import SERVICE, Daemon, Reply, error, prefixed

from buildkit_llb.errors import ConnectionLostError, Detail, RpcError, Status
from buildkit_llb.stdio import Connection

_CALL = SERVICE + "Call"
_BIG = bytes(range(256)) * 4096  # 1 MiB


def _echo(request: bytes) -> bytes:
    return request


@pytest.mark.parametrize(
    "preface_sent", [True, False], ids=["preface written before", "preface written by the connection"]
)
def test_call_is_answered(*, preface_sent: bool) -> None:
    """A request is sent in gRPC's framing with the headers that grpc-go requires, and the response is returned."""
    with Daemon({"Call": lambda request: b"answer to " + request}) as daemon:
        connection = daemon.connect(preface_sent=preface_sent)
        assert connection.unary(_CALL, b"one") == b"answer to one"
        assert connection.unary(_CALL, b"") == b"answer to "
    assert daemon.calls == [("Call", b"one"), ("Call", b"")]
    assert daemon.headers[0] == {
        ":method": "POST",
        ":scheme": "http",
        ":path": _CALL,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }


@pytest.mark.parametrize("window", [65_535, 1 << 20, 7], ids=["default window", "Go's window", "tiny window"])
def test_request_larger_than_the_window_is_sent(window: int) -> None:
    """A request waits for the daemon's window to open as often as it takes."""
    request = _BIG * 17 if window > 7 else b"0123456789" * 10
    with Daemon({"Call": lambda request: str(len(request)).encode()}, window=window) as daemon:
        assert daemon.connect().unary(_CALL, request) == str(len(request)).encode()
    assert daemon.request("Call") == request


def test_answer_larger_than_the_window_arrives() -> None:
    """An answer of more than our 16 MiB window arrives, because windows are opened again."""
    answer = _BIG * 17
    with Daemon({"Call": lambda _: answer}) as daemon:
        assert daemon.connect().unary(_CALL, b"") == answer


@pytest.mark.parametrize(
    ("frame", "write"), [(1, 1 << 20), (1, 3), (16_384, 1)], ids=["1-byte frames", "both", "1-byte writes"]
)
def test_answer_in_crumbs_arrives(frame: int, write: int) -> None:
    """An answer is put together from the smallest of frames and reads."""
    with Daemon({"Call": _echo}, frame=frame, write=write) as daemon:
        assert daemon.connect().unary(_CALL, bytes(range(256)) * 8) == bytes(range(256)) * 8


def test_calls_run_at_the_same_time() -> None:
    """Each gets its own answer, in whatever order they are waited for."""
    with Daemon({"Call": _echo}) as daemon:
        connection = daemon.connect()
        waiting = [connection.start(_CALL, b"%d" % number) for number in range(3)]
        assert connection.unary(_CALL, b"between") == b"between"
        assert [wait() for wait in reversed(waiting)] == [b"2", b"1", b"0"]


def test_a_lost_connection_loses_the_calls_that_run() -> None:
    """A call that was answered before has its answer."""
    replies = {"Call": _echo, "Last": lambda _: Reply(prefixed(b"half of it")[:7], then="eof")}
    with Daemon(replies) as daemon:
        connection = daemon.connect()
        answered, lost = connection.start(_CALL, b"1"), connection.start(SERVICE + "Last", b"")
        for wait in (lost, lost):
            with pytest.raises(ConnectionLostError, match="closed the connection"):
                wait()
        assert answered() == b"1"


def test_the_caller_works_while_the_daemon_does() -> None:
    """Work of the caller is done piece by piece until an answer is there, and then no more of it."""
    answer = threading.Event()

    def slow(request: bytes) -> bytes:
        answer.wait()
        return request

    def work() -> Iterator[None]:
        yield
        answer.set()
        while True:
            time.sleep(0.01)
            yield

    with Daemon({"Call": slow}) as daemon:
        connection = daemon.connect()
        connection.meanwhile = work()
        assert connection.unary(_CALL, b"done") == b"done"
        connection.meanwhile = iter([])
        assert connection.unary(_CALL, b"alone") == b"alone"


def test_pings_and_settings_are_answered() -> None:
    """Frames that belong to no call are acknowledged while a call waits, and disturb nothing."""
    with Daemon({"Call": _echo}, chatty=True) as daemon:
        connection = daemon.connect()
        assert [connection.unary(_CALL, b"%d" % number) for number in range(3)] == [b"0", b"1", b"2"]
    acks = [event for event in daemon.events if isinstance(event, PingAckReceived)]
    assert len(acks) == 3
    assert len([event for event in daemon.events if isinstance(event, SettingsAcknowledged)]) == 5


@pytest.mark.parametrize("trailers_only", [True, False])
@pytest.mark.parametrize(
    "status",
    [
        Status(2, "plain"),
        Status(5, "per cent %, newline\n, umlaut ü and 💥"),
        Status(
            13, "with detail", (Detail("github.com/moby/buildkit/stack.Stack+json", b'{"a":1}'), Detail("", b"\xff"))
        ),
        Status(3, "300 KB", (Detail("x", bytes(range(256)) * 1200),)),
        Status(3, "3 MB, in 250 CONTINUATION frames", (Detail("x", bytes(range(256)) * 12000),)),
    ],
    ids=lambda status: status.message[:12],
)
def test_error_is_raised_whole(status: Status, *, trailers_only: bool) -> None:
    """An error comes with its code, its words in any language, and all of its details, however large."""
    with Daemon({"Call": lambda _: error(status, trailers_only=trailers_only), "Next": _echo}) as daemon:
        connection = daemon.connect()
        with pytest.raises(RpcError) as caught:
            connection.unary(_CALL, b"")
        assert caught.value.status == status
        assert connection.unary(SERVICE + "Next", b"goes on") == b"goes on"


@pytest.mark.parametrize("details", ["!", "AAAA", "//8"], ids=["no base64", "no status", "no protobuf"])
def test_error_with_broken_details_keeps_its_message(details: str) -> None:
    """Where the details cannot be read, the code and the message still tell what is wrong."""
    trailers = [("grpc-status", "9"), ("grpc-message", "words"), ("grpc-status-details-bin", details)]
    with Daemon({"Call": lambda _: Reply(trailers=trailers)}) as daemon, pytest.raises(RpcError) as caught:
        daemon.connect().unary(_CALL, b"")
    assert caught.value.status == Status(9, "words")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(then="reset"), "reset the call"),
        (Reply(prefixed(b"whole"), then="reset"), "reset the call"),
        (Reply(trailers=[("x-trailer", "")]), "without a gRPC status"),
        (Reply(trailers=[("grpc-status", "zero")]), "without a gRPC status"),
        (Reply(headers=None, trailers=[(":status", "415")]), "HTTP status '415'"),
        (Reply(), "without a message"),
        (Reply(prefixed(b"cut")[:-1]), "2 bytes of a message of 3"),
        (Reply(prefixed(b"two") * 2), "11 bytes of a message of 3"),
        (Reply(prefixed(b"packed", compressed=True)), "compressed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_broken_answer_leaves_the_connection_usable(reply: Reply, words: str) -> None:
    """What is wrong with one call is said, and the next call can still be made: an error has to be returned somehow."""
    with Daemon({"Call": lambda _: reply, "Return": _echo}) as daemon:
        connection = daemon.connect()
        with pytest.raises(ConnectionLostError, match=words):
            connection.unary(_CALL, b"")
        assert connection.unary(SERVICE + "Return", b"error") == b"error"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(then="goaway"), "GOAWAY"),
        (Reply(prefixed(b"half of it")[:7], then="goaway"), "GOAWAY"),
        (Reply(prefixed(b"half of it")[:7], then="eof"), "closed the connection"),
        (Reply(then="garbage"), "HTTP/2 error"),
    ],
    ids=["GOAWAY", "GOAWAY in an answer", "EOF in an answer", "no HTTP/2"],
)
def test_lost_connection_stays_lost(reply: Reply, words: str) -> None:
    """When the connection is gone, this call and every later one say why, and no GOAWAY is sent in return."""
    with Daemon({"Call": lambda _: reply}) as daemon:
        connection = daemon.connect()
        for _ in range(2):
            with pytest.raises(ConnectionLostError, match=words):
                connection.unary(_CALL, b"")
    assert not daemon.goaway_received
    assert len(daemon.calls) == 1


def test_answer_before_goaway_counts() -> None:
    """A daemon that answers and then ends the connection has answered; only the next call fails."""
    with Daemon({"Call": lambda _: Reply(prefixed(b"yes"), then="trailers, goaway")}) as daemon:
        connection = daemon.connect()
        assert connection.unary(_CALL, b"") == b"yes"
        with pytest.raises(ConnectionLostError, match="GOAWAY"):
            connection.unary(_CALL, b"")
    assert not daemon.goaway_received


def test_closed_pipe_is_a_lost_connection() -> None:
    """Writing to a daemon that is gone raises ConnectionLostError, not BrokenPipeError."""
    (answers, nobody), (gone, requests) = os.pipe(), os.pipe()
    os.close(gone)
    try:
        connection = Connection(answers, requests, preface_sent=False)
        for _ in range(2):
            with pytest.raises(ConnectionLostError, match="Broken pipe"):
                connection.unary(_CALL, b"")
    finally:
        for fd in (answers, nobody, requests):
            os.close(fd)


def test_answer_before_the_end_of_the_request_stops_the_request() -> None:
    """A daemon that refuses a request it has not read whole is heard, and the rest is not sent."""
    with Daemon({"Call": lambda _: Status(8, "too large")}, early=True, window=65_535) as daemon:
        connection = daemon.connect()
        for _ in range(2):
            with pytest.raises(RpcError, match="too large"):
                connection.unary(_CALL, _BIG)
    assert daemon.received < len(_BIG)
    assert not daemon.goaway_received
