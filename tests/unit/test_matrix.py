"""The matrix of base images: what tests claim, what runs have shown, and the page are of one mind."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests import matrix
from tests.matrix import ONLINE, SHOWN, Cell

ONE = Cell("runs", "no shell", "image", "classic", "tests/engine/test_a.py::test_one[no shell]")
TWO = Cell("owner", "bookworm", "standalone", "containerd", "tests/engine/test_a.py::test_two")
OTHER = Cell("runs", "trixie", "source", "classic", "tests/engine/test_b.py::test_other")


def test_tests_claim_the_cells_that_runs_have_shown(tmp_path: Path) -> None:
    """If not: `REGENERATE=1 pytest <file>` on the test bed adds results of new cells, and forgets those of old ones."""
    claimed = tmp_path / "claims.json"
    words = ("tests/engine", "tests/airflow", "--collect-only", "--quiet", "-p", "no:cacheprovider", "--claims")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, claimed], cwd=matrix.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    cells, results = set(matrix.read(claimed)), set(matrix.read())
    assert cells
    assert sorted(cells - results) == []
    assert sorted(results - cells) == []


def test_the_page_shows_the_results(regenerate: bool) -> None:  # noqa: FBT001
    head, below, tables = matrix.PAGE.read_text().partition(matrix.BELOW)
    assert below
    expected = matrix.render(matrix.read())
    if regenerate:
        matrix.PAGE.write_text(head + below + expected)
    else:
        assert tables == expected


def test_a_cell_that_is_not_shown_has_a_reason() -> None:
    for cell, result in matrix.read().items():
        assert result == SHOWN or result.startswith(("not shown: ", "not shown here: ")), cell


def test_a_table_has_a_row_for_each_base_interpreter_and_test() -> None:
    """Its columns are the image stores that the promise is shown on."""
    other_store = Cell("runs", "no shell", "image", "containerd", "tests/engine/test_a.py::test_one[other]")
    assert (
        matrix.render({ONE: SHOWN, OTHER: ONLINE, other_store: SHOWN})
        == f"""
### {matrix.PROMISES["runs"]}

| base | interpreter | classic | containerd | test |
| --- | --- | --- | --- | --- |
| no shell | image | yes | yes | [`test_one`](../tests/engine/test_a.py) |
| trixie | source | {ONLINE} |  | [`test_other`](../tests/engine/test_b.py) |
"""
    )


@pytest.mark.parametrize(
    ("run", "after"),
    [
        ({ONE.test: SHOWN, TWO.test: SHOWN}, {ONE: SHOWN, TWO: SHOWN, OTHER: SHOWN}),
        ({ONE.test: "not shown: no tun"}, {ONE: "not shown: no tun", OTHER: SHOWN}),
        ({ONE.test: ""}, {OTHER: SHOWN}),
        ({ONE.test: ONLINE, TWO.test: ONLINE}, {ONE: SHOWN, TWO: ONLINE, OTHER: SHOWN}),
        ({}, {ONE: SHOWN, OTHER: SHOWN}),
    ],
    ids=["shown", "skipped", "failed", "left out, but shown elsewhere", "another part of the file ran"],
)
def test_a_run_changes_the_cells_of_its_tests(run: dict[str, str], after: matrix.Results) -> None:
    """What another file claims stays."""
    assert matrix.merge({ONE: SHOWN, OTHER: SHOWN}, [ONE, TWO], ["tests/engine/test_a.py"], run) == after


def test_what_a_file_no_longer_claims_is_forgotten() -> None:
    assert matrix.merge({ONE: SHOWN, OTHER: SHOWN}, [TWO], ["tests/engine/test_a.py"], {}) == {OTHER: SHOWN}
    assert matrix.merge({ONE: SHOWN, OTHER: SHOWN}, [TWO], [], {}) == {ONE: SHOWN, OTHER: SHOWN}


def test_results_are_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "matrix.json"
    matrix.write({TWO: ONLINE, ONE: SHOWN}, path)
    assert list(matrix.read(path).items()) == [(TWO, ONLINE), (ONE, SHOWN)]
    assert matrix.read(tmp_path / "none.json") == {}


@pytest.mark.parametrize("word", ["odd"])
def test_a_marker_is_filled_in(request: pytest.FixtureRequest, word: str) -> None:
    node = request.node
    node.add_marker(pytest.mark.proves("owner"))
    node.add_marker(pytest.mark.proves("runs", base="{word} base", store="28-containerd"))
    assert matrix.claims(node) == [
        Cell("owner", "bookworm", "standalone", "classic", node.nodeid),
        Cell("runs", f"{word} base", "standalone", "containerd", node.nodeid),
    ]


@pytest.mark.parametrize(
    ("marker", "unknown"),
    [
        (pytest.mark.proves("flies"), "'flies'"),
        (pytest.mark.proves("runs", store="29"), "'29'"),
        (pytest.mark.proves("runs", base="{bass}"), "'bass'"),
        (pytest.mark.proves("runs", bass="x"), "unexpected keyword argument 'bass'"),
    ],
)
def test_a_marker_of_an_unknown_word_is_an_error(
    request: pytest.FixtureRequest, marker: pytest.MarkDecorator, unknown: str
) -> None:
    request.node.add_marker(marker)
    with pytest.raises(pytest.UsageError, match=unknown):
        matrix.claims(request.node)
