"""Split a logical line into shell words, as upstream does to find the heredocs of an instruction.

This is upstream's `shell.Lex.ProcessWords` with no variable set and `SkipUnsetEnv` (frontend/dockerfile/shell/lex.go,
BuildKit 0.32), and no more than that: it finds words and never expands one. Its oddities are copied on purpose, for a
word that is a heredoc there and none here would move every later boundary of the file.
"""

import re
from typing import Final, NoReturn

SPACES: Final = "".join(
    ["\t\n\v\f\r \x85\xa0\u1680", *map(chr, range(0x2000, 0x200B)), "\u2028\u2029\u202f\u205f\u3000"]
)
"""What Go's `unicode.IsSpace` holds for a blank; `str.isspace` also takes U+001C to U+001F."""

_DEPTH_LIMIT: Final = 100  # upstream has none but its memory
_ORDINARY: Final = re.compile(rf"[^{SPACES}\\'\"$<]+")
_IN_DOUBLE_QUOTES: Final = re.compile(r"[^\\\"$]+")
_BLANKS_AFTER_MARK: Final = re.compile(r"[\t\r ]*")
_NO_BYTE: Final = re.compile("[\udc80-\udcff]")
_SPECIAL_PARAMETERS: Final = frozenset("@*#?-$!0")


class ShellWordError(ValueError):
    """The line is no sequence of shell words: a quote or a `${` is never closed, or holds what upstream refuses."""


def split(line: str, *, raw: bool, keep_quotes: bool) -> list[str]:
    r"""Split `line` into words at blanks that are neither quoted nor escaped by `\`.

    `raw` keeps escapes as they are written, `keep_quotes` the quotes. A word that is empty once its quotes are gone is
    no word. `$NAME` and `${NAME}` stay as they are.

    Raises ShellWordError where upstream's lexer fails.
    """
    return _Lexer(line, raw=raw, keep_quotes=keep_quotes).words()


class _Lexer:
    """One pass over one line; `$` substitutions recurse, at most `_DEPTH_LIMIT` deep."""

    def __init__(self, line: str, *, raw: bool, keep_quotes: bool) -> None:
        # Go's text/scanner drops a byte-order mark at the start and reads a broken byte as U+FFFD.
        self._line = _NO_BYTE.sub("\ufffd", line.removeprefix("\ufeff"))
        self._raw = raw
        self._keep_quotes = keep_quotes
        self._at = 0
        self._depth = 0
        self._word: list[str] = []

    def words(self) -> list[str]:
        found: list[str] = []
        word = self._word
        while self._at < len(self._line):
            if ordinary := _ORDINARY.match(self._line, self._at):
                self._at = ordinary.end()
                word.append(ordinary[0])
                continue
            char = self._line[self._at]
            if char in "'\"<":
                word.append(self._special(char))
            elif char == "$":
                for part in self._substitution():
                    self._add(part, found)
            elif char == "\\":
                word.append(self._escaped())
            else:
                self._at += 1
                self._add(char, found)
        self._add(" ", found)
        return found

    def _add(self, char: str, found: list[str]) -> None:
        if char not in SPACES:
            self._word.append(char)
        elif text := "".join(self._word):
            found.append(text)
            self._word.clear()

    def _special(self, char: str) -> str:
        if char == "'":
            return self._single_quoted()
        if char == '"':
            return self._double_quoted()
        return self._heredoc_mark()

    def _escaped(self) -> str:
        char = self._line[self._at + 1 : self._at + 2]
        self._at += 2
        return "\\" + char if self._raw else char

    def _single_quoted(self) -> str:
        end = self._line.find("'", self._at + 1)
        if end < 0:
            self._fail("a ' that is never closed")
        quoted = self._line[self._at : end + 1]
        self._at = end + 1
        return quoted if self._keep_quotes else quoted[1:-1]

    def _double_quoted(self) -> str:
        self._at += 1
        parts = ['"'] if self._keep_quotes else []
        while (char := self._peek()) != '"':
            if ordinary := _IN_DOUBLE_QUOTES.match(self._line, self._at):
                self._at = ordinary.end()
                parts.append(ordinary[0])
                continue
            if not char:
                self._fail('a " that is never closed')
            if char == "$":
                parts.append(self._substitution())
                continue
            self._at += 1
            if self._raw:
                parts.append(char)
            following = self._peek()
            if not following:
                continue
            if following in '"$\\':
                self._at += 1
                char = following
            parts.append(char)  # upstream doubles an escape that escapes nothing
        self._at += 1
        if self._keep_quotes:
            parts.append('"')
        return "".join(parts)

    def _heredoc_mark(self) -> str:
        """Read `<` or `<<`. A blank may follow `<<` since BuildKit 0.22, and belongs to the word."""
        if not self._line.startswith("<<", self._at):
            self._at += 1
            return "<"
        blanks = _BLANKS_AFTER_MARK.match(self._line, self._at + 2)
        assert blanks is not None  # noqa: S101 - the pattern matches the empty string
        self._at = blanks.end()
        return "<<" + blanks[0]

    def _substitution(self) -> str:
        self._at += 1
        if self._peek() != "{":
            return "$" + self._name()
        self._at += 1
        if self._peek() in {"", "{", "}", ":"}:
            self._fail("a ${} that names no variable")
        name = self._name()
        modifier = self._next()
        if modifier == "}":
            return f"${{{name}}}"
        if modifier == "/":
            if self._peek() == "/":
                self._at += 1
            pattern = self._nested("/", raw=True)
            return f"${{{name}/{pattern}/{self._nested('}', raw=True)}}}"
        if modifier == ":":
            operator = self._next()
            if operator in {"#", "%"}:
                self._fail(f"the modifier :{operator}")
            modifier += operator
        elif modifier not in {"+", "-", "?", "#", "%"}:
            self._fail(f"the modifier {modifier}")
        return f"${{{name}{modifier}{self._nested('}', raw=modifier in {'#', '%'})}}}"

    def _name(self) -> str:
        start = self._at
        if (char := self._peek()).isdecimal():
            while self._peek().isdecimal():
                self._at += 1
        elif char in _SPECIAL_PARAMETERS:
            self._at += 1
        else:
            while (char := self._peek()) == "_" or char.isalpha() or char.isdecimal():
                self._at += 1
        return self._line[start : self._at]

    def _nested(self, stop: str, *, raw: bool) -> str:
        """Read up to `stop`. Upstream loses the word that it has so far here, as both share one buffer."""
        self._depth += 1
        if self._depth > _DEPTH_LIMIT:
            self._fail("substitutions nested too deep")
        outer, self._raw = self._raw, raw
        parts: list[str] = []
        while (char := self._peek()) != stop:
            if not char:
                self._fail(f"a ${{ that misses its {stop}")
            if char in "'\"<":
                parts.append(self._special(char))
            elif char == "$":
                parts.append(self._substitution())
            elif char == "\\":
                parts.append(self._escaped())
            else:
                self._at += 1
                parts.append(char)
        self._at += 1
        self._raw = outer
        self._depth -= 1
        self._word.clear()
        return "".join(parts)

    def _peek(self) -> str:
        return self._line[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def _fail(self, what: str) -> NoReturn:
        raise ShellWordError(what)
