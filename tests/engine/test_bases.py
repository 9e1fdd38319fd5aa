"""Nothing of a base image changes but what a PYENV line promises."""

import uuid

import pytest
from tests.bed.engine import Engine, File
from tests.conftest import Engines
from tests.engine.additions import assert_only_additions
from tests.engine.conftest import Project
from tests.engine.odd_bases import BASES, Base

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
LINE = "PYENV 3.9 one\n"
CELLS = [("28", base) for base in BASES]
# Engines on which a USER of the image is another one outside need more of a machine than others.
REST = [
    (kind, base) for kind in ("28-rootless", "28-remapped") for base in ("user by name and group", "/opt is a link")
]
REST += [("28-containerd", base) for base in BASES]
"""Left to the slow run, as is what `Base.slow` marks."""


def _cell(kind: str, base: str, *, slow: bool = False) -> object:
    """A case of the test: a cell of two promises, if the base has a USER other than root."""
    marks = [pytest.mark.slow] if slow or BASES[base].slow else []
    if BASES[base].owner != (0, 0):
        marks.append(pytest.mark.proves("owner", base=base, store=kind))
    return pytest.param(kind, base, marks=marks)


@pytest.mark.proves("only additions", base="{base}", store="{kind}")
@pytest.mark.parametrize(
    ("kind", "base"),
    [*(_cell(kind, base) for kind, base in CELLS), *(_cell(kind, base, slow=True) for kind, base in REST)],
)
def test_nothing_differs_but_the_promised_additions(engines: Engines, project: Project, kind: str, base: str) -> None:
    """Config and files are those of the same file without its PYENV line, and the additions are those promised."""
    engine, odd = engines(kind), BASES[base]
    context = project({"with": SYNTAX + odd.text + LINE, "without": odd.text})
    name = f"odd-{uuid.uuid4().hex[:8]}"
    ours, plain = f"{name}:with", f"{name}:without"
    for image in (ours, plain):
        engine.build("--load", f"--tag={image}", "-f", context / image.partition(":")[2], context)

    assert len(engine.image_config(plain)["rootfs"]["diff_ids"]) >= odd.layers
    assert_only_additions(engine, ours, plain, ["one"], opt=odd.opt, commands=odd.commands)
    _check_environment(engine.files(ours), odd, own_python=base == "the same python")
    code = "import ctypes, ssl, sqlite3; print(1)"
    python = "--entrypoint=/opt/astro-pyenv/envs/one/bin/python"
    assert engine.docker("run", "--rm", python, ours, "-c", code).stdout == "1\n"
    engine.docker("image", "rm", ours, plain)


def _check_environment(files: dict[str, File], odd: Base, *, own_python: bool) -> None:
    inside = [file for name, file in files.items() if name.startswith(f"{odd.opt}/astro-pyenv/envs/one")]
    assert {(file.uid, file.gid) for file in inside} == {odd.owner}
    python = [file for name, file in files.items() if name.startswith(f"{odd.opt}/astro-pyenv/python/")]
    assert python
    assert {(file.uid, file.gid) for file in python} == {(0, 0)}
    link = files[f"{odd.commands}/python3.9"]
    if own_python:
        assert link.kind in {"file", "hardlink"}
    else:
        assert link.link == "/opt/astro-pyenv/python/3.9.2/bin/python3.9"


@pytest.mark.proves("runs", base="PATH lacks /usr/local/bin")
def test_a_path_without_the_directory_of_links_is_told(engine: Engine, project: Project) -> None:
    """The environment works all the same; `python3.9` is not found by name."""
    base = "FROM debian:bookworm-slim\nENV PATH=/usr/bin:/bin\n"
    context = project({"Dockerfile": SYNTAX + base + LINE + "PYENV --no-venv 3.11\n"})
    told = "is linked in /usr/local/bin, which is not on PATH in this image: add it with ENV PATH=/usr/local/bin:$PATH"
    for words in ((), ("--build-arg=PYENV_PARALLEL=0",)):
        built = engine.build(context, "--no-cache", *words)
        assert f"one: python3.9 {told}" in built.log
        assert f"python3.11: python3.11 {told}" in built.log
        assert engine.run(built.image, "sh", "-c", "$ASTRO_PYENV_one -c 'import ctypes, ssl, sqlite3; print(1)'") == "1"


@pytest.mark.proves("clear error", base="/opt is a link to nothing")
def test_what_stands_in_the_way_is_named(engine: Engine, project: Project) -> None:
    """The failing step reads as the user's line, and says what to remove."""
    base = "FROM debian:bookworm-slim\nRUN rmdir /opt && ln -s /nowhere/else /opt\n"
    failed = engine.build(project({"Dockerfile": SYNTAX + base + LINE}), check=False)
    assert failed.returncode
    assert "python3.9.2: /opt in the image is a file, or a link to nothing, where a directory is required" in failed.log
    assert 'process "PYENV 3.9.2" did not complete successfully' in failed.log
    assert f">>> {LINE}" in failed.log

    base = "FROM debian:bookworm-slim\nRUN touch /srv/file\n"
    linked = "PYENV --link=/srv/file/link 3.9 one\n"
    failed = engine.build(project({"Dockerfile": SYNTAX + base + linked}), check=False)
    assert "one: --link: /srv/file in the image is not a directory. Choose another path" in failed.log


@pytest.mark.proves("clear error", base="a USER that /etc/passwd lacks")
def test_a_user_or_group_that_is_not_there_is_named(engine: Engine, project: Project) -> None:
    """A RUN line would fail there, too: `unable to find user ghost`."""
    told = "with this name: create it above this line, or write its number"
    for user, said in (
        ("ghost", f"one: USER is ghost, but /etc/passwd has no user {told}"),
        ("games:ghosts", f"one: the group of USER is ghosts, but /etc/group has no group {told}"),
    ):
        context = project({"Dockerfile": f"{SYNTAX}FROM debian:bookworm-slim\nUSER {user}\n{LINE}"})
        for words in ((), ("--build-arg=PYENV_PARALLEL=0",)):
            failed = engine.build(context, *words, check=False)
            assert failed.returncode
            assert said in failed.log
            assert f">>> {LINE}" in failed.log
