"""The generated code."""

import subprocess
import sys
from pathlib import Path

import pytest

from buildkit_llb.proto import gateway_pb2, ops_pb2

_ROOT = Path(__file__).parents[3] / "frontend/buildkit-llb"
_PROTO = _ROOT / "buildkit_llb/proto"
_NAMES = sorted(path.name for path in _PROTO.glob("*.proto"))


def test_generated_code_is_up_to_date(tmp_path: Path) -> None:
    """The committed code is what `make proto` makes of the .proto files."""
    sources = [f"buildkit_llb/proto/{name}" for name in _NAMES]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            "-I",
            ".",
            f"--python_out={tmp_path}",
            f"--pyi_out={tmp_path}",
            *sources,
        ],
        cwd=_ROOT,
        check=True,
    )
    made = {path.name: path.read_text() for path in (tmp_path / "buildkit_llb" / "proto").iterdir()}
    assert made == {path.name: path.read_text() for path in _PROTO.glob("*_pb2.py*")}


@pytest.mark.parametrize(
    ("message", "number"),
    [(ops_pb2.Op, 8), (ops_pb2.ExecOp, 6), (ops_pb2.OpMetadata, 7), (gateway_pb2.SolveResponse, 99)],
    ids=["an op of a newer daemon", "devices", "resources", "anything"],
)
def test_unknown_fields_survive(message: type[ops_pb2.Op], number: int) -> None:
    """Fields that our subset does not name come out as they went in."""
    field = bytes([number << 3 & 0x7F | 2 | (0x80 if number > 15 else 0)])
    field += bytes([number >> 4]) if number > 15 else b""
    data = field + b"\x03abc"
    assert message.FromString(data).SerializeToString() == data
