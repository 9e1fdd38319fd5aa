"""One PYENV line: its words as written, and what they mean once their variables are expanded.

    PYENV       = "PYENV" *flag version name *requirement
    flag        = "--" name [ "=" value ]
    version     = X.Y | X.Y.Z | a pre-release such as 3.15.0rc1
    name        = ( letter | digit ) *( letter | digit | "_" | "." | "-" )
    requirement = path of a requirements file in the build context
                | a PEP 508 requirement with a specifier, extra, marker or URL | path or URL of an archive
                | "<<" word, whose body is a requirements file

dockerfile/words.py splits the line into words; arguments.py checks each of them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction, is_one_flag
from dockerfile_pyenv.dockerfile.shell import SPACES
from dockerfile_pyenv.dockerfile.words import Word, about_quote, placed, split
from dockerfile_pyenv.errors import DockerfileError, brief
from dockerfile_pyenv.instruction import flags, heredocs
from dockerfile_pyenv.instruction.arguments import is_version, read_name, read_requirement, read_version
from dockerfile_pyenv.instruction.flags import FlagError, Flags
from dockerfile_pyenv.instruction.heredocs import Body, RawBody

USAGE: Final = "PYENV [--flag …] <version> <name> [<requirements> …]"

_NO_IDENTIFIER: Final = re.compile(r"[^A-Za-z0-9_]")
_QUOTES: Final = frozenset("'\"\\`")
_HEREDOC: Final = re.compile(r"[0-9]*<<-?")


@dataclass(frozen=True, slots=True)
class RawStatement:
    """A PYENV line before its variables are expanded."""

    lines: tuple[int, int]
    version: Word
    name: Word | None
    """None only with `--no-venv`."""
    requirements: tuple[Word, ...]
    """Files and inline requirements, without heredocs."""
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
    """A PYENV line with its variables expanded and its values checked."""

    raw: RawStatement
    flags: Flags
    version: str
    """As written: "3.9", "3.9.23", "3.15.0rc1", or "3.14t" for a free-threaded build."""
    name: str
    """ "" for a Python without a name and an environment."""
    files: tuple[str, ...] = ()
    """Paths of requirements files, relative to the build context and without "." or ".." parts."""
    inline: tuple[str, ...] = ()
    """Requirements as lines of a requirements file; paths of archives are relative to the build context."""
    bodies: tuple[Body, ...] = ()
    """Requirements files inside the Dockerfile."""
    places: tuple[tuple[str, tuple[int, int]], ...] = ()
    """For each of `files`, line and column of the word that names it."""

    def place(self, path: str) -> tuple[int, int] | None:
        """Line and column of the word that names a file; None for what no word names."""
        return dict(self.places).get(path)


@lru_cache  # each line is compared with all others
def env_names(name: str) -> tuple[str, ...]:
    """Names of the variables that hold the path of an environment's python.

    There is a second one only if the first is not a shell identifier.
    """
    alias = _NO_IDENTIFIER.sub("_", name)
    return (f"ASTRO_PYENV_{name}",) if alias == name else (f"ASTRO_PYENV_{name}", f"ASTRO_PYENV_{alias}")


def parse(instruction: Instruction, dockerfile: Dockerfile) -> RawStatement:
    """Split a PYENV instruction into its words.

    Raises DockerfileError for words that are not a PYENV line, whatever their variables hold.
    """
    try:
        instruction.text.encode()
    except UnicodeEncodeError as error:
        raise DockerfileError(
            "this line is not UTF-8: save the Dockerfile as UTF-8", lines=instruction.lines
        ) from error
    found, quote = split(instruction.text, dockerfile.escape)
    if quote is not None:
        (word,) = placed([quote], instruction, dockerfile)
        raise DockerfileError(about_quote(word.raw), lines=instruction.lines, at=word.place)
    words = list(placed(found, instruction, dockerfile))
    count = next((i for i, word in enumerate(words) if word.raw[:2] != "--" or word.raw == "--"), len(words))
    given = [_flag(word, instruction.lines) for word in words[:count]]
    for flag, value in given:
        if flag == "mount" and value and not is_one_flag(f"--mount={value.raw}", dockerfile.escape):
            raise DockerfileError(
                f"RUN does not read --mount={brief(value.raw)} as one flag: write it without quotes and escapes",
                lines=instruction.lines,
                at=value.place,
            )
    rest = words[count + 1 :] if words[count : count + 1] and words[count].raw == "--" else words[count:]
    rest = _without_heredocs(rest, instruction)
    no_venv = any(name == "no-venv" for name, _ in given)
    _check(rest, instruction, no_venv=no_venv)
    version, *others = rest
    name = others[0] if others else None
    bodies = tuple(heredocs.raw(body, instruction.lines, dockerfile.escape) for body in instruction.heredocs)
    return RawStatement(instruction.lines, version, name, tuple(others[1:]), tuple(given), bodies)


def resolve(
    raw: RawStatement, expanded: Sequence[str], env: Mapping[str, str] | None = None, *, installer: str = ""
) -> Statement:
    """Check a PYENV line whose words are expanded: `expanded` has one value for each of `raw.words`.

    `env` holds the variables at the line, None where they are not known; `installer` is the default of the build or the
    site. Raises DockerfileError if the line cannot be built, whatever versions and files exist.
    """
    own = len(raw.own_words)
    for word, value in zip(raw.words[:own], expanded[:own], strict=True):
        if not value:
            raise DockerfileError(_about_empty(word), lines=raw.lines, at=word.place)
    values = iter(expanded)
    version = next(values)
    name = next(values) if raw.name else ""
    requirements = [next(values) for _ in raw.requirements]
    if raw.name and not is_version(version) and is_version(name):
        words = " ".join(word.raw for word in (raw.name, raw.version, *raw.requirements))
        raise DockerfileError(
            f"the version comes first, then the name: write PYENV {words}", lines=raw.lines, at=raw.version.place
        )
    named = [
        read_requirement(word, value, raw.lines) for word, value in zip(raw.requirements, requirements, strict=True)
    ]
    try:
        given = [(flag, next(values) if word else None) for flag, word in raw.flags]
        chosen = flags.resolve(given, installer=installer)
    except FlagError as error:
        raise DockerfileError(str(error), lines=raw.lines, at=raw.flag_place(error)) from None
    flags.check_files(chosen, (one for one, is_file in named if is_file), raw.lines)
    return Statement(
        raw=raw,
        flags=chosen,
        version=read_version(raw.version, version, raw.lines),
        name=read_name(raw.name, name, raw.lines) if raw.name else "",
        files=tuple(dict.fromkeys(one for one, is_file in named if is_file)),
        inline=tuple(one for one, is_file in named if not is_file),
        bodies=tuple(heredocs.resolve(body, values, env) for body in raw.heredocs),
        places=tuple(
            (one, word.place) for word, (one, is_file) in zip(raw.requirements, named, strict=True) if is_file
        ),
    )


def _without_heredocs(words: Iterable[Word], instruction: Instruction) -> list[Word]:
    """Drop the words that start a heredoc, `<<EOF` and `<< EOF`."""
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
                f"{brief(word.raw)} does not start a heredoc: write <<EOF", lines=instruction.lines, at=word.place
            )
    names = [heredoc.name for heredoc in instruction.heredocs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DockerfileError(f"two heredocs on this line are named {twice}: rename one", lines=instruction.lines)
    if count != len(names):
        raise DockerfileError(
            "this line has a << that does not start a heredoc: write <<EOF as a word of its own",
            lines=instruction.lines,
        )
    return kept


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
        raise DockerfileError(f"PYENV requires a version and a name: {USAGE}", lines=lines)
    if no_venv:
        if more := [*(word.raw for word in words[2:]), *(f"<<{body.name}" for body in instruction.heredocs)]:
            raise DockerfileError(
                f"--no-venv creates no environment to install {brief(more[0])} into: "
                "write PYENV --no-venv <version> [<name>]",
                lines=lines,
                at=words[2].place if len(words) > 2 else None,  # noqa: PLR2004 - version, name
            )
        return
    if len(words) == 1:
        missing = "a name" if words[0].raw[:1].isdigit() else "a version and a name"
        raise DockerfileError(f"PYENV {brief(words[0].raw)} is missing {missing}: {USAGE}", lines=lines)


def _problem(raw: str) -> str:
    """The error of a raw word that is invalid anywhere on a PYENV line; "" if there is none."""
    if raw.startswith("#"):
        return "trailing comments are not supported: move it to its own line"
    if raw.startswith("["):
        return f"PYENV has no JSON form: write {USAGE}"
    if raw.startswith("--"):
        return f"the flag {brief(raw.partition('=')[0])} comes after the version: move it before the version"
    if raw in {"-r", "--requirement"}:
        return f"PYENV has no flag {raw}: write the requirements file alone, as in {USAGE}"
    if raw[-1] in SPACES:
        return f"{brief(raw.rstrip(SPACES))} ends with an escaped space: remove it"
    return ""


def _about_brace(raw: str) -> str:
    unclosed = raw.rfind("${") > raw.rfind("}") and _QUOTES.isdisjoint(raw)
    return f"{brief(raw)} has no closing brace: quote a word that contains spaces" if unclosed else ""


def _about_empty(word: Word) -> str:
    if "$" not in word.raw:
        return f"{word.raw} is an empty word: {USAGE}"
    return (
        f"{word.raw} is empty here: set its variable above this line, in the same stage. "
        "A stage sees an ARG from above FROM only after an ARG line of its own"
    )
