"""The table of interpreters: what is chosen from it, and what is said when nothing fits."""

import json
import re
from typing import Any

import pytest
from tools import table as freezing

from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.interpreters.provider import InterpreterNotFoundError
from dockerfile_pyenv.interpreters.standalone_table import UPSTREAM, Table, mirrored

AMD64, ARM64, S390X = "linux/amd64", "linux/arm64", "linux/s390x"
FAMILIES = {AMD64: "x86_64", ARM64: "aarch64", S390X: "s390x"}


def entry(version: str, platform: str = AMD64, **changes: object) -> dict[str, Any]:
    """One build in uv's format."""
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(.*)", version)
    assert match is not None
    build = changes.get("build", "20260101")
    name = f"cpython-{version}%2B{build}-{FAMILIES[platform]}-unknown-linux-gnu-install_only_stripped.tar.gz"
    return {
        "name": "cpython",
        "arch": {"family": FAMILIES[platform], "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": int(match[1]),
        "minor": int(match[2]),
        "patch": int(match[3]),
        "prerelease": match[4],
        "url": f"{UPSTREAM}/{build}/{name}",
        "sha256": f"{version}-{FAMILIES[platform]}",
        "variant": None,
        "build": build,
    } | changes


def table(*entries: dict[str, Any], mirror: str = "") -> Table:
    """A table of these builds, read from its JSON."""
    return Table.loads(json.dumps(dict(enumerate(entries))).encode(), mirror=mirror)


KNOWN = [
    entry("3.8.20"),
    entry("3.9.23"),
    entry("3.9.25"),
    entry("3.9.23", ARM64),
    entry("3.9.24", ARM64),
    entry("3.10.9"),
    entry("3.10.19"),
    entry("3.15.0a7"),
    entry("3.15.0b2"),
    entry("3.15.0b11"),
]


@pytest.mark.parametrize(
    ("version", "platforms", "chosen"),
    [
        pytest.param("3.9", [AMD64], "3.9.25", id="newest"),
        pytest.param("3.10", [AMD64], "3.10.19", id="numbers are no text"),
        pytest.param("3.9", [AMD64, ARM64], "3.9.23", id="newest of all platforms"),
        pytest.param("3.9.24", [ARM64], "3.9.24", id="exact"),
        pytest.param("3.15.0b2", [AMD64], "3.15.0b2", id="exact pre-release"),
    ],
)
def test_select(version: str, platforms: list[str], chosen: str) -> None:
    """The newest release that all platforms have is chosen, with each platform's own archive."""
    builds = table(*KNOWN).select(version, platforms)
    assert {platform: build.version for platform, build in builds.items()} == dict.fromkeys(platforms, chosen)
    assert [build.sha256 for build in builds.values()] == [f"{chosen}-{FAMILIES[name]}" for name in platforms]
    assert {build.id for build in builds.values()} == {chosen}


@pytest.mark.parametrize(
    ("version", "platforms", "message"),
    [
        (
            "3.9.24",
            [AMD64],
            "Python 3.9.24 is not available for linux/amd64 (glibc): the nearest versions are 3.9.23 and 3.9.25",
        ),
        ("3.9.99", [AMD64], "Python 3.9.99 is not available for linux/amd64 (glibc): the nearest version is 3.9.25"),
        ("3.11.2", [AMD64], "Python 3.11.2 is not available for linux/amd64 (glibc): the nearest version is 3.10.19"),
        ("3.7", [AMD64], "Python 3.7 is not available for linux/amd64 (glibc): the nearest version is 3.8"),
        ("3.12", [AMD64], "Python 3.12 is not available for linux/amd64 (glibc): the nearest version is 3.10"),
        ("3.10", [AMD64, ARM64], "Python 3.10 is not available for linux/arm64 (glibc): the nearest version is 3.9"),
        ("3.9", ["linux/arm/v6"], "no Python is available for linux/arm/v6 (glibc)"),
        ("latest", [AMD64], "'latest' is not a Python version"),
        (
            "3.15",
            [AMD64],
            ("Python 3.15 has only pre-releases for linux/amd64 (glibc): write 3.15.0b11 for the newest"),
        ),
    ],
)
def test_not_found(version: str, platforms: list[str], message: str) -> None:
    """An error names the nearest versions that do exist for that platform."""
    with pytest.raises(InterpreterNotFoundError, match=f"^{re.escape(message)}$"):
        table(*KNOWN).select(version, platforms)


def test_no_common_release() -> None:
    """Platforms that have a version, but no release of it in common, are named with what they have."""
    with pytest.raises(InterpreterNotFoundError, match=r"The newest are 3\.9\.2 for linux/amd64, 3\.9\.3 for"):
        table(entry("3.9.2"), entry("3.9.3", ARM64)).select("3.9", [AMD64, ARM64])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "pypy"}, id="another implementation"),
        pytest.param({"os": "darwin"}, id="another system"),
        pytest.param({"variant": "freethreaded"}, id="variant of the build"),
        pytest.param({"arch": {"family": "x86_64", "variant": "v3"}}, id="variant of the machine"),
        pytest.param({"arch": {"family": "sparc64", "variant": None}}, id="machine without containers"),
        pytest.param({"sha256": None}, id="no checksum"),
        pytest.param({"url": f"{UPSTREAM}/1/cpython-3.9.1-pgo.tar.zst"}, id="another kind of archive"),
        pytest.param({"minor": 7}, id="too old"),
    ],
)
def test_left_out(changes: dict[str, Any]) -> None:
    """What cannot stand in an image is not chosen, however new."""
    assert table(entry("3.9.1"), entry("3.9.2", **changes)).select("3.9", [AMD64])[AMD64].version == "3.9.1"


def test_of_one_version() -> None:
    """Of several archives of one version the stripped one is chosen, then the latest."""
    plain = entry("3.9.1", build="20260301", url=f"{UPSTREAM}/20260301/x-install_only.tar.gz")
    chosen = table(entry("3.9.1", build="20260102"), plain, entry("3.9.1")).select("3.9", [AMD64])[AMD64]
    assert chosen.tag == "20260102"


def test_musl() -> None:
    """Builds for musl are apart from those for glibc."""
    mixed = table(entry("3.9.1", libc="musl"), entry("3.9.2"))
    assert mixed.select("3.9", [AMD64], "musl")[AMD64].version == "3.9.1"


def test_mirror() -> None:
    """A mirror stands in for upstream's release downloads, and for nothing else."""
    build = table(entry("3.9.1"), mirror="https://mirror.example/pbs/").select("3.9", [AMD64])[AMD64]
    assert build.url.startswith("https://mirror.example/pbs/20260101/cpython-3.9.1%2B20260101-x86_64")
    assert mirrored("https://own.example/a.tar.gz", "https://mirror.example") == "https://own.example/a.tar.gz"
    assert mirrored(f"{UPSTREAM}/a", "") == f"{UPSTREAM}/a"


@pytest.mark.parametrize("data", [b"", b"[]", b'{"a": 1}', b'{"a": {"arch": "x86_64"}}'])
def test_no_table(data: bytes) -> None:
    """A site's file that is no such table is an error that says so."""
    with pytest.raises(PyenvError, match="the table of Python downloads is"):
        Table.loads(data).select("3.9", [AMD64])


def test_frozen_table() -> None:
    """This release's own table has the versions that users have, for both platforms that the image is built for."""
    own = Table.default()
    for version in ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"):
        for build in own.select(version, [AMD64, ARM64]).values():
            assert build.version.startswith(version + ".")
            assert re.fullmatch(r"[0-9a-f]{64}", build.sha256)
            assert build.url.startswith(UPSTREAM)


def test_frozen_table_is_canonical() -> None:
    """The committed table is what `make table` would write, from the uv that requirements/uv.txt pins."""
    committed = freezing.TABLE.read_bytes()
    entries = json.loads(committed)
    source = entries["//"]
    version, hashes = freezing.pinned(freezing.LOCK.read_text())
    assert freezing.freeze(entries, source) == committed
    assert source["from"] == f"uv {version}"
    assert source["sdist_sha256"] in hashes


def test_freezing_loses_nothing() -> None:
    """Cutting uv's table down changes no choice."""
    uncut = {str(number): item for number, item in enumerate([*KNOWN, entry("3.9.26", variant="debug")])}
    cut = freezing.freeze(uncut, {"from": "test"})
    assert Table.loads(cut).select("3.9", [AMD64]) == table(*uncut.values()).select("3.9", [AMD64])
