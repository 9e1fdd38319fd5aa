"""The first bytes that a frontend sends, ready before anything slow is imported.

The daemon waits 10 s for the client preface, counted from before it starts the container, and 2 s more for the first
SETTINGS frame (golang.org/x/net http2/server.go). Write `PREFACE` first, and slow imports cannot exceed either limit.
"""

import struct

MAX_FRAME_SIZE = 1 << 20
"""Largest frame we accept, in bytes."""

MAX_HEADER_LIST_SIZE = 64 << 20
"""Largest header list we accept, in bytes. The details of an error are sent in a trailer and can reach megabytes."""

INITIAL_WINDOW_SIZE = 16 << 20
"""Flow control window of each stream, in bytes: the daemon's largest gRPC message (BuildKit 0.14)."""

SETTINGS = {
    0x1: 4096,  # HEADER_TABLE_SIZE
    0x2: 0,  # ENABLE_PUSH
    0x4: INITIAL_WINDOW_SIZE,
    0x5: MAX_FRAME_SIZE,
    0x8: 0,  # ENABLE_CONNECT_PROTOCOL
    0x6: MAX_HEADER_LIST_SIZE,
}
"""Our HTTP/2 settings by identifier (RFC 9113 6.5.2, RFC 8441), in the order that h2 writes them in."""


def _preface() -> bytes:
    """Build the client preface of RFC 9113 3.4 and a SETTINGS frame."""
    payload = b"".join(struct.pack(">HI", *setting) for setting in SETTINGS.items())
    header = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", 0x4, 0, 0)
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + header + payload


PREFACE = _preface()
"""The HTTP/2 client preface and SETTINGS frame. Write it to the daemon once, before any slow import.

Pass `preface_sent=True` to `Connection` afterwards.
"""
