"""What podman 4.3 and buildah 1.28, as in Debian 12, do not support in a user's own lines, which rendering keeps.

The lists come from trying; tests/engine/test_render.py repeats that.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from typing import Final

from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction

NAMES: Final = "podman 4.3 and buildah 1.28"

_FLAGS: Final = {
    "ADD": {"--chmod", "--chown"},
    "COPY": {"--chmod", "--chown", "--from"},
    "FROM": {"--platform"},
    "HEALTHCHECK": {"--interval", "--retries", "--start-period", "--timeout"},
    "RUN": {"--mount"},
}
"""Flags of instructions that they support."""
_OPTIONS: Final = (
    (re.compile(r"^(?=.*\btype=secret\b).*\benv="), "secret mounts with env="),
    (re.compile(r"^(?=.*\btype=tmpfs\b).*\bsize="), "tmpfs mounts with size="),
    (re.compile(r"\bsharing=private\b"), "mounts with sharing=private"),
    (re.compile(r"^(?!.*\btype=secret\b).*\b(?:target|dst|destination)=[^/$\"']"), "mounts with a relative target"),
)
"""Options of mounts that they do not support."""
_EXPANDED: Final = {"ADD", "ARG", "COPY", "ENV", "EXPOSE", "FROM", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
_MODIFIER: Final = re.compile(r"(?<!\\)\$\{\w+(?P<modifier>[-+?#%/]|:\?)")
"""They support only :- and :+."""
_REPOSITORY: Final = re.compile(r"(?:^|\s)(?:git@\S+|git://\S+|https?://\S+\.git(?:#\S*)?)\s")


def unknown(dockerfile: Dockerfile) -> Iterator[tuple[int, str]]:
    """Unsupported features of a file: the first line of the instruction and the feature, once for each."""
    for item in dockerfile.instructions:
        for what in dict.fromkeys(_pyenv(item) if item.keyword == "PYENV" else _own(item)):
            yield item.lines[0], what


def _pyenv(item: Instruction) -> Iterator[str]:
    flags = _flags(item)
    if any(flag.startswith("--network=") for flag in flags):
        yield "--network, which becomes RUN --network"
    yield from _mounts(flags)


def _own(item: Instruction) -> Iterator[str]:
    if item.keyword == "ONBUILD":
        # An ONBUILD in an ONBUILD is an error of every builder.
        keyword, _, rest = item.text.partition(" ")
        item = replace(item, keyword=keyword.upper(), text=rest.lstrip())
    flags = _flags(item)
    for name in (flag.partition("=")[0] for flag in flags):
        if name not in _FLAGS.get(item.keyword, ()):
            yield f"{item.keyword} {name}"
    yield from _mounts(flags)
    if any(re.match(r"--chmod=[^0-7$\"']", flag) for flag in flags):
        yield f"{item.keyword} --chmod with letters"
    if item.heredocs:
        yield "heredocs"
    if item.keyword == "ADD" and _REPOSITORY.search(item.text):
        yield "ADD of a git repository"
    if item.keyword in _EXPANDED:
        for match in _MODIFIER.finditer(re.sub(r"'[^']*'", "", item.text)):
            yield f"${{…{match['modifier']}…}}"


def _flags(item: Instruction) -> list[str]:
    return list(takewhile(lambda word: word.startswith("--"), item.text.split()))


def _mounts(flags: list[str]) -> Iterator[str]:
    for flag in flags:
        name, _, options = flag.partition("=")
        if name == "--mount":
            yield from (what for pattern, what in _OPTIONS if pattern.search(options))
