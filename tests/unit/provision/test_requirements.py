"""Options in requirements files that uv does not take as pip does."""

from pathlib import Path

import pytest
from requirements import options


@pytest.mark.parametrize(
    ("text", "index", "arguments"),
    [
        pytest.param("six\n", False, [], id="none"),
        pytest.param("--index-url https://i\nsix\n", True, [], id="index"),
        pytest.param("-i https://i", True, [], id="short"),
        pytest.param("-ihttps://i", True, [], id="short without blank"),
        pytest.param("--index-url=https://i", True, [], id="equals sign"),
        pytest.param("\ufeff--index-url \\\n  https://i\r\n", True, [], id="byte order mark, continuation, CRLF"),
        pytest.param("# --index-url https://i\nsix # -i https://i\n", False, [], id="comments"),
        pytest.param("--extra-index-url https://i\n", False, [], id="another option"),
        pytest.param(
            "--trusted-host a\n--trusted-host=b:80 # why\n--trusted-host a\n",
            False,
            ["--allow-insecure-host=a", "--allow-insecure-host=b:80"],
            id="trusted hosts",
        ),
        pytest.param("--pre\nsix\n", False, ["--prerelease=allow"], id="pre-releases"),
    ],
)
def test_options(tmp_path: Path, text: str, index: bool, arguments: list[str]) -> None:  # noqa: FBT001 - a table
    """A file's own index, trusted hosts and --pre are found however they are written."""
    file = tmp_path / "requirements.txt"
    file.write_text(text, encoding="utf-8", newline="")
    assert options(file) == (index, arguments)


def test_included(tmp_path: Path) -> None:
    """Files that a file includes count as it does, even those that include it, or that are missing."""
    (tmp_path / "more").mkdir()
    (tmp_path / "a.txt").write_text("-r more/b.txt\n--requirement=missing.txt\n")
    (tmp_path / "more/b.txt").write_text("-r ../a.txt\n-r ../more/../a.txt\n--pre\n-i https://i\n")
    assert options(tmp_path / "a.txt") == (True, ["--prerelease=allow"])
