"""Builds as a client of BuildKit's own API starts them, without the docker CLI: which frontend runs is its choice."""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING

from buildkit_llb.errors import RpcError
from buildkit_llb.proto.control_pb2 import SolveRequest
from buildkit_llb.stdio import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from buildkit_llb.definition import Definition

_UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n"


def solve(path: Path, frontend: str, opts: Mapping[str, str], inputs: Mapping[str, Definition]) -> str:
    """Build without a session, and so from inputs alone, and keep nothing; return the error's message, else ""."""
    request = SolveRequest(ref=secrets.token_hex(12), frontend=frontend, frontend_attrs=opts)
    for key, definition in inputs.items():
        request.frontend_inputs[key].CopyFrom(definition.to_pb())
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(_UPGRADE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert b" 101 " in head, head
        client = Connection(connection.fileno(), connection.fileno(), preface_sent=False)
        try:
            client.unary("/moby.buildkit.v1.Control/Solve", request.SerializeToString())
        except RpcError as error:
            return error.status.message
    return ""
