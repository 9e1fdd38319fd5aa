"""Which frontend a Dockerfile names, as BuildKit finds it."""

import pytest

from dockerfile_pyenv.dockerfile.syntax_line import names_a_frontend


@pytest.mark.parametrize(
    "text",
    [
        b"# syntax=a",
        b"#syntax = a b\n",
        b"#\tSyntax\t=a\r\nFROM x\n",
        b"\xef\xbb\xbf# syntax=a\n",
        b"#!/bin/x\n# syntax=a\n",
        b"# escape=`\n# check=skip=all\n# syntax=a\n",
        b"# syntax=a\n# syntax=b\n",
        b"# syntax= \n",
        b"// syntax=a\nanything\n",
        b"// escape=`\n//syntax=a\n",
        b'{"syntax": "a", "x": 1}',
        b'#!x\n {"SYNTAX": "a"}',
    ],
)
def test_a_file_names_a_frontend(text: bytes) -> None:
    """Examples of frontend/dockerfile/parser/directives_test.go, and of what its code accepts."""
    assert names_a_frontend(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"FROM x\n",
        b"#!",
        b"\n# syntax=a\n",
        b" # syntax=a\n",
        b"# comment\n# syntax=a\n",
        b"# unknown=1\n# syntax=a\n",
        b"# escape=`\n# escape=`\n# syntax=a\n",
        b"# escape=`\n// syntax=a\n",
        b"# syntax=\n",
        b"# syntax=\r\n",
        b"# syntaxes=a\n",
        b"/ / syntax=a\n",
        b'{"syntax": ""}',
        b'{"syntax": 1}',
        b'{"syntax": "a"',
        b'["syntax"]',
        b"{" * 100_000,
    ],
)
def test_a_file_names_none(text: bytes) -> None:
    """The first other line ends the search; a value may not be missing."""
    assert not names_a_frontend(text)
