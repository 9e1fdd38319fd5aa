"""Requirement files."""

import codecs

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from tests.unit.properties import examples

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.requirements.requirements_txt import _SIMPLE, check

steady = examples(400)


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
        pytest.param("a\nb\n".encode("utf-16"), "a\nb\n", id="UTF-16"),
        pytest.param(codecs.BOM_UTF16_BE + "a\n".encode("utf-16-be"), "a\n", id="UTF-16, the other way round"),
        pytest.param("a\n".encode("utf-32"), "a\n", id="UTF-32"),
        pytest.param(b"# coding: latin-1\n# \xe9\n", "# coding: latin-1\n# é\n", id="another encoding, declared"),
        pytest.param(b"#\n# -*- coding: cp1252 -*-\n# \x80\n", "#\n# -*- coding: cp1252 -*-\n# €\n", id="in line 2"),
    ],
)
def test_encodings(data: bytes, expected: str) -> None:
    """As pip reads them: by byte-order mark, by declaration (PEP 263), else as UTF-8. Line ends are any."""
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
        "x @ file:///tmp/x.zip",
        "x @ FILE://localhost/tmp/x.zip ; python_version < '3.9'",
        "-f file:///tmp/wheels",
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
    assert text(f"a\n{line}\nb\n".encode()) == f"a\n{line}\nb\n"


WHEEL = "pkg-1.0-py3-none-any.whl"
NAME = f"is not a wheel file name: rename it to what it was built as, such as {WHEEL}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pandas=1.4.4", "pandas=1.4.4: = is not a version operator: write =="),
        ("pandas==1.4.4# new", "pandas==1.4.4# new: a comment requires a space before its #"),
        (
            "pandas numpy",
            "pandas numpy: this is not a requirement: expected semicolon (after name with no version specifier) or end",
        ),
        ("numpy;", "numpy;: this is not a requirement: expected a marker variable or quoted string"),
        ("./x ; python = 3", "./x ; python = 3: python = 3 is not an environment marker"),
        ("/tmp/x.whl", f"/tmp/x.whl: x.whl {NAME}"),
        ("x @ ../x.zip", "x @ ../x.zip: ../x.zip is not a URL: write a path of the build context as ./../x.zip"),
        ("x[a] @ file:d/x.zip", "x[a] @ file:d/x.zip: file:d/x.zip is not a URL: write a path of the build context as"),
        ("file:../x.zip", "file:../x.zip: file:../x.zip is not a URL: write a path of the build context as ./../x.zip"),
        ("-r file:x.txt", "-r file:x.txt: file:x.txt is not a URL: write a path of the build context as ./x.txt"),
        ("-f file:x", "-f file:x: file:x is not a URL: write a path of the build context as ./x"),
        ("--bogus", "--bogus: no such option: --bogus"),
        ("pandas --bogus", "pandas --bogus: no such option: --bogus"),
        ("-i", "-i: -i option requires 1 argument"),
        ("--pre=yes", "--pre=yes: --pre option does not take a value"),
        ("-f '/tmp", "-f '/tmp: no closing quotation"),
        ("- pandas", "- pandas: a requirement cannot start with -"),
        ("x --hash=md5:aa", "x --hash=md5:aa: expected --hash=sha256:… (or sha384, sha512)"),
        ("x --hash=aa", "x --hash=aa: expected --hash=sha256:… (or sha384, sha512)"),
        ("x -C a", "x -C a: -C requires KEY=VALUE"),
        ("--no-binary --pre", "--no-binary --pre: --no-binary requires a package name, :all: or :none:"),
        ("-i https://me:secret@h/simple --x", "-i https://***@h/simple --x: no such option: --x"),
        (
            "x" * 200 + " y",
            f"{'x' * 99}…: this is not a requirement: expected semicolon (after name with no version specifier) or end",
        ),
    ],
)
def test_lines_that_pip_refuses(line: str, message: str) -> None:
    """A line that pip refuses is named with its file, its number and its text."""
    assert refusal(f"a\n# b\n{line}\n".encode()).startswith(f"requirements/x.txt, line 3: {message}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            b"a\nb\n# caf\xe9\n",
            "requirements/x.txt, line 3: byte 0xe9 is not UTF-8: save the file as UTF-8, or declare its encoding in "
            "its first line: # coding: latin-1",
            id="not UTF-8",
        ),
        pytest.param(
            codecs.BOM_UTF16_LE + b"a\0\n",
            "requirements/x.txt, line 1: byte 0x0a is not UTF-16-LE: save the file as UTF-8",
            id="half a character",
        ),
        pytest.param(
            b"# coding: klingon\n",
            "requirements/x.txt declares an unknown encoding: klingon: save the file as UTF-8",
            id="an encoding that is none",
        ),
        pytest.param(
            b"PK\x03\x04\x14\0",
            "requirements/x.txt is an Office document or another zip archive: a requirements file must be plain text",
            id="a spreadsheet",
        ),
        pytest.param(
            b"a\0b",
            "requirements/x.txt contains NUL bytes: a requirements file must be plain text in UTF-8",
            id="binary",
        ),
        pytest.param(
            b"a\\\n# b\nc d\\",
            "requirements/x.txt, line 3: c d: this is not a requirement: expected semicolon (after name with no "
            "version specifier) or end",
            id="a comment ends a continuation",
        ),
        pytest.param(
            b"a\nb \\\n\n c\nd e",
            "requirements/x.txt, line 5: d e: this is not a requirement: expected semicolon (after name with no "
            "version specifier) or end",
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


@examples(60)
@given(st.from_regex(_SIMPLE, fullmatch=True))
@example("a==1.0.post1.dev2")
@example("a ~= 1.2, !=1.*")
def test_plain_lines_are_requirements(line: str) -> None:
    """What passes without packaging's own parser is a requirement to that parser."""
    assume(line.strip())
    Requirement(line)


def test_wheel_in_the_message_is_one() -> None:
    assert parse_wheel_filename(WHEEL)
