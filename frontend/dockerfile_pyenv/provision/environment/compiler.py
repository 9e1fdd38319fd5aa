"""Compiles Python files, in a separate process. The same files give the same bytes, whatever else is compiled.

    PYTHONHASHSEED=0 pythonX.Y -s -S -B -W ignore <this file> JOBS COUNT DIRECTORY

DIRECTORY has a list of paths for each of COUNT tasks, 0, 1, …: each path ends with a NUL. For each of them,
`<number>.out` gets their bytecode, joined by `encode`, b"" for a file that does not compile; the number is then written
to standard output, on its own line. JOBS tasks run at a time.

marshal flags an object as shared if the process has another reference to it: what was compiled before would change the
bytes. So every task runs in a fork of a process that has done nothing yet, without a garbage collector. Before Python
3.11 the bytes also depend on the order of a set's members: so the hash seed is fixed.
"""

from __future__ import annotations

import gc
import os
import struct
import sys
import zlib

import pyc

_HEADER = struct.Struct("<II")


class DamagedError(Exception):
    """The data does not come from `encode`, or is damaged."""


def main(jobs: int, count: int, directory: str) -> int:
    """Run the tasks; return 0, or 1 if one died."""
    gc.disable()
    running = {}
    failed = False
    number = 0
    while number < count or running:
        if number < count and len(running) < jobs and not failed:
            child = os.fork()
            if not child:
                _task(f"{directory}/{number}")
                os._exit(0)
            running[child] = number
            number += 1
            continue
        if not running:
            break
        child, status = os.wait()
        done = running.pop(child)
        if status:
            failed = True
            print(f"task {done} ended with wait status {status}", file=sys.stderr, flush=True)
        else:
            print(done, flush=True)
    return int(failed)


def _task(path: str) -> None:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib's start takes longer than all else here
        names = file.read().split(b"\0")[:-1]
    result = encode([_compiled(name) for name in names])
    with open(path + ".out", "wb") as file:  # noqa: PTH123 - as above
        file.write(result)


def _compiled(name: bytes) -> bytes:
    with open(name, "rb") as file:  # noqa: PTH123 - as above
        source = file.read()
    try:
        return pyc.compiled(source)
    except Exception:  # noqa: BLE001 - templates, other languages' syntax, nesting beyond limits: whatever does not compile
        return b""


def encode(parts: list[bytes]) -> bytes:
    """Join parts, with their lengths and a checksum."""
    body = struct.pack(f"<{len(parts)}I", *map(len, parts)) + b"".join(parts)
    return _HEADER.pack(len(parts), zlib.crc32(body)) + body


def decode(data: bytes) -> list[bytes]:
    """Return the parts that were joined. Raises DamagedError."""
    try:
        count, checksum = _HEADER.unpack_from(data)
        body = data[_HEADER.size :]
        if zlib.crc32(body) != checksum:
            raise DamagedError("checksum mismatch")
        lengths = struct.unpack_from(f"<{count}I", body)
    except struct.error as error:
        raise DamagedError(str(error)) from None
    parts = []
    position = 4 * count
    for length in lengths:
        parts.append(body[position : position + length])
        position += length
    return parts


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
