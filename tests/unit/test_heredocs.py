"""Heredocs of PYENV lines: what upstream is asked to expand, and what comes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.properties import examples

from dockerfile_pyenv.dockerfile import shell
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.heredocs import RawBody
from dockerfile_pyenv.instruction.statement import RawStatement, Statement, parse, resolve

steady = examples(400)
ENV = {"A": "1", "B": "two words", "EMPTY": ""}


def read(source: str) -> RawStatement:
    """Parse the PYENV line of a file that has one."""
    dockerfile = lex(source.encode())
    (item,) = (item for item in dockerfile.instructions if item.keyword == "PYENV")
    return parse(item, dockerfile)


def statement(source: str) -> Statement:
    """Resolve a line with the variables of ENV."""
    raw = read(source)
    return resolve(raw, [shell.expand(word.raw, ENV, escape="\\") for word in raw.words], ENV)


def body(source: str) -> str:
    """The text of the only heredoc."""
    (found,) = statement(source).bodies
    return found.text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("PYENV 3.9 x <<EOF\nEOF", "", id="empty"),
        pytest.param("PYENV 3.9 x <<EOF\na\n\n b\nEOF", "a\n\n b\n", id="plain"),
        pytest.param("PYENV 3.9 x <<EOF\r\na\r\nEOF\r\n", "a\n", id="carriage returns"),
        pytest.param("PYENV 3.9 x << EOF\na\nEOF", "a\n", id="a blank before the word"),
        pytest.param("PYENV 3.9 x <<-EOF\n\t\ta\n\tEOF", "a\n", id="tabs"),
        pytest.param("PYENV 3.9 <<EOF x\na\nEOF", "a\n", id="before the name"),
        pytest.param("PYENV 3.9 x <<EOF\na==$A ${B} ${C:-c}$EMPTY.\nEOF", "a==1 two words c.\n", id="variables"),
        pytest.param("PYENV 3.9 x <<EOF\n'$A' \"$A\" `$A`\nEOF", "'1' \"1\" `1`\n", id="quotes stay"),
        pytest.param('PYENV 3.9 x <<EOF\n\\$A \\\\$A \\a \\"$A\\\nEOF', '$A \\1 \\a \\"1\\\n', id="escapes"),
        pytest.param("PYENV 3.9 x <<EOF\na \\\\ \\\nEOF", "a \\ \\\n", id="escapes without variables"),
        pytest.param("PYENV 3.9 x <<'EOF'\n\t${A} \\\\ \\\nEOF", "\t${A} \\\\ \\\n", id="a quoted word"),
        pytest.param('PYENV 3.9 x <<"E F"\n$A\nE F', "$A\n", id="a word with a blank"),
    ],
)
def test_bodies(source: str, text: str) -> None:
    """A body is a requirements file, in which a Dockerfile's variables and a shell's backslashes count."""
    assert body(source) == text


def test_several() -> None:
    """Each heredoc of a line is a file of its own name, and knows where in the Dockerfile it begins."""
    bodies = statement("FROM a\nPYENV 3.9 x <<A b.txt <<-'B'\n1\nA\n\t$2\nB\nRUN x").bodies
    assert [(one.name, one.text, one.first) for one in bodies] == [("<<A", "1\n", 3), ("<<B", "$2\n", 5)]


def test_text() -> None:
    """Progress and history show the line without its bodies."""
    assert read("PYENV 3.9 x <<EOF a.txt\nb\nEOF").text == "PYENV 3.9 x a.txt <<EOF"


def test_a_variable_without_a_value() -> None:
    """Is refused where it stands; one with a default is not, nor what is escaped."""
    raw = read("FROM a\nPYENV 3.9 x <<EOF\n$A ${C:-1} \\$C\n\\\\${C}\nEOF")
    with pytest.raises(DockerfileError, match=r"\$C has no value here: .* write <<'EOF' ") as caught:
        resolve(raw, [word.raw for word in raw.words], ENV)
    assert caught.value.lines == (4, 4)


@steady
@given(
    st.lists(st.sampled_from(["a", " ", '"', "'", "\\", "`", "${A}", "\t", "#", "<", "é"]), max_size=12).map("".join)
)
def test_a_line_expands_alike_whatever_the_escape_character(line: str) -> None:
    """The escape character of the Dockerfile has no part in a body."""
    texts = set()
    for escape in "\\`":
        raw = RawBody("<<EOF", (line,), 1, expand=True, escape=escape)
        values = iter([shell.expand(word, ENV, escape=escape) for _, word in raw.words])
        texts.add(raw.text(values))
    assert len(texts) == 1
