"""The test bed itself: what the other tests stand on."""

from __future__ import annotations

import json
import re
import urllib.request
import uuid
from typing import TYPE_CHECKING

import pytest
from pytest_docker.plugin import DockerComposeExecutor
from tests.bed import archives, daemon, settings
from tests.bed.forge import ready as forge_ready
from tests.engine.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bed.engine import Engine
    from tests.bed.index import Index

IMPORTS = "import ssl, sqlite3, ctypes, bz2, lzma, zlib, hashlib, uuid, readline; print('imported')"
RELEASES = pytest.mark.parametrize("release", settings.RELEASES, ids=lambda release: release.version)


def test_engines_run_side_by_side(engines: Callable[[str], Engine]) -> None:
    """Every engine answers with its own version and runs a container of a Docker Hub name while the others do."""
    expected = {"28": ["28", "5"], "28-containerd": ["28", "5"], "26": ["26", "1"], "20.10": ["20", "10"]}
    versions = {}
    for name in expected:
        engine = engines(name)
        versions[name] = engine.docker("version", "--format", "{{.Server.Version}}").stdout.split(".")[:2]
        assert engine.run("debian:bookworm-slim", "echo", "here") == "here"
    assert versions == expected


def test_engines_have_the_image_store_they_are_named_for(engines: Callable[[str], Engine]) -> None:
    """Docker 28 comes with the classic store and with containerd's."""
    stores = [engines(name).docker("info", "--format", "{{.DriverStatus}}").stdout for name in ("28", "28-containerd")]
    assert ["containerd" in store for store in stores] == [False, True]


def test_a_lost_layer_costs_the_cache_and_no_build(
    engines: Callable[[str], Engine], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the classic image store, a layer of two cached steps goes with the first of them after a restart."""
    engine = engines("26")
    stage = f"FROM debian:bookworm-slim AS one\nRUN echo {uuid.uuid4()} > /one && touch -d @0 /one\nFROM scratch\n"
    steps = ["COPY --from=one /one /", "COPY --from=one --chown=0:0 /one /"]
    images = [engine.build("-", input=stage + step).image for step in steps]
    layers = [engine.image_config(image)["rootfs"]["diff_ids"] for image in images]
    assert layers[0] == layers[1]
    engine.docker("image", "rm", *images)
    daemon.down(engine.kind)
    daemon.up(engine.kind)
    cached = engine.docker("buildx", "du", "--verbose").stdout.split("\n\n")
    (first,) = [re.findall(r"^ID:\s+(\S+)", one)[0] for one in cached if steps[0] in one]
    engine.docker("buildx", "prune", "--force", "--all", f"--filter=id={first}")
    assert engine.image_config(engine.build("-", input=stage + steps[1]).image)["rootfs"]["diff_ids"] == layers[1]
    assert "the engine has lost a layer" in capsys.readouterr().err


@pytest.mark.parametrize("suite", settings.BASE_SUITES)
def test_bases_are_poor(engine: Engine, suite: str) -> None:
    """A base image has no Python, no curl and no Perl but dpkg's; trixie's own apt and login need two libraries."""
    files = engine.files(engine.build("-", input=f"FROM debian:{suite}-slim").image)
    names = {path.rpartition("/")[2].partition(".so")[0] for path in files}
    found = {"libssl", "libsqlite3", "libffi", "libreadline", "libperl", "python3", "curl"} & names
    assert found == {"bookworm": {"libffi"}, "trixie": {"libssl", "libsqlite3"}}[suite]


@RELEASES
@pytest.mark.parametrize("suite", settings.BASE_SUITES)
def test_archives_run_on_poor_bases(engine: Engine, suite: str, release: settings.Release) -> None:
    """An interpreter unpacked anywhere imports what users expect, makes environments, and its pip works there."""
    url = f"http://{settings.ARCHIVES}/{settings.DATE}/{archives.file_name(release)}"
    dockerfile = (
        f"FROM python:3.13-slim-bookworm AS unpacked\nADD {url} /archive.tar.gz\n"
        "RUN mkdir /odd && tar -xzf /archive.tar.gz -C /odd\n"
        f"FROM debian:{suite}-slim\nCOPY --from=unpacked /odd /odd\n"
        f'RUN /odd/python/bin/python -I -c "{IMPORTS}"\n'
        f"RUN /odd/python/bin/python{release.minor} -m venv /env && /env/bin/pip --version\n"
        "RUN /odd/python/bin/pip3 --version\n"
        "RUN test ! -e /odd/python/lib/python*/EXTERNALLY-MANAGED\n"
    )
    engine.build("-", input=dockerfile)


@RELEASES
def test_stand_ins_of_official_images(engine: Engine, release: settings.Release) -> None:
    """`python:<X.Y>-slim-bookworm` has its interpreter in /usr/local and says so in its environment."""
    image = f"python:{release.minor}-slim-bookworm"
    assert engine.run(image, "python", "-I", "-c", IMPORTS) == "imported"
    assert engine.run(image, "printenv", "PYTHON_VERSION") == release.version
    assert engine.run(image, "sh", "-c", "command -v python3; command -v pip").split() == [
        "/usr/local/bin/python3",
        "/usr/local/bin/pip",
    ]


def test_the_table_names_every_archive(engine: Engine) -> None:
    """The table is in uv's format, and what it names is there with that digest."""
    with urllib.request.urlopen(archives.TABLE_URL, timeout=10) as answer:  # noqa: S310 - the bed's own server
        table = json.load(answer)
    assert sorted(table) == sorted(f"cpython-{release.version}-linux-x86_64-gnu" for release in settings.RELEASES)
    for entry in table.values():
        engine.build("-", input=f"FROM scratch\nADD --checksum=sha256:{entry['sha256']} {entry['url']} /archive\n")


def test_an_index_serves_build_steps(engine: Engine, index: Index, tmp_path: Path) -> None:
    """A wheel that a test adds can be installed in a build step, and in no other index is it found."""
    index.add(*wheel("bed-made".replace("-", "_")))
    install = "RUN pip install --no-cache-dir --trusted-host $HOST --index-url $URL bed-made\n"
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.11-slim-bookworm\nARG HOST URL\n{install}")
    host = "--build-arg=HOST=" + index.host.partition(":")[0]
    image = engine.build(host, f"--build-arg=URL={index.url}", tmp_path).image
    assert engine.run(image, "python", "-c", "import bed_made; print(bed_made.__version__)") == "1.0"
    other = index.url.replace(index.name, "another")
    assert engine.build(host, f"--build-arg=URL={other}", tmp_path, check=False).returncode != 0


def test_files_sees_what_a_dockerfile_made(engine: Engine, tmp_path: Path) -> None:
    """The view of an image has type, mode, owner, link and content of a path."""
    (tmp_path / "Dockerfile").write_text(
        "FROM debian:bookworm-slim\nRUN install -D -m 4750 -o 12 -g 34 /etc/hostname /made/file\n"
        "RUN ln -s file /made/link\nCOPY empty /made/\n"
    )
    (tmp_path / "empty").touch()
    files = engine.files(engine.build(tmp_path).image)
    file, link, empty = files["made/file"], files["made/link"], files["made/empty"]
    assert (file.kind, file.mode, file.uid, file.gid) == ("file", 0o4750, 12, 34)
    assert (link.kind, link.link) == ("symlink", "file")
    assert empty.sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert files["made"].kind == "directory"


@pytest.mark.usefixtures("docker_services")
def test_services_start_where_others_were_killed(
    engine: Engine, docker_compose_command: str, docker_compose_file: Path, docker_setup: list[str]
) -> None:
    """What a killed run left behind in an engine, which is kept from run to run, is no hindrance to the next one."""
    services = DockerComposeExecutor(docker_compose_command, docker_compose_file, "pyenv-bed")
    engine.docker("kill", "pyenv-bed-forge-1")
    for command in docker_setup:
        services.execute(command)
    assert forge_ready(engine.address)
