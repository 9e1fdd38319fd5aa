r"""Expand the variables in a word, where no Dockerfile frontend can be asked to do it.

The rules are those that upstream documents for Dockerfiles ("Environment replacement"), as its `shell.Lex.ProcessWord`
has them (frontend/dockerfile/shell/lex.go, BuildKit 0.32): quotes and escapes go, `$NAME` and `${NAME}` become their
values, and of the modifiers `-`, `+` and `?` with and without a colon. In a build it is upstream that expands.
(PyPI's expandvars 1.1 keeps quotes, and dockerfile-parse 2.0 knows no escape character but the backslash.)
"""

import re
from collections.abc import Mapping
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+")
_MODIFIERS: Final = frozenset("-+?")


class ExpansionError(ValueError):
    """What is wrong with a word, or which variable has no value."""


class UnsetError(ExpansionError):
    """A variable has no value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"${name} has no value")
        self.name = name


def expand(word: str, variables: Mapping[str, str], *, escape: str = "\\") -> str:
    """Expand a word and remove its quotes; a variable without a value must have one by its modifier.

    Raises UnsetError, and ExpansionError for a word that upstream refuses or that has another modifier.
    """
    return _Expander(word, variables, escape).until("")


class _Expander:
    """One pass over one word."""

    def __init__(self, word: str, variables: Mapping[str, str], escape: str) -> None:
        self._word = word
        self._variables = variables
        self._escape = escape
        self._at = 0

    def until(self, stop: str) -> str:
        """Expand up to `stop`, which is consumed; "" is the word's end."""
        found: list[str] = []
        while (char := self._next()) != stop:
            if not char:
                raise ExpansionError(f"{self._word}: a {stop} is missing")
            if char == "'":
                found.append(self._literal())
            elif char == '"':
                found.append(self._double_quoted())
            elif char == "$":
                found.append(self._substitution())
            elif char == self._escape:
                found.append(self._next())
            else:
                found.append(char)
        return "".join(found)

    def _literal(self) -> str:
        end = self._word.find("'", self._at)
        if end < 0:
            raise ExpansionError(f"{self._word}: a ' is missing")
        text = self._word[self._at : end]
        self._at = end + 1
        return text

    def _double_quoted(self) -> str:
        found: list[str] = []
        while (char := self._next()) != '"':
            if not char:
                raise ExpansionError(f'{self._word}: a " is missing')
            if char == "$":
                found.append(self._substitution())
            elif char == self._escape:
                following = self._next()
                found.append(following if following in {'"', "$", self._escape} else char + following)
            else:
                found.append(char)
        return "".join(found)

    def _substitution(self) -> str:
        if self._peek() != "{":
            match = _NAME.match(self._word, self._at)
            if match is None:
                return "$"
            self._at = match.end()
            return self._value(match[0])
        self._at += 1
        match = _NAME.match(self._word, self._at)
        if match is None:
            raise ExpansionError(f"{self._word}: ${{}} without the name of a variable")
        self._at = match.end()
        modifier = self._next()
        if modifier == "}":
            return self._value(match[0])
        if not modifier:
            raise ExpansionError(f"{self._word}: a }} is missing")
        if modifier == ":":
            modifier += self._next()
        if modifier[-1:] not in _MODIFIERS:
            raise ExpansionError(f"{self._word}: the modifier {modifier} is understood in a build only")
        return self._modified(match[0], modifier)

    def _modified(self, name: str, modifier: str) -> str:
        value = self._variables.get(name)
        known = bool(value) if modifier.startswith(":") else value is not None
        if modifier.endswith("+"):
            other = self._lazily(wanted=known)
            return other if known else ""
        other = self._lazily(wanted=not known)
        if known:
            return value or ""
        if modifier.endswith("?"):
            raise ExpansionError(f"{name}: {other or 'it has no value'}")
        return other

    def _lazily(self, *, wanted: bool) -> str:
        """Expand up to the closing brace; variables of a part that is not wanted need no values."""
        variables = self._variables
        if not wanted:
            self._variables = _Anything()
        text = self.until("}")
        self._variables = variables
        return text

    def _value(self, name: str) -> str:
        try:
            return self._variables[name]
        except KeyError:
            raise UnsetError(name) from None

    def _peek(self) -> str:
        return self._word[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        self._at += 1
        return char


class _Anything(dict[str, str]):
    """Has a value for every name."""

    def __missing__(self, _: str) -> str:
        return ""
