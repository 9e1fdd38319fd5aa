"""Secrets, and what companies have: indexes and git behind a password, CAs of their own, proxies, no network."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed import forge as company
from tests.engine import leaks
from tests.engine.test_cache import steps
from tests.engine.test_errors import failure, marked
from tests.engine.wheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bed.engine import Engine
    from tests.bed.forge import Forge
    from tests.bed.index import Index
    from tests.engine.conftest import Project

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
ENVS = "/opt/astro-pyenv/envs"

GIVEN = """\
FROM {base}
COPY company.pem known_hosts /etc/
RUN useradd --create-home --uid 50000 astro && install -D /etc/known_hosts /home/astro/.ssh/known_hosts
USER astro
ENV PIP_INDEX_URL={index}
PYENV --secret=id=netrc --secret=id=company.pem,env=SSL_CERT_FILE 3.9 by_netrc one.txt
ENV PIP_CERT=/etc/company.pem GIT_SSL_CAINFO=/etc/company.pem
PYENV --installer=pip --mount=type=secret,id=netrc,target=/root/.netrc,required 3.9 as_in_run one.txt
PYENV --secret=id=TOKEN 3.9 by_variable token.txt
ENV PIP_INDEX_URL=
PYENV --secret=id=pip.conf 3.9 by_pip_conf one.txt
ENV UV_DEFAULT_INDEX=company={index}
PYENV --secret=id=user,env=UV_INDEX_COMPANY_USERNAME --secret=id=UV_INDEX_COMPANY_PASSWORD 3.9 by_name one.txt
"""
GIT = """\
PYENV --secret=id=netrc 3.9 by_git_https git.txt
PYENV --secret=id=TOKEN 3.9 by_git_token git-token.txt
PYENV --mount=type=ssh --mount=type=secret,id=known_hosts,target=/root/.ssh/known_hosts 3.9 by_git_ssh git-ssh.txt
PYENV --mount=type=ssh 3.9 by_users_hosts git-ssh.txt
"""
NAMES = ("by_netrc", "by_pip_conf", "as_in_run", "by_variable", "by_name")


@pytest.fixture
def given(forge: Forge, project: Project) -> Path:
    """A project whose packages are the company's, and the secrets that open them, in a directory next to it."""
    name = f"index-{uuid.uuid4().hex[:8]}"
    forge.index(name).add(*wheel("ours", "1.0", requires=("needed",)))
    forge.index(name).add(*wheel("needed", "2.0"))
    url = forge.secure(name)
    login = f"{company.USER}:{company.PASSWORD}"
    context = project(
        {
            "Dockerfile": SYNTAX + GIVEN.format(base="debian:bookworm-slim", index=url),
            "company.pem": forge.open("ca.pem"),
            "known_hosts": forge.open("known_hosts"),
            "one.txt": "ours\n",
            "token.txt": "--index-url " + url.replace("://", "://${TOKEN}@") + "\nours\n",
            "git.txt": f"greeting @ git+{forge.git}\n",
            "git-token.txt": "greeting @ git+" + forge.git.replace("://", "://${TOKEN}@") + "\n",
            "git-ssh.txt": f"greeting @ git+{forge.ssh}\n",
            "secrets/netrc": forge.netrc,
            "secrets/company.pem": forge.open("ca.pem"),
            "secrets/pip.conf": f"[global]\nindex-url = {url.replace('://', f'://{login}@')}\n",
            "secrets/TOKEN": f"{login}\n",
            "secrets/user": company.USER,
            "secrets/UV_INDEX_COMPANY_PASSWORD": f"{company.PASSWORD}\n",
            "secrets/known_hosts": forge.open("known_hosts"),
            "secrets/id_ed25519": forge.open("id_ed25519"),
            ".dockerignore": "secrets\n",
        }
    )
    (context / "secrets/id_ed25519").chmod(0o600)
    return context


def with_secrets(context: Path) -> list[str]:
    """Flags of docker build that hand over the project's secrets."""
    files = [path for path in sorted((context / "secrets").iterdir()) if path.name != "id_ed25519"]
    return [f"--secret=id={path.name},src={path}" for path in files] + [f"--ssh=default={context}/secrets/id_ed25519"]


def test_secrets_open_indexes_and_git_and_leave_no_trace(engine: Engine, given: Path, tmp_path: Path) -> None:
    """Each way to give a credential works; none is in a layer, the history, the config, a URL or the log.

    What changes in a secret afterwards makes nothing run again. Every package is in its environment's description, and
    in the layout that scanners read: syft itself, which is on no package registry, is not had here.
    """
    text = (given / "Dockerfile").read_text().replace("debian:bookworm-slim", company.IMAGE) + GIT
    (given / "Dockerfile").write_text(text)
    first = engine.build(*with_secrets(given), given)
    archive = tmp_path / "image.tar"
    engine.docker("save", "--output", archive, first.image)
    secrets = [company.PASSWORD, (given / "secrets/id_ed25519").read_text().splitlines()[3]]
    # The forge's own program knows its password.
    assert [name for name in leaks.find(archive, secrets) if "/forge/" not in name] == []
    assert leaks.find(first.log.encode(), secrets, name="log") == []
    assert "using build secrets: NETRC, SSL_CERT_FILE" in first.log
    leaks.check_caches(engine, re.escape(company.PASSWORD))
    files = engine.files(first.image)
    assert not [path for path in files if path.startswith(("root/.netrc", "root/.ssh", "run/dockerfile-pyenv"))]

    described = descriptions(engine, first.image)
    for name in NAMES:
        assert [(one["name"], one["version"]) for one in described[name]] == [("needed", "2.0"), ("ours", "1.0")]
    for name in ("by_git_https", "by_git_token", "by_git_ssh", "by_users_hosts"):
        (package,) = described[name]
        assert re.fullmatch(r"(https://|ssh://git@)198\.[^@]*", package["origin"]["url"])
        assert package["origin"]["vcs_info"]["vcs"] == "git"
    codes = [f"{ENVS}/{name}/bin/python -c 'import ours'" for name in NAMES]
    codes.append(f"{ENVS}/by_git_ssh/bin/python -c 'import greeting; print(greeting.WORDS)'")
    assert engine.run(first.image, "sh", "-c", " && ".join(codes)) == "hello from git"

    (given / "secrets/UV_INDEX_COMPANY_PASSWORD").write_text("another")
    (given / "secrets/netrc").write_text("")
    second = engine.build(*with_secrets(given), given)
    assert all(steps(second.log).values()), second.log
    assert second.image == first.image


READ = """
import base64, hashlib, importlib.metadata, json, pathlib
found = {}
for path in pathlib.Path("/opt/astro-pyenv/envs").iterdir():
    (packages,) = path.glob("lib/python3*/site-packages")
    seen = {}
    for one in importlib.metadata.distributions(path=[str(packages)]):
        seen[one.metadata["Name"]] = one.version
        for file in one.files:
            if file.hash:
                digest = hashlib.sha256(file.locate().read_bytes()).digest()
                assert file.hash.value == base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), file
    found[path.name] = [json.loads((path / ".pyenv.json").read_text()), seen]
print(json.dumps(found))
"""


def descriptions(engine: Engine, image: str) -> dict[str, list[dict[str, Any]]]:
    """The packages of each environment, as it describes itself: dist-info and RECORD must say the same."""
    found = json.loads(engine.run(image, "python3", "-c", READ))
    label = json.loads(engine.image_config(image)["config"]["Labels"]["dockerfile-pyenv.environments"])
    assert {one["name"]: (one["version"], one["path"]) for one in label} == {
        name: (described["version"], f"{ENVS}/{name}") for name, (described, _) in found.items()
    }
    packages: dict[str, list[dict[str, Any]]] = {}
    for name, (described, seen) in found.items():
        packages[name] = described["packages"]
        assert described["name"] == name
        assert described["interpreter"]["provider"] == "standalone"
        origin = described["interpreter"]["origin"]
        assert re.search(rf"/cpython-{described['version']}(?:%2B|\+)[^/]*\.tar\.gz$", origin["url"])
        assert re.fullmatch("[0-9a-f]{64}", origin["sha256"])
        assert all(len(one["sha256"]) == 64 for one in described["requirements"])
        assert {one["name"]: one["version"] for one in packages[name]} == seen
    return packages


def test_a_missing_secret_is_told_at_its_line(engine: Engine, project: Project) -> None:
    """A secret is required, unless the line says that it is not."""
    text = SYNTAX + "FROM debian:bookworm-slim\nPYENV --secret=id=UV_INDEX_A_PASSWORD,required=false 3.9 one\n"
    engine.build(project({"Dockerfile": text}))
    log = failure(engine, project({"Dockerfile": text.replace(",required=false", "")}))
    assert "secret UV_INDEX_A_PASSWORD: not found" in log
    assert marked(log) == ["PYENV --secret=id=UV_INDEX_A_PASSWORD 3.9 one"]


def test_packages_that_do_not_fit_together(engine: Engine, project: Project, index: Index) -> None:
    """A lock can hold what no resolver would choose: the step fails, and names the packages."""
    packages = []
    for name, version, requires in (("ours", "1.0", ("needed>=3",)), ("needed", "2.0", ())):
        file, data = wheel(name, version, requires=requires)
        index.add(file, data)
        url = index.url.replace("/simple/", f"/files/{file}")
        hashes = f'{{ sha256 = "{hashlib.sha256(data).hexdigest()}" }}'
        wheels = f'wheels = [{{ name = "{file}", url = "{url}", hashes = {hashes} }}]'
        packages.append(f'[[packages]]\nname = "{name}"\nversion = "{version}"\n{wheels}\n')
    lock = 'lock-version = "1.0"\ncreated-by = "a test"\n' + "".join(packages)
    text = f"FROM debian:bookworm-slim\nENV PIP_TRUSTED_HOST={index.host}\nPYENV 3.9 one pylock.toml\n"
    log = failure(engine, project({"Dockerfile": SYNTAX + text, "pylock.toml": lock}))
    assert "The package ours requires needed>=3, but 2.0 is installed" in log
    assert marked(log) == ["PYENV 3.9 one pylock.toml"]


def test_a_proxy_by_build_arguments(engine: Engine, project: Project, forge: Forge, index: Index) -> None:
    """The proxy alone knows the index; its password in the build argument is warned about."""
    index.add(*wheel("ours", "1.0"))
    url = index.url.replace(index.address, "index.internal")
    text = f"FROM debian:bookworm-slim\nENV PIP_INDEX_URL={url}\nPYENV 3.9 one one.txt\n"
    context = project({"Dockerfile": SYNTAX + text, "one.txt": "ours\n"})
    assert "cannot reach" in (log := failure(engine, context)) or "cannot resolve" in log
    proxy = f"http://{company.USER}:{company.PASSWORD}@{forge.proxy}"
    result = engine.build(f"--build-arg=HTTP_PROXY={proxy}", context)
    assert engine.run(result.image, f"{ENVS}/one/bin/python", "-c", "import ours; print(ours.__version__)") == "1.0"
    assert "PyenvCredentialsExposed: the build argument HTTP_PROXY has a URL with credentials" in result.log
    config = json.dumps(engine.image_config(result.image))
    assert company.PASSWORD not in config


def test_without_a_network(engine: Engine, project: Project, index: Index) -> None:
    """Packages come out of a wheelhouse: in the context, in a named context, in a stage, or in a cache mount.

    Mounts are RUN's own: their variables, owners and quotes. The PYENV lines of a stage that is only mounted are
    built.
    """
    index.add(*wheel("ours", "1.0"))
    house = dict([wheel("ours", "2.0")])
    name, data = wheel("ours", "3.0")
    text = f"""\
FROM debian:bookworm-slim AS house
COPY house /house
PYENV 3.11 in_house
RUN test -x /opt/astro-pyenv/envs/in_house/bin/python
FROM debian:bookworm-slim
ARG HOUSE=/my-house
RUN useradd --uid 50000 astro
USER astro
RUN --mount=type=cache,id=house-{uuid.uuid4().hex},uid=50000,target=/cached true
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS="/house /my-house /cached"
PYENV --network=none --mount=type=bind,source=house,target=/house 3.9 by_context ours.txt
PYENV --network=none --mount="type=bind,from=other,target=$HOUSE" 3.9 by_named ours.txt
PYENV --network=none --mount=type=bind,from=house,source=/house,target=/house \\
    --mount=type=cache,target=/cached,uid=50000,gid=50000,mode=0700 3.9 by_stage ours.txt
RUN test ! -e /house -a ! -e /my-house -a ! -e /cached/ours
"""
    context = project({"Dockerfile": SYNTAX + text, "ours.txt": "ours\n", f"other/{name}": data})
    for file, content in house.items():
        project({f"house/{file}": content})
    result = engine.build(f"--build-context=other={context}/other", context)
    code = "import ours; print(ours.__version__)"
    versions = [
        engine.run(result.image, f"{ENVS}/{env}/bin/python", "-c", code)
        for env in ("by_context", "by_named", "by_stage")
    ]
    assert versions == ["2.0", "3.0", "2.0"]
    assert not [path for path in engine.files(result.image) if path.startswith(("house", "my-house", "cached/"))]

    text = f"FROM debian:bookworm-slim\nENV PIP_INDEX_URL={index.url}\nPYENV --network=none 3.9 one ours.txt\n"
    log = failure(engine, project({"Dockerfile": SYNTAX + text}))
    assert f"why: cannot reach {index.url}ours/: " in log
    assert marked(log) == ["PYENV --network=none 3.9 one ours.txt"]
