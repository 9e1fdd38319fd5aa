"""The shell lexer beside a port of upstream's that PyPI's `e2b-dockerfile-utils` carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.expansions import REFUSED, VARIABLES, WORDS, Whole

from dockerfile_pyenv.dockerfile.shell import ExpansionError, expand

utils = pytest.importorskip("e2b_dockerfile_utils")

# Where it takes Python's rules for those of Go's regular expressions, which replace all matches upstream.
DIFFERENT = {"${TEAM//*/x}", "${A//n/$WHOLE}", "${A//n/$GROUPS}", "${A//n/\\$0}", "${A//n/'$0$0'}"}

PARTS = [
    *[
        "$A",
        "${A",
        "${B",
        "${EMPTY",
        "${UNSET",
        "${TEAM",
        "${STARS",
        "$GLOB",
        "$HALF",
        "${SNOW",
        "$?",
        "$1",
        "}",
        "{",
        "$",
    ],
    *["#", "##", "%", "%%", "/", "*", "?", ":", "-", "+", ":-", ":?", "=", "\\", "`", '"', "'", "<", "<<", " ", "\t"],
    *["a", "n", "o", "_", "x", "é", "☃"],
]


def theirs(word: str, escape: str = "\\") -> str | None:
    """What the other lexer makes of a word; None where it refuses it."""
    try:
        value = utils.ShellLex(escape, env=VARIABLES, skip_unset_env=False).process_word(word)
    except ValueError:
        return None
    return str(value)


def ours(word: str, escape: str = "\\") -> str | None:
    """What `expand` makes of it."""
    try:
        return expand(word, Whole(VARIABLES), escape=escape)
    except ExpansionError:
        return None


@pytest.mark.parametrize(("word", "expected"), WORDS.items())
def test_the_table_is_right(word: str, expected: str) -> None:
    """But where the other lexer is not."""
    assert (theirs(word) == expected) == (word not in DIFFERENT)


@pytest.mark.parametrize("word", REFUSED)
def test_the_same_words_are_refused(word: str) -> None:
    """Each for a reason of its own."""
    assert theirs(word) is None


@given(
    st.lists(st.sampled_from(PARTS), max_size=10).map("".join).filter(lambda word: "//" not in word),
    st.sampled_from("\\`"),
)
def test_random_words_have_the_same_value(word: str, escape: str) -> None:
    """Or are refused by both."""
    assert ours(word, escape) == theirs(word, escape)
