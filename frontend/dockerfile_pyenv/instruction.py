"""One PYENV line: its words as they are written, and what they mean once their variables are expanded.

    PYENV       = "PYENV" *flag version name *requirement
    flag        = "--" name [ "=" value ]
    version     = X.Y | X.Y.Z | a pre-release such as 3.15.0rc1
    name        = ( letter | digit ) *( letter | digit | "_" | "." | "-" )
    requirement = path of a requirements file in the build context
                | a PEP 508 requirement with a specifier, extra, marker or URL | path or URL of an archive
                | "<<" word, whose body is a requirements file

Words are split as upstream splits those of ENV (parseWords, frontend/dockerfile/parser/line_parsers.go, BuildKit 0.32),
because ENV is where upstream expands them for us: a raw word is one word after the `=` of an ENV line, at its end too.
"""

import posixpath
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import Final

from dockerfile_pyenv import flags, heredocs, lexer, locks
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.flags import FlagError, Flags
from dockerfile_pyenv.heredocs import Body, RawBody
from dockerfile_pyenv.lexer import Dockerfile, Instruction
from dockerfile_pyenv.requirements import is_archive, is_url
from dockerfile_pyenv.shellwords import SPACES

USAGE: Final = "PYENV [--flag …] <version> <name> [<requirements> …]"

_OLDEST: Final = (3, 8)
_FREE_THREADED: Final = (3, 13)
"""First version with builds without the global interpreter lock, by the name of `3.13t` (PEP 703)."""
_VERSION: Final = re.compile(r"([1-9][0-9]*)\.(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*))?((?:a|b|rc)[1-9][0-9]*)?(t)?")
_VERSION_WITHIN: Final = re.compile(r"(?<![0-9.])3\.[1-9]?[0-9](?:\.[0-9]+)?(?![0-9])")
_RANGE: Final = re.compile(r"[<>=~!^*,|]")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_NO_IDENTIFIER: Final = re.compile(r"[^A-Za-z0-9_]")
_OPEN_BRACE: Final = re.compile(r"""^[^'"\\`]*\$\{[^}'"\\`]*$""")
_INLINE_HINT: Final = re.compile(r"[<>=~!@;:[\]]")
_HEREDOC: Final = re.compile(r"[0-9]*<<-?")
_REPOSITORIES: Final = ("git+", "hg+", "svn+", "bzr+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written: with its quotes, escapes and variables."""

    raw: str
    line: int
    """Line that the word begins on, 1-based."""
    column: int
    """Character of that line that the word begins with, 1-based."""

    @property
    def place(self) -> tuple[int, int]:
        """Line and column, for an error about the word."""
        return self.line, self.column


@dataclass(frozen=True, slots=True)
class RawStatement:
    """A PYENV line before its variables are expanded."""

    lines: tuple[int, int]
    version: Word
    name: Word | None
    """None only with `--no-venv`."""
    requirements: tuple[Word, ...]
    """Files and inline requirements, but no heredocs."""
    flags: tuple[tuple[str, Word | None], ...] = ()
    """Names of flags, and their values where they have one."""
    heredocs: tuple[RawBody, ...] = ()

    @property
    def words(self) -> tuple[Word, ...]:
        """All words to be expanded, in the order in which `resolve` takes them."""
        return *self.own_words, *(Word(word, line, 1) for body in self.heredocs for line, word in body.words)

    @property
    def own_words(self) -> tuple[Word, ...]:
        """The words of the line itself."""
        values = (word for _, word in self.flags if word)
        return self.version, *([self.name] if self.name else []), *self.requirements, *values

    def flag_place(self, error: FlagError) -> tuple[int, int] | None:
        """Line and column of the value of the flag that an error is about; None for one without a value."""
        if error.position is not None:
            word = self.flags[error.position][1]
            return word.place if word else None
        return next((word.place for flag, word in self.flags if word and flag == error.flag), None)

    @property
    def text(self) -> str:
        """The line as the user reads it: one blank between words, no continuations."""
        flags = (f"--{name}={word.raw}" if word else f"--{name}" for name, word in self.flags)
        rest = (self.version, *([self.name] if self.name else []), *self.requirements)
        return " ".join(["PYENV", *flags, *(word.raw for word in rest), *(body.name for body in self.heredocs)])


@dataclass(frozen=True, slots=True)
class Statement:
    """What a PYENV line asks for."""

    raw: RawStatement
    flags: Flags
    version: str
    """As asked for: "3.9", "3.9.23", "3.15.0rc1", or "3.14t" for a free-threaded build."""
    name: str
    """ "" for a Python without a name and an environment."""
    files: tuple[str, ...] = ()
    """Paths of requirement files, relative to the build context and without "." or ".." parts."""
    inline: tuple[str, ...] = ()
    """Requirements as a line of a requirements file has them; paths of archives are relative to the build context."""
    bodies: tuple[Body, ...] = ()
    """Requirement files that stand in the Dockerfile."""
    places: tuple[tuple[str, tuple[int, int]], ...] = ()
    """For each of `files`, line and column of the word that names it."""

    def place(self, path: str) -> tuple[int, int] | None:
        """Line and column of the word that names a file; None for what no word names."""
        return dict(self.places).get(path)


def env_names(name: str) -> tuple[str, ...]:
    """Names of the variables that hold the path of an environment's python.

    The second one is there only where the first is no identifier in a shell.
    """
    alias = _NO_IDENTIFIER.sub("_", name)
    return (f"ASTRO_PYENV_{name}",) if alias == name else (f"ASTRO_PYENV_{name}", f"ASTRO_PYENV_{alias}")


def is_name(text: str) -> bool:
    """Whether a text can be the name of an environment."""
    return _NAME.fullmatch(text) is not None


def parse(instruction: Instruction, dockerfile: Dockerfile) -> RawStatement:
    """Split a PYENV instruction into its words.

    Raises DockerfileError for words that cannot be a PYENV line, whatever their variables hold.
    """
    try:
        instruction.text.encode()
    except UnicodeEncodeError as error:
        raise DockerfileError(
            "this line is not UTF-8: save the Dockerfile as UTF-8", lines=instruction.lines
        ) from error
    split, quote = _split(instruction.text, dockerfile.escape)
    if quote is not None:
        (word,) = _placed([quote], instruction, dockerfile)
        raise DockerfileError(_about_quote(word.raw), lines=instruction.lines, at=word.place)
    words = list(_placed(split, instruction, dockerfile))
    count = next((i for i, word in enumerate(words) if word.raw[:2] != "--" or word.raw == "--"), len(words))
    given = [_flag(word, instruction.lines) for word in words[:count]]
    rest = words[count + 1 :] if words[count : count + 1] and words[count].raw == "--" else words[count:]
    rest = _without_heredocs(rest, instruction)
    no_venv = any(name == "no-venv" for name, _ in given)
    _check(rest, instruction, no_venv=no_venv)
    version, *others = rest
    name = others[0] if others else None
    bodies = tuple(heredocs.raw(body, instruction.lines, dockerfile.escape) for body in instruction.heredocs)
    return RawStatement(instruction.lines, version, name, tuple(others[1:]), tuple(given), bodies)


def resolve(raw: RawStatement, expanded: Sequence[str], env: Mapping[str, str] | None = None) -> Statement:
    """Check a PYENV line whose words are expanded: `expanded` has one value for each of `raw.words`.

    `env` holds the variables at the line, None where they are not known. Raises DockerfileError if the line cannot be
    built, whatever versions and files there are.
    """
    own = len(raw.own_words)
    for word, value in zip(raw.words[:own], expanded[:own], strict=True):
        if not value:
            raise DockerfileError(_about_empty(word), lines=raw.lines, at=word.place)
    values = iter(expanded)
    version = next(values)
    name = next(values) if raw.name else ""
    requirements = [next(values) for _ in raw.requirements]
    if raw.name and not _VERSION.fullmatch(version) and _VERSION.fullmatch(name):
        words = " ".join(word.raw for word in (raw.name, raw.version, *raw.requirements))
        raise DockerfileError(
            f"the version comes first, then the name: write PYENV {words}", lines=raw.lines, at=raw.version.place
        )
    named = [_requirement(word, value, raw.lines) for word, value in zip(raw.requirements, requirements, strict=True)]
    try:
        chosen = flags.resolve([(flag, next(values) if word else None) for flag, word in raw.flags])
    except FlagError as error:
        raise DockerfileError(str(error), lines=raw.lines, at=raw.flag_place(error)) from None
    locks.refuse_flags((one for one, is_file in named if is_file), chosen, raw.lines)
    return Statement(
        raw=raw,
        flags=chosen,
        version=_version(raw.version, version, raw.lines),
        name=_name(raw.name, name, raw.lines) if raw.name else "",
        files=tuple(dict.fromkeys(one for one, is_file in named if is_file)),
        inline=tuple(one for one, is_file in named if not is_file),
        bodies=tuple(heredocs.resolve(body, values, env) for body in raw.heredocs),
        places=tuple(
            (one, word.place) for word, (one, is_file) in zip(raw.requirements, named, strict=True) if is_file
        ),
    )


def _without_heredocs(words: Iterable[Word], instruction: Instruction) -> list[Word]:
    """Drop the words that open a heredoc, `<<EOF` and `<< EOF`."""
    kept: list[Word] = []
    count = 0
    rest = iter(words)
    for word in rest:
        match = _HEREDOC.match(word.raw)
        if not match:
            kept.append(word)
            continue
        count += 1
        if match.end() == len(word.raw):
            next(rest, None)
        elif word.raw[match.end()] == "<":
            raise DockerfileError(
                f"{_brief(word.raw)} opens no heredoc: write <<EOF", lines=instruction.lines, at=word.place
            )
    names = [heredoc.name for heredoc in instruction.heredocs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DockerfileError(
            f"two heredocs of this line have the name {twice}: give one of them another", lines=instruction.lines
        )
    if count != len(names):
        raise DockerfileError(
            "a heredoc is opened by <<EOF, a word of its own, and this line has a << that is none",
            lines=instruction.lines,
        )
    return kept


def _split(text: str, escape: str) -> tuple[list[tuple[int, str]], tuple[int, str] | None]:
    """Find the words of a text and where they begin in it, and the rest that begins with a quote which nothing ends."""
    words: list[tuple[int, str]] = []
    pattern = _word_pattern(escape)
    at = 0
    while match := pattern.match(text, at):
        words.append((match.start(1), match[1]))
        at = match.end()
    rest = text[at:].lstrip(SPACES)
    if rest and rest != escape:  # upstream skips an escape character at the end
        return words, (len(text) - len(rest), rest)
    return words, None


def _about_quote(rest: str) -> str:
    return f"the quote that {_brief(rest)} begins with is never closed"


@cache
def _word_pattern(escape: str) -> re.Pattern[str]:
    r"""Match a word: quotes may stand anywhere in it, the escape character takes the next one along but not in '…'."""
    e = re.escape(escape)
    # Each alternative is one character, so that there is nothing to try again; possessive quantifiers, which would say
    # so, match wrongly before Python 3.11.5 (python/cpython#106052).
    word = rf"""(?:[^{SPACES}'"{e}]|{e}.|'[^']*'|"(?:[^"{e}]|{e}.)*")+"""
    return re.compile(rf"[{SPACES}]*+({word})", re.DOTALL)


def _placed(words: Iterable[tuple[int, str]], instruction: Instruction, dockerfile: Dockerfile) -> Iterator[Word]:
    """Give words of an instruction's text their places in the file."""
    pieces = list(lexer.pieces(dockerfile, instruction))
    logical = b"".join(piece for _, _, piece in pieces).decode().rstrip(SPACES)
    before = len(logical) - len(instruction.text)
    starts = list(accumulate((len(piece) for _, _, piece in pieces), initial=0))
    for start, raw in words:
        offset = len(logical[: before + start].encode())
        index = bisect_right(starts, offset) - 1
        line, column, piece = pieces[index]
        yield Word(raw, line, column + len(piece[: offset - starts[index]].decode(errors="surrogateescape")))


def split_words(item: Instruction, dockerfile: Dockerfile) -> list[str]:
    """Raw words of any instruction whose words are split as those of ENV. Raises DockerfileError for an open quote."""
    words, quote = _split(item.text, dockerfile.escape)
    if quote is not None:
        raise DockerfileError(_about_quote(quote[1]), lines=item.lines)
    return [raw for _, raw in words]


def _flag(word: Word, lines: tuple[int, int]) -> tuple[str, Word | None]:
    try:
        name, value = flags.split(word.raw)
    except FlagError as error:
        raise DockerfileError(str(error), lines=lines, at=word.place) from None
    return name, None if value is None else replace(word, raw=value)


def _check(words: Sequence[Word], instruction: Instruction, *, no_venv: bool) -> None:
    lines = instruction.lines
    for word in words:
        if problem := _problem(word.raw) or _about_brace(word.raw):
            raise DockerfileError(problem, lines=lines, at=word.place)
    if not words:
        raise DockerfileError(f"PYENV needs a version and a name: {USAGE}", lines=lines)
    if no_venv:
        if more := [*(word.raw for word in words[2:]), *(f"<<{body.name}" for body in instruction.heredocs)]:
            raise DockerfileError(
                f"--no-venv makes no environment that {_brief(more[0])} could be installed into: "
                "PYENV --no-venv <version> [<name>]",
                lines=lines,
                at=words[2].place if len(words) > 2 else None,  # noqa: PLR2004 - version, name
            )
        return
    if len(words) == 1:
        missing = "a name" if words[0].raw[:1].isdigit() else "a version and a name"
        raise DockerfileError(f"PYENV {_brief(words[0].raw)} lacks {missing}: {USAGE}", lines=lines)


def _problem(raw: str) -> str:
    """Say what makes a raw word impossible in any place of a PYENV line; "" if nothing does."""
    if raw.startswith("#"):
        return f"{_brief(raw)} begins no comment here, but would be a word of PYENV: a comment needs a line of its own"
    if raw.startswith("["):
        return f"PYENV has no JSON form: write {USAGE}"
    if raw.startswith("--"):
        return f"the flag {_brief(raw.partition('=')[0])} stands behind the version: flags come before it"
    if raw in {"-r", "--requirement"}:
        return f"PYENV takes the requirements file without {raw}: {USAGE}"
    if raw[-1] in SPACES:
        return f"{_brief(raw.rstrip(SPACES))} ends in an escaped blank: no version, name or path of a PYENV line may"
    return ""


def _about_brace(raw: str) -> str:
    unclosed = _OPEN_BRACE.search(raw)
    return f"{_brief(raw)} has no closing brace: a word with a blank in it needs quotes around it" if unclosed else ""


def _about_empty(word: Word) -> str:
    if "$" not in word.raw:
        return f"{word.raw} is an empty word, where PYENV needs one: {USAGE}"
    return (
        f"{word.raw} is empty here: set its variable above this line, in the same stage. "
        "The value of an ARG from above FROM reaches a stage only by an ARG line in it"
    )


def _shown(word: Word, value: str) -> str:
    """Write a value as a message shows it: with the variable that it comes from."""
    shown = _brief(value if value.isprintable() else ascii(value))
    return f"{shown} (from {word.raw})" if "$" in word.raw else shown


def _brief(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"  # noqa: PLR2004 - fits a terminal


def _version(word: Word, value: str, lines: tuple[int, int]) -> str:
    shown = _shown(word, value)
    match = _VERSION.fullmatch(value)
    if not match:
        raise DockerfileError(_about_version(shown, value), lines=lines, at=word.place)
    major, minor, micro, pre, free = match.groups()
    if (int(major), int(minor)) < _OLDEST:
        raise DockerfileError(
            f"Python {shown} is too old for PYENV, which knows 3.8 and newer", lines=lines, at=word.place
        )
    if free and (int(major), int(minor)) < _FREE_THREADED:
        raise DockerfileError(
            f"{shown}: free-threaded builds of Python are there from 3.13t on", lines=lines, at=word.place
        )
    if pre:
        return f"{major}.{minor}.{micro or 0}{pre}{free or ''}"
    return value


def _about_version(shown: str, value: str) -> str:
    if _RANGE.search(value):
        return f"{shown} is a range of versions, and PYENV takes exactly one: write it out, such as 3.9 or 3.9.23"
    if value.isdecimal():
        return f"{shown} is no complete version: write the minor one too, such as 3.9"
    if found := _VERSION_WITHIN.search(value):
        return f"{shown} is no version of Python: write just {found[0]}"
    return f"{shown} is no version of Python: write one such as 3.9 or 3.9.23"


def _name(word: Word, value: str, lines: tuple[int, int]) -> str:
    shown = _shown(word, value)
    if not _NAME.fullmatch(value):
        bad = next((char for char in value if not _NAME.fullmatch("a" + char)), None)
        what = f"begins with {value[0]!r}" if bad is None else f"has {bad!r} in it"
        raise DockerfileError(
            f"the name {shown} {what}: a name is made of a-z, A-Z, 0-9, _, . and -, and begins with a letter or digit",
            lines=lines,
            at=word.place,
        )
    return value


def _requirement(word: Word, value: str, lines: tuple[int, int]) -> tuple[str, bool]:
    """What a word asks for, and whether that is a requirements file."""
    shown = _shown(word, value)
    if not value.isprintable():
        raise DockerfileError(f"the requirement {shown} has a control character in it", lines=lines, at=word.place)
    if value.startswith("<<"):
        raise DockerfileError(
            f"{shown} opens no heredoc here: write <<EOF, without quotes around the <<", lines=lines, at=word.place
        )
    if _is_inline(value):
        return value, False
    if "://" in value:
        raise DockerfileError(
            f"{shown} is a URL: put the requirements file into the build context and write its path there",
            lines=lines,
            at=word.place,
        )
    path = posixpath.normpath(value.lstrip("/"))
    if path.split("/")[0] == "..":
        raise DockerfileError(
            f"{shown} lies outside the build context: only files in the context can be used", lines=lines, at=word.place
        )
    if value.rsplit("/", maxsplit=1)[-1] in {"", ".", ".."}:
        raise DockerfileError(f"{shown} is a directory: name a requirements file in it", lines=lines, at=word.place)
    return (f"./{path}", False) if is_archive(path) else (path, True)


def _is_inline(value: str) -> bool:
    """Whether a word is a requirement with a specifier, an extra, a marker or a URL, rather than a path."""
    if not _INLINE_HINT.search(value):
        return False
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - costs 20 ms, rarely needed

    try:
        requirement = Requirement(value)
    except InvalidRequirement:
        return is_url(value) and (value.startswith(_REPOSITORIES) or is_archive(value.partition("#")[0]))
    if requirement.url:
        return is_url(requirement.url)
    return bool(requirement.specifier or requirement.extras or requirement.marker)
