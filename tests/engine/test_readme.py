"""README as a newcomer follows it: each of its commands, from an empty directory to an image that others pull."""

import os
import re
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.bed import archives, cli, image, settings
from tests.bed.engine import Engine
from tests.bed.index import Index
from tests.engine.test_engines import SCANNER
from tests.engine.wheels import wheel
from tests.reference import Block, blocks

README = settings.REPOSITORY / "README.md"
BLOCKS = list(blocks(README))
FIRST_STEPS = next(one.text for one in BLOCKS if "PYENV 3.9 reports" in one.text)
PUBLISH = "make publish IMAGE="
DEMO = "$ make demo\n"
TEAM = f"{settings.REGISTRY}/team/dockerfile-pyenv"
IN_A_CLONE = ("make",)


@pytest.fixture
def directory() -> Iterator[Path]:
    """An empty directory that the engine sees under the same path, so that `-v "$PWD":/src` works."""
    with tempfile.TemporaryDirectory(dir=settings.STATE) as name:
        yield Path(name)


def consoles() -> list[Block]:
    """The blocks that a person copies into a terminal."""
    return [block for block in BLOCKS if block.language == "console"]


def run(engine: Engine, command: str, directory: Path, extra: Mapping[str, str] | None = None) -> str:
    """What a line of a shell prints, in a clone if it needs one."""
    environment = engine.environment({"PATH": f"{cli.DOCKER.parent}{os.pathsep}{os.environ['PATH']}", **(extra or {})})
    place = settings.REPOSITORY if command.startswith(IN_A_CLONE) else directory
    done = subprocess.run(
        ["bash", "-euc", command], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(engine: Engine, block: Block, directory: Path) -> None:
    """Run a block's commands as they stand there, and compare what they print; a patch release is that of the bed."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        # test_render.py builds such files with podman, and the bed's Pythons are for one platform.
        command = command.replace("podman build", "docker build").replace(",linux/arm64", "")
        said = run(engine, command, directory)
        wanted = re.escape(re.sub(r"(Python 3\.\d+)\.\d+\b", r"\1.PATCH", shown)).replace("PATCH", r"\d+")
        assert not shown or re.search(wanted, said), f"{command}\n{said}"


def test_every_command_of_readme_works(engine: Engine, index: Index, directory: Path) -> None:
    """One after the other, with the line that README has at its top."""
    index.add(*wheel("tabulate", "0.9.0"))
    at_bed = f"ENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\nPYENV 3.9"
    (directory / "Dockerfile").write_text(FIRST_STEPS.replace("PYENV 3.9", at_bed))
    syntax_lines = {line for one in BLOCKS for line in one.text.splitlines() if line.startswith("# syntax=")}
    assert syntax_lines == {f"# syntax={image.RELEASED}"}
    elsewhere = (PUBLISH, DEMO)
    first, *others = [block for block in consoles() if not any(words in block.text for words in elsewhere)]
    assert first.text.startswith("$ make image\n")
    for block in (first, *others):
        follow(engine, block, directory)
    assert "pylock.reports.toml" in (directory / "Dockerfile").read_text()


def test_the_demo_works(engine: Engine, directory: Path) -> None:
    (block,) = [block for block in consoles() if DEMO in block.text]
    follow(engine, block, directory)


@pytest.mark.slow
def test_a_published_image_is_pulled_by_its_name(engines: Callable[[str], Engine], directory: Path) -> None:
    """Published from one engine with SBOM and provenance, and used by another that has nothing of it."""
    publisher, user = engines("28-containerd"), engines("28-second")
    (directory / "scan").write_text(SCANNER.replace("/opt/astro-pyenv/envs", "/"))
    (directory / "Dockerfile").write_text(
        'FROM debian:bookworm-slim\nCOPY --chmod=755 scan /scan\nENTRYPOINT ["/scan"]\n'
    )
    publisher.build("--load", "-t", f"{settings.REGISTRY}/scanner:test", "--push", directory)
    (block,) = [block for block in consoles() if PUBLISH in block.text]
    command, _, shown = block.text.removeprefix("$ ").partition("\n")
    # Emulating arm64 takes a quarter of an hour: the release workflow builds it.
    extra = {"PLATFORMS": "linux/amd64", "SBOM_GENERATOR": f"{settings.REGISTRY}/scanner:test"}
    named = re.compile(r"registry\.example\.com/team/dockerfile-pyenv")
    said = run(publisher, named.sub(TEAM, command), directory, extra)
    assert said.endswith(named.sub(TEAM, shown))
    (line,) = re.findall(r"# syntax=.*", said)
    (directory / "Dockerfile").write_text(f"{line}\nFROM debian:bookworm-slim\nPYENV --no-venv 3.11\n")
    user.docker("image", "rm", "--force", f"{TEAM}:1", check=False)
    table = f"--build-arg=UV_PYTHON_DOWNLOADS_JSON_URL={archives.TABLE_URL}"
    built = user.build("--load", table, directory).image
    assert user.run(built, "python3.11", "--version").startswith("Python 3.11.")
    published = manifest("1")
    assert b"attestation-manifest" in published
    assert manifest("1.0") == manifest("1.0.0.dev0") == published


def manifest(tag: str) -> bytes:
    """What the registry has under a tag of the published image."""
    request = urllib.request.Request(f"http://{settings.REGISTRY}/v2/team/dockerfile-pyenv/manifests/{tag}")
    request.add_header("Accept", "application/vnd.oci.image.index.v1+json")
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the bed's registry
        data: bytes = answer.read()
        return data


def test_the_base_image_is_pinned_by_its_digest(engine: Engine, directory: Path) -> None:
    """As the weekly job does, and the release requires."""
    file = directory / "base.txt"
    run(engine, f"make base BASE_FILE={file}", directory)
    name, _, digest = file.read_text().strip().partition("@sha256:")
    assert name == "debian:trixie-slim"
    assert len(digest) == 64
    engine.build("-", input=f"FROM {file.read_text()}")
