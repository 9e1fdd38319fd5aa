"""Options in requirements files that uv does not take as pip does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Set

if TYPE_CHECKING:
    from pathlib import Path

COMMENT = re.compile(r"(^|\s+)#.*$")
OPTION = re.compile(r"(?P<name>--[a-z-]+|-[ir])(?:(?:\s+|=|(?<=-[ir]))(?P<value>\S.*))?")


class Options(NamedTuple):
    """What the files say."""

    index: bool
    """One names its own default index: it goes before the settings' (uv has it the other way round)."""
    arguments: List[str]
    """What uv wants on its command line and not in a file."""


def options(path: Path) -> Options:
    """Read a requirements file and those that it includes."""
    index = False
    arguments: List[str] = []
    for name, value in _options(path, set()):
        if name in {"-i", "--index-url"}:
            index = True
        elif name == "--trusted-host":
            arguments.append(f"--allow-insecure-host={value}")
        elif name == "--pre":
            arguments.append("--prerelease=allow")
    return Options(index, list(dict.fromkeys(arguments)))


def _options(path: Path, seen: Set[Path]) -> Iterator[tuple[str, str]]:
    real = path.resolve()
    if real in seen or not real.is_file():
        return
    seen.add(real)
    text = path.read_text(encoding="utf-8-sig", errors="replace").replace("\\\n", " ")
    for line in text.splitlines():
        match = OPTION.fullmatch(COMMENT.sub("", line).strip())
        if match is None:
            continue
        name, value = match["name"], (match["value"] or "").strip()
        if name in {"-r", "--requirement"}:
            yield from _options(path.parent / value, seen)
        else:
            yield name, value
