"""Variables in words, expanded without an engine."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerfile_pyenv.variables import ExpansionError, UnsetError, expand

VALUES = {"A": "one", "B": "two words", "EMPTY": ""}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("$A", "one"),
        ("${A}x", "onex"),
        ("$A/$B", "one/two words"),
        ("'$A'", "$A"),
        ('"$A"', "one"),
        ("\"'$A'\"", "'one'"),
        ('"a\\"b"', 'a"b'),
        ('"a\\b"', "a\\b"),
        ("\\$A", "$A"),
        ("a\\ b", "a b"),
        ("${C:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY-other}", ""),
        ("${C:-$A}", "one"),
        ("${C:-'a}b'}", "a}b"),
        ("${A:+set}", "set"),
        ("${EMPTY:+set}", ""),
        ("${EMPTY+set}", "set"),
        ("${C:+$D}", ""),
        ("${A:-$D}", "one"),
        ("${A?needed}", "one"),
        ("a$", "a$"),
    ],
)
def test_a_word_is_expanded_as_a_dockerfile_has_it(word: str, expected: str) -> None:
    """Quotes and escapes go, variables become their values."""
    assert expand(word, VALUES) == expected


def test_the_files_own_escape_character_counts() -> None:
    """With `# escape=` a backslash is a letter like any other."""
    assert expand("`$A\\b", VALUES, escape="`") == "$A\\b"


def test_a_variable_without_a_value_is_named() -> None:
    """It may be the base image's, which only an engine could ask."""
    with pytest.raises(UnsetError) as caught:
        expand("x-${C}", VALUES)
    assert caught.value.name == "C"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("'a", "'a: a ' is missing"),
        ('"a', '"a: a " is missing'),
        ("${A", "${A: a } is missing"),
        ("${}", "${}: ${} without the name of a variable"),
        ("${C:-x", "${C:-x: a } is missing"),
        ("${C:?write --build-arg C}", "C: write --build-arg C"),
        ("${C?}", "C: it has no value"),
        ("${A%n*}", "${A%n*}: the modifier % is understood in a build only"),
    ],
)
def test_a_word_that_cannot_be_expanded_is_an_error(word: str, message: str) -> None:
    """It says what is wrong with which word."""
    with pytest.raises(ExpansionError) as caught:
        expand(word, VALUES)
    assert str(caught.value) == message


@given(st.text(alphabet="aA$B{}:-+?'\"\\ ", max_size=30))
def test_any_word_has_a_value_or_an_error(word: str) -> None:
    """No word leads to another exception."""
    with contextlib.suppress(ExpansionError):
        expand(word, VALUES)
