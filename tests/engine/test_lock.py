"""`dockerfile-pyenv lock`, and builds of what it wrote."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bed import forge as company
from tests.bed import settings
from tests.engine.test_errors import failure, marked
from tests.engine.test_requirements import packages
from tests.engine.wheels import project_files, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bed.engine import Engine
    from tests.bed.forge import Forge
    from tests.bed.index import Index
    from tests.engine.conftest import Project

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"


@pytest.fixture
def seen() -> Iterator[Path]:
    """A directory that the engine sees, of somebody who is not root."""
    with tempfile.TemporaryDirectory(dir=settings.STATE) as directory:
        os.chown(directory, 1234, 1234)
        yield Path(directory)


def write(directory: Path, files: Mapping[str, str | bytes]) -> None:
    """Write the files of a build context."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def lock(engine: Engine, directory: Path, *arguments: str) -> str:
    """Lock with the frontend's image: what is said."""
    words = ("run", "--rm", "-v", f"{directory}:/src", "dockerfile-pyenv:dev", "lock", "--write", *arguments)
    return engine.docker(*words).stdout


def test_a_build_installs_what_is_locked(engine: Engine, index: Index, seen: Path) -> None:
    """And not what the index has got since; with what lies in the context beside it. Any other use is refused."""
    linked, data = wheel("linked", "1.0")
    for name, requires in (("alpha", ("beta", "absent ; sys_platform == 'win32'")), ("beta", ())):
        index.add(*wheel(name, "1.0", requires=requires))
    write(
        seen,
        {
            "Dockerfile": SYNTAX
            + "FROM debian:bookworm-slim AS build\n"
            + "FROM debian:bookworm-slim\n"
            + f"ENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"
            + "ARG ALPHA=0.5\n"
            + "PYENV 3.9 one one.txt\n"
            + "PYENV 3.13 two <<EOF\nalpha\nEOF\n"
            + "PYENV --builder=build 3.13 built <<EOF\nalpha\n./pkg\nEOF\n",
            "one.txt": "alpha>=${ALPHA}\n./pkg\n-f links\nlinked\n",
            f"links/{linked}": data,
            **project_files("pkg"),
        },
    )
    said = lock(engine, seen)
    assert "pylock.one.toml: 3 packages for Python 3.9 on linux/amd64\n" in said
    assert "pylock.two.toml: 2 packages for Python 3.13 on linux/amd64\n" in said
    assert "pylock.built.toml: 2 packages for Python 3.13 on linux/amd64\n" in said
    owners = {path.name: path.stat().st_uid for path in seen.glob("pylock*")}
    assert owners == dict.fromkeys(["pylock.one.toml", "pylock.two.toml", "pylock.built.toml"], 1234)

    for name in ("alpha", "beta", "linked", "absent"):
        index.add(*wheel(name, "2.0"))
    built = engine.build(seen)
    assert "built: installing in the builder: pkg is a project directory" in built.log
    assert packages(engine, built.image, ("one", "two", "built")) == {
        "one": ["alpha==1.0", "beta==1.0", "linked==1.0", "pkg==1.0"],
        "two": ["alpha==1.0", "beta==1.0"],
        "built": ["alpha==1.0", "beta==1.0", "pkg==1.0"],
    }

    dockerfile = seen / "Dockerfile"
    text = dockerfile.read_text()
    assert "PYENV 3.13 two pylock.two.toml <<EOF\n" in text
    dockerfile.write_text(text.replace("3.9 one", "3.13 one"))
    log = failure(engine, seen)
    assert re.search(r"pylock\.one\.toml is for Python ==3\.9\.\*,>=[0-9.]+, but this line requires 3\.13", log)
    assert marked(log) == ["PYENV 3.13 one pylock.one.toml one.txt"]
    dockerfile.write_text(text)
    (seen / "one.txt").write_text("alpha\n./pkg\n")
    log = failure(engine, seen)
    assert "pylock.one.toml is outdated, since the requirements of this line changed" in log
    assert marked(log) == ["PYENV 3.9 one pylock.one.toml one.txt"]


def test_a_lock_is_for_its_platforms(engine: Engine, index: Index, seen: Path) -> None:
    """Of several any may be built; another one is refused at its line, before anything is built."""
    index.add(*wheel("alpha", "1.0"))
    line = "PYENV --interpreter=image:python:3.11-slim-bookworm 3.11 one"
    text = f"FROM debian:bookworm-slim\nENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"
    write(seen, {"Dockerfile": f"{SYNTAX}{text}{line} 'alpha>=1'\n"})
    said = lock(engine, seen, "--platform=linux/amd64,linux/arm64")
    assert said.startswith("pylock.one.toml: 1 package for Python 3.11 on linux/amd64, linux/arm64\n")
    index.add(*wheel("alpha", "2.0"))
    assert packages(engine, engine.build(seen).image, ("one",)) == {"one": ["alpha==1.0"]}
    lock(engine, seen, "--platform=linux/arm64")
    log = failure(engine, seen)
    assert "pylock.one.toml is not for Python 3.11 on linux/amd64, only for sys_platform == 'linux' and" in log
    assert "platform_machine == 'aarch64': lock again for this platform" in log
    assert marked(log) == [f"{line} pylock.one.toml 'alpha>=1'"]


def test_what_is_private_is_locked_without_a_credential(
    engine: Engine, forge: Forge, project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whoever locks has credentials as uv and git read them, and so has the build; the lock has none."""
    name = f"index-{uuid.uuid4().hex[:8]}"
    forge.index(name).add(*wheel("ours", "1.0", requires=("needed",)))
    forge.index(name).add(*wheel("needed", "2.0"))
    url = forge.secure(name)
    token = url.replace("://", "://${TOKEN}@")
    # Of the bed's own table of standalone builds a command on this machine knows nothing.
    given = "--secret=id=ca,env=SSL_CERT_FILE --interpreter=image:python:3.11-slim-bookworm 3.11"
    context = project(
        {
            "Dockerfile": f"{SYNTAX}FROM {company.IMAGE}\nENV PIP_INDEX_URL={url}\n"
            f"PYENV --secret=id=netrc {given} by_netrc ours>=1\n"
            f"PYENV --secret=id=TOKEN {given} by_token t.txt\n"
            f"PYENV --secret=id=netrc --secret=id=ca,env=GIT_SSL_CAINFO {given} by_git git.txt\n",
            "t.txt": f"--index-url {token}\nours @ {token.replace('/simple/', '/files/')}ours-1.0-py3-none-any.whl\n",
            "git.txt": f"greeting @ git+{forge.git}\n",
            "secrets/netrc": forge.netrc,
            "secrets/ca": forge.open("ca.pem"),
            "secrets/TOKEN": f"{company.USER}:{company.PASSWORD}",
            ".dockerignore": "secrets\n",
        }
    )
    home = tmp_path_factory.mktemp("home")
    (home / ".netrc").write_text(forge.netrc)
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": settings.PYTHONPATH,
        "HOME": str(home),
        "SSL_CERT_FILE": str(context / "secrets/ca"),
        "GIT_SSL_CAINFO": str(context / "secrets/ca"),
        "TOKEN": f"{company.USER}:{company.PASSWORD}",
    }
    command = [sys.executable, "-c", "from dockerfile_pyenv.cli.main import main; main()", "lock", "--write"]
    done = subprocess.run(
        [*command, f"--user={company.IMAGE}=root"],
        cwd=context,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    locks = "".join(path.read_text() for path in sorted(context.glob("pylock*")))
    assert company.PASSWORD not in locks + done.stdout + done.stderr
    assert company.USER not in locks
    assert 'commit-id = "' in locks
    forge.index(name).add(*wheel("ours", "2.0"))
    secrets = [f"--secret=id={path.name},src={path}" for path in (context / "secrets").iterdir()]
    image = engine.build(*secrets, context).image
    assert packages(engine, image, ("by_netrc", "by_token", "by_git")) == {
        "by_netrc": ["needed==2.0", "ours==1.0"],
        "by_token": ["needed==2.0", "ours==1.0"],
        "by_git": ["greeting==1.0"],
    }
