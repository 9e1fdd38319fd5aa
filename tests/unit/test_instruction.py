"""PYENV lines: words, and what they mean."""

import re
from collections.abc import Sequence

import dockerfile as go
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.unit.properties import examples

from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.dockerfile.words import Word, split
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.flags import KNOWN
from dockerfile_pyenv.instruction.statement import RawStatement, Statement, env_names, parse, resolve

steady = examples(600)
USAGE = "PYENV [--flag …] <version> <name> [<requirements> …]"
FLAGS = ", ".join(f"--{name}" for name in KNOWN)


def read(source: str | bytes) -> RawStatement:
    """Parse the PYENV line of a file that has one."""
    dockerfile = lex(source.encode() if isinstance(source, str) else source)
    (item,) = (item for item in dockerfile.instructions if item.keyword == "PYENV")
    return parse(item, dockerfile)


def statement(line: str, expanded: Sequence[str] = ()) -> Statement:
    """Resolve a line whose words expand to themselves, or to what is given."""
    raw = read(line)
    return resolve(raw, expanded or [word.raw for word in raw.words])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("PYENV 3.9 x r.txt", ["3.9", "x", "r.txt"], id="plain"),
        pytest.param("pyenv\t3.9   x\t", ["3.9", "x"], id="blanks"),
        pytest.param("PYENV 3.9\u00a0x", ["3.9", "x"], id="no-break space"),
        pytest.param('PYENV 3.9 x "my reqs.txt"', ["3.9", "x", '"my reqs.txt"'], id="quotes"),
        pytest.param("PYENV 3.9 x 'it\\'", ["3.9", "x", "'it\\'"], id="no escapes in single quotes"),
        pytest.param('PYENV 3.9 x a"b \\" c"d', ["3.9", "x", 'a"b \\" c"d'], id="quotes within a word"),
        pytest.param("PYENV 3.9 x a\\ b\\'c", ["3.9", "x", "a\\ b\\'c"], id="escapes"),
        pytest.param("# escape=`\nFROM a\nPYENV 3.9 x a` \\b", ["3.9", "x", "a` \\b"], id="another escape character"),
        pytest.param("PYENV $V ${N:-x} ''", ["$V", "${N:-x}", "''"], id="variables and an empty word"),
        pytest.param("PYENV 3.9 x\\\\", ["3.9", "x\\\\"], id="an escaped escape at the end"),
        pytest.param("PYENV 3.9 x \\\u00a0", ["3.9", "x"], id="an escape alone at the end"),
        pytest.param("PYENV 3.9 x r.txt\\\u00a0", ["3.9", "x", "r.txt"], id="an escape at the end of a word"),
        pytest.param("PYENV -- 3.9 x", ["3.9", "x"], id="end of flags"),
        pytest.param("PYENV 3.9 \\\n# why\n x", ["3.9", "x"], id="continuation"),
    ],
)
def test_words(source: str, words: list[str]) -> None:
    """Words are split as those of ENV are, and keep their quotes, escapes and variables."""
    assert [word.raw for word in read(source).words] == words


def test_places() -> None:
    """Each word knows where in the file it begins, within continuations too."""
    raw = read("FROM a\nPYENV \\\n# é\n  'é' 3.9 x\\\ny")
    assert raw == RawStatement(
        lines=(2, 5), version=Word("'é'", 4, 3), name=Word("3.9", 4, 7), requirements=(Word("xy", 4, 11),)
    )


def test_text() -> None:
    """Progress and history show the line in one piece."""
    assert read("pyenv 3.9\\\n\\\n  epo_pyenv \t ./$R ").text == "PYENV 3.9 epo_pyenv ./$R"


ATOMS = [
    "a",
    "3.9",
    " ",
    "  ",
    "\t",
    "\u00a0",
    "\u2003",
    "é",
    "'",
    '"',
    "\\",
    "\\\\",
    "`",
    "$",
    "${a",
    "}",
    "#",
    "=",
    "<",
    "\r",
    "\x1c",
    "\f",
]


@steady
@given(st.lists(st.sampled_from(ATOMS), max_size=14).map("".join), st.sampled_from("\\`"))
@example("a\\ ", "\\")
@example("'a\\\u00a0", "\\")
@example("a\\\u00a0 b", "\\")
def test_a_raw_word_is_one_word_of_env(text: str, escape: str) -> None:
    """Each raw word is one word after the `=` of an ENV, at the end of the line too, where upstream expands it."""
    directive = f"# escape={escape}\n"
    try:
        raw = read(f"{directive}FROM a\nPYENV 3.9 {text}\n")
    except DockerfileError:
        assume(False)
    for word in raw.words:
        commands = go.parse_string(f"{directive}ENV A={word.raw}\nRUN next\n")
        assert [command.value for command in commands] == [("A", word.raw), ("next",)]
    line = " ".join(f"A={word.raw}" for word in raw.words)
    (command,) = go.parse_string(f"{directive}ENV {line}")
    assert command.value == tuple(part for word in raw.words for part in ("A", word.raw))


@steady
@given(st.lists(st.sampled_from(ATOMS), max_size=14).map("".join))
def test_words_are_those_of_upstream(text: str) -> None:
    (item,) = lex(f"ARG a {text}\n".encode()).instructions
    words, quote = split(item.text, "\\")
    assume(quote is None)
    (command,) = go.parse_string(f"ARG a {text}\n")
    assert command.value == tuple(raw for _, raw in words)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("PYENV", f"PYENV requires a version and a name: {USAGE}"),
        ("PYENV 3.9", f"PYENV 3.9 is missing a name: {USAGE}"),
        ("PYENV epo_pyenv", f"PYENV epo_pyenv is missing a version and a name: {USAGE}"),
        (
            "PYENV --upgrade 3.9 x",
            f"unknown flag --upgrade. Known flags: {FLAGS}",
        ),
        (
            "PYENV --interpeter=base 3.9 x",
            f"unknown flag --interpeter (did you mean --interpreter?). Known flags: {FLAGS}",
        ),
        ("PYENV --libc 3.9 x", "--libc requires a value (gnu or musl): write --libc=…"),
        ("PYENV --no-venv=yes 3.9", "--no-venv takes no value: write --no-venv"),
        (
            "PYENV --no-venv 3.9 x r.txt",
            "--no-venv creates no environment to install r.txt into: write PYENV --no-venv <version> [<name>]",
        ),
        ("PYENV 3.9 x --upgrade", "the flag --upgrade comes after the version: move it before the version"),
        (
            "PYENV --no-venv 3.9 x <<EOF\nEOF",
            "--no-venv creates no environment to install <<EOF into: write PYENV --no-venv <version> [<name>]",
        ),
        ("PYENV 3.9 x <<<EOF", "<<<EOF does not start a heredoc: write <<EOF"),
        ("PYENV 3.9 x <<a/b\na/b", "<<'a/b' is not a valid heredoc name for PYENV: write <<EOF"),
        (
            "PYENV 3.9 x reqs.txt # why",
            "trailing comments are not supported: move it to its own line",
        ),
        (
            "PYENV 3.9 x #why",
            "trailing comments are not supported: move it to its own line",
        ),
        ('PYENV ["3.9", "x"]', f"PYENV has no JSON form: write {USAGE}"),
        ("PYENV 3.9 x -r reqs.txt", f"PYENV has no flag -r: write the requirements file alone, as in {USAGE}"),
        ("PYENV 3.9 x 'my reqs.txt", "the quote at the start of 'my reqs.txt is not closed"),
        (
            "PYENV 3.9 x\\  r.txt",
            "x\\ ends with an escaped space: remove it",
        ),
        (b"PYENV 3.9 x caf\xe9.txt", "this line is not UTF-8: save the Dockerfile as UTF-8"),
    ],
)
def test_lines_that_are_none(line: str | bytes, message: str) -> None:
    """A line that cannot be a PYENV line says what to write instead."""
    source = b"FROM a\n" + (line.encode() if isinstance(line, str) else line)
    with pytest.raises(DockerfileError) as caught:
        read(source)
    assert caught.value.message == message
    assert caught.value.lines == (2, 2 + source.count(b"\n", 7))


@pytest.mark.parametrize(
    ("line", "expanded", "expected"),
    [
        ("PYENV 3.9 epo_pyenv", (), ("3.9", "epo_pyenv", ())),
        ("PYENV 3.9.23 a.b-c ./r.txt", (), ("3.9.23", "a.b-c", ("r.txt",))),
        ("PYENV 3.15.0rc1 x /a/b.txt", (), ("3.15.0rc1", "x", ("a/b.txt",))),
        ("PYENV 3.15rc1 x a//b/../c.txt", (), ("3.15.0rc1", "x", ("a/c.txt",))),
        ("PYENV 3.9 3.10 'my reqs.txt'", ("3.9", "3.10", "my reqs.txt"), ("3.9", "3.10", ("my reqs.txt",))),
        ("PYENV $V $N $R", ("3.8", "x", "r@x<1.txt"), ("3.8", "x", ("r@x<1.txt",))),
        ("PYENV 3.9 x pandas[all", (), ("3.9", "x", ("pandas[all",))),
        ("PYENV 3.9 x reqs@prod.txt", (), ("3.9", "x", ("reqs@prod.txt",))),
    ],
)
def test_statements(line: str, expanded: tuple[str, ...], expected: tuple[str, str, tuple[str, ...]]) -> None:
    """Expanded words become a version, a name and paths in the build context."""
    found = statement(line, expanded)
    assert (found.version, found.name, found.files) == expected


@pytest.mark.parametrize(
    ("words", "files", "inline"),
    [
        pytest.param(["a.txt", "b.txt", "./a.txt"], ["a.txt", "b.txt"], [], id="files, each once"),
        pytest.param(["pandas==2.2.3", "a.txt"], ["a.txt"], ["pandas==2.2.3"], id="a specifier"),
        pytest.param(["apache-airflow[celery]"], [], ["apache-airflow[celery]"], id="an extra"),
        pytest.param(["a ; python_version<'4'"], [], ["a ; python_version<'4'"], id="a marker"),
        pytest.param(["a @ https://h/a.zip"], [], ["a @ https://h/a.zip"], id="a URL with a name"),
        pytest.param(["https://h/a.tar.gz#sha256=0"], [], ["https://h/a.tar.gz#sha256=0"], id="a URL of an archive"),
        pytest.param(["git+ssh://git@h/a.git@v1"], [], ["git+ssh://git@h/a.git@v1"], id="a repository"),
        pytest.param(["/d//a-1-py3-none-any.whl"], [], ["./d/a-1-py3-none-any.whl"], id="a wheel of the context"),
        pytest.param(["pandas"], ["pandas"], [], id="a name alone is a file's"),
    ],
)
def test_requirements(words: list[str], files: list[str], inline: list[str]) -> None:
    """A word is a requirements file unless it has what only a requirement has."""
    found = statement("PYENV 3.9 x" + " $R" * len(words), ["3.9", "x", *words])
    assert (list(found.files), list(found.inline)) == (files, inline)


VERSION = "is not a Python version: write one such as 3.9 or 3.9.23"
RANGE = "is a version range: write a single version, such as 3.9 or 3.9.23"
NAME = "use a-z, A-Z, 0-9, _, . and -, and start with a letter or digit"


@pytest.mark.parametrize(
    ("line", "expanded", "message"),
    [
        ("PYENV latest x", (), f"latest {VERSION}"),
        ("PYENV >=3.9 x", (), f">=3.9 {RANGE}"),
        ("PYENV 3.* x", (), f"3.* {RANGE}"),
        ("PYENV ~=3.9 x", (), f"~=3.9 {RANGE}"),
        ("PYENV 3 x", (), "3 is not a complete version: add the minor version, such as 3.9"),
        ("PYENV 3.9-slim x", (), "3.9-slim is not a Python version: write 3.9"),
        ("PYENV python3.10.2 x", (), "python3.10.2 is not a Python version: write 3.10.2"),
        ("PYENV v3.9 x", (), "v3.9 is not a Python version: write 3.9"),
        ("PYENV 3.9.1.2 x", (), "3.9.1.2 is not a Python version: write 3.9.1"),
        ("PYENV 3.09 x", (), f"3.09 {VERSION}"),
        ("PYENV ٣.٩ x", (), f"٣.٩ {VERSION}"),
        ("PYENV 2.7 x", (), "Python 2.7 is not supported: PYENV requires 3.8 or newer"),
        ("PYENV 3.7.17 x", (), "Python 3.7.17 is not supported: PYENV requires 3.8 or newer"),
        ("PYENV $V x", ("latest", "x"), f"latest (from $V) {VERSION}"),
        ("PYENV epo_pyenv 3.9", (), "the version comes first, then the name: write PYENV 3.9 epo_pyenv"),
        (
            "PYENV epo_pyenv $V r.txt",
            ("epo_pyenv", "3.9", "r.txt"),
            "the version comes first, then the name: write PYENV $V epo_pyenv r.txt",
        ),
        (
            "PYENV 3.9 $NAME",
            ("3.9", ""),
            (
                "$NAME is empty here: set its variable above this line, in the same stage. A stage sees an ARG from "
                "above FROM only after an ARG line of its own"
            ),
        ),
        ('PYENV 3.9 ""', ("3.9", ""), f'"" is an empty word: {USAGE}'),
        ("PYENV 3.9 a/b", (), f"the name a/b contains '/': {NAME}"),
        ("PYENV 3.9 'a b'", ("3.9", "a b"), f"the name a b contains ' ': {NAME}"),
        ("PYENV 3.9 'a\tb'", ("3.9", "a\tb"), f"the name 'a\\tb' contains '\\t': {NAME}"),
        ("PYENV 3.9 épo", (), f"the name épo contains 'é': {NAME}"),
        ("PYENV 3.9 _x", (), f"the name _x starts with '_': {NAME}"),
        ("PYENV 3.9 $N", ("3.9", "a\n"), f"the name 'a\\n' (from $N) contains '\\n': {NAME}"),
        (
            "PYENV 3.9 x ../r.txt",
            (),
            "../r.txt is outside the build context: only files inside it can be used",
        ),
        (
            "PYENV 3.9 x a/../../r.txt",
            (),
            "a/../../r.txt is outside the build context: only files inside it can be used",
        ),
        ("PYENV 3.9 x /../r", (), "/../r is outside the build context: only files inside it can be used"),
        ("PYENV 3.9 x ..", (), ".. is outside the build context: only files inside it can be used"),
        ("PYENV 3.9 x reqs/", (), "reqs/ is a directory: name a requirements file in it"),
        ("PYENV 3.9 x .", (), ". is a directory: name a requirements file in it"),
        ("PYENV 3.9 x /", (), "/ is a directory: name a requirements file in it"),
        ("PYENV 3.9 x a/b/..", (), "a/b/.. is a directory: name a requirements file in it"),
        (
            "PYENV 3.9 x $R",
            ("3.9", "x", "a\nb"),
            "the requirement 'a\\nb' (from $R) contains a control character",
        ),
        (
            "PYENV 3.9 x https://h/r.txt",
            (),
            "https://h/r.txt is a URL: add the requirements file to the build context and write its path",
        ),
        (
            "PYENV 3.9 x '<<EOF'",
            ("3.9", "x", "<<EOF"),
            "<<EOF does not start a heredoc: write <<EOF, without quotes around the <<",
        ),
    ],
)
def test_statements_that_are_none(line: str, expanded: tuple[str, ...], message: str) -> None:
    """A line that cannot be built says why, and what to write."""
    with pytest.raises(DockerfileError) as caught:
        statement(f"FROM a\n{line}", expanded)
    assert caught.value.message == message
    assert caught.value.lines == (2, 2)


@steady
@given(st.lists(st.text(max_size=8), min_size=3, max_size=3))
def test_any_values_resolve_or_are_refused(expanded: list[str]) -> None:
    """Whatever variables hold, a statement holds only what is safe in a path, a variable's name and a version."""
    try:
        found = statement("PYENV $V $N $R", expanded)
    except DockerfileError:
        return
    assert found.version.replace(".", "").isalnum()
    assert found.name.replace(".", "").replace("-", "").replace("_", "").isascii()
    parts = [part for path in found.files for part in path.split("/")]
    assert not {"", ".", ".."} & set(parts)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("epo_pyenv", ("ASTRO_PYENV_epo_pyenv",)),
        ("3x", ("ASTRO_PYENV_3x",)),
        ("data-science", ("ASTRO_PYENV_data-science", "ASTRO_PYENV_data_science")),
        ("a.b-c", ("ASTRO_PYENV_a.b-c", "ASTRO_PYENV_a_b_c")),
    ],
)
def test_env_names(name: str, expected: tuple[str, ...]) -> None:
    """A name that is no identifier in a shell has an alias that is one."""
    assert env_names(name) == expected


@pytest.mark.parametrize(
    ("written", "argument"),
    [
        ("--build-constraint=setuptools<82", "--build-constraint=setuptools<82"),
        ("--build-constraint=build.txt", "--build-constraint=./build.txt"),
        ("--build-constraint=/more/../build.txt", "--build-constraint=./build.txt"),
        ("--exclude-newer=2024-02-29", "--exclude-newer=2024-03-01T00:00:00Z"),
        ("--exclude-newer=2024-05-01T12:00:00+02:00", "--exclude-newer=2024-05-01T10:00:00Z"),
        ("--exclude-newer=2024-05-01T12:00:00Z", "--exclude-newer=2024-05-01T12:00:00Z"),
    ],
)
def test_flags_in_one_form(written: str, argument: str) -> None:
    """A step gets the same argument, and so the same cache key, however the value is written."""
    assert statement(f"PYENV {written} 3.13 etl").flags.of_environment == [argument]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("--build-constraint=../build.txt", "is neither a requirement, such as setuptools<82, nor a file"),
        ("--build-constraint=https://h/build.txt", "is neither a requirement, such as setuptools<82, nor a file"),
        ("--exclude-newer=yesterday", "--exclude-newer=yesterday is not a date: write one such as 2024-05-01"),
        ("--exclude-newer=2024-02-30", "is not a date"),
        ("--exclude-newer=2024-05-01T12:00:00", "or a time with its zone such as 2024-05-01T12:00:00Z"),
        ("--exclude-newer=9999-12-31", "is not a date"),
        ("--exclude-newer=30days", "is not a date"),
        ("--no-venv --build-constraint=a<1", "--build-constraint cannot be used with --no-venv"),
        ("--no-venv --exclude-newer=2024-05-01", "--exclude-newer cannot be used with --no-venv"),
    ],
)
def test_flags_that_mean_nothing(written: str, message: str) -> None:
    """The error says what to write."""
    with pytest.raises(DockerfileError, match=re.escape(message)):
        statement(f"PYENV {written} 3.13 etl")
