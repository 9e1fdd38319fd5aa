"""Replacing instructions in a text, and the way back to the user's lines."""

from hypothesis import given
from hypothesis import strategies as st

from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.dockerfile.rewrite import substitute

LINES = st.lists(
    st.sampled_from(
        ["FROM a", "RUN x \\\n  y", "# comment", "", "PYENV 3.9 a", "PYENV \\\n 3.9 b", "RUN <<E\nPYENV 3.9 c\nE"]
    ),
    max_size=8,
)
ENDINGS = st.sampled_from(["", "\n"])


@given(LINES, ENDINGS)
def test_without_replacements_nothing_changes(lines: list[str], end: str) -> None:
    """A text in which nothing is replaced is the same text, and every line is its own."""
    source = ("\n".join(lines) + end).encode()
    expansion = substitute(lex(source), {})
    assert expansion.text == source
    assert expansion.lines == tuple((number, number) for number in range(1, len(expansion.lines) + 1))
    assert not expansion.generated


@given(LINES, ENDINGS, st.integers(0, 3))
def test_every_line_has_its_place_in_the_users_file(lines: list[str], end: str, count: int) -> None:
    """The line map is total and monotone, and a line that was not generated reads as the user's line it stands for."""
    source = ("\n".join(lines) + end).encode()
    dockerfile = lex(source)
    replaced = {index: "NEW\n" * count for index, item in enumerate(dockerfile.instructions) if item.keyword == "PYENV"}
    expansion = substitute(dockerfile, replaced)
    text = expansion.text.split(b"\n")
    user = source.split(b"\n")
    assert len(expansion.lines) in {len(text), len(text) - 1}
    assert list(expansion.lines) == sorted(expansion.lines)
    for number, (first, last) in enumerate(expansion.lines, 1):
        if number in expansion.generated:
            assert text[number - 1] == b"NEW"
            assert user[first - 1].startswith(b"PYENV")
        else:
            assert (text[number - 1], first) == (user[first - 1], last)


def test_line_numbers_in_messages_become_the_users() -> None:
    """A parse error and a warning of upstream's name the line of the user's file."""
    dockerfile = lex(b"FROM a\nPYENV 3.9 x\nRUM y\n")
    expansion = substitute(dockerfile, {1: "A\nB\nC\n"})
    assert (
        expansion.user_message("dockerfile parse error on line 5: unknown instruction: RUM")
        == "dockerfile parse error on line 3: unknown instruction: RUM"
    )
    assert expansion.user_message("X: y (line 3)") == "X: y (line 2)"
    assert expansion.user_message("on line 99: z") == "on line 99: z"


def test_lines_outside_the_text_have_no_place() -> None:
    assert substitute(lex(b"FROM a\n"), {}).user_lines(7, 9) is None
