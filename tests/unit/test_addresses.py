"""Where the project is published is said in one place: `dockerfile_pyenv/__init__.py`. No page names another."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerfile_pyenv import FRONTEND, IMAGE, REPOSITORY
from dockerfile_pyenv.checks import rule
from dockerfile_pyenv.emit import plain
from dockerfile_pyenv.engine import error_status

ROOT = Path(__file__).parents[2]
LISTED = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
PAGES = (".md", ".yaml", ".yml", ".json", ".toml", ".hcl", ".scm")
"""What people copy from, besides Dockerfiles and the code whose messages they read."""
NAME = r"(?:dockerfile-pyenv|airflow-provider-pyenv|buildkit-llb)"
ADDRESS = re.compile(
    r"(?:(?<=://)|(?<![\w./~$-]))((?:[a-z0-9-]+(?:\.[a-z0-9-]+)+|localhost)(?::\d+)?/(?:[\w.-]+/)*"
    rf"{NAME})(?!:1:|[\w.-]*[\w-])"
)
"""A host and a path that ends in a name of ours; with a colon behind its tag it is quoted from an engine's error."""
OWNED = re.compile(r"(?:[\w-]+\.)*example\.(?:com|org)|localhost(?::\d+)?|198\.18\.239\.1:5239")
"""Hosts that are nobody's, by RFC 2606 and RFC 2544."""
PACKAGE = re.compile(rf"pip install (?:-\S+ )*['\"]?{NAME}(?!\[| @ )")
"""A package that no index has. With an extra it is meant for those who have it: pip then installs the extra alone."""
LOCAL = re.compile(r"(?<![\w./-])dockerfile-pyenv:([\w.]+)")
TAGS = {"1", "dev", "plain", "test"}
"""Tags that `make image` and the tests give the image."""


def files() -> dict[str, str]:
    """Every page and every module, but for the tests and their golden files."""
    listed = subprocess.run(LISTED, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    read = {}
    for name in sorted(filter(None, listed)):
        path = ROOT / name
        wanted = path.suffix in (*PAGES, ".py", ".js") or "Dockerfile" in path.name or path.name == "Makefile"
        if wanted and path.is_file() and not name.startswith(("tests/unit/", "tests/engine/", "tests/airflow/")):
            read[name] = path.read_text("utf-8", "replace")
    return read


def strays(text: str) -> Iterator[str]:
    """Yield the addresses in a text that nobody owns."""
    for found in ADDRESS.finditer(text):
        address = found[1]
        ours = {one.removeprefix("https://") for one in (IMAGE, REPOSITORY) if one}
        if address not in ours and not OWNED.fullmatch(address.partition("/")[0]):
            yield address
    if not IMAGE:
        yield from PACKAGE.findall(text)
    yield from (f"dockerfile-pyenv:{tag}" for tag in LOCAL.findall(text) if tag not in TAGS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# syntax=docker.io/library/dockerfile-pyenv:1", ["docker.io/library/dockerfile-pyenv"]),
        ("see https://git.hub.com/someone/dockerfile-pyenv/issues", ["git.hub.com/someone/dockerfile-pyenv"]),
        ("FROM ghcr.io/someone/dockerfile-pyenv", ["ghcr.io/someone/dockerfile-pyenv"]),
        ("pip install 'dockerfile-pyenv'", ["pip install 'dockerfile-pyenv"]),
        ("$ pip install --quiet buildkit-llb", ["pip install --quiet buildkit-llb"]),
        ("pip install 'dockerfile-pyenv[lock]'", []),
        ("FROM dockerfile-pyenv:1.4", ["dockerfile-pyenv:1.4"]),
        ("# syntax=dockerfile-pyenv:1", []),
        ("make publish IMAGE=registry.example.com/team/dockerfile-pyenv", []),
        ("# syntax=localhost:5000/dockerfile-pyenv:1", []),
        ("its data is in ~/.cache/dockerfile-pyenv and /run/dockerfile-pyenv", []),
    ],
)
def test_an_address_that_nobody_owns_is_found(text: str, found: list[str]) -> None:
    assert list(strays(text)) == found


def test_no_page_and_no_message_names_an_address_that_nobody_owns() -> None:
    read = files()
    assert {"README.md", "docker-bake.hcl", "dockerfile-syntax/examples/guide/Dockerfile"} <= read.keys()
    assert {name: found for name, text in read.items() if (found := list(strays(text)))} == {}


def test_messages_follow_the_setting() -> None:
    """Without an address, they name what `make image` loads, and link to nothing."""
    if IMAGE:
        assert f"{IMAGE}:1" == FRONTEND
    else:
        assert FRONTEND == "dockerfile-pyenv:1" == plain.TOOLS_IMAGE
    assert bool(REPOSITORY) == bool(rule.REFERENCE) == bool(error_status.ISSUES)
