"""A rendered file gives the same image as a build of ours, whoever builds it."""

import json
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.bed import archives, builders, settings
from tests.bed.builders import BUILDAH, PODMAN, Builder
from tests.bed.engine import Engine, File
from tests.engine.wheels import wheel
from tests.unit.test_old_builders import BASE, KNOWN, UNKNOWN

Image = tuple[dict[str, Any], dict[str, File]]

IMAGE = "dockerfile-pyenv:dev"
NAME, WHEEL = wheel("given", script=True)
FILES: dict[str, bytes] = {
    "Dockerfile": f"""# syntax={IMAGE}
ARG SUITE=bookworm
FROM debian:${{SUITE}}-slim AS first
# A password is of the day on which it was set, and a day may end between two builds.
RUN useradd astro && chage --lastday 2026-11-01 astro
COPY {NAME} /tmp/
USER astro
# two of a group
PYENV --expose=given --link=/venvs/one 3.9 one requirements/one.txt
PYENV 3.9 data-science
RUN "${{ASTRO_PYENV_one%python}}given" > /tmp/given

FROM python:3.11-slim-bookworm
COPY --from=0 /tmp/given /given
PYENV --interpreter=base 3.11 three
PYENV --interpreter=image:python:3.13-slim-bookworm 3.13 four
""".encode(),
    ".dockerignore": b"*.tar\n",
    "requirements/one.txt": f"--no-index\n/tmp/{NAME}\n".encode(),
    NAME: WHEEL,
}
STAGE = "first"
TOOLS = "tools.tar"


@pytest.fixture(scope="module")
def context(engine: Engine) -> Iterator[Path]:
    """A build context that containers of the engine can mount."""
    assert engine
    with tempfile.TemporaryDirectory(dir=settings.STATE) as directory:
        for name, data in FILES.items():
            path = Path(directory, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        Path(directory).chmod(0o755)
        yield Path(directory)
        builders.forget()


def command(engine: Engine, context: Path, *words: str) -> str:
    """What a command of the frontend's image prints, run as the reference says."""
    return engine.docker("run", "--rm", "-v", f"{context}:/src", IMAGE, *words).stdout


def imported(engine: Engine, context: Path, builder: str, file: str, *words: str) -> str:
    """Build a file with another builder, and bring the image into the engine: its name there."""
    tag = f"rendered-{builder}"
    Builder(builder).run("pull", f"docker-archive:{context / TOOLS}")
    Builder(builder).build(context, context / file, tag, *words)
    archive = context / f"{tag}.tar"
    Builder(builder).run("push", f"localhost/{tag}", f"docker-archive:{archive}:{tag}:latest")
    engine.docker("load", "--input", archive)
    archive.unlink()
    return tag


def test_other_builders_make_the_same_image_of_a_rendered_file(engine: Engine, context: Path) -> None:
    """Docker's own frontend and buildah build the whole file, podman one stage of it, as the frontend does."""
    (context / "rendered").write_text(command(engine, context, "render"))
    (context / "rendered.first").write_text(command(engine, context, "render", f"--target={STAGE}"))
    engine.docker("save", "--output", context / TOOLS, IMAGE)
    with ThreadPoolExecutor() as pool:
        ours = pool.submit(engine.build, context)
        first = pool.submit(engine.build, f"--target={STAGE}", context)
        stock = pool.submit(engine.build, "-f", context / "rendered", context)
        buildah = pool.submit(imported, engine, context, BUILDAH, "rendered")
        podman = pool.submit(imported, engine, context, PODMAN, "rendered.first")
    images = [ours.result().image, stock.result().image, buildah.result(), first.result().image, podman.result()]
    whole, by_stock, by_buildah, stage, by_podman = (look(engine, image) for image in images)
    assert differences(by_stock, whole) == {}
    assert differences(by_buildah, whole) == {}
    assert differences(by_podman, stage) == {}


def test_a_changed_instruction_above_reinstalls_nothing(engine: Engine, context: Path) -> None:
    """The stock frontend asks the changed stage, and takes the environments from its cache."""
    folder = context / "changed"
    folder.mkdir()
    logs = []
    for _ in range(2):
        change = uuid.uuid4().hex  # what an earlier run has built is cached
        (folder / "Dockerfile").write_text(
            f"# syntax={IMAGE}\nFROM debian:bookworm-slim\nRUN echo {change} > /above\nPYENV 3.9 rendered\n"
        )
        (folder / "rendered").write_text(command(engine, folder, "render"))
        logs.append(engine.build("-f", folder / "rendered", folder).log)
    assert cached(logs[1]) == {"ask": False, "install": True, "finish": False}


def cached(log: str) -> dict[str, bool]:
    """The steps of a line by name, and whether a log has each as taken from the cache."""
    steps = dict(re.findall(r'^#(\d+) \[.* RUN .*"--step=(\w+)"', log, re.MULTILINE))
    taken = set(re.findall(r"^#(\d+) CACHED$", log, re.MULTILINE))
    return {step: number in taken for number, step in steps.items()}


def test_what_old_builders_do_not_know(engine: Engine, context: Path) -> None:
    """What `render` warns of is refused, line by line, and a file of which it says nothing is built."""
    assert engine
    folder = context / "lines"
    folder.mkdir()
    for name in ("a", "secret"):
        (folder / name).write_text("a\n")

    def build(number: int, text: str) -> str:
        """How a build ends."""
        (folder / f"{number}.Dockerfile").write_text(text)
        try:
            Builder(BUILDAH).build(
                folder, folder / f"{number}.Dockerfile", f"lines-{number}", "--secret=id=s,src=/context/secret"
            )
        except AssertionError as failed:
            return str(failed)
        return ""

    assert build(0, KNOWN) == ""
    with ThreadPoolExecutor(4) as pool:
        built = pool.map(build, range(1, len(UNKNOWN) + 1), [f"{BASE}{line}\n" for line in UNKNOWN])
    taken = [line for line, said in zip(UNKNOWN, built, strict=True) if "\nError: " not in said]
    assert taken == []


@pytest.mark.slow
def test_a_rendered_compilation_makes_the_same_interpreter(engine: Engine, context: Path) -> None:
    """Compiled by the stock frontend and by buildah, each in a minute of its own."""
    folder = context / "compiled"
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        f"# syntax={IMAGE}\nFROM debian:bookworm-slim\nPYENV --interpreter=source 3.9.2 one\n"
    )
    (folder / "rendered").write_text(command(engine, folder, "render"))
    engine.docker("save", "--output", context / TOOLS, IMAGE)
    with ThreadPoolExecutor() as pool:
        ours = pool.submit(engine.build, folder)
        stock = pool.submit(engine.build, "-f", folder / "rendered", folder)
        buildah = pool.submit(imported, engine, context, BUILDAH, "compiled/rendered")
    whole, by_stock, by_buildah = (
        look(engine, image) for image in (ours.result().image, stock.result().image, buildah.result())
    )
    assert differences(by_stock, whole) == {}
    assert differences(by_buildah, whole) == {}


def differences(one: Image, other: Image) -> dict[str, tuple[Any, Any]]:
    """What differs between two images: entries of their configs and their files."""
    left, right = one[0] | one[1], other[0] | other[1]
    return {name: (left.get(name), right.get(name)) for name in left | right if left.get(name) != right.get(name)}


def look(engine: Engine, image: str) -> Image:
    """What is in an image: its config, but for what buildah says of itself, and its files."""
    config = engine.image_config(image)["config"]
    config["Labels"].pop("io.buildah.version", None)
    return config, engine.files(image)


def test_the_program_that_pip_installs_renders_the_same(engine: Engine, context: Path, tmp_path: Path) -> None:
    """The site's defaults stand in the environment, as they do in the image."""
    uv, venv = Path(sys.executable).with_name("uv"), tmp_path / "venv"
    subprocess.run([uv, "venv", "--quiet", venv], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", f"--python={venv}", settings.REPOSITORY], check=True)
    defaults = {"UV_PYTHON_DOWNLOADS_JSON_URL": str(archives.TABLE), "PYENV_SOURCE_MIRROR": archives.SOURCES_URL}
    program = [venv / "bin" / "dockerfile-pyenv", "render"]
    rendered = subprocess.run(program, cwd=context, env=defaults, capture_output=True, text=True, check=True).stdout
    assert rendered == command(engine, context, "render")


def test_the_frontends_image_is_the_command(engine: Engine, context: Path) -> None:
    """Mounted read-only, without network, as any user; an error has the status that the reference says."""
    run = ["run", "--rm", "--network=none", "--user=1234", "--read-only", "-v", f"{context}:/src:ro", IMAGE]
    explained = json.loads(engine.docker(*run, "explain", "--format=json").stdout)
    assert [one["name"] for one in explained] == ["one", "data-science", "three", "four"]
    assert engine.docker(*run, "graph").stdout.startswith("flowchart LR\n")
    checked = engine.docker(*run, "check", check=False)
    assert checked.returncode == 1
    assert "WARNING: PyenvEndOfLifePython" in checked.stdout
    assert engine.docker(*run, "render", "--target=9", check=False).returncode == 2
    assert "usage: dockerfile-pyenv" in engine.docker("run", "--rm", IMAGE).stdout
