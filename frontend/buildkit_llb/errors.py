"""What the daemon answers when a call fails, and what we answer when a build does.

An error is a google.rpc.Status. Each of its details is a Go struct as JSON under a type URL of its own, not protobuf
(moby/buildkit util/grpcerrors/grpcerrors.go). The Source detail is what clients print as an excerpt of the Dockerfile.

GatewayError
├── RpcError              a call failed; carries the Status
├── ConnectionLostError   the daemon is gone, or spoke no gRPC
└── UnsupportedError      the daemon lacks a capability
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from buildkit_llb.proto import status_pb2

UNKNOWN = 2
"""The gRPC code whose message clients print bare, without a `Code:` before it."""

_TYPE_URL = "github.com/moby/buildkit/"
SOURCE = _TYPE_URL + "errdefs.Source+json"
"""Type URL of the Source detail (solver/errdefs/source.go)."""
SUBREQUEST = _TYPE_URL + "errdefs.Subrequest+json"
"""Type URL of the detail that names an unsupported sub-request (solver/errdefs/subrequest.go)."""
VERTEX = _TYPE_URL + "errdefs.Vertex+json"
"""Type URL of the detail that names the vertex that failed (solver/errdefs/vertex.go)."""


@dataclass(frozen=True, slots=True)
class Range:
    """An area of a source file; lines are 1-based and inclusive, characters 0-based."""

    start_line: int
    end_line: int
    start_character: int = 0
    end_character: int = 0


@dataclass(frozen=True, slots=True)
class SourceDetail:
    """The part of a source file that an error is about.

    `definition` is how the file was loaded, as a raw JSON value (see `Definition.to_json`), or None.
    """

    filename: str
    data: bytes
    language: str = ""
    definition: object = None
    ranges: tuple[Range, ...] = ()

    @classmethod
    def from_json(cls, value: bytes) -> Self:
        """Parse Go's JSON of errdefs.Source; zero numbers and empty fields may be absent.

        Raises ValueError where the value is no such JSON.
        """
        detail = _mapping(json.loads(value))
        info = _mapping(detail.get("info"))
        ranges = detail.get("ranges") or []
        if not isinstance(ranges, list):
            raise TypeError("ranges are no list")
        try:
            data = b64decode(str(info.get("data") or ""), validate=True)
        except Base64Error as error:
            raise ValueError(f"data is no base64: {error}") from error
        return cls(
            filename=str(info.get("filename") or ""),
            data=data,
            language=str(info.get("language") or ""),
            definition=info.get("definition"),
            ranges=tuple(_range_from_json(_mapping(one)) for one in ranges),
        )

    def to_json(self) -> bytes:
        """Render Go's JSON of errdefs.Source."""
        info: dict[str, object] = {}
        if self.filename:
            info["filename"] = self.filename
        if self.data:
            info["data"] = b64encode(self.data).decode()
        if self.definition is not None:
            info["definition"] = self.definition
        if self.language:
            info["language"] = self.language
        detail: dict[str, object] = {"info": info}
        if self.ranges:
            detail["ranges"] = [_range_to_json(one) for one in self.ranges]
        return go_json(detail)


@dataclass(frozen=True, slots=True)
class Detail:
    """One detail of a status, as it travels."""

    type_url: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Status:
    """A google.rpc.Status."""

    code: int
    message: str
    details: tuple[Detail, ...] = ()

    @classmethod
    def from_pb(cls, status: status_pb2.Status) -> Self:
        """Take over a parsed message."""
        details = tuple(Detail(detail.type_url, detail.value) for detail in status.details)
        return cls(status.code, status.message, details)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse google.rpc.Status."""
        return cls.from_pb(status_pb2.Status.FromString(data))

    def to_pb(self) -> status_pb2.Status:
        """Build the message.

        Code 0 becomes Unknown: a daemon drops an error of code 0, and the build would fail without a word.
        """
        details = [status_pb2.Detail(type_url=detail.type_url, value=detail.value) for detail in self.details]
        return status_pb2.Status(code=self.code or UNKNOWN, message=self.message, details=details)

    def to_bytes(self) -> bytes:
        """Serialize google.rpc.Status; see `to_pb`."""
        return self.to_pb().SerializeToString(deterministic=True)

    def has(self, type_url: str) -> bool:
        """Whether a detail of this type is there."""
        return any(detail.type_url == type_url for detail in self.details)

    def sources(self) -> tuple[SourceDetail, ...]:
        """Parse the Source details; those that cannot be parsed are left out."""
        parsed = (_source(detail) for detail in self.details)
        return tuple(source for source in parsed if source is not None)

    def map_sources(self, fn: Callable[[SourceDetail], SourceDetail | None]) -> Self:
        """Replace each Source detail by what `fn` makes of it; None drops it. Other details keep their bytes."""
        details: list[Detail] = []
        for detail in self.details:
            source = _source(detail)
            if source is None:
                details.append(detail)
                continue
            mapped = fn(source)
            if mapped == source:
                details.append(detail)
            elif mapped is not None:
                details.append(Detail(SOURCE, mapped.to_json()))
        return replace(self, details=tuple(details))

    def with_source(self, source: SourceDetail) -> Self:
        """Add a Source detail."""
        return replace(self, details=(*self.details, Detail(SOURCE, source.to_json())))


def unsupported_subrequest(name: str) -> Status:
    """Say that a sub-request is not known here, so that clients can fall back (solver/errdefs/subrequest.go)."""
    detail = Detail(SUBREQUEST, go_json({"name": name}))
    return Status(UNKNOWN, f"unsupported request {name}", (detail,))


class GatewayError(Exception):
    """Base of every failure to get something from the daemon."""


class RpcError(GatewayError):
    """The daemon answered a call with an error."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


class ConnectionLostError(GatewayError):
    """The connection to the daemon ended or broke; no further call is possible."""


class UnsupportedError(GatewayError):
    """The daemon lacks the capability that a call needs."""

    def __init__(self, cap: str) -> None:
        super().__init__(f"the build engine lacks the capability {cap}")
        self.cap = cap


def go_json(value: object) -> bytes:
    """Encode as Go's encoding/json does: no blanks, UTF-8, and `<`, `>`, `&`, U+2028 and U+2029 escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()


def _source(detail: Detail) -> SourceDetail | None:
    if detail.type_url != SOURCE:
        return None
    try:
        return SourceDetail.from_json(detail.value)
    except (ValueError, TypeError):
        return None


def _mapping(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    return value


def _range_from_json(value: Mapping[str, object]) -> Range:
    start, end = _mapping(value.get("start")), _mapping(value.get("end"))
    return Range(_int(start, "line"), _int(end, "line"), _int(start, "character"), _int(end, "character"))


def _range_to_json(value: Range) -> Mapping[str, object]:
    return {
        "start": _position(value.start_line, value.start_character),
        "end": _position(value.end_line, value.end_character),
    }


def _position(line: int, character: int) -> Mapping[str, int]:
    return {key: number for key, number in (("line", line), ("character", character)) if number}


def _int(value: Mapping[str, object], key: str) -> int:
    number = value.get(key) or 0
    if not isinstance(number, int):
        raise TypeError(f"{key} is no number")
    return number


def ranges_from_lines(lines: Sequence[tuple[int, int]]) -> tuple[Range, ...]:
    """Make ranges of (first, last) lines, 1-based and inclusive."""
    return tuple(Range(first, last) for first, last in lines)
