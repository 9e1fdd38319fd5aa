"""Requirement files."""

import codecs

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.requirements import _SIMPLE, check

steady = settings(
    derandomize=True, max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)


def text(data: bytes) -> str:
    """Check a file as some PYENV line's."""
    return check(data, path="requirements/x.txt", lines=(3, 3)).text


def refusal(data: bytes) -> str:
    """What is wrong with a file."""
    with pytest.raises(DockerfileError) as caught:
        text(data)
    assert caught.value.lines == (3, 3)
    return caught.value.message


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b"pandas==1.4.4", "pandas==1.4.4", id="no final newline"),
        pytest.param(b"pandas==1.4.4  \r\n\r\n", "pandas==1.4.4  \r\n\r\n", id="carriage returns"),
        pytest.param(b"\xef\xbb\xbfpandas\n", "pandas\n", id="byte-order mark"),
        pytest.param("# é\na".encode(), "# é\na", id="UTF-8"),
    ],
)
def test_encodings(data: bytes, expected: str) -> None:
    """UTF-8 is read with or without a byte-order mark, and line ends are any."""
    assert text(data) == expected


@pytest.mark.parametrize(
    "line",
    [
        "pandas",
        "numpy>=1.21, <2,!=1.5.*",
        "x~=1.2",
        "x === legacy-1",
        "torch==2.0.1+cu118",
        "x (>=1.0)",
        "apache-airflow[celery, redis]==2.7.2",
        "pandas==1.4.4  # a comment",
        "pandas==1.4.4 ; python_version < '3.9' and sys_platform == 'linux'",
        "x @ https://h/p/x.zip#sha256=aa",
        "x@git+ssh://git@h/x.git@v1",
        "git+https://h/x.git@v1#egg=x&subdirectory=y",
        "https://h/x-1.0-py3-none-any.whl ; python_version < '3.9'",
        "https://h/x-1.0%2Bcu1-py3-none-any.whl",
        "/tmp/astro_provider-1.0.0-py3-none-any.whl",
        "./x-1.0-py3-none-any.whl[extra]",
        "/tmp/my wheels/x-1.0-py3-none-any.whl",
        "x-1.0-py3-none-any.whl",
        "./project",
        "libs/project",
        "x-1.0.tar.gz",
        "pan\\\ndas==\\\n1.4.4",
        "pandas \\\n  --hash=sha256:aa \\\n  --hash sha256:bb",
        "pandas --config-settings 'a=b c'",
        "${ANY} thing ${AT} all",
        "-i https://h/simple",
        "-ihttps://h/simple",
        "--index-url=https://h/simple --trusted-host h",
        "--extra-index https://h/simple",
        "--no-index",
        "--find-links /tmp/wheels",
        "--no-binary :all:",
        "--only-binary=pandas",
        "--pre",
        "--require-hashes",
        "--use-feature fast-deps",
        "-e .",
        "-e git+https://h/x.git#egg=x",
        "# comment \\",
        "   # comment",
    ],
)
def test_lines_that_pip_takes(line: str) -> None:
    """A line that pip takes passes."""
    assert text(f"a\n{line}\nb\n".encode()) == f"a\n{line}\nb\n"


WHEEL = "pkg-1.0-py3-none-any.whl"
NAME = f"is no name of a wheel: pip installs it only under the name that it was built with, such as {WHEEL}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pandas=1.4.4", "pandas=1.4.4: = compares no versions: write =="),
        ("pandas==1.4.4# new", "pandas==1.4.4# new: a comment needs a blank before its #"),
        (
            "pandas numpy",
            "pandas numpy: this is no requirement: expected semicolon (after name with no version specifier) or end",
        ),
        ("numpy;", "numpy;: this is no requirement: expected a marker variable or quoted string"),
        ("./x ; python = 3", "./x ; python = 3: python = 3 is no environment marker"),
        ("/tmp/x.whl", f"/tmp/x.whl: x.whl {NAME}"),
        ("--bogus", "--bogus: no such option: --bogus"),
        ("pandas --bogus", "pandas --bogus: no such option: --bogus"),
        ("-i", "-i: -i option requires 1 argument"),
        ("--pre=yes", "--pre=yes: --pre option does not take a value"),
        ("-f '/tmp", "-f '/tmp: no closing quotation"),
        ("- pandas", "- pandas: a requirement does not begin with -"),
        ("x --hash=md5:aa", "x --hash=md5:aa: write a hash as --hash=sha256:… (or sha384, sha512)"),
        ("x --hash=aa", "x --hash=aa: write a hash as --hash=sha256:… (or sha384, sha512)"),
        ("x -C a", "x -C a: write -C with KEY=VALUE"),
        ("--no-binary --pre", "--no-binary --pre: --no-binary needs a package name, :all: or :none:"),
        ("-i https://me:secret@h/simple --x", "-i https://***@h/simple --x: no such option: --x"),
        (
            "x" * 200 + " y",
            f"{'x' * 99}…: this is no requirement: expected semicolon (after name with no version specifier) or end",
        ),
    ],
)
def test_lines_that_pip_refuses(line: str, message: str) -> None:
    """A line that pip refuses is named with its file, its number and its text."""
    assert refusal(f"a\n# b\n{line}\n".encode()) == f"requirements/x.txt, line 3: {message}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            b"a\nb\n# caf\xe9\n",
            "requirements/x.txt, line 3: byte 0xe9 is not UTF-8: save the file as UTF-8",
            id="not UTF-8",
        ),
        pytest.param(
            codecs.BOM_UTF16_LE + "a\n".encode("utf-16-le"),
            "requirements/x.txt is UTF-16: save it as UTF-8",
            id="UTF-16",
        ),
        pytest.param(
            b"# coding: latin-1\n# \xe9\n",
            "requirements/x.txt, line 2: byte 0xe9 is not UTF-8: save the file as UTF-8",
            id="another encoding, declared",
        ),
        pytest.param(
            b"PK\x03\x04\x14\0",
            "requirements/x.txt is an Office document or another zip archive: a requirements file is plain text",
            id="a spreadsheet",
        ),
        pytest.param(
            b"a\0b",
            "requirements/x.txt holds NUL bytes, so it is no text: a requirements file is plain text in UTF-8",
            id="binary",
        ),
        pytest.param(
            b"a\\\n# b\nc d\\",
            "requirements/x.txt, line 3: c d: this is no requirement: expected semicolon (after name with no version "
            "specifier) or end",
            id="a comment ends a continuation",
        ),
        pytest.param(
            b"a\nb \\\n\n c\nd e",
            "requirements/x.txt, line 5: d e: this is no requirement: expected semicolon (after name with no version "
            "specifier) or end",
            id="a continued line counts once",
        ),
    ],
)
def test_files_that_are_none(data: bytes, message: str) -> None:
    """A file that cannot be read says where and why."""
    assert refusal(data) == message


@steady
@given(st.one_of(st.binary(max_size=40), st.text("ab1.=<>~![],;@#\\ \n\r-/:'\"${}é", max_size=30).map(str.encode)))
def test_any_bytes_pass_or_are_refused(data: bytes) -> None:
    """Whatever a file holds, it is text that pip would read, or an error at the PYENV line."""
    try:
        assert isinstance(text(data), str)
    except DockerfileError as error:
        refused = error
    else:
        return
    assert refused.message.startswith("requirements/x.txt")


@settings(steady, max_examples=60)
@given(st.from_regex(_SIMPLE, fullmatch=True))
@example("a==1.0.post1.dev2")
@example("a ~= 1.2, !=1.*")
def test_plain_lines_are_requirements(line: str) -> None:
    """What passes without packaging's own parser is a requirement to that parser."""
    assume(line.strip())
    Requirement(line)


def test_wheel_in_the_message_is_one() -> None:
    """The wheel's name that a message shows is right."""
    assert parse_wheel_filename(WHEEL)
