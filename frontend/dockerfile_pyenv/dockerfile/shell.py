r"""Upstream's shell lexer: finds the words of a logical line, and expands the variables in a word.

`split` is upstream's `shell.Lex.ProcessWords` with no variable set and `SkipUnsetEnv`, which it finds heredocs with;
`expand` is its `ProcessWord` (frontend/dockerfile/shell/lex.go, BuildKit 0.32). Oddities are copied on purpose: a word
that is a heredoc there and none here would move every later boundary of the file, and a value that differs would make
the commands tell of another build. In a build it is upstream that expands.

    substitution = "$" [ name ] / "${" [ name ] [ modifier ] "}"
    name         = 1*digit / "@" / "*" / "#" / "?" / "-" / "$" / "!" / ( letter / "_" ) *( letter / digit / "_" )
    modifier     = [ ":" ] ( "-" / "+" / "?" ) text
                 / ( "#" / "##" / "%" / "%%" ) pattern
                 / ( "/" / "//" ) pattern "/" text

Text and patterns may hold quotes, escapes and substitutions. In a pattern `*` stands for any text, `?` for any
character, and both without newlines.
"""

import re
from collections.abc import Mapping
from typing import Final, NoReturn

from dockerfile_pyenv.errors import brief

SPACES: Final = "".join(
    ["\t\n\v\f\r \x85\xa0\u1680", *map(chr, range(0x2000, 0x200B)), "\u2028\u2029\u202f\u205f\u3000"]
)
"""What Go's `unicode.IsSpace` holds for a blank; `str.isspace` also takes U+001C to U+001F."""

_LONGEST: Final = 1 << 20
"""Characters that the variables of a word may stand for: eight times as many as a program can get as one argument
(execve(2)). A few lines that each repeat the variable before them would take all memory."""
_DEPTH_LIMIT: Final = 100  # upstream has none but its memory
_SHOWN: Final = 1000
"""Characters of a word that an error shows whole."""
_ORDINARY: Final = re.compile(rf"[^{SPACES}\\'\"$<]+")
_IN_DOUBLE_QUOTES: Final = re.compile(r"[^\\`\"$]+")
_BLANKS_AFTER_MARK: Final = re.compile(r"[\t\r ]*")
_NO_BYTE: Final = re.compile("[\udc80-\udcff]")
_SPECIAL_PARAMETERS: Final = frozenset("@*#?-$!0")
_MODIFIERS: Final = frozenset({"-", "+", "?", ":-", ":+", ":?", "#", "%"})
_OF_PATTERNS: Final = frozenset("#%")


class ExpansionError(ValueError):
    """What is wrong with a word, or which variable has no value."""


class UnsetError(ExpansionError):
    """A variable has no value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"${name} has no value")
        self.name = name


def split(line: str, *, raw: bool, keep_quotes: bool) -> list[str]:
    r"""Split `line` into words at blanks that are neither quoted nor escaped by `\`.

    `raw` keeps escapes as they are written, `keep_quotes` the quotes. A word that is empty once its quotes are gone is
    no word. `$NAME` and `${NAME}` stay as they are.

    Raises ExpansionError where upstream's lexer fails.
    """
    return _Lexer(line, "\\", None, raw=raw, keep_quotes=keep_quotes).words()


def expand(word: str, variables: Mapping[str, str], *, escape: str = "\\") -> str:
    r"""Expand a word and remove its quotes.

    `variables` holds the values that are known: where the word needs another one, only a modifier can say what it is
    then. `escape` is the file's escape character.

    Raises UnsetError for a variable without a value, and ExpansionError for a word that upstream refuses.
    """
    return _Lexer(word, escape, variables, raw=False, keep_quotes=False).until("", raw=False)


class _Lexer:
    """One pass over one line or word; `$` substitutions recurse, at most `_DEPTH_LIMIT` deep.

    Without `variables`, substitutions stay as they are.
    """

    def __init__(
        self, line: str, escape: str, variables: Mapping[str, str] | None, *, raw: bool, keep_quotes: bool
    ) -> None:
        # Go's text/scanner drops a byte-order mark at the start and reads a broken byte as U+FFFD.
        self._line = _NO_BYTE.sub("\ufffd", line.removeprefix("\ufeff"))
        self._escape = escape
        self._variables = variables
        self._raw = raw
        self._keep_quotes = keep_quotes
        self._at = 0
        self._depth = 0
        self._length = 0
        """Of what variables stand for."""
        self._word: list[str] = []
        self._needed = True
        """False in a text that the modifier's variable makes no use of: what is unknown there does not matter."""

    def words(self) -> list[str]:
        """Read to the end, and split."""
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

    def until(self, stop: str, *, raw: bool) -> str:
        """Read up to `stop`, which is consumed; "" is the end.

        Upstream loses the word that it has so far here, as both share one buffer.
        """
        self._depth += 1
        if self._depth > _DEPTH_LIMIT:
            self._fail("variables are nested too deep")
        outer, self._raw = self._raw, raw
        parts: list[str] = []
        while (char := self._peek()) != stop:
            if not char:
                self._fail(f"a {stop} is missing")
            if char in "'\"<":
                parts.append(self._special(char))
            elif char == "$":
                parts.append(self._substitution())
            elif char == self._escape:
                parts.append(self._escaped())
            else:
                self._at += 1
                parts.append(char)
        self._at += 1
        self._raw = outer
        self._depth -= 1
        self._word.clear()
        return "".join(parts)

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
        return self._escape + char if self._raw else char

    def _single_quoted(self) -> str:
        end = self._line.find("'", self._at + 1)
        if end < 0:
            self._fail("a ' is missing")
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
                self._fail('a " is missing')
            if char == "$":
                parts.append(self._substitution())
                continue
            self._at += 1
            if char == self._escape:
                if self._raw:
                    parts.append(char)
                following = self._peek()
                if not following:
                    continue
                if following in {'"', "$", self._escape}:
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
        found = self._substituted()
        self._length += len(found)
        if self._length > _LONGEST:
            self._fail(f"its variables have more than {_LONGEST} characters")
        return found

    def _substituted(self) -> str:
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            return self._value(name) if name and self._variables is not None else "$" + name
        self._at += 1
        if self._peek() in {"{", "}", ":"}:
            self._fail("${} without the name of a variable")
        name = self._name()
        modifier = self._next()
        if modifier == "}":
            return f"${{{name}}}" if self._variables is None else self._value(name)
        if modifier == "/":
            return self._replaced(name)
        if modifier == ":":
            modifier += self._next()
        if modifier in {"", ":"}:
            self._fail("a } is missing")
        if modifier not in _MODIFIERS and not (self._variables is None and _is_read(modifier)):
            self._fail(f"the modifier {modifier} is not supported")
        return self._trimmed(name, modifier) if modifier in _OF_PATTERNS else self._chosen(name, modifier)

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

    def _value(self, name: str) -> str:
        """Value of a variable; one that is no word, such as `$1` or `$?`, is empty where it is not known."""
        assert self._variables is not None  # noqa: S101 - substitutions stay as they are then
        try:
            return self._variables[name]
        except KeyError:
            if self._needed and (name[:1] == "_" or name[:1].isalpha()):
                raise UnsetError(name) from None
            return ""

    def _chosen(self, name: str, modifier: str) -> str:
        """Read what follows `-`, `+` or `?`: the value of a variable, or a text."""
        if self._variables is None:
            return f"${{{name}{modifier}{self.until('}', raw=False)}}}"
        value = self._variables.get(name)
        known = bool(value) if modifier.startswith(":") else value is not None
        needed = self._needed
        self._needed &= known == modifier.endswith("+")
        text = self.until("}", raw=False)
        self._needed = needed
        if modifier.endswith("+"):
            return text if known else ""
        if known:
            return value or ""
        if modifier.endswith("?"):
            raise ExpansionError(f"{name}: {text or 'it has no value'}")
        return text

    def _trimmed(self, name: str, modifier: str) -> str:
        """Read the pattern that follows `#` or `%`, and cut what it matches off a value; doubled, as much as it can."""
        pattern = self.until("}", raw=True)
        if self._variables is None:
            return f"${{{name}{modifier}{pattern}}}"
        value = self._value(name)
        longest = pattern.startswith(modifier)
        if longest:
            pattern = pattern[1:]
        if modifier == "#":
            found = self._regex(pattern, longest=longest).match(value)
            return value[found.end() :] if found else value
        # A regular expression finds no shortest match at the end, so upstream turns both around.
        pattern = "".join(reversed(_letters(pattern)))
        found = self._regex(pattern, longest=longest).match(value[::-1])
        return value[: len(value) - found.end()] if found else value

    def _replaced(self, name: str) -> str:
        """Read the pattern and the text that follow `/`, and put the text in the place of what the pattern matches."""
        every = self._peek() == "/"
        self._at += every
        pattern = self.until("/", raw=True)
        text = self.until("}", raw=True)
        if self._variables is None:
            return f"${{{name}/{pattern}/{text}}}"  # upstream forgets a second /
        value = self._value(name)
        regex = self._regex(pattern, longest=True)
        if every:
            return _replace_all(regex, text, value)
        return regex.sub(lambda _: text, value, count=1)

    def _regex(self, pattern: str, *, longest: bool) -> re.Pattern[str]:
        r"""Write a pattern as a regular expression that matches the shortest text that it can, or the longest.

        A `\` makes `*`, `?`, `\` and what ends a pattern, `}` and `/`, a character like any other, and only them.
        """
        fixed = [""]  # what stands between the stars
        for letter in _letters(pattern):
            if letter == "*":
                fixed.append("")
            elif letter == "?":
                fixed[-1] += "."
            elif letter == "\\":
                self._fail(r"a pattern cannot end with \: write \\")
            elif letter[0] == "\\" and letter[1] not in r"*?\}/":
                self._fail(rf"a pattern cannot hold {letter}: only * ? \ }} / can be escaped")
            else:
                fixed[-1] += re.escape(letter[-1])
        first, *others = fixed
        if not others:
            return re.compile(first)
        # What follows the last star decides between shortest and longest. For each before it the first match is right,
        # and to try others after it takes time that grows with the power of their number, so no group is entered twice.
        *middle, last = others
        middle = [f"(?>.*?{text})" for text in middle if text]
        return re.compile("".join([first, *middle, ".*" if longest else ".*?", last]))

    def _peek(self) -> str:
        return self._line[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def _fail(self, what: str) -> NoReturn:
        line = self._line if len(self._line) < _SHOWN else brief(self._line)
        raise ExpansionError(f"{line}: {what}")


def _is_read(modifier: str) -> bool:
    """Whether upstream reads past a modifier that it does not know, and refuses it where the variable has a value."""
    return modifier.startswith(":") and modifier not in {":#", ":%"}


def _letters(pattern: str) -> list[str]:
    r"""Take a pattern apart: each character, with the `\` before it."""
    return re.findall(r"\\.|.", pattern, re.DOTALL)


def _replace_all(regex: re.Pattern[str], text: str, value: str) -> str:
    """Replace all matches in a value, as Go's `Regexp.ReplaceAllString` does.

    No empty match counts right after another match. In the text, `$0` and `${0}` become the match, `$$` becomes `$`,
    and any other name becomes nothing.
    """
    parts: list[str] = []
    at = end = 0
    while at <= len(value) and (match := regex.search(value, at)):
        parts.append(value[end : match.start()])
        if match.end() > end or match.start() == 0:
            parts.append(_filled(text, match[0]))
        end = match.end()
        at = max(at + 1, end)
    return "".join([*parts, value[end:]])


def _filled(text: str, found: str) -> str:
    def fill(match: re.Match[str]) -> str:
        name = match["name"] or match["braced"]
        return {"$": "$", "0": found}.get(name, "")

    return re.sub(r"\$(?:(?P<name>\$|\w+)|\{(?P<braced>\w+)\})", fill, text)
