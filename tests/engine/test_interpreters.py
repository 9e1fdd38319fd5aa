"""Every interpreter on every base: what each provider makes runs where it is said to run."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.bed import archives, bed, interpreters, settings, sources
from tests.engine.test_cache import steps
from tests.engine.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bed.engine import Engine, File
    from tests.bed.index import Index
    from tests.engine.conftest import Project

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
PREFIX = "/opt/astro-pyenv"
UPSTREAM = "https://github.com/astral-sh/python-build-standalone/releases/download"
TABLE = f"--build-arg=UV_PYTHON_DOWNLOADS_JSON_URL={archives.FULL_TABLE_URL}"

# libc and nothing else, as in hardened images: no shell, no passwd, no certificates.
LIBC = """FROM debian:bookworm-slim AS full
RUN mkdir /new && cp --archive --parents $(dpkg -L libc6 | grep '^/lib.*[.]so') /new
FROM scratch
COPY --from=full /new /
"""
# Debian's own Python, in /usr and of a newer libc than all other bases have.
DEBIANS = """FROM debian:sid-slim
RUN apt-get update -qq && apt-get install -qq --no-install-recommends {packages} > /dev/null
"""

# The real loader of musl, and a shell: the least that such a base has.
MUSL = """FROM debian:bookworm-slim AS full
RUN apt-get update -qq && apt-get install -qq --no-install-recommends musl busybox-static > /dev/null
RUN mkdir -p /new/bin && cp --archive --parents /lib/ld-musl-* /lib/*-linux-musl /new && cp /bin/busybox /new/bin/sh
FROM scratch
COPY --from=full /new /
"""

PROGRAM = """
import ctypes, os, sqlite3, ssl, sys

default = ssl.create_default_context()
assert not os.path.exists(os.environ.get("SSL_CERT_FILE", "")) or default.get_ca_certs()

server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
for context in (server, client):
    # Without a certificate: that needs no key, and its last version is 1.2.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES256-SHA:@SECLEVEL=0")
up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
ends = [client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)]
done = set()
for end in ends * 4:
    try:
        end.do_handshake()
        done.add(end)
    except ssl.SSLWantReadError:
        pass
assert len(done) == 2
ends[0].write(b"secret")
assert ends[1].read() == b"secret"

assert sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)

compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 3)(3, 1, 2)
ctypes.CDLL(None).qsort(numbers, 3, ctypes.sizeof(ctypes.c_int), compare(lambda one, other: one[0] - other[0]))
assert list(numbers) == [1, 2, 3]

print("%d.%d" % sys.version_info[:2], sys.prefix, ends[0].version())
"""
# The base may have no shell: one interpreter starts the others.
START = "import subprocess, sys\nfor python in sys.argv[2:]: subprocess.run([python, '-c', sys.argv[1]], check=True)"

BASES = {
    "bullseye": "debian:bullseye-slim",
    "bookworm": "debian:bookworm-slim",
    "trixie": "debian:trixie-slim",
    "sid": "debian:sid-slim",
    "a C library alone": "libc:test",
}


@pytest.fixture(scope="module")
def moving(engine: Engine, request: pytest.FixtureRequest) -> dict[str, settings.Release]:
    """The releases of `settings.MOVING` that there are, by X.Y; the bed has their archives, images and tarballs."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        releases = bed.extend(engine.kind, settings.MOVING, settings.MORE_SUITES)
    engine.build("-t", BASES["a C library alone"], "-", input=LIBC)
    return {release.minor: release for release in releases}


def check(engine: Engine, image: str, minors: list[str], *options: str) -> None:
    """Run the program in the environments `py<X.Y>` of an image."""
    pythons = [f"{PREFIX}/envs/py{minor}/bin/python" for minor in minors]
    output = engine.run(image, pythons[0], "-c", START, PROGRAM, *pythons, options=options)
    assert output.splitlines() == [f"{minor} {PREFIX}/envs/py{minor} TLSv1.2" for minor in minors]


@pytest.mark.proves("runs", base="{base}", interpreter="{provider}")
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("provider", ["standalone", "image"])
def test_runs_on_every_base(
    engine: Engine, project: Project, moving: dict[str, settings.Release], provider: str, base: str
) -> None:
    """Interpreters of all versions, unpacked or taken out of an image, use TLS, SQLite and ctypes."""
    releases = [*settings.RELEASES, *moving.values()]
    if provider == "standalone":
        words = [f"--interpreter=standalone {release.version}" for release in releases]
    else:
        words = [f"--interpreter=image:{official(release.minor)} {release.minor}" for release in releases]
    minors = [release.minor for release in releases]
    lines = "".join(f"PYENV {word} py{minor}\n" for word, minor in zip(words, minors, strict=True))
    image = engine.build(TABLE, project({"Dockerfile": f"{SYNTAX}FROM {BASES[base]}\n{lines}"})).image
    check(engine, image, minors)


@pytest.mark.proves("runs", base="{base}", interpreter="source")
@pytest.mark.parametrize("base", BASES)
def test_compiled_runs_on_every_base(
    engine: Engine, project: Project, moving: dict[str, settings.Release], base: str
) -> None:
    """The newest interpreter, compiled in the build, once for all bases."""
    newest = [*settings.RELEASES, *moving.values()][-1]
    line = f"PYENV --interpreter=source {newest.version} py{newest.minor}\n"
    image = engine.build(project({"Dockerfile": f"{SYNTAX}FROM {BASES[base]}\n{line}"})).image
    check(engine, image, [newest.minor])


@pytest.mark.slow  # a minute for each on two cores, and the engine does not keep them from one run to the next
def test_the_oldest_is_compiled(engine: Engine, project: Project) -> None:
    """And others, next to each other."""
    compiled = [settings.RELEASES[0], settings.RELEASES[-1]]
    lines = "".join(f"PYENV --interpreter=source {one.version} py{one.minor}\n" for one in compiled)
    image = engine.build(project({"Dockerfile": f"{SYNTAX}FROM {BASES['bullseye']}\n{lines}"})).image
    check(engine, image, [one.minor for one in compiled])


@pytest.mark.slow
def test_free_threaded(engine: Engine, project: Project, moving: dict[str, settings.Release]) -> None:
    """A version with a t is compiled without the GIL, and has its own name."""
    if "3.14" not in moving:
        pytest.skip("Debian's pool has no tarball of a Python 3.14 that data/sources.json knows")
    line = f"PYENV --interpreter=source {moving['3.14'].version}t py3.14t\n"
    image = engine.build(project({"Dockerfile": f"{SYNTAX}FROM debian:bookworm-slim\n{line}"})).image
    python = f"{PREFIX}/envs/py3.14t/bin/python"
    assert engine.run(image, python, "-c", "import sys; print(sys._is_gil_enabled())") == "False"
    assert engine.run(image, "python3.14t", "-m", "pip", "--version").endswith("(python 3.14)")


def test_a_builder_whose_security_updates_are_gone(engine: Engine, project: Project) -> None:
    """A suite that is no longer supported loses some of its package lists, and makes a builder all the same."""
    script = settings.REPOSITORY / "frontend/dockerfile_pyenv/provision/interpreter/builder.sh"
    gone = f"deb http://{settings.ARCHIVES}/gone bullseye-security main"
    text = f"""FROM debian:bullseye-slim
RUN echo '{gone}' >> /etc/apt/sources.list
RUN --mount=source=builder.sh,target=/builder.sh sh /builder.sh && cc --version
"""
    log = engine.build("--no-cache", project({"Dockerfile": text, "builder.sh": script.read_bytes()})).log
    assert "builder.sh: cannot download all package lists: continuing with the others" in log


@pytest.mark.parametrize("minor", settings.MOVING)
def test_the_newest_are_compiled(moving: dict[str, settings.Release], minor: str) -> None:
    """The cells above are of these versions too, where there is a tarball of them."""
    if minor not in moving:
        pytest.skip(f"Debian's pool has no tarball of a Python {minor} that data/sources.json knows")


@pytest.mark.proves("runs", base="sid", interpreter="image")
@pytest.mark.proves("clear error", base="glibc 2.31 and 2.36, older than the interpreter's", interpreter="image")
def test_debians_own(engine: Engine, project: Project, moving: dict[str, settings.Release]) -> None:  # noqa: ARG001
    """The newest Pythons out of an image that has them from Debian, with all their libraries from elsewhere."""
    packages = " ".join(f"python{minor} python{minor}-venv" for minor in settings.MOVING)
    engine.build("-t", "debians:test", "-", input=DEBIANS.format(packages=packages))
    lines = "".join(f"PYENV --interpreter=image:debians:test {minor} py{minor}\n" for minor in settings.MOVING)
    context = project({"Dockerfile": f"{SYNTAX}FROM debian:sid-slim\n{lines}"})
    check(engine, engine.build(context).image, list(settings.MOVING))

    for suite in ("bullseye", "bookworm"):
        (context / "Dockerfile").write_text(f"{SYNTAX}FROM debian:{suite}-slim\n{lines}")
        failed = engine.build(context, check=False)
        assert failed.returncode != 0
        assert "cannot start on this base image: this build requires glibc 2." in failed.log
        assert ">>> PYENV --interpreter=image:debians:test 3.1" in failed.log


@pytest.mark.proves("clear error", base="glibc 2.31, older than a wheel's")
def test_a_wheel_for_a_newer_glibc(
    engine: Engine,
    project: Project,
    index: Index,
    moving: dict[str, settings.Release],  # noqa: ARG001 - has bullseye
) -> None:
    """It is installed where the C library is new enough; elsewhere the error names the tag that does not fit."""
    name, data = wheel("newer")
    index.add(name.replace("any", "manylinux_2_36_x86_64"), data)
    lines = f"ENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\nPYENV 3.9 one newer==1.0\n"
    context = project({"Dockerfile": f"{SYNTAX}FROM debian:bookworm-slim\n{lines}"})
    image = engine.build(context).image
    assert engine.run(image, f"{PREFIX}/envs/one/bin/python", "-c", "import newer; print(1)") == "1"
    (context / "Dockerfile").write_text(f"{SYNTAX}FROM debian:bullseye-slim\n{lines}")
    failed = engine.build(context, check=False)
    assert failed.returncode != 0
    assert "manylinux_2_36_x86_64" in failed.log
    assert ">>> PYENV 3.9 one newer==1.0" in failed.log


def official(minor: str) -> str:
    """The image that Python X.Y is taken out of."""
    return f"python:{minor}-slim-bookworm"


@pytest.mark.online
@pytest.mark.proves("runs", base="{base}", interpreter="{provider}", store="real")
@pytest.mark.parametrize(
    ("base", "provider"),
    [
        ("centos:7", "standalone"),
        ("debian:buster-slim", "standalone"),
        ("alpine:3.22", "standalone"),
        ("alpine:3.22", "source --builder=alpine:3.22"),
        ("alpine:3.22", "image:python:3.13-alpine"),
        ("redhat/ubi9-minimal", "standalone"),
        ("redhat/ubi9-minimal", "source"),
        ("ubuntu:22.04", "standalone"),
        ("ubuntu:24.04", "source"),
    ],
)
def test_runs_on_bases_of_docker_hub(engine: Engine, project: Project, base: str, provider: str) -> None:
    """musl, UBI and Ubuntu, with the frontend's own table of interpreters."""
    version = "3.13.5" if provider.startswith("source") else "3.13"
    lines = f"FROM {base}\nPYENV --interpreter={provider} {version} py3.13\n"
    own_table = "--build-arg=UV_PYTHON_DOWNLOADS_JSON_URL="
    check(engine, engine.build(own_table, project({"Dockerfile": SYNTAX + lines})).image, ["3.13"])


@pytest.mark.online
@pytest.mark.proves("clear error", base="{base}: older than glibc 2.31", interpreter="source", store="real")
@pytest.mark.parametrize("base", ["centos:7", "debian:buster-slim"])
def test_below_the_glibc_of_the_builder_on_docker_hub(engine: Engine, project: Project, base: str) -> None:
    """With glibc 2.17 and 2.28: what is compiled on Debian 11 cannot start, and the step says what can."""
    line = "PYENV --interpreter=source 3.13.5 py3.13\n"
    failed = engine.build(project({"Dockerfile": f"{SYNTAX}FROM {base}\n{line}"}), check=False)
    assert "cannot start on this base image: this build requires glibc 2." in failed.log
    assert "Use a newer base image, a standalone interpreter (glibc 2.17 or newer)" in failed.log
    assert f">>> {line}" in failed.log


@pytest.mark.proves("clear error", base="musl")
def test_the_c_library_of_a_base_is_found(engine: Engine, project: Project) -> None:
    """An image of which neither name nor history tells is looked into; where that is overruled, the step explains."""
    engine.build("-t", "golden:test", "-", input=MUSL)
    context = project({"Dockerfile": f"{SYNTAX}FROM golden:test\nPYENV 3.9 one\n"})
    assert "no Python is available for linux/amd64 (musl)" in engine.build(context, check=False).log
    (context / "Dockerfile").write_text(f"{SYNTAX}FROM golden:test\nPYENV --libc=gnu 3.9 one\n")
    log = engine.build(context, check=False).log
    assert "one: Python 3.9 cannot start on this base image: this build is for glibc" in log
    assert ">>> PYENV --libc=gnu 3.9 one" in log


@pytest.mark.proves("clear error", interpreter="base")
def test_a_base_without_that_python(engine: Engine, project: Project) -> None:
    """`--interpreter=base` on a base that has none says so."""
    log = engine.build(
        project({"Dockerfile": f"{SYNTAX}FROM debian:bookworm-slim\nPYENV --interpreter=base 3.12 one\n"}), check=False
    ).log
    assert "one: Python 3.12 cannot start on this base image: --interpreter=base uses the base image's own" in log


def difference(engine: Engine, project: Project, base: str, lines: str) -> tuple[str, dict[str, File]]:
    """An image that has these lines, and the paths that they add; nothing else of the base may change."""
    context = project({"with": f"{SYNTAX}FROM {base}\n{lines}", "without": f"FROM {base}\n"})
    ours = engine.build("-f", context / "with", context).image
    files = engine.files(ours)
    before = engine.files(engine.build("-f", context / "without", context).image)
    assert {name for name, file in before.items() if files.get(name) != file} == set()
    return ours, {name: file for name, file in files.items() if name not in before}


@pytest.mark.proves("only additions", base="python:3.11-slim-bookworm", interpreter="base")
def test_the_bases_own(engine: Engine, project: Project) -> None:
    """`--interpreter=base` makes an environment of the base's Python and adds no interpreter."""
    image, added = difference(engine, project, "python:3.11-slim-bookworm", "PYENV --interpreter=base 3.11 py3.11\n")
    assert {name for name in added if not name.startswith("opt/astro-pyenv/envs/py3.11")} <= {
        "opt/astro-pyenv",
        "opt/astro-pyenv/envs",
    }
    check(engine, image, ["3.11"])
    code = "import sys; print(sys.base_prefix)"
    assert engine.run(image, f"{PREFIX}/envs/py3.11/bin/python", "-c", code) == "/usr/local"


@pytest.mark.proves("only additions", base="python:3.11-slim-bookworm")
def test_beside_the_bases_own(engine: Engine, project: Project) -> None:
    """The same X.Y as the base's comes with a prefix of its own, and the base's stays what it was."""
    image, added = difference(engine, project, "python:3.11-slim-bookworm", "PYENV 3.11 py3.11\n")
    assert {name for name in added if not name.startswith("opt/astro-pyenv")} == set()
    check(engine, image, ["3.11"])
    code = "import sys; print(sys.base_prefix)"
    assert engine.run(image, f"{PREFIX}/envs/py3.11/bin/python", "-c", code) == f"{PREFIX}/python/3.11.2"
    assert engine.run(image, "python3.11", "-c", code) == "/usr/local"
    assert "from /usr/local/lib/python3.11/" in engine.run(image, "python3.11", "-m", "pip", "--version")


def test_no_environment(engine: Engine, project: Project) -> None:
    """`--no-venv` adds Pythons by name, with pip; a name for one is that of the variable."""
    image, added = difference(
        engine, project, "debian:bookworm-slim", "PYENV --no-venv 3.9\nPYENV --no-venv 3.11 seed\n"
    )
    assert {name for name in added if name.startswith("opt/astro-pyenv/envs")} == set()
    for minor in ("3.9", "3.11"):
        assert engine.run(image, f"python{minor}", "-m", "pip", "--version").endswith(f"(python {minor})")
    assert engine.run(image, "printenv", "ASTRO_PYENV_seed") == f"{PREFIX}/python/3.11.2/bin/python3.11"


def test_without_a_network(engine: Engine, project: Project) -> None:
    """With the network of all steps cut off, and a mirror of upstream's releases, the interpreter still comes."""
    mirror = f"http://{settings.ARCHIVES}"
    table = archives.TABLE.read_text().replace(mirror, UPSTREAM)
    assert json.loads(table)["cpython-3.9.2-linux-x86_64-gnu"]["url"].startswith(UPSTREAM)
    mirrored = archives.TABLE.with_name("mirrored.json")
    mirrored.write_text(table)
    image = engine.build(
        "--no-cache",
        "--network=none",
        f"--build-arg=UV_PYTHON_DOWNLOADS_JSON_URL={mirror}/{mirrored.name}",
        f"--build-arg=UV_PYTHON_INSTALL_MIRROR={mirror}",
        project({"Dockerfile": f"{SYNTAX}FROM debian:bookworm-slim\nPYENV 3.9 py3.9\n"}),
    ).image
    check(engine, image, ["3.9"])


@pytest.fixture
def air_gap(engine: Engine, project: Project) -> Path:
    """A context next to a directory `mirror`, whose frontend image knows no address that could be reached."""
    archive = archives.Archive(settings.RELEASES[0], interpreters.path(settings.RELEASES[0]))
    tarball = sources.ensure(settings.RELEASES[0])
    files = {
        f"mirror/{settings.DATE}/{archive.path.name}": archive.path.read_bytes(),
        f"mirror/3.9.2/{tarball.name}": tarball.read_bytes(),
        "table.json": archives.TABLE.read_text().replace(f"http://{settings.ARCHIVES}", UPSTREAM),
        "frontend": "FROM dockerfile-pyenv:dev\nCOPY table.json /\nCOPY mirror /mirror\n"
        "ENV UV_PYTHON_DOWNLOADS_JSON_URL=/table.json PYENV_SOURCE_MIRROR=",
        "Dockerfile": "# syntax=air-gap:test\nFROM debian:bookworm-slim\nPYENV 3.9 py3.9\n",
        ".dockerignore": "mirror\n",
    }
    context = project(files)
    (context / "frontend.dockerignore").write_text("")
    engine.build("-t", "air-gap:test", "-f", context / "frontend", context)
    return context


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("--build-context=pyenv-mirror={context}/mirror", id="named context"),
        pytest.param("--build-arg=UV_PYTHON_INSTALL_MIRROR=./mirror", id="directory of the context"),
        pytest.param("--build-arg=UV_PYTHON_INSTALL_MIRROR=file:///mirror", id="directory of the frontend's image"),
    ],
)
def test_out_of_a_directory(engine: Engine, air_gap: Path, given: str) -> None:
    """Nothing is downloaded where a directory has what a mirror would have."""
    options = ("--no-cache", "--network=none", given.format(context=air_gap))
    built = engine.build(*options, air_gap)
    check(engine, built.image, ["3.9"])
    assert (
        "copy cpython-3.9.2+20261101-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz from the mirror" in built.log
    )
    assert "download cpython" not in built.log


def test_a_directory_has_what_a_download_has(engine: Engine, air_gap: Path, project: Project) -> None:
    """What was made from a download is not made again from a directory, be it unpacked or compiled."""
    lines = (
        "FROM debian:bookworm-slim\nPYENV 3.9 one\nFROM debian:bookworm-slim\nPYENV --interpreter=source 3.9.2 two\n"
    )
    lines += "COPY --from=0 /opt/astro-pyenv/envs/one /one\n"
    engine.build(project({"Dockerfile": SYNTAX + lines}))
    (air_gap / "Dockerfile").write_text("# syntax=air-gap:test\n" + lines)
    built = engine.build(f"--build-context=pyenv-mirror={air_gap}/mirror", air_gap)
    ran = steps(built.log)
    made = {name: cached for name, cached in ran.items() if " unpack" in name or " compile " in name}
    assert list(made.values()) == [True, True], ran
    assert engine.run(built.image, f"{PREFIX}/envs/two/bin/python", "--version") == "Python 3.9.2"


def test_a_mirror_without_the_file(engine: Engine, air_gap: Path) -> None:
    """What is missing, or is not what it should be, is told at the line."""
    (archive,) = air_gap.glob("mirror/2026*/*")
    archive.write_bytes(archive.read_bytes() + b"!")
    mirror = f"--build-context=pyenv-mirror={air_gap}/mirror"
    log = engine.build(mirror, air_gap, check=False).log
    assert "checksum mismatch: expected sha256:" in log
    assert ">>> PYENV 3.9 py3.9" in log
    archive.unlink()
    log = engine.build(mirror, air_gap, check=False).log
    assert f"the build context pyenv-mirror has no {settings.DATE}/{archive.name}, which Python 3.9.2" in log
    assert f"copy {UPSTREAM}/{settings.DATE}/" in log
    assert ">>> PYENV 3.9 py3.9" in log


@pytest.mark.proves("runs", base="bookworm of arm64, under QEMU", interpreter="image")
@pytest.mark.slow  # under QEMU; `test_both_platforms_from_one_file` is quicker
def test_arm64(engine: Engine, project: Project) -> None:
    """A stage of another platform gets an interpreter of that platform, under QEMU from end to end."""
    bed.extend_arm64(engine.kind)
    lines = (
        "FROM --platform=linux/arm64 arm64v8/debian:bookworm-slim\n"
        "PYENV --interpreter=image:arm64v8/python:3.11-slim-bookworm 3.11 py3.11\n"
    )
    image = engine.build("--platform=linux/arm64", project({"Dockerfile": SYNTAX + lines})).image
    assert engine.image_config(image)["architecture"] == "arm64"
    check(engine, image, ["3.11"], "--platform=linux/arm64")
    code = "import platform; print(platform.machine())"
    options = ("--platform=linux/arm64",)
    assert engine.run(image, f"{PREFIX}/envs/py3.11/bin/python", "-c", code, options=options) == "aarch64"


def test_both_platforms_from_one_file(engines: Callable[[str], Engine], project: Project, tmp_path: Path) -> None:
    """A build for two platforms makes a group for each of them, one natively and one under QEMU.

    On both its lines are independent of each other.
    """
    engine = engines("28-containerd")
    bed.extend_arm64(engine.kind)
    name, data = wheel("given")
    text = f"""{SYNTAX}FROM python:3.11-slim-bookworm AS base-amd64
FROM --platform=linux/arm64 arm64v8/python:3.11-slim-bookworm AS base-arm64
FROM base-$TARGETARCH AS built
RUN ["/bin/sh", "-c", "echo {uuid.uuid4()} > /salt"]
PYENV --interpreter=base 3.11 one
PYENV --interpreter=base 3.11 two {name}
PYENV --interpreter=base 3.11 three
RUN ["/bin/sh", "-c", "$ASTRO_PYENV_two -c 'import given, platform; print(platform.machine())' > /found; \
ls /opt/astro-pyenv/envs >> /found"]
FROM scratch
COPY --from=built /found /found
"""

    def build(text: str) -> tuple[dict[str, int], dict[str, list[str]]]:
        """How often each environment is installed, and what is found on each platform."""
        context = project({"Dockerfile": text, name: data})
        words = ("--progress=plain", "--platform=linux/amd64,linux/arm64", f"--output=type=local,dest={tmp_path}/out")
        log = engine.docker("buildx", "build", *words, context).stderr
        assert "PYENV lines are built one after another" not in log
        found = {path.parent.name: path.read_text().split() for path in tmp_path.glob("out/*/found")}
        return Counter(re.findall(r"(\w+): Python 3\.11", log)), found

    installed, found = build(text)
    names = ["one", "three", "two"]
    assert found == {"linux_amd64": ["x86_64", *names], "linux_arm64": ["aarch64", *names]}
    assert installed == dict.fromkeys(names, 2)
    installed, found = build(text.replace("3.11 one", "3.11 first"))
    assert found["linux_arm64"] == ["aarch64", "first", "three", "two"]
    assert installed == {"first": 2}
