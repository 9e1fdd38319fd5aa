"""Reads what installers write. It repeats what builds of packages write: any amount, in lines of any length."""

from __future__ import annotations

from collections import deque
from typing import IO, Deque, Iterator, List

READ = 1 << 20
"""How many bytes of a line are read; the rest is passed over."""

FIRST, LAST = 1000, 4000
"""How many lines of an output are kept from its start and from its end, to explain a failure from them."""


def raw_lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines with their ends, of long ones only the start."""
    while True:
        data = stream.readline(READ)
        if not data:
            return
        rest = data
        while len(rest) == READ and not rest.endswith(b"\n"):
            rest = stream.readline(READ)
        yield data.decode("utf-8", "replace")


class Text:
    """Lines of an output, as far as they may explain a failure: the first ones and the last ones."""

    def __init__(self) -> None:
        self._first: List[str] = []
        self._last: Deque[str] = deque(maxlen=LAST)

    def add(self, line: str) -> None:
        """Add a line."""
        if len(self._first) < FIRST:
            self._first.append(line)
        else:
            self._last.append(line)

    def __str__(self) -> str:
        return "".join([*self._first, *self._last])
