"""Errors: those that calls raise, and the status that the daemon and the frontend report errors with.

An error on the wire is a google.rpc.Status. Its details are Go structs as JSON, not protobuf, each under its own type
URL (moby/buildkit util/grpcerrors/grpcerrors.go). Clients print the Source detail as an excerpt of the Dockerfile.

GatewayError
├── RpcError              the daemon answered a call with an error, which `status` holds
├── ConnectionLostError   the daemon closed the connection, or did not answer with gRPC
└── UnsupportedError      the daemon does not have a capability that the call requires

DefinitionError, for broken graphs, is a ValueError (definition.py).
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from buildkit_llb.proto import status_pb2

__all__ = [
    "SOURCE",
    "UNKNOWN",
    "VERTEX",
    "ConnectionLostError",
    "Detail",
    "GatewayError",
    "Range",
    "RpcError",
    "SourceDetail",
    "Status",
    "UnsupportedError",
]

UNKNOWN = 2
"""The gRPC code Unknown. Clients print its message as it is, without a code before it."""

_TYPE_URL = "github.com/moby/buildkit/"
SOURCE = _TYPE_URL + "errdefs.Source+json"
"""Type URL of the Source detail (solver/errdefs/source.go)."""
VERTEX = _TYPE_URL + "errdefs.Vertex+json"
"""Type URL of the detail that names the vertex that failed (solver/errdefs/vertex.go)."""


@dataclass(frozen=True, slots=True)
class Range:
    """A range in a source file, from `start_line` to `end_line`: 1-based and inclusive.

    `start_character` and `end_character` are 0-based. Clients show whole lines (solver/errdefs/source.go).
    """

    start_line: int
    end_line: int
    start_character: int = 0
    end_character: int = 0


@dataclass(frozen=True, slots=True)
class SourceDetail:
    """The source file and the lines that an error is about.

    `filename` names the file, and `data` is all of it. `language` is what it is written in, such as `Dockerfile`, and
    `ranges` are the lines. `definition` is the graph that loaded the file, as a JSON value (see `Definition.to_json`),
    or None.
    """

    filename: str
    data: bytes
    language: str = ""
    definition: object = None
    ranges: tuple[Range, ...] = ()

    @classmethod
    def from_json(cls, value: bytes) -> Self:
        """Parse `value`, Go's JSON of errdefs.Source, where zero numbers and empty fields can be missing.

        Raises ValueError or TypeError if the value is not such JSON.
        """
        detail = _mapping(json.loads(value))
        info = _mapping(detail.get("info"))
        ranges = detail.get("ranges") or []
        if not isinstance(ranges, list):
            raise TypeError("ranges is not a list")
        try:
            data = b64decode(str(info.get("data") or ""), validate=True)
        except Base64Error as error:
            raise ValueError(f"data is not base64: {error}") from error
        return cls(
            filename=str(info.get("filename") or ""),
            data=data,
            language=str(info.get("language") or ""),
            definition=info.get("definition"),
            ranges=tuple(_range_from_json(_mapping(one)) for one in ranges),
        )

    def to_json(self) -> bytes:
        """Write Go's JSON of errdefs.Source."""
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
    """One detail of a status: its `type_url`, such as `SOURCE`, and its serialized `value`."""

    type_url: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Status:
    """An error as gRPC reports it: google.rpc.Status.

    `code` is gRPC's, `message` what clients print, and `details` hold the lines of the source file and more.
    """

    code: int
    message: str
    details: tuple[Detail, ...] = ()

    @classmethod
    def from_pb(cls, status: status_pb2.Status) -> Self:
        """Read the message `status`."""
        details = tuple(Detail(detail.type_url, detail.value) for detail in status.details)
        return cls(status.code, status.message, details)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse `data`, a serialized google.rpc.Status.

        Raises google.protobuf.message.DecodeError for other bytes.
        """
        return cls.from_pb(status_pb2.Status.FromString(data))

    def to_pb(self) -> status_pb2.Status:
        """Build the message.

        Code 0 becomes `UNKNOWN`: the daemon drops an error with code 0, and the build would fail without a message.
        """
        details = [status_pb2.Detail(type_url=detail.type_url, value=detail.value) for detail in self.details]
        return status_pb2.Status(code=self.code or UNKNOWN, message=self.message, details=details)

    def to_bytes(self) -> bytes:
        """Serialize google.rpc.Status; see `to_pb`."""
        return self.to_pb().SerializeToString(deterministic=True)

    def has(self, type_url: str) -> bool:
        """Whether the status has a detail of the type `type_url`."""
        return any(detail.type_url == type_url for detail in self.details)

    def sources(self) -> tuple[SourceDetail, ...]:
        """Parse the Source details, and skip those that cannot be parsed."""
        parsed = (_source(detail) for detail in self.details)
        return tuple(source for source in parsed if source is not None)

    def map_sources(self, fn: Callable[[SourceDetail], SourceDetail | None]) -> Self:
        """Replace each Source detail by the result of `fn` for it; None drops it. Other details keep their bytes."""
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
        """Add `source` as a detail."""
        return replace(self, details=(*self.details, Detail(SOURCE, source.to_json())))


class GatewayError(Exception):
    """Base class of the errors that gateway calls raise."""


class RpcError(GatewayError):
    """The daemon answered a call with an error. `status` is the error with all its details."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


class ConnectionLostError(GatewayError):
    """The connection to the daemon was lost. No further call is possible."""


class UnsupportedError(GatewayError):
    """The daemon does not have the capability `cap`, which the call requires."""

    def __init__(self, cap: str) -> None:
        super().__init__(f"the build engine does not have the capability {cap}")
        self.cap = cap


def go_json(value: object) -> bytes:
    """Encode as Go's encoding/json does: no spaces, UTF-8, and `<`, `>`, `&`, U+2028 and U+2029 escaped."""
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
        raise TypeError(f"{key} is not a number")
    return number
