"""Random output of installers: it is read and explained in time, whatever is in it."""

from pathlib import Path

import failure
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.mutants import parts, profile, time_limit

pytestmark = pytest.mark.thorough

LOGS = [path.read_text() for path in sorted((Path(__file__).parent / "failures").glob("*.stderr"))]
PIECES = [
    *[
        "a" * 1_000_000,
        " " * 1_000_000,
        "\n" * 100_000,
        "a b " * 200_000,
        "9" * 100_000,
        "(" * 100_000,
        "├─▶ " * 50_000,
    ],
    *[
        "error: " * 50_000,
        "Because " * 50_000,
        "hint: " * 50_000,
        "https://u:p@h/" * 50_000,
        "@" * 100_000,
        ":" * 100_000,
    ],
    *[
        "\n  ",
        "\n",
        "\r",
        "\0",
        "\x1b[31m",
        "\u2028",
        "\udcff",
        "`",
        "==",
        "and",
        "depends on",
        "exit status: 137",
        "-9",
    ],
]
EDITS = st.lists(
    st.tuples(st.integers(0, 6000), st.integers(0, 60), st.one_of(st.sampled_from(PIECES), st.text(max_size=4))),
    min_size=1,
    max_size=3,
)


def edited(log: str, edits: list[tuple[int, int, str]]) -> str:
    """A log in which other text stands at some places."""
    for place, length, new in edits:
        start = place % (len(log) + 1)
        log = log[:start] + new + log[start + length :]
    return log


@parts(0.1)
@profile(0.1)
@given(st.builds(edited, st.sampled_from(LOGS), EDITS))
def test_output_is_explained(part: int, log: str) -> None:  # noqa: ARG001 - there are several
    """In a few lines, in time."""
    with time_limit():
        for found in (failure.explain(log, "3.13"), failure.of_pip(log, 1, "3.11")):
            found = failure.with_source_of_hash(found, log, ["alpha==1.0"])  # noqa: PLW2901 - the last step
            said = failure.paragraph(found)
            assert 2 <= len(said) <= 3
            assert sum(map(len, said)) < 20_000
