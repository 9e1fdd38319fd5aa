"""Bases with musl in place of glibc, as Alpine has it: a real CPython for it, wheels of PyPI, and builds of its own.

The bed's `alpine:3.22` is as poor as Alpine's: busybox, and neither bash nor Python.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bed import alpine, archives, bed, builders, settings
from tests.bed.builders import BUILDAH
from tests.engine import progress
from tests.engine.additions import assert_only_additions
from tests.engine.test_interpreters import PROGRAM, check
from tests.engine.test_render import IMAGE, TOOLS, differences, imported, look
from tests.engine.wheels import compiled, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bed.engine import BuildResult, Engine
    from tests.bed.index import Index
    from tests.conftest import Engines
    from tests.engine.conftest import Project

# Its libraries and its Python take four minutes of processor time to compile.
pytestmark = pytest.mark.slow

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
TABLE = f"--build-arg=UV_PYTHON_DOWNLOADS_JSON_URL={archives.MUSL_TABLE_URL}"
ENVS = "/opt/astro-pyenv/envs"
LOOK = "look for /lib/ld-musl-* in"
"""What a build says that pulls its base to see which C library it has."""

A_USER = """FROM alpine:3.22
RUN echo 'astro:x:1234:100::/home/astro:/bin/sh' >> /etc/passwd && mkdir /home/astro && chown astro /home/astro
USER astro
"""
ONLY_MUSL = """FROM alpine:3.22 AS full
FROM scratch
COPY --from=full /lib/ld-musl-x86_64.so.1 /lib/
COPY --from=full /usr/local /usr/local
"""


@pytest.fixture(scope="module")
def engines_with_musl(engines: Engines, request: pytest.FixtureRequest) -> Engines:
    """Engines by name; the bed has the images and interpreters of this file for them."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    @cache
    def prepared(name: str) -> Engine:
        engine = engines(name)
        with capture.global_and_fixture_disabled():
            bed.extend_musl(engine.kind)
        return engine

    return prepared


@pytest.fixture(scope="module")
def musl(engines_with_musl: Engines) -> Engine:
    """Docker 28 with the classic image store."""
    engine = engines_with_musl("28")
    engine.build("-t", "only-musl:test", "-", input=ONLY_MUSL)
    return engine


@pytest.fixture
def build(musl: Engine, project: Project) -> Callable[..., BuildResult]:
    """Build the text of a Dockerfile, with the bed's table of interpreters for musl."""

    def run(text: str, *words: str, files: dict[str, str | bytes] | None = None, check: bool = True) -> BuildResult:
        return musl.build(TABLE, *words, project({"Dockerfile": SYNTAX + text, **(files or {})}), check=check)

    return run


def test_the_base_is_as_poor_as_alpines(musl: Engine) -> None:
    """Busybox for everything, musl's loader at its place, what tells that it is Alpine, and nothing of Debian's."""
    image = musl.build("-", input="FROM alpine:3.22\nRUN . /etc/os-release && echo $ID $VERSION_ID > /told\n").image
    assert musl.run(image, "cat", "/told") == "alpine 3.22.1"
    files = musl.files(image)
    programs = {name for name, file in files.items() if file.kind == "file" and file.mode & 0o111}
    assert programs == {"bin/busybox", "lib/ld-musl-x86_64.so.1"}
    assert files["lib/libc.musl-x86_64.so.1"].link == "ld-musl-x86_64.so.1"
    assert files["bin/sh"].link == "/bin/busybox"
    assert "P:musl\n" in musl.run(image, "cat", "/lib/apk/db/installed")
    assert not [name for name in files if "bash" in name or "python" in name or "dpkg" in name or "glibc" in name]


def case(name: str, kind: str, base: str, owner: tuple[int, int]) -> object:
    """A case of the next test, which shows several promises."""
    promises = ("runs", "only additions", "owner", "groups")
    marks = [pytest.mark.proves(promise, base=f"musl: {name}", store=kind) for promise in promises]
    return pytest.param(kind, base, owner, id=f"{kind}-{name}", marks=marks)


@pytest.mark.parametrize(
    ("kind", "base", "owner"),
    [
        case("root", "28", "FROM alpine:3.22\n", (0, 0)),
        case("a user", "28", A_USER, (1234, 100)),
        case("nothing but the loader", "28", "FROM only-musl:test\nUSER 50000:0\n", (50000, 0)),
        case("a user", "28-containerd", A_USER, (1234, 100)),
    ],
)
@pytest.mark.usefixtures("musl")
def test_nothing_differs_but_the_promised_additions(
    engines_with_musl: Engines, project: Project, kind: str, base: str, owner: tuple[int, int]
) -> None:
    """The promises of the reference, as on glibc: config, files, owners, history, and the same one after another."""
    engine = engines_with_musl(kind)
    lines = "PYENV 3.11 one\nPYENV 3.11 two\n"
    context = project({"with": SYNTAX + base + lines, "without": base})
    ours = engine.build(TABLE, "-f", context / "with", context).image
    plain = engine.build("-f", context / "without", context).image
    assert_only_additions(engine, ours, plain, ["one", "two"])
    files = engine.files(ours)
    inside = [file for name, file in files.items() if name.startswith("opt/astro-pyenv/envs/one")]
    assert {(file.uid, file.gid) for file in inside} == {owner}
    assert files["usr/local/bin/python3.11"].link == "/opt/astro-pyenv/python/3.11.2-musl/bin/python3.11"
    history = [entry.get("created_by", "") for entry in engine.image_config(ours)["history"]]
    made = ["PYENV 3.11 (CPython 3.11.2, standalone by default)", "PYENV 3.11 one", "PYENV 3.11 two"]
    assert [text for text in history if text.startswith("PYENV")] == made
    assert engine.run(ours, f"{ENVS}/one/bin/python", "-c", PROGRAM) == f"3.11 {ENVS}/one TLSv1.2"
    off = engine.build(TABLE, "--build-arg=PYENV_PARALLEL=0", "-f", context / "with", context).image
    assert engine.files(off) == files


@pytest.mark.proves("in place", base="musl")
def test_a_line_sees_its_stage_and_what_follows_sees_the_environment(
    musl: Engine, build: Callable[..., BuildResult]
) -> None:
    """In busybox's shell: files and ENV from above, activation, pip, and variables that a shell can read."""
    first, data = wheel("first", script=True)
    second, more = wheel("second")
    image = build(
        A_USER
        + "ENV VERSION=3.11 PIP_NO_INDEX=1\nCOPY *.whl /wheels/\n"
        + "PYENV --expose=first --link=/venvs/data $VERSION data-science one.txt\n"
        + f"RUN . {ENVS}/data-science/bin/activate && pip install /wheels/{second} && python -c 'import second'\n"
        + "RUN first > /tmp/said && $ASTRO_PYENV_data_science -c 'import second' && echo second >> /tmp/said\n",
        files={"one.txt": f"/wheels/{first}\n", first: data, second: more},
    ).image
    assert musl.run(image, "cat", "/tmp/said") == "first 1.0\nsecond"
    assert musl.run(image, "/venvs/data/bin/python", "-c", "import second, sys; print(sys.prefix)") == "/venvs/data"
    assert musl.run(image, "python3.11", "-m", "pip", "--version").endswith("(python 3.11)")
    assert musl.run(image, "sh", "-c", "which python python3 pip || echo none") == "none"
    assert not [name for name, file in musl.files(image).items() if name.startswith("home/astro/.") and not file.uid]


def test_a_change_reinstalls_no_other_line(musl: Engine, project: Project, index: Index) -> None:
    """Not even one of the stage: it is asked what it is, and answers the same."""
    index.add(*wheel("given"))
    base = f"ENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"

    def installed(above: str, *lines: str) -> list[str]:
        text = f"{SYNTAX}FROM alpine:3.22\nRUN echo {above} > /above\n{base}" + "".join(f"{line}\n" for line in lines)
        log = musl.build(TABLE, project({"Dockerfile": text}), progress="rawjson").log
        return progress.parse(log).installed()

    assert installed("1", "PYENV 3.11 one given==1.0", "PYENV 3.11 two") == ["one", "two"]
    assert installed("2", "PYENV 3.11 one given==1.0", "PYENV 3.11 two") == []
    assert installed("2", "PYENV 3.11 three", "PYENV 3.11 one given>=1", "PYENV 3.11 two") == ["one", "three"]


def test_what_airflows_virtualenv_tasks_do(musl: Engine, build: Callable[..., BuildResult]) -> None:
    """A task makes an environment of its own with `python3.11` by name, by venv or virtualenv, and pip fills it."""
    image = build(A_USER + "PYENV --no-venv 3.11\nPYENV 3.11 tool virtualenv==20.29.3\n").image
    script = """set -e
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    python3.11 -m venv /tmp/one
    $ASTRO_PYENV_tool -m virtualenv --quiet --python=python3.11 /tmp/two
    for venv in one two; do
      /tmp/$venv/bin/pip install --quiet --only-binary=:all: markupsafe==3.0.2
      /tmp/$venv/bin/python -c 'import markupsafe._speedups as s, sys; print(sys.prefix, s.__file__.rpartition("/")[2])'
    done"""
    assert musl.run(image, "sh", "-c", script).splitlines() == [
        "/tmp/one _speedups.cpython-311-x86_64-linux-musl.so",
        "/tmp/two _speedups.cpython-311-x86_64-linux-musl.so",
    ]


def test_wheels_of_pypi(musl: Engine, build: Callable[..., BuildResult]) -> None:
    """numpy, pandas and cryptography have musllinux wheels, of C, C++ and Rust: they are installed apart, and work."""
    words = "numpy==1.26.4 pandas==2.2.3 cryptography==44.0.0"
    result = build(f"FROM alpine:3.22\nPYENV --check-imports 3.11 data {words}\n", "--no-cache-filter=data")
    assert "installing in the build stage" not in result.log
    assert "which the image lacks" not in result.log
    code = (
        "import numpy, pandas; from cryptography.fernet import Fernet; key = Fernet(Fernet.generate_key()); "
        "frame = pandas.DataFrame({'a': numpy.arange(4)}); print(frame.a.sum(), key.decrypt(key.encrypt(b'x')))"
    )
    assert musl.run(result.image, f"{ENVS}/data/bin/python", "-c", code) == "6 b'x'"
    owned = musl.run(result.image, "cat", f"{ENVS}/data/lib/python3.11/site-packages/numpy-1.26.4.dist-info/WHEEL")
    assert "musllinux" in owned


@pytest.mark.proves("in place", base="musl, and a builder with it")
def test_an_extension_is_compiled_in_the_builder(musl: Engine, build: Callable[..., BuildResult]) -> None:
    """For musl, by the builder's compiler, which stays there."""
    result = build(
        f"FROM {alpine.BUILDER} AS build\nFROM alpine:3.22\nUSER 50000\n"
        "PYENV --builder=build --check-imports 3.11 hash hash.txt\n",
        "--no-cache-filter=hash",
        files={"hash.txt": "--no-binary=xxhash\nxxhash==3.5.0\n"},
    )
    assert "hash: imports: xxhash" in result.log
    assert "which the image lacks" not in result.log
    code = "import os, xxhash._xxhash as own; print(own.xxh64(b'').hexdigest(), os.path.basename(own.__file__))"
    assert musl.run(result.image, f"{ENVS}/hash/bin/python", "-c", code) == (
        "ef46db3751d8e999 _xxhash.cpython-311-x86_64-linux-musl.so"
    )
    assert musl.run(result.image, "sh", "-c", "which cc gcc || echo none") == "none"


@pytest.mark.proves("clear error", base="musl, and a builder with glibc")
def test_a_builder_with_glibc(build: Callable[..., BuildResult], index: Index) -> None:
    """It cannot build for musl, and the error says which builder could."""
    index.add(*sdist("built"))
    base = f"FROM alpine:3.22\nENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"
    log = build(f"{base}PYENV --builder=debian:bookworm-slim 3.11 one built==1.0\n", check=False).log
    told = "this build is for musl, as the base image is. Choose a --builder with musl"
    assert f"one: Python 3.11 cannot start in the builder: {told}" in log
    assert ">>> PYENV --builder=debian:bookworm-slim 3.11 one built==1.0" in log


@pytest.mark.proves("clear error", base="musl, and wheels for glibc alone")
def test_what_alpine_cannot_install_is_explained(build: Callable[..., BuildResult], index: Index) -> None:
    """Wheels for glibc alone, and a source distribution without a compiler."""
    index.add("native-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", wheel("native")[1])
    index.add("poor-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", wheel("poor")[1])
    index.add(*compiled("poor"))
    base = f"FROM alpine:3.22\nENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"
    log = build(f"{base}PYENV 3.11 one native==1.0\n", check=False).log
    assert "it has wheels for glibc only, and no source distribution; the base image has musl" in log
    assert "use a base image with glibc, such as Debian, or a version of the package that has musllinux wheels" in log
    assert ">>> PYENV 3.11 one native==1.0" in log
    log = build(f"{base}PYENV 3.11 two poor==1.0\n", check=False).log
    assert "the image has no compiler to build it from source" in log
    assert "on Alpine build-base" in log


# Layers of each run's own: Docker's classic store forgets those of images that were removed, and BuildKit does not.
ALIKE = f"FROM alpine:3.22 AS own\nRUN echo {uuid.uuid4()} > /etc/salt\nFROM scratch\nCOPY --from=own / /\n"
BASES = {
    "a name": "",
    "history": "FROM alpine:3.22\nRUN echo golden > /etc/golden\n",
    "a label": f"{ALIKE}LABEL org.opencontainers.image.base.name=docker.io/library/alpine:3.22\n",
    "content": ALIKE,
}


@pytest.mark.parametrize("told_by", BASES)
def test_the_c_library_of_a_base_is_found(musl: Engine, build: Callable[..., BuildResult], told_by: str) -> None:
    """By what is known of the image; only where that does not tell, the image is looked into."""
    tag = "alpine:3.22"
    if told_by != "a name":
        tag = f"golden-{told_by.replace(' ', '-')}:test"
        musl.build("-t", tag, "-", input=BASES[told_by])
    result = build(f"FROM {tag}\nPYENV 3.11 one\n")
    assert (LOOK in result.log) == (told_by == "content")
    assert musl.run(result.image, f"{ENVS}/one/bin/python", "--version") == "Python 3.11.2"


def test_a_base_with_environments_of_its_own(musl: Engine, build: Callable[..., BuildResult]) -> None:
    """Built from Alpine with PYENV lines and renamed: its environments stay, and new ones use the same interpreter."""
    build("FROM alpine:3.22\nPYENV 3.11 one\n", "--tag=golden-environments:test")
    result = build("FROM golden-environments:test\nRUN true\nPYENV 3.11 two\n")
    assert LOOK not in result.log
    label = musl.image_config(result.image)["config"]["Labels"]["dockerfile-pyenv.environments"]
    assert [entry["name"] for entry in json.loads(label)] == ["one", "two"]
    code = "import subprocess, sys; print(sys.base_prefix, subprocess.check_output([sys.argv[1], '-V']))"
    said = musl.run(result.image, f"{ENVS}/two/bin/python", "-c", code, f"{ENVS}/one/bin/python")
    assert said == "/opt/astro-pyenv/python/3.11.2-musl b'Python 3.11.2\\n'"


@pytest.mark.proves("clear error", base="musl, and nothing that tells")
def test_a_stage_from_scratch(musl: Engine, build: Callable[..., BuildResult]) -> None:
    """Nothing tells of its C library before it is built: the error says what to add, and that works."""
    log = build(f"{ALIKE}PYENV 3.11 one\n", check=False).log
    assert (
        "this build is for glibc, but the base image has another C library or none. For musl, as in Alpine, add" in log
    )
    assert ">>> PYENV 3.11 one" in log
    image = build(f"{ALIKE}PYENV --libc=musl 3.11 one\n").image
    assert musl.run(image, f"{ENVS}/one/bin/python", "--version") == "Python 3.11.2"


@pytest.mark.proves("runs", base="musl", interpreter="image")
@pytest.mark.proves("runs", base="musl", interpreter="base")
def test_out_of_an_image(musl: Engine, build: Callable[..., BuildResult]) -> None:
    """`python:3.11-alpine` has a Python to take out, and one of its own to use or to leave alone."""
    image = build("FROM alpine:3.22\nPYENV --interpreter=image:python:3.11-alpine 3.11 py3.11\n").image
    check(musl, image, ["3.11"])
    image = build(
        "FROM python:3.11-alpine\nPYENV --interpreter=base 3.11 own\nFROM python:3.11-alpine\n"
        f"COPY --from=0 {ENVS}/own {ENVS}/own\nPYENV 3.11 py3.11\n"
    ).image
    check(musl, image, ["3.11"])
    code = "import sys; print(sys.base_prefix)"
    assert musl.run(image, f"{ENVS}/own/bin/python", "-c", code) == "/usr/local"
    assert musl.run(image, "python3.11", "-c", code) == "/usr/local"
    assert musl.run(image, "python3", "-m", "pip", "--version").startswith("pip ")


@pytest.mark.proves("runs", base="musl", interpreter="source")
def test_compiled_in_the_build(musl: Engine, build: Callable[..., BuildResult]) -> None:
    """`--interpreter=source` with a builder that compiles for musl takes its shared libraries along."""
    line = f"PYENV --interpreter=source --builder={alpine.BUILDER} 3.11.2 py3.11\n"
    image = build(f"FROM alpine:3.22\n{line}").image
    check(musl, image, ["3.11"])


@pytest.mark.slow
def test_other_builders_make_the_same_image_of_a_rendered_file(musl: Engine) -> None:
    """Docker's own frontend and buildah, of the text for builders that do not read the syntax line."""
    name, data = wheel("given", script=True)
    lines = "PYENV --expose=given 3.11 one one.txt\nPYENV 3.11 two\n"
    with tempfile.TemporaryDirectory(dir=settings.STATE) as directory:  # which containers of the engine can mount
        context = Path(directory)
        context.chmod(0o755)
        (context / ".dockerignore").write_text("*.tar\n")
        (context / name).write_bytes(data)
        (context / "one.txt").write_text(f"/tmp/{name}\n")
        (context / "Dockerfile").write_text(f"{SYNTAX}FROM alpine:3.22\nCOPY {name} /tmp/\nUSER 1234\n{lines}")
        table = ["-v", f"{archives.MUSL_TABLE}:/table.json", "-e", "UV_PYTHON_DOWNLOADS_JSON_URL=/table.json"]
        rendered = musl.docker("run", "--rm", *table, "-v", f"{context}:/src", IMAGE, "render").stdout
        (context / "rendered").write_text(rendered)
        musl.docker("save", "--output", context / TOOLS, IMAGE)
        ours = look(musl, musl.build(TABLE, context).image)
        assert differences(look(musl, musl.build("-f", context / "rendered", context).image), ours) == {}
        assert differences(look(musl, imported(musl, context, BUILDAH, "rendered")), ours) == {}
    builders.forget()
