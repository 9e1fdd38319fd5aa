"""Replace instructions of a Dockerfile, and map the lines of the result back to the user's lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.dockerfile.lexer import Dockerfile

_LINE_IN_MESSAGE = re.compile(r"(\bon line |\(line )(\d+)")


@dataclass(frozen=True, slots=True)
class Expansion:
    """A text made from the user's, with a line map."""

    text: bytes
    lines: tuple[tuple[int, int], ...]
    """For each line of `text`, the first and last of the user's lines that it comes from."""
    generated: frozenset[int]
    """Lines of `text` (1-based) that were generated."""

    def user_lines(self, first: int, last: int) -> tuple[int, int] | None:
        """Map lines of the text, 1-based and inclusive, to the user's lines; None outside the text."""
        mapped = [self.lines[line - 1] for line in range(max(first, 1), last + 1) if line <= len(self.lines)]
        if not mapped:
            return None
        return min(start for start, _ in mapped), max(end for _, end in mapped)

    def user_message(self, message: str) -> str:
        """Point the line numbers in a message of the Dockerfile frontend at the user's lines.

        Upstream writes them as "dockerfile parse error on line 3: …" (instructions/parse.go) and, in warnings, as
        "… (line 3)" (linter/linter.go).
        """

        def renumber(match: re.Match[str]) -> str:
            lines = self.user_lines(int(match[2]), int(match[2]))
            return match[1] + str(lines[0]) if lines else match[0]

        return _LINE_IN_MESSAGE.sub(renumber, message)


class Inserted(NamedTuple):
    """Instructions inserted after one of the user's."""

    text: str
    """Ends with a newline."""
    lines: tuple[int, int]
    """The user's lines that they come from."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Changes to a text other than those of PYENV lines; upstream names the steps of these."""

    replaced: Mapping[int, str] = field(default_factory=dict)
    """Text in place of instructions, by their indexes; each ends with a newline."""
    inserted: Mapping[int, Inserted] = field(default_factory=dict)
    """Text to insert after instructions, by their indexes."""

    def __or__(self, other: "Edits") -> "Edits":
        """Combine edits of different places."""
        return Edits({**self.replaced, **other.replaced}, {**self.inserted, **other.inserted})

    def before(self, index: int) -> "Edits":
        """The edits of the instructions before an index."""
        replaced = {at: text for at, text in self.replaced.items() if at < index}
        return Edits(replaced, {at: added for at, added in self.inserted.items() if at < index})

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.replaced or self.inserted)


NO_EDITS = Edits()


def substitute(dockerfile: Dockerfile, replacements: Mapping[int, str], edits: Edits = NO_EDITS) -> Expansion:
    """Replace instructions by generated text, and apply edits; everything else stays the same, byte for byte.

    `replacements` maps indexes into `dockerfile.instructions` to text that ends with a newline, or is empty.
    """
    pieces: list[bytes] = []
    lines: list[tuple[int, int]] = []
    made: set[int] = set()
    position = 0

    def keep(end: int) -> None:
        nonlocal position
        kept = dockerfile.source[position:end]
        if kept:
            first = dockerfile.source.count(b"\n", 0, position) + 1
            count = kept.count(b"\n") + (not kept.endswith(b"\n"))
            lines.extend((line, line) for line in range(first, first + count))
            pieces.append(kept)
        position = end

    def add(text: str, origin: tuple[int, int]) -> int:
        new = generated.continued(text, dockerfile.escape).encode("utf-8", "surrogateescape")
        count = new.count(b"\n")
        lines.extend([origin] * count)
        pieces.append(new)
        return count

    for index in sorted({*replacements, *edits.replaced, *edits.inserted}):
        instruction = dockerfile.instructions[index]
        keep(instruction.span[0])
        if index in replacements:
            first = len(lines) + 1
            count = add(replacements[index], instruction.lines)
            made.update(range(first, first + count))
            position = instruction.span[1]
        elif index in edits.replaced:
            add(edits.replaced[index], instruction.lines)
            position = instruction.span[1]
        else:
            keep(instruction.span[1])
        if index in edits.inserted:
            if pieces and not pieces[-1].endswith(b"\n"):
                pieces.append(b"\n")  # the file's last line has none
            add(edits.inserted[index].text, edits.inserted[index].lines)
    keep(len(dockerfile.source))
    return Expansion(b"".join(pieces), tuple(lines), frozenset(made))
