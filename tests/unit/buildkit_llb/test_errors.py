"""Errors: the status, and its details in Go's JSON."""

import json
from base64 import b64encode

import pytest

from buildkit_llb.errors import (
    SOURCE,
    UNKNOWN,
    VERTEX,
    Detail,
    Range,
    SourceDetail,
    Status,
    UnsupportedError,
    go_json,
)
from buildkit_llb.proto import status_pb2

_DOCKERFILE = b"FROM scratch\nRUN false\n"
_STACK = Detail("github.com/moby/buildkit/stack.Stack+json", b'{"frames": [{"Name": "main"}]}')


def _source(**changes: object) -> Detail:
    """A Source detail as a daemon sends it."""
    info = {"filename": "Dockerfile", "data": b64encode(_DOCKERFILE).decode(), "language": "Dockerfile"}
    detail = {"info": info, "ranges": [{"start": {"line": 2}, "end": {"line": 2}}], **changes}
    return Detail(SOURCE, json.dumps(detail).encode())


def test_status_survives_the_wire() -> None:
    status = Status(3, "wrong", (_source(), _STACK, Detail("", b"\xff")))
    assert Status.from_bytes(status.to_bytes()) == status


def test_code_0_is_never_sent() -> None:
    """A daemon would drop an error of code 0, so it goes out as Unknown."""
    assert status_pb2.Status.FromString(Status(0, "lost").to_bytes()).code == UNKNOWN


def test_source_is_read() -> None:
    """A Source detail tells the file, its text and the lines."""
    status = Status(2, "failed", (_STACK, _source()))
    assert status.sources() == (SourceDetail("Dockerfile", _DOCKERFILE, "Dockerfile", None, (Range(2, 2),)),)
    assert status.has(SOURCE)
    assert not status.has(VERTEX)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([{"start": {"line": 3}, "end": {"line": 5}}], (Range(3, 5),)),
        ([{"start": {"line": 3, "character": 0}, "end": {"line": 3, "character": 0}}], (Range(3, 3),)),
        ([{"start": {"line": 3, "character": 4}, "end": {"line": 3, "character": 9}}], (Range(3, 3, 4, 9),)),
        ([{"start": {}, "end": {"line": 1}}, {}], (Range(0, 1), Range(0, 0))),
        (None, ()),
        ([], ()),
    ],
    ids=["zeros left out", "zeros written (BuildKit 0.8)", "characters", "empty messages", "null", "none"],
)
def test_ranges_are_read_as_go_writes_them(ranges: object, expected: tuple[Range, ...]) -> None:
    """Go leaves out zeros and empty messages, or writes them, depending on the version."""
    (source,) = Status(2, "", (_source(ranges=ranges),)).sources()
    assert source.ranges == expected


@pytest.mark.parametrize(
    "definition", [None, {"def": ["AAA="], "metadata": {"sha256:1": {"caps": {"x": True}}}, "new": 1}]
)
@pytest.mark.parametrize("data", [b"", _DOCKERFILE, "umlaut ü\r\n".encode("latin-1")])
def test_source_survives_json(definition: object, data: bytes) -> None:
    """What is rendered reads as the same, the raw definition included."""
    source = SourceDetail("sub/Dockerfile", data, "Dockerfile", definition, (Range(1, 2), Range(3, 3, 1, 2)))
    assert SourceDetail.from_json(source.to_json()) == source


def test_empty_source_is_the_shortest_json() -> None:
    """Empty fields are left out, as Go's omitempty does."""
    assert SourceDetail("", b"").to_json() == b'{"info":{}}'
    assert SourceDetail.from_json(b'{"info":{}}') == SourceDetail.from_json(b'{"info":null}') == SourceDetail("", b"")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"info":[]}',
        b'{"info":{"data":"?"}}',
        b'{"ranges":{"a":1}}',
        b'{"ranges":[{"start":{"line":"1"}}]}',
    ],
)
def test_source_that_cannot_be_read_is_passed_on(value: bytes) -> None:
    """A Source detail of an unknown shape is kept unchanged, so that the error is not lost."""
    status = Status(2, "failed", (Detail(SOURCE, value),))
    assert status.sources() == ()
    assert status.map_sources(lambda _: None) == status


def test_sources_are_replaced_and_the_rest_is_not_touched() -> None:
    """Each Source is replaced, dropped or kept byte for byte; other details keep their bytes and their place."""
    one, two, three = (_source(info={"filename": name}) for name in ("one", "two", "three"))
    status = Status(2, "failed", (_STACK, one, two, Detail("x", b"y"), three))

    def change(source: SourceDetail) -> SourceDetail | None:
        if source.filename == "two":
            return None
        return source if source.filename == "three" else SourceDetail("mine", b"text", ranges=(Range(7, 8),))

    mapped = status.map_sources(change)
    assert mapped.details == (
        _STACK,
        Detail(
            SOURCE, b'{"info":{"filename":"mine","data":"dGV4dA=="},"ranges":[{"start":{"line":7},"end":{"line":8}}]}'
        ),
        Detail("x", b"y"),
        three,
    )
    assert (mapped.code, mapped.message) == (2, "failed")


def test_source_is_added() -> None:
    """A Source detail is added after the existing details."""
    source = SourceDetail("Dockerfile", _DOCKERFILE, ranges=(Range(1, 2), Range(4, 4)))
    status = Status(2, "failed", (_STACK,)).with_source(source)
    assert status.details[0] == _STACK
    assert status.sources() == (source,)


def test_json_is_go_s() -> None:
    """No blanks, UTF-8 as it is, and what HTML and JavaScript trip over escaped."""
    value = {"a": ["<&>", "ü💥", "\u2028\u2029", '"\\\n\t']}
    assert go_json(value) == '{"a":["\\u003c\\u0026\\u003e","ü💥","\\u2028\\u2029","\\"\\\\\\n\\t"]}'.encode()


def test_unsupported_names_the_capability() -> None:
    """The message says which capability the engine does not have."""
    assert str(UnsupportedError("mergeop")) == "the build engine does not have the capability mergeop"
