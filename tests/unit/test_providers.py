"""Where interpreters come from."""

import re
from pathlib import Path

import pytest
from tests.unit.planning import SETTINGS, download

from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.instruction.flags import FlagError
from dockerfile_pyenv.instruction.statement import parse, resolve
from dockerfile_pyenv.interpreters import libc
from dockerfile_pyenv.interpreters.image import ImageRecipe
from dockerfile_pyenv.interpreters.provider import Interpreter, InterpreterNotFoundError, minor
from dockerfile_pyenv.interpreters.providers import choose
from dockerfile_pyenv.interpreters.source import SourceRecipe
from dockerfile_pyenv.interpreters.standalone import TABLE, StandaloneRecipe
from dockerfile_pyenv.interpreters.standalone_table import StandaloneArchive

DEBIAN = "docker-image://docker.io/library/debian:bookworm-slim"


def chosen(line: str, base: str = DEBIAN, **settings: str) -> Interpreter:
    """The interpreter of a PYENV line."""
    dockerfile = lex(f"FROM a\n{line}\n".encode())
    raw = parse(dockerfile.instructions[1], dockerfile)
    statement = resolve(raw, [word.raw for word in raw.words])
    return choose(
        statement,
        lambda: libc.told_by(base, {}) or "gnu",
        ["linux/amd64"],
        lambda name: {**SETTINGS, **settings}.get(name, ""),
        download,
    )


def test_standalone_is_the_default() -> None:
    """Without a word about it, the table decides."""
    found = chosen("PYENV 3.9 x")
    assert (found.id, found.title, found.minor) == ("3.9.25", "CPython 3.9.25, standalone by default", "3.9")


@pytest.mark.parametrize(
    ("line", "settings", "provider"),
    [
        ("PYENV 3.9 x", {"PYENV_INTERPRETER": "base"}, "base"),
        ("PYENV --interpreter=standalone 3.9 x", {"PYENV_INTERPRETER": "base"}, "standalone"),
        ("PYENV --interpreter=image:python:3.9 3.9 x", {}, "image python:3.9"),
        ("PYENV --interpreter=source 3.9 x", {}, "compiled in debian:bullseye-slim"),
        ("PYENV --interpreter=source --builder=b 3.9 x", {"PYENV_BUILDER": "c"}, "compiled in b"),
        ("PYENV --interpreter=source 3.9 x", {"PYENV_BUILDER": "c"}, "compiled in c"),
    ],
)
def test_the_line_goes_before_the_build_and_the_build_before_the_site(
    line: str, settings: dict[str, str], provider: str
) -> None:
    """The nearest word counts; build args and site defaults are told apart before they come here."""
    found = chosen(line, **settings)
    assert found.provider == provider
    assert found.title.endswith(" by --interpreter" if "--interpreter" in line else " by PYENV_INTERPRETER")


def test_an_origin_is_an_address_without_what_may_be_secret() -> None:
    """It stays in the image; a table of a site's own may have signed addresses, and names of users."""
    archive = "//builds.example.com/3.9.25/cpython.tar.gz"
    found = StandaloneArchive(
        "3.9.25", "", "linux/amd64", "gnu", "", f"https:{archive.replace('//', '//u:p@')}?sig=x#y", "0" * 64
    )
    assert StandaloneRecipe(found).origin == {"url": f"https:{archive.replace('//', '//***@')}", "sha256": "0" * 64}


def test_a_table_of_the_sites_own_is_a_file_too(tmp_path: Path) -> None:
    """A path, with or without `file://`, is one in the frontend's own image; what cannot be read names the setting."""
    table = tmp_path / "table.json"
    table.write_bytes(download(SETTINGS[TABLE]))
    for address in (str(table), f"file://{table}"):
        assert chosen("PYENV 3.9 x", UV_PYTHON_DOWNLOADS_JSON_URL=address).id == "3.9.25"
    with pytest.raises(PyenvError, match=rf"^{TABLE}: cannot read /none: No such file or directory$"):
        chosen("PYENV 3.9 x", UV_PYTHON_DOWNLOADS_JSON_URL="/none")


def test_a_release_to_compile_is_known_by_its_checksum() -> None:
    """`3.13` is the newest known release; its tarball comes from python.org, or a mirror of it."""
    (recipe,) = chosen("PYENV --interpreter=source 3.13 x").recipes.values()
    assert isinstance(recipe, SourceRecipe)
    assert re.fullmatch(r"https://www\.python\.org/ftp/python/3\.13\.\d+/Python-3\.13\.\d+\.tar\.xz", recipe.url)
    (recipe,) = chosen("PYENV --interpreter=source 3.9.2 x", PYENV_SOURCE_MIRROR="http://m/").recipes.values()
    assert isinstance(recipe, SourceRecipe)
    assert recipe.url == "http://m/3.9.2/Python-3.9.2.tar.xz"


def test_a_checksum_of_ones_own_makes_any_release_known() -> None:
    """A pre-release, and a free-threaded build of it, compile with the checksum that is given."""
    line = "PYENV --interpreter=source --enable-optimizations 3.15.0rc1t x"
    found = chosen(line, PYENV_SOURCE_SHA256="sha256:" + "a" * 64)
    (recipe,) = found.recipes.values()
    assert isinstance(recipe, SourceRecipe)
    assert recipe.url == "https://www.python.org/ftp/python/3.15.0/Python-3.15.0rc1.tar.xz"
    assert (recipe.sha256, recipe.free_threaded, recipe.optimize) == ("a" * 64, True, True)
    assert (found.minor, found.version) == ("3.15t", "3.15.0rc1t")


def test_interpreters_that_differ_have_directories_that_differ() -> None:
    """Two builds of one X.Y are told apart, whatever makes them two."""
    lines = [
        "PYENV 3.13 x",
        "PYENV --interpreter=source 3.13 x",
        "PYENV --interpreter=source --enable-optimizations 3.13 x",
        "PYENV --interpreter=source --builder=b 3.13 x",
        "PYENV --interpreter=image:a 3.13 x",
        "PYENV --interpreter=image:b 3.13 x",
    ]
    assert len({chosen(line).id for line in lines}) == len(lines)


def test_an_image_is_asked_for_each_platform() -> None:
    """The recipe names the image and the platform of the line's stage."""
    found = chosen("PYENV --interpreter=image:python:3.9-slim 3.9 x")
    assert found.recipes == {"linux/amd64": ImageRecipe("python:3.9-slim", "linux/amd64")}


def test_alpine_gets_builds_for_musl() -> None:
    """The base's reference tells, unless the line does; the table of the tests has none for musl."""
    with pytest.raises(InterpreterNotFoundError, match="musl"):
        chosen("PYENV 3.9 x", "docker-image://docker.io/library/python:3.12-alpine")
    with pytest.raises(InterpreterNotFoundError, match="musl"):
        chosen("PYENV --libc=musl 3.9 x")
    assert chosen("PYENV --libc=gnu 3.9 x", "docker-image://docker.io/library/alpine:3").id == "3.9.25"


@pytest.mark.parametrize(
    ("line", "settings", "error", "words"),
    [
        (
            "PYENV 3.9 x",
            {"PYENV_INTERPRETER": "conda"},
            FlagError,
            "PYENV_INTERPRETER: conda is not an interpreter provider",
        ),
        (
            "PYENV --enable-optimizations 3.9 x",
            {},
            FlagError,
            "--enable-optimizations requires an interpreter that is compiled",
        ),
        ("PYENV --interpreter=base --libc=musl 3.9 x", {}, FlagError, "--libc requires a standalone interpreter"),
        ("PYENV --interpreter=base --no-venv 3.9", {}, FlagError, "--no-venv cannot be used with --interpreter=base"),
        ("PYENV 3.14t x", {}, InterpreterNotFoundError, "has no standalone build: add --interpreter=source"),
        (
            "PYENV --interpreter=source 3.8 x",
            {},
            InterpreterNotFoundError,
            "pass it with --build-arg PYENV_SOURCE_SHA256",
        ),
        (
            "PYENV --interpreter=source 3.9 x",
            {"PYENV_SOURCE_SHA256": "a"},
            InterpreterNotFoundError,
            "write its full version in place of 3.9",
        ),
    ],
)
def test_what_cannot_be(line: str, settings: dict[str, str], error: type[Exception], words: str) -> None:
    """A wrong choice says what to write instead."""
    with pytest.raises(error, match=re.escape(words)):
        chosen(line, **settings)


@pytest.mark.parametrize(
    ("version", "expected"), [("3.9.25", "3.9"), ("3.15.0rc1", "3.15"), ("3.14t", "3.14t"), ("3.15.0rc1t", "3.15t")]
)
def test_commands_are_named_by_the_minor_version(version: str, expected: str) -> None:
    """`python3.15`, `python3.14t`."""
    assert minor(version) == expected
