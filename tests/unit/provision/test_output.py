"""The output of builds is any text: reading and explaining it takes a time that grows with its length alone."""

import io
import subprocess
import sys
from pathlib import Path

import failure
import output
import pytest
import redaction
import uv_command
from redaction import Redactor

MEGABYTES = 5_000_000
ERROR = "error: Failed to build `native==1.0`\n  cause: The build backend returned an error\n\n         [stderr]\n"

LINES = {
    "one word": "x",
    "quotes": "'",
    "backticks": "`",
    "brackets": "[a]",
    "open brackets": "((",
    "numbers": "sha1",
    "dashes": "a-",
    "slashes": "/a",
    "colons": "a:",
    "schemes": "a://",
    "users": "a@b:",
    "statuses": "HTTP status a error (",
    "programs": "No such file or directory: '",
    "commands": "command 'x",
    "packages": "Failed to build `",
    "hints": "\nhint: ((",
    "git": "git fetch '",
    "blanks": " ",
    "causes": "\n cause: ",
    "lines": "x\n",
}
"""What 5 MB of output repeat."""


@pytest.mark.parametrize("repeated", LINES.values(), ids=LINES)
def test_any_output_is_explained(repeated: str) -> None:
    """Each pattern is looked for in a time that the length of lines does not multiply."""
    text = repeated * (MEGABYTES // len(repeated))
    program = f"import failure; failure.explain({ERROR!r} + {repeated!r} * {MEGABYTES // len(repeated)}, '3.11')"
    environment = {"PYTHONPATH": str(Path(failure.__file__).parent)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)
    assert len(Redactor(("s3cr3tvalue", "xs", "('")).line(text)) < redaction.LONGEST_LINE + 100


def test_long_lines_are_read_in_part() -> None:
    """The rest of a line is passed over, and the next one is read."""
    found = list(output.raw_lines(io.BytesIO(b"x" * 3_000_000 + b"\nnext\n" + b"y" * output.READ)))
    assert [len(line) for line in found] == [output.READ, 5, output.READ]
    assert found[1] == "next\n"


def test_first_and_last_lines_are_kept() -> None:
    """They explain a failure."""
    kept = output.Text()
    for number in range(100_000):
        kept.add(f"{number}\n")
    lines = str(kept).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("0", "99999", output.FIRST + output.LAST)


def test_an_installer_that_writes_a_long_line(capfd: pytest.CaptureFixture[str]) -> None:
    """The log has its start, and the step goes on."""
    program = "import sys; sys.stderr.write('s3cr3tvalue ' * 800_000 + '\\nnext\\n'); sys.exit(3)"
    redact = Redactor(("s3cr3tvalue",))
    status, text = uv_command.run([sys.executable, "-c", program], {}, print, redact)
    shown = capfd.readouterr().err
    assert status == 3
    assert text == shown
    assert "s3cr3t" not in shown
    assert shown.endswith("… (the rest of this line is left out)\nnext\n")
    assert len(shown) < redaction.LONGEST_LINE + 100
