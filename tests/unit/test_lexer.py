"""Instruction boundaries."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.properties import examples

from dockerfile_pyenv.dockerfile.lexer import Dockerfile, lex, onbuild_keyword, pieces
from dockerfile_pyenv.dockerfile.mentions import mentions_pyenv
from dockerfile_pyenv.errors import DockerfileError

GOLDEN = sorted((Path(__file__).parent / "lexer").glob("*.Dockerfile"))

steady = examples(400)

TOKENS = [
    *[b"FROM a\n", b"RUN a", b"PYENV 3.9 x", b"pyenv", b"PY", b"ENV", b"P", b"Y", b"ONBUILD ", b"COPY a b", b"E"],
    *[b"\n", b"\n", b"\n", b"\r\n", b"\\\n", b"\\ \t\r\n", b"`\n", b"\\", b" ", b"\t", b"#", b"# c\n", b"# escape=`\n"],
    *[b"<<E", b"<<-E", b"<<'E F'", b"\nE\n", b"\tE\n", b"\nE F\n", b"'", b'"', b"$", b"${", b"}", b":-", b"/", b"["],
    *[b'"]', b"--x ", b"\xef\xbb\xbf", b"\xc2", b"\xa0", b"\xc2\xa0", b"\xff", b"\x00", b"\xed\xa0\x80"],
]
FILES = st.one_of(st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join), st.binary(max_size=60))
LINE = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=12)


def words(dockerfile: Dockerfile) -> list[tuple[str, str]]:
    """Instructions without their places."""
    return [(item.keyword, item.text) for item in dockerfile.instructions]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name.removesuffix(".Dockerfile"))
def test_golden_files(path: Path, regenerate: bool) -> None:  # noqa: FBT001 - a fixture
    """Golden files have the boundaries that stand beside them."""
    dockerfile = lex(path.read_bytes())
    lines = [json.dumps({"escape": dockerfile.escape, "directives": dockerfile.directives})]
    lines += [json.dumps(asdict(item)) for item in dockerfile.instructions]
    expected = path.with_suffix(".jsonl")
    if regenerate:
        expected.write_text("\n".join([*lines, ""]))
    assert lines == expected.read_text().splitlines()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(b"RUN a\\\nb", ("RUN", "ab", (1, 2)), id="lines are joined without a blank"),
        pytest.param(b"RUN a \\\n  b", ("RUN", "a   b", (1, 2)), id="a continued line keeps its blanks"),
        pytest.param(b"RUN a \\", ("RUN", "a", (1, 1)), id="a continuation may end the file"),
        pytest.param(b"RUN a\\\n# b", ("RUN", "a", (1, 2)), id="a comment may end the file within a continuation"),
        pytest.param(b"RUN a\\\r\n\r\nb", ("RUN", "ab", (1, 3)), id="carriage returns end with their line"),
        pytest.param(b"RUN a\rb", ("RUN", "a\rb", (1, 1)), id="a lone carriage return is text"),
        pytest.param(b"RUN a\\\xc2\xa0", ("RUN", "a\\", (1, 1)), id="a no-break space after it undoes a continuation"),
        pytest.param(b"RUN\xc2\xa0a", ("RUN\xa0A", "", (1, 1)), id="a no-break space ends no command word"),
        pytest.param(b"\xc2\x85\xe3\x80\x80RUN a", ("RUN", "a", (1, 1)), id="any blank may stand before"),
        pytest.param(b"\x85RUN a", ("\udc85RUN", "a", (1, 1)), id="a broken byte is no blank"),
        pytest.param(b"RUN a\\\n\xc3\\\n\xa0", ("RUN", "a\xe0", (1, 3)), id="a letter may be split by a continuation"),
        pytest.param(b"RUN a\x1c", ("RUN", "a\x1c", (1, 1)), id="a separator is no blank"),
        pytest.param("onbu\u0130ld a".encode(), ("ONBUILD", "a", (1, 1)), id="a dotted I is an I, as in Go"),
        pytest.param("u\u017fer a".encode(), ("U\u017fER", "a", (1, 1)), id="a long s is no S"),
        pytest.param(b"\xef\xbb\xbfRUN a", ("RUN", "a", (1, 1)), id="a byte-order mark is skipped"),
        pytest.param(b"\n\xef\xbb\xbfRUN a", ("\ufeffRUN", "a", (2, 2)), id="but only at the start of the file"),
        pytest.param(b"RUN " + b"a" * 65_531, ("RUN", "a" * 65_531, (1, 1)), id="the longest line"),
    ],
)
def test_one_instruction(source: bytes, expected: tuple[str, str, tuple[int, int]]) -> None:
    """A single instruction is read as upstream reads it."""
    (item,) = lex(source).instructions
    assert (item.keyword, item.text, item.lines) == expected


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param(b"RUN <<E\nE", ["E"], id="one"),
        pytest.param(b"RUN <<E<<F", [], id="two in one word are none"),
        pytest.param(b"RUN <<'E'F\nEF", ["EF"], id="partly quoted"),
        pytest.param(b"RUN <<\\E\nE", ["E"], id="escaped"),
        pytest.param(b'RUN <<"a\\qb"\na\\qb', ["a\\qb"], id="an escape in double quotes that escapes nothing"),
        pytest.param(b'RUN <<"a\\"b"\na"b', ['a"b'], id="an escaped quote is part of the name"),
        pytest.param(b'RUN <<E "a\\\\\\', [], id="an escape that ends the line in a quote"),
        pytest.param(b'RUN "\\$a" <<E\nE', ["E"], id="an escaped dollar in quotes"),
        pytest.param(b"RUN <<$E\n$E", ["$E"], id="a variable is a name"),
        pytest.param(b"RUN <<${E}\n${E}", ["${E}"], id="with braces too"),
        pytest.param(b"RUN <<$1a\n$1a", ["$1a"], id="a positional parameter"),
        pytest.param(b"RUN <<$?\n$?", ["$?"], id="a special parameter"),
        pytest.param(b"RUN <<a$\na$", ["a$"], id="a lone dollar"),
        pytest.param(b"RUN <<E ${a:-b} ${c+'d'\"$e\"<} ${f#*.} ${g/h/i} ${j//\\}/k}\nE", ["E"], id="substitutions"),
        pytest.param(b"RUN <<E${a:-b}", [], id="a substitution makes upstream forget the word before it"),
        pytest.param(b"RUN ${a:-x <<E}\nE}", ["E}"], id="upstream splits substitutions into words"),
        pytest.param(b"RUN <<E ${a", [], id="a substitution that never ends"),
        pytest.param(b"RUN <<E ${a:-b", [], id="nor its word"),
        pytest.param(b"RUN <<E ${}", [], id="a substitution of nothing"),
        pytest.param(b"RUN <<E ${a:#b}", [], id="a modifier that there is not"),
        pytest.param(b"RUN <<E ${a.b}", [], id="another"),
        pytest.param(b"RUN <<E ${a:=b} ${c:}}\nE", ["E"], id="unknown modifiers that upstream reads past"),
        pytest.param(b"RUN <<E ${a:", [], id="a colon at the end"),
        pytest.param(b"RUN <<E 'a", [], id="an open quote"),
        pytest.param(b'RUN <<E "a', [], id="an open double quote"),
        pytest.param(b"RUN <<E " + b"${a:-" * 101 + b"}" * 101, [], id="substitutions beyond all reason"),
        pytest.param(b"RUN <<E a\\\xc2\xa0\nE", ["E"], id="an escape at the end"),
        pytest.param(b"RUN <<''\n", [], id="an empty name"),
        pytest.param(b"RUN <<\xff\n\xef\xbf\xbd", ["\ufffd"], id="a broken byte reads as U+FFFD"),
        pytest.param(b"RUN --a='b c' --d=\\  -- <<E\nE", ["E"], id="after flags"),
        pytest.param(b"RUN --a=\\<<E\xc2\xa0", [], id="a flag alone"),
        pytest.param(b'ONBUILD --"" RUN <<E\nE', ["E"], id="after the end of an ONBUILD's flags"),
        pytest.param(b'ONBUILD --a="\\"" RUN <<E\nE', ["E"], id="after a quoted flag of an ONBUILD"),
        pytest.param(b"ONBUILD --a=\\", [], id="an ONBUILD with a flag alone"),
        pytest.param(b"ONBUILD --\xc3\xa0RUN <<E\nE", ["E"], id="flags are read byte by byte"),
        pytest.param(b"RUN [] <<E\nE", ["E"], id="no JSON form with text behind it"),
        pytest.param(b"onbuild --a copy <<E /\nE", ["E"], id="in an ONBUILD"),
        pytest.param(b"ONBUILD <<E", [], id="in an ONBUILD of nothing"),
        pytest.param(b"PYENV 3.9 x <<E\nE", ["E"], id="in a PYENV"),
        pytest.param(b"ONBUILD PYENV 3.9 x <<E\nE", ["E"], id="in an ONBUILD PYENV"),
        pytest.param(b"ENV a=<<E", [], id="not in an ENV"),
    ],
)
def test_heredocs(source: bytes, names: list[str]) -> None:
    """Heredocs are found where upstream finds them."""
    (item,) = lex(source).instructions
    assert [heredoc.name for heredoc in item.heredocs] == names


@steady
@given(
    st.sampled_from(["RUN", "COPY --x", "ONBUILD ADD --x='y'"]),
    st.lists(
        st.lists(st.sampled_from([*" <Ea$'\"\\`{}/#", "<<E", "${a:-", "${a/"]), max_size=9).map("".join), max_size=4
    ),
)
def test_json_form_has_no_heredocs(command: str, strings: list[str]) -> None:
    """Whatever stands in the strings of a JSON form, it does not start a heredoc."""
    (item,) = lex(f"{command} {json.dumps(strings)}".encode()).instructions
    assert item.heredocs == ()


def test_bodies() -> None:
    """A heredoc's body is kept as it stands, with what its mark says about it."""
    source = b"RUN <<-A <<'B'\r\n\tx\r\n\tA\r\nB\n"
    first, second = lex(source).instructions[0].heredocs
    assert (first.content, first.strip_tabs, first.expand, first.lines) == ("\tx\r\n", True, True, (2, 3))
    assert (second.content, second.strip_tabs, second.expand, second.lines) == ("", False, False, (4, 4))


@pytest.mark.parametrize(
    ("source", "lines", "message"),
    [
        pytest.param(
            b"FROM a\nRUN " + b"a" * 65_532,
            (2, 2),
            "line 2 is 65,536 bytes long, and the limit is 65,535: split it with \\ at the end of a line",
            id="long line",
        ),
        pytest.param(
            b"# escape=`\n# Escape=`",
            (2, 2),
            "the parser directive escape is given twice: keep one",
            id="directive twice",
        ),
        pytest.param(
            b"# escape=\xff\n",
            (1, 1),
            "the escape character cannot be '\\xff': write `# escape=\\` or `# escape=``",
            id="escape character",
        ),
        pytest.param(
            b"# escape= \n",
            (1, 1),
            "the escape character cannot be ' ': write `# escape=\\` or `# escape=``",
            id="blank as escape character",
        ),
        pytest.param(
            b"FROM a\nRUN \\\n<<EOF\nPYENV 3.9 x\nEOF ",
            (2, 5),
            "the heredoc <<EOF is not closed: add a line with only EOF after its text",
            id="heredoc that never ends",
        ),
        pytest.param(
            b"RUN ${a:-b <<\\'}\n",
            (1, 1),
            "<<'} does not start a heredoc: write a plain word after <<",
            id="heredoc name",
        ),
        pytest.param(
            b"FROM a\n\\\n\n# c",
            (2, 4),
            "no instruction follows the \\ that continues this line: remove it",
            id="nothing after a continuation",
        ),
    ],
)
def test_errors(source: bytes, lines: tuple[int, int], message: str) -> None:
    """A file without boundaries is refused at its line."""
    with pytest.raises(DockerfileError) as caught:
        lex(source)
    assert (caught.value.message, caught.value.lines) == (message, lines)


@pytest.mark.parametrize("source", [b"", b"\n", b"# c", b"\xef\xbb\xbf", b" \t\r\n#\n"])
def test_no_instructions(source: bytes) -> None:
    """A file without instructions is one gap."""
    dockerfile = lex(source)
    assert dockerfile.instructions == ()
    assert dockerfile.gaps == ((0, len(source)),)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"# syntax=a b\n#check=c\n# escape=`\n", {"syntax": "a b", "check": "c", "escape": "`"}),
        (b"# c\n# syntax=a", {}),
        (b"\n# syntax=a", {}),
        (b"# syntax=", {}),
        (b"#!/bin/x\n# syntax=a", {}),
        (b"\xef\xbb\xbf\xc2\xa0#\xc2\xa0SYNTAX\t= a \r\n", {"syntax": "a"}),
    ],
)
def test_directives(source: bytes, expected: dict[str, str]) -> None:
    """Directives stand first in a file, and any other line ends them."""
    assert lex(source).directives == expected


def test_triggers() -> None:
    """What an ONBUILD holds is known, behind flags too."""
    dockerfile = lex(b"ONBUILD pyenv 3.9 x\nONBUILD --x='y z' -- RUN a\nONBUILD\nRUN PYENV\n")
    assert [onbuild_keyword(item, "\\") for item in dockerfile.instructions] == ["PYENV", "RUN", "", ""]


@steady
@given(FILES)
@example(b"\xef\xbb\xbf\\")
def test_gaps_and_instructions_are_the_file(source: bytes) -> None:
    """Any bytes are refused or fall into gaps and instructions, in order and without remainder."""
    try:
        dockerfile = lex(source)
    except DockerfileError:
        return
    spans = [item.span for item in dockerfile.instructions]
    parts = [span for pair in zip(dockerfile.gaps, [*spans, (0, 0)], strict=True) for span in pair]
    assert b"".join(source[start:end] for start, end in parts) == source
    assert all(before.lines[1] < after.lines[0] for before, after in pairwise(dockerfile.instructions))
    for item in dockerfile.instructions:
        start, end = item.span
        assert item.keyword
        assert start == 0 or source[start - 1 : start] == b"\n"
        assert source.count(b"\n", 0, start) + 1 == item.lines[0]
        assert source.count(b"\n", 0, end - 1) + 1 == item.lines[1]
    gaps = b"".join(source[start:end] for start, end in dockerfile.gaps)
    assert lex(b"# no directive\n" + gaps.removeprefix(b"\xef\xbb\xbf")).instructions == ()


@steady
@given(FILES)
def test_errors_have_lines_of_the_file(source: bytes) -> None:
    try:
        lex(source)
    except DockerfileError as error:
        first, last = error.lines or (0, 0)
        inside = 1 <= first <= last <= source.count(b"\n") + 1
    else:
        inside = True
    assert inside


@steady
@given(FILES)
def test_pieces_make_the_logical_line(source: bytes) -> None:
    """The pieces of an instruction lie where they say, and hold its text."""
    try:
        dockerfile = lex(source)
    except DockerfileError:
        return
    physical = source.split(b"\n")
    for item in dockerfile.instructions:
        found = list(pieces(dockerfile, item))
        for line, column, piece in found:
            assert item.lines[0] <= line <= item.lines[1]
            assert (
                physical[line - 1]
                .decode(errors="surrogateescape")[column - 1 :]
                .encode(errors="surrogateescape")
                .startswith(piece)
            )
        assert item.text in b"".join(piece for _, _, piece in found).decode(errors="surrogateescape")


@steady
@given(FILES)
@example(b"P\\\n# c\n\nY\\ \r\nENV a")
@example(b"ONBUILD PYEN\\\nV a")
@example(b"\\\npy\\\nenv")
def test_a_mention_is_never_missed(source: bytes) -> None:
    """Where `mentions_pyenv` finds nothing, there is no PYENV instruction."""
    try:
        dockerfile = lex(source)
    except DockerfileError:
        return
    found = any("PYENV" in {item.keyword, onbuild_keyword(item, dockerfile.escape)} for item in dockerfile.instructions)
    assert mentions_pyenv(source) or not found


@pytest.mark.parametrize("source", [b"FROM a\nRUN p \\\n b\n", b"ENV P=YENV\n", b"RUN step\\x"])
def test_no_mention(source: bytes) -> None:
    """An ordinary file is passed by."""
    assert not mentions_pyenv(source)


def decoys(lines: Sequence[str]) -> str:
    """Text with PYENV in it that is none: in heredocs, in comments, in a continued string."""
    body = "".join(f"{line}\n" for line in lines if line != "EOF")
    comments = "".join(f"# {line}\n" for line in lines)
    quoted = "".join(f"  x{line.strip(chr(92))}x \\\n" for line in lines)
    return f"RUN <<'EOF'\n{body}EOF\n{comments}RUN ' \\\n{comments}{quoted}  b'\nCOPY <<-EOF /x\n{body}\tEOF\n"


@steady
@given(
    st.lists(st.one_of(LINE, st.builds("{}PYENV 3.9 {}".format, st.sampled_from(["", " ", "\t"]), LINE)), max_size=6)
)
def test_text_about_pyenv_is_no_instruction(lines: list[str]) -> None:
    """PYENV in heredocs, comments and the strings of a RUN is text."""
    dockerfile = lex(f"FROM a\n{decoys(lines)}PYENV 3.9 x\n".encode())
    assert [item.keyword for item in dockerfile.instructions] == ["FROM", "RUN", "RUN", "COPY", "PYENV"]


PARTS = [
    *["RUN a\n", "RUN <<E\nPYENV\nE\n", "\n", "# c\n"],
    *["PYENV 3.9 x\n", "PYENV 3.9 \\\n # c\n x\n", "PYENV 3 x <<E\nRUN\nE\n"],
]


@steady
@given(st.lists(st.sampled_from(PARTS)))
def test_cutting_pyenv_out_leaves_the_rest(parts: list[str]) -> None:
    """Without the spans of its PYENV lines a file has its other instructions, and all text around them."""
    source = "".join(["FROM a\n", *parts]).encode()
    dockerfile = lex(source)
    rest = source
    for item in reversed(dockerfile.instructions):
        if item.keyword == "PYENV":
            rest = rest[: item.span[0]] + rest[item.span[1] :]
    assert rest == "".join(["FROM a\n", *(part for part in parts if not part.startswith("PYENV"))]).encode()
    assert words(lex(rest)) == [pair for pair in words(dockerfile) if pair[0] != "PYENV"]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(b"RUN a b c d \\\n" * 20_000 + b"e", id="continuations"),
        pytest.param(b"RUN echo a b c\n" * 20_000, id="instructions"),
        pytest.param((b" " * 60_000 + b"x\n") * 10, id="blanks"),
        pytest.param(b"RUN <<E " + (b" " * 60_000 + b"\\\n") * 10 + b"\nx\nE", id="blanks in a line"),
        pytest.param(b"RUN <<E " + b"'a' \"b\" $c ${d} \\\n" * 10_000 + b"\nx\nE", id="shell words"),
        pytest.param(b"# syntax=\\" + b" " * 60_000 + b"x\nRUN", id="directive"),
        pytest.param(b"RUN [" + b'"<<a", \\\n' * 20_000 + b"]", id="JSON"),
    ],
)
def test_large_files(source: bytes) -> None:
    """Large files take no more than a moment, where a quadratic lexer would take minutes."""
    assert lex(source).instructions
