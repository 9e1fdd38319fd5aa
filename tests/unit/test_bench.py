"""The benchmark's own arithmetic and what it writes, on made-up runs."""

from xml.etree import ElementTree as ET

import pytest
from tests.bench import report
from tests.bench.builds import COLD, NOTHING, Run
from tests.bench.subjects import ENVIRONMENTS, SUBJECTS

RUNS = [
    Run("classic", 4, pair, subject, scenario, seconds * (pair + 1), seconds, 0.1, size=500_000_000)
    for subject, seconds in (("pyenv", 10), ("predecessor", 40), ("by-hand", 20))
    for pair in range(2)
    for scenario in (COLD, NOTHING)
]


def test_ratios_are_of_pairs() -> None:
    """A machine that is slower in one pair changes the seconds, not the ratio; half a pair does not count."""
    half = Run("classic", 4, 2, "pyenv", COLD, 1000, 10, 0.1)
    row = report.rows([*RUNS, half])["classic", 4, COLD]
    assert row.pairs == 2
    assert row.seconds == {"pyenv": 15, "predecessor": 60, "by-hand": 30}
    assert row.ratios == {"predecessor": 0.25, "by-hand": 0.5}


def test_what_only_one_subject_has_is_left_out() -> None:
    """No ratio without all that it compares."""
    assert report.rows([run for run in RUNS if run.subject == "pyenv"]) == {}


def test_page_and_chart() -> None:
    """The page has a line for each scenario, the chart a bar for each subject in it."""
    page = report.markdown(RUNS, {"1 PYENV lines": {"preface": 14, "return": 139, "cpu": 130, "peak": 25}}, "2 CPUs.")
    assert "| 4 | cold | 15.0 | 60.0 | 30.0 | 0.25 | 0.50 | 0.25 | 0.50 | 2 |" in page
    assert "| classic | 4 | 500 | 500 | 500 | 1.00 |" in page
    assert "| 1 PYENV lines | 14 | 139 | 130 | 25 |" in page
    bars = ET.fromstring(report.chart(RUNS, "classic", 4)).findall(".//{*}rect")  # noqa: S314 - of our own making
    assert len(bars) == 1 + len(SUBJECTS) + 2 * len(SUBJECTS)


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_every_subject_has_every_environment(subject: object) -> None:
    """All Dockerfiles give the same variables and copy the application last."""
    text = subject.dockerfile(ENVIRONMENTS)  # type: ignore[attr-defined]
    for one in ENVIRONMENTS:
        assert f"{one.name}.txt" in text
    assert text.splitlines()[-1] == "COPY --chown=50000:0 app /usr/local/airflow/app"
