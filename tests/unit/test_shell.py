"""Variables in words, expanded without an engine. How words are found, the tests of the lexer tell."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.expansions import REFUSED, VARIABLES, WORDS, Whole

from dockerfile_pyenv.dockerfile import words
from dockerfile_pyenv.dockerfile.shell import ExpansionError, UnsetError, expand


@pytest.mark.parametrize(("word", "expected"), WORDS.items())
def test_a_word_is_expanded_as_a_dockerfile_has_it(word: str, expected: str) -> None:
    """Quotes and escapes go, variables become their values."""
    assert words.split(word, "\\") == ([(0, word)], None)  # one word of an ENV, as the engine's test takes it
    assert expand(word, Whole(VARIABLES)) == expected


@pytest.mark.parametrize("word", REFUSED)
def test_a_word_that_upstream_refuses_is_an_error(word: str) -> None:
    """Whatever is known of the variables."""
    with pytest.raises(ExpansionError):
        expand(word, Whole(VARIABLES))
    with pytest.raises(ExpansionError):
        expand(word, VARIABLES)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("`$A\\b", "$A\\b"),
        ('"`$A`b"', "$A`b"),
        ("${C:-`}}", "}"),
        ("${STARS//\\*/.}", "a...yy."),
        ("${A#`o}", "one"),
    ],
)
def test_the_files_own_escape_character_counts(word: str, expected: str) -> None:
    r"""With `# escape=` a backslash is a letter like any other, but in a pattern."""
    assert expand(word, VARIABLES, escape="`") == expected


@pytest.mark.parametrize("word", ["x-${C}", "$C", "${C#x}", "${C%%x}", "${C/x/y}", "${A:+$C}", "${A#$C}", "${D:-$C}"])
def test_a_variable_without_a_value_is_named(word: str) -> None:
    """It may be the base image's, which only an engine could ask."""
    with pytest.raises(UnsetError) as caught:
        expand(word, VARIABLES)
    assert caught.value.name == "C"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("${C:-other}", "other"),
        ("${C+$D}", ""),
        ("${A:-$C}", "one"),
        ("${A:-${C%x}${C//$D/$E}}", "one"),
        ("${A:-${B?$C}}", "one"),
        ("$1$?", ""),
    ],
)
def test_a_variable_that_makes_no_difference_needs_no_value(word: str, expected: str) -> None:
    """In a branch that is not taken; nor does one that no image can set."""
    assert expand(word, VARIABLES) == expected


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("'a", "'a: a ' is missing"),
        ('"a', '"a: a " is missing'),
        ("${A", "${A: a } is missing"),
        ("${", "${: a } is missing"),
        ("${}", "${}: ${} without the name of a variable"),
        ("${C:-x", "${C:-x: a } is missing"),
        ("${A/x}", "${A/x}: a / is missing"),
        ("${C:?write --build-arg C}", "C: write --build-arg C"),
        ("${C?}", "C: it has no value"),
        ("${A:#x}", "${A:#x}: the modifier :# is not supported"),
        ("${A^}", "${A^}: the modifier ^ is not supported"),
        ("${A%\\n}", "${A%\\n}: a pattern cannot hold \\n: only * ? \\ } / can be escaped"),
        ("${A/'n\\'/x}", "${A/'n\\'/x}: a pattern cannot end with \\: write \\\\"),
        ("${A:-" * 101 + "}" * 101, "${A:-" * 101 + "}" * 101 + ": variables are nested too deep"),
    ],
)
def test_an_error_says_what_is_wrong_with_which_word(word: str, message: str) -> None:
    """So that it can be found in a long line."""
    with pytest.raises(ExpansionError) as caught:
        expand(word, VARIABLES)
    assert str(caught.value) == message


@given(st.text(alphabet="aA$B{}:-+?#%/*'\"\\<` \n", max_size=40), st.sampled_from("\\`"))
def test_any_word_has_a_value_or_an_error(word: str, escape: str) -> None:
    """No word leads to another exception."""
    for variables in (VARIABLES, Whole(VARIABLES)):
        with contextlib.suppress(ExpansionError):
            expand(word, variables, escape=escape)


@given(st.text().filter(lambda text: not text.startswith("\ufeff") and not re.search(r"[$'\"\\]", text)))
def test_a_text_without_variables_quotes_and_escapes_is_its_own_value(text: str) -> None:
    """Blanks count like any other character."""
    assert expand(text, {}) == text


@given(
    st.lists(st.sampled_from(["a", " ", "${A}", "${A:-x}", "${A%e}", "${A//n/m}", "${X}"]), max_size=8),
    st.text(alphabet="xyz", max_size=4),
)
def test_variables_may_be_expanded_one_after_the_other(parts: list[str], value: str) -> None:
    """Values are not expanded again, so the order makes no difference."""
    word = "".join(parts)
    at_once = expand(word, {**VARIABLES, "X": value})
    without_x = expand(word.replace("${X}", "'${X}'"), VARIABLES)
    assert expand(without_x, {"X": value}) == at_once
    without_a = expand(re.sub(r"\$\{A[^}]*\}", r"'\g<0>'", word), {"X": value})
    assert expand(without_a, VARIABLES) == at_once


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of plain letters, `*` and `?` matches all of a text, by the definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(matches(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and matches(pattern[1:], text[1:])


@given(st.text(alphabet="ab*?", max_size=6), st.text(alphabet="ab", max_size=8))
def test_a_pattern_matches_the_shortest_or_the_longest(pattern: str, value: str) -> None:
    """Beside the definition, tried on every prefix, suffix and part."""
    whole = range(len(value) + 1)
    variables = {"V": value, "P": pattern}
    ends = [end for end in whole if matches(pattern, value[:end])] or [0]
    assert expand("${V#$P}", variables) == value[ends[0] :]
    assert expand("${V##$P}", variables) == value[ends[-1] :]
    starts = [start for start in whole if matches(pattern, value[start:])] or [len(value)]
    assert expand("${V%$P}", variables) == value[: starts[-1]]
    assert expand("${V%%$P}", variables) == value[: starts[0]]
    parts = [(start, -end) for start in whole for end in whole if end >= start and matches(pattern, value[start:end])]
    start, end = min(parts, default=(0, 0))
    assert expand("${V/$P/-}", variables) == (value[:start] + "-" + value[-end:] if parts else value)


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    """Tried every way, this one would take years."""
    variables = {"V": "a" * 200, "P": "*a" * 40 + "b"}
    assert {expand(word, variables) for word in ("${V#$P}", "${V##$P}", "${V%$P}", "${V%%$P}", "${V//$P/}")} == {
        "a" * 200
    }
