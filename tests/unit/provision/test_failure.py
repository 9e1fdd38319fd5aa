"""What people are told of failing installs, from what uv wrote in failures/*.stderr.

`REGENERATE=1 pytest tests/unit/provision/test_failure.py` writes the expectations anew; `failures/record.py` records
uv's own words.
"""

from pathlib import Path

import pytest
from failure import explain, paragraph

CASES = sorted((Path(__file__).parent / "failures").glob("*.stderr"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_failing_install_is_explained(path: Path, regenerate: bool) -> None:  # noqa: FBT001
    """Each recorded failure has its package, reason and advice, as they stand beside it."""
    text = "\n".join(paragraph(explain(path.read_text(), "3.11"))) + "\n"
    golden = path.with_suffix(".explained")
    if regenerate:
        golden.write_text(text)
    assert golden.read_text() == text
