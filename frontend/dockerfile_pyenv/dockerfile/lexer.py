r"""Find where the instructions of a Dockerfile start and end, exactly as upstream does.

The rules are those of frontend/dockerfile/parser/{parser,directives,split_command}.go, BuildKit 0.32, plus one:
PYENV may have heredocs, as RUN does. `lex` is linear in its input and finds boundaries only: upstream checks the words
of an instruction when it gets the text.

Text is bytes decoded as UTF-8 with the error handler `surrogateescape`, which keeps invalid bytes: encode with the same
handler to get them back.

    dockerfile   = [BOM] *directive *( blank | comment | instruction )
    directive    = "#" key "=" value                     ; key: syntax, escape or check, each once
    instruction  = line *( escape EOL *( blank | comment ) line ) *heredoc-body
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from dockerfile_pyenv.dockerfile import shell
from dockerfile_pyenv.dockerfile.generated import LONGEST_LINE
from dockerfile_pyenv.errors import DockerfileError

_BOM: Final = b"\xef\xbb\xbf"
_WITH_HEREDOC: Final = frozenset({"ADD", "COPY", "PYENV", "RUN"})

# unicode.IsSpace in UTF-8. A broken byte is no blank, be it 0x85 or 0xa0.
_BLANKS: Final = re.compile(
    rb"(?:[\t-\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)*+"
)
_DIRECTIVE: Final = re.compile(rb"([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=(.+)", re.DOTALL)
_END_OF_FLAGS: Final = re.compile("--(?:''|\"\")*")
_AFTER_COMMAND: Final = re.compile(r"[\t\v\f\r ]+")  # narrower than a blank: a no-break space is part of the word
_HEREDOC: Final = re.compile(r"[0-9]*<<(-?)[\t\n\f\r ]*([^<]*)")

# Go lower-cases these two letters to ASCII, so "ONBU\u0130LD" is a command; it does so with no other letter.
_UPPER: Final = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)} | {0x130: "I", 0x212A: "K"}


@dataclass(frozen=True, slots=True)
class Heredoc:
    """One heredoc of an instruction."""

    name: str
    content: str
    """The body verbatim, including newlines, carriage returns and leading tabs."""
    expand: bool
    """No part of the name was quoted, so variables in the body are to be expanded."""
    strip_tabs: bool
    """Written as `<<-`: leading tabs are removed from the body's lines."""
    lines: tuple[int, int]
    """First line of the body and line of the terminator, 1-based; the same where the body is empty."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with all of its lines."""

    keyword: str
    """The command word in capitals, such as "FROM"; never empty."""
    text: str
    """What follows the command word, flags included: continuations joined, outer blanks trimmed."""
    lines: tuple[int, int]
    """First and last line, 1-based and inclusive, with those of heredoc bodies."""
    span: tuple[int, int]
    """Byte offsets in the source: these lines with their newlines."""
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile's bytes and the instructions in them."""

    source: bytes
    escape: str
    r"""The escape and continuation character: "\\" or "`"."""
    directives: Mapping[str, str]
    """Parser directives by lower-case name: syntax, escape, check."""
    instructions: tuple[Instruction, ...]

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Spans between the instructions: one before each, and one after the last.

        Joined in turn, gaps and instructions are the source.
        """
        ends = [0, *(item.span[1] for item in self.instructions)]
        starts = [*(item.span[0] for item in self.instructions), len(self.source)]
        return tuple(zip(ends, starts, strict=True))


def lex(source: bytes) -> Dockerfile:
    """Find the instructions of a Dockerfile.

    Raises DockerfileError where upstream finds no boundaries either: a line longer than 65,535 bytes, a parser
    directive that is repeated or has an invalid escape character, a heredoc without an end.
    """
    return _Lexer(source).dockerfile()


def onbuild_keyword(instruction: Instruction, escape: str) -> str:
    """Command word of the instruction inside an ONBUILD, in capitals; "" for any other instruction."""
    if instruction.keyword != "ONBUILD":
        return ""
    return _split_command(_without_flags(instruction.text, escape))[0]


def is_one_flag(text: str, escape: str) -> bool:
    """Whether upstream reads a text as one flag of an instruction, whatever follows it."""
    line = text.encode(errors="surrogateescape").decode("latin-1")
    end = _end_of_flag(line + " x", 0, escape)
    return end == len(line)


def pieces(dockerfile: Dockerfile, instruction: Instruction) -> Iterator[tuple[int, int, bytes]]:
    """Yield what an instruction's logical line is joined from: line and column (in characters), 1-based, and bytes."""
    start, end = instruction.span
    lexer = _Lexer(dockerfile.source[start:end], dockerfile.escape, has_start=start == 0)
    for line, column, piece in lexer.pieces(0):
        yield instruction.lines[0] + line - 1, column, piece


class _Lexer:
    def __init__(self, source: bytes, escape: str = "\\", *, has_start: bool = True) -> None:
        self._source = source
        self._lines = source.split(b"\n")
        if not self._lines[-1]:
            self._lines.pop()
        self._escape = escape.encode()
        self._bom = _BOM if has_start and source.startswith(_BOM) else b""
        self._at = 0
        """Index of the next line to read."""

    def dockerfile(self) -> Dockerfile:
        for number, line in enumerate(self._lines, 1):
            if len(line) > LONGEST_LINE:
                raise DockerfileError(
                    f"line {number} is {len(line):,} bytes long, and the limit is "
                    f"{LONGEST_LINE:,}: split it with {self._escape.decode()} at the end of a line",
                    lines=(number, number),
                )
        directives = self._directives()
        return Dockerfile(
            self._source,
            self._escape.decode(),
            directives,
            tuple(self._instructions()),
        )

    def _first(self, index: int) -> tuple[int, bytes]:
        """Trim a line as the first of an instruction: how many bytes were cut off at its left, and the rest."""
        line = self._lines[index]
        start = _end_of_blanks(line, 0 if index else len(self._bom))
        return start, line[start:].rstrip(b"\r")

    def _directives(self) -> dict[str, str]:
        """Directives come before everything else: the first line that is not one ends them."""
        found: dict[str, str] = {}
        while self._at < len(self._lines):
            line = self._first(self._at)[1]
            match = line.startswith(b"#") and _DIRECTIVE.fullmatch(line, _end_of_blanks(line, 1))
            if not match or (key := match[1].decode().lower()) not in {"check", "escape", "syntax"}:
                break
            self._at += 1
            value = _decode(match[2].strip(b"\t\n\f\r ") or match[2][-1:])
            if key in found:
                raise DockerfileError(
                    f"the parser directive {key} is given twice: keep one", lines=(self._at, self._at)
                )
            if key == "escape":
                if value not in {"\\", "`"}:
                    raise DockerfileError(
                        f"the escape character cannot be '{_printable(value)}': write `# escape=\\` or `# escape=``",
                        lines=(self._at, self._at),
                    )
                self._escape = value.encode()
            found[key] = value
        return found

    def _instructions(self) -> Iterator[Instruction]:
        offsets = [0, *accumulate(len(line) + 1 for line in self._lines)]
        while self._at < len(self._lines):
            first = self._at
            line = self._first(first)[1]
            if not line or line.startswith(b"#"):
                self._at += 1
                continue
            logical = _decode(b"".join(piece for _, _, piece in self.pieces(first)))
            keyword, text = _split_command(logical)
            if not keyword:
                raise DockerfileError(
                    f"no instruction follows the {self._escape.decode()} that continues this line: remove it",
                    lines=(first + 1, self._at),
                )
            heredocs = tuple(self._heredocs(keyword, text, logical, first))
            span = offsets[first], min(offsets[self._at], len(self._source))
            yield Instruction(keyword, text, (first + 1, self._at), span, heredocs)

    def pieces(self, index: int) -> Iterator[tuple[int, int, bytes]]:
        """Read the logical line that begins at an index into the lines.

        Comments and blank lines within do not end a continuation; the end of the file does.
        """
        start, line = self._first(index)
        self._at = index + 1
        line, goes_on = self._continued(line)
        yield self._at, len(_decode(self._lines[index][:start])) + 1, line
        while goes_on and self._at < len(self._lines):
            line = self._lines[self._at].rstrip(b"\r")
            self._at += 1
            blanks = _end_of_blanks(line, 0)
            if blanks < len(line) and not line.startswith(b"#", blanks):
                line, goes_on = self._continued(line)
                yield self._at, 1, line

    def _continued(self, line: bytes) -> tuple[bytes, bool]:
        r"""Cut the continuation off a line's end, if it has one; `\\` is not one."""
        stripped = line.rstrip(b"\t ")
        if stripped.endswith(self._escape) and not stripped.endswith(self._escape * 2):
            return stripped[:-1], True
        return line, False

    def _heredocs(self, keyword: str, text: str, logical: str, first: int) -> Iterator[Heredoc]:
        """Read the bodies of an instruction's heredocs.

        Upstream reads none for an instruction in JSON form. That needs no check: all `<<` in it is quoted.
        """
        if keyword == "ONBUILD":
            keyword = _split_command(_without_flags(text, self._escape.decode()))[0]
        if "<<" not in logical or keyword not in _WITH_HEREDOC:
            return
        for word in _heredoc_words(logical, (first + 1, self._at)):
            yield self._heredoc(word, first)

    def _heredoc(self, word: "_HeredocWord", first: int) -> Heredoc:
        terminator = word.name.encode(errors="surrogateescape")
        start = self._at
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip(b"\r")
            self._at += 1
            if (line.lstrip(b"\t") if word.strip_tabs else line) == terminator:
                content = b"".join(line + b"\n" for line in self._lines[start : self._at - 1])
                return Heredoc(word.name, _decode(content), word.expand, word.strip_tabs, (start + 1, self._at))
        raise DockerfileError(
            f"the heredoc <<{word.name} is not closed: add a line with only {word.name} after its text",
            lines=(first + 1, self._at),
        )


class _HeredocWord(NamedTuple):
    name: str
    expand: bool
    strip_tabs: bool


def _heredoc_words(logical: str, lines: tuple[int, int]) -> Iterator[_HeredocWord]:
    r"""Find the words of a logical line that open a heredoc.

    Upstream escapes with `\` here, whatever the file's escape character is; a line that does not split into shell
    words has no heredocs.
    """
    try:
        words = shell.split(logical, raw=True, keep_quotes=True)
    except shell.ExpansionError:
        return
    for word in words:
        match = _HEREDOC.fullmatch(word)
        if not match or not match[2]:
            continue
        try:
            names = shell.split(match[2], raw=False, keep_quotes=False)
            quoted = shell.split(match[2], raw=False, keep_quotes=True)
        except shell.ExpansionError as error:
            raise DockerfileError(
                f"{_printable(word)} does not start a heredoc: write a plain word after <<", lines=lines
            ) from error
        if len(names) == 1:
            expand = _count_quotes(names[0]) == _count_quotes("".join(quoted))
            yield _HeredocWord(names[0], expand, strip_tabs=bool(match[1]))


def _split_command(logical: str) -> tuple[str, str]:
    """Command word, in capitals, and the rest of a logical line."""
    command, *rest = _AFTER_COMMAND.split(logical.strip(shell.SPACES), maxsplit=1)
    return command.translate(_UPPER), rest[0] if rest else ""


def _without_flags(text: str, escape: str) -> str:
    """Cut the leading `--flag` words off an instruction's text.

    Upstream reads flags byte by byte (split_command.go), so half of a letter such as "à" (0xc3 0xa0) is a blank here.
    """
    line = text.encode(errors="surrogateescape").decode("latin-1")
    at = 0
    while True:
        while at < len(line) and line[at] in shell.SPACES:
            at += 1
        if not line.startswith("--", at):
            break
        start = at
        at = _end_of_flag(line, at, escape)
        if _END_OF_FLAGS.fullmatch(line, start, at):
            break
    return _decode(line[at:].encode("latin-1")).strip(shell.SPACES)


def _end_of_flag(line: str, at: int, escape: str) -> int:
    quote = ""
    while at < len(line):
        char = line[at]
        if char == escape:
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in shell.SPACES:
            break
        at += 1
    return min(at, len(line))


def _end_of_blanks(line: bytes, start: int) -> int:
    match = _BLANKS.match(line, start)
    assert match is not None  # noqa: S101 - the pattern matches the empty string
    return match.end()


def _count_quotes(word: str) -> int:
    return word.count("'") + word.count('"')


def _decode(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


def _printable(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
