"""Environments that are installed apart from their stage.

tests/engine/test_rerun.py has the changes that make them run again. Here is what it cannot have: which lines need their
stage, another builder, and a base image that is not to be trusted.
"""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING

import pytest
from tests.bed import forge as company
from tests.bed import settings
from tests.engine import bases, leaks, progress
from tests.engine.wheels import project_files, sdist, wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bed.engine import Engine
    from tests.bed.forge import Forge
    from tests.bed.index import Index
    from tests.conftest import Engines
    from tests.engine.conftest import Project

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
ENVS = "/opt/astro-pyenv/envs"

IMAGE, BYTES = wheel("image")
LINES = """\
FROM {base}
ENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}
COPY {image} /tmp/
RUN touch -d @{time} /tmp/{image} && mkdir -p {own}/apart {own}/secrets && echo 1 > {own}/secrets/PIP_NO_INDEX
PYENV 3.9 wheel given==1.0
PYENV 3.9 image image.txt
PYENV 3.9 sdist built==1.0
PYENV --mount=type=tmpfs,target=/mnt 3.9 mounted
PYENV --system-site-packages 3.9 site
"""
REPOSITORY = """\
COPY cloned /cloned
RUN cd /cloned && git init --quiet && git add . && \
    git -c user.name=me -c user.email=me@example.com commit --quiet --message=first
"""


@pytest.mark.parametrize("kind", ["28", pytest.param("28-containerd", marks=pytest.mark.slow)])
def test_who_is_installed_where(engines: Engines, project: Project, index: Index, kind: str) -> None:
    """Wheels are installed apart from the stage, builds and mounts in it; an environment is the same either way.

    A file of the image counts by its content. What needs its stage is installed again with it. What a base image has
    where steps find their mounts is nothing to them.
    """
    engine = engines(kind)
    index.add(*wheel("given", script=True))
    index.add(*sdist("built"))
    lines = {"image.txt": f"/tmp/{IMAGE}\n", "git.txt": "cloned @ git+file:///cloned\n"}
    context = project({IMAGE: BYTES, **project_files("cloned"), **lines})
    built = ["mounted", "sdist", "site"]

    def build(*words: str, time: int = 1) -> progress.Progress:
        base = company.IMAGE if kind == "28" else "debian:bookworm-slim"
        text = LINES.format(base=base, index=index, image=IMAGE, time=time, own="/run/dockerfile-pyenv")
        if kind == "28":  # the only one whose store has an image with git
            copied, line = "COPY image", "PYENV 3.9 git git.txt\n"
            text = text.replace(copied, REPOSITORY + copied) + line
            built[:] = ["git", "mounted", "sdist", "site"]
        (context / "Dockerfile").write_text(SYNTAX + text)
        return progress.parse(engine.build(*words, context, progress="rawjson").log)

    name = f"apart-{uuid.uuid4().hex[:8]}"
    first = build("--no-cache", f"--tag={name}:on")
    assert first.apart() == ["image", "wheel"]
    assert first.in_stage() == built
    assert first.reasons()["sdist"] == "built 1.0 has no compatible wheel, or wheels are disabled"
    assert first.reasons().get("git") in {None, "cloned is installed from a repository"}

    off = build("--build-arg=PYENV_PARALLEL=0", f"--tag={name}:off")
    assert off.in_stage() == sorted(["image", "wheel", *built])
    found, expected = engine.files(f"{name}:on"), engine.files(f"{name}:off")
    assert {path for path in found.keys() | expected.keys() if found.get(path) != expected.get(path)} == set()
    assert f"{ENVS[1:]}/wheel/bin/given" in found

    again = build()
    assert (again.asked(), again.apart(), again.in_stage()) == (False, [], [])
    touched = build(time=2)
    assert (touched.asked(), touched.apart(), touched.in_stage()) == (True, [], built)
    (context / IMAGE).write_bytes(wheel("image", script=True)[1])
    changed = build(time=2)
    assert (changed.asked(), changed.apart(), changed.in_stage()) == (True, ["image"], built)


PULLED = """\
FROM {base}
RUN date +%s.%N > /made
ENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}
PYENV 3.9 one given==1.0
PYENV 3.11 two given==1.0
PYENV --no-venv 3.13
"""


# BuildKit's look-up in a registry cache misses a record now and then: not for every change to wait for.
@pytest.mark.slow
def test_another_builder_pulls_what_one_has_installed(engines: Engines, project: Project, index: Index) -> None:
    """With the registry cache, an empty builder with a newer base installs nothing. Layers are the same everywhere.

    That is so without SOURCE_DATE_EPOCH, for installs on two builders, and in another image.
    """
    index.add(*wheel("given", script=True))
    run = uuid.uuid4().hex[:8]
    base, cache = f"apart:{run}", f"type=registry,ref={settings.REGISTRY}/cache:{run},registry.insecure=true"
    context = project({"Dockerfile": SYNTAX + PULLED.format(base=base, index=index)})
    bases.push(base, "1")

    def build(engine: Engine, tag: str, *words: str) -> progress.Progress:
        return progress.parse(engine.build(*words, f"--tag={tag}:{run}", context, progress="rawjson").log)

    first, second = engines("28-containerd"), engines("28-second")
    # BuildKit also exports what it knows of earlier builds. From a builder with a long history, the look-up
    # sometimes misses a record.
    first.prune()
    assert build(first, "first", "--no-cache", f"--cache-to={cache},mode=max").apart() == ["one", "two"]
    expected = layers(first, f"first:{run}")
    assert len(expected) == 6

    second.prune()
    bases.push(base, "2")
    pulled = build(second, "pulled", f"--cache-from={cache}")
    assert pulled.asked()
    # What --no-venv says is checked in each stage.
    assert (pulled.apart(), pulled.in_stage()) == ([], ["python3.13"])
    assert [step.name for step in pulled.steps.values() if step.ran and "] unpack" in step.name] == []
    assert layers(second, f"pulled:{run}") == expected

    (context / "Dockerfile").write_text(SYNTAX + PULLED.format(base="debian:bookworm-slim", index=index))
    assert build(second, "alone", "--no-cache").apart() == ["one", "two"]
    assert layers(second, f"alone:{run}") == expected


def layers(engine: Engine, image: str) -> dict[str, str]:
    """Digests of the layers that PYENV lines have made, by what the image's history says of them."""
    config = engine.image_config(image)
    texts = [entry["created_by"] for entry in config["history"] if not entry.get("empty_layer")]
    found = dict(zip(texts, config["rootfs"]["diff_ids"], strict=True))
    return {text: layer for text, layer in found.items() if text.startswith("PYENV ")}


SPY = """\
#!/bin/bash
{{ echo "{mark} $0"; env; cat /run/secrets/* /run/dockerfile-pyenv/secrets/* /root/.netrc; }} 2> /dev/null |
    tee -a /run/dockerfile-pyenv/cache/spied /opt/astro-pyenv/envs/spied >&2
exec /bin/bash "$@"
"""
HOSTILE = """\
FROM python:3.9-slim-bookworm
COPY --chmod=755 spy sitecustomize.py /hostile/
COPY pip.conf /etc/
RUN for place in /usr/local /root/.local /usr; do \
        install -D --target-directory=$place/lib/python3.9/site-packages /hostile/sitecustomize.py; done && \
    for name in uv git cc gcc python3.9 python3 busybox; do \
        cp --remove-destination /hostile/spy /usr/local/bin/$name; done && \
    echo /hostile/none.so > /etc/ld.so.preload && ln -sf /hostile/spy /bin/sh
ENV PYTHONPATH=/hostile PYTHONSTARTUP=/hostile/sitecustomize.py UV_PYTHON=/hostile/spy LD_PRELOAD=/hostile/none.so
ENV ENV=/hostile/spy BASH_ENV=/hostile/spy PATH=/hostile:$PATH
PYENV --secret=id=LOGIN 3.9 own own.txt
PYENV --secret=id=TOKEN --secret=id=netrc --installer=pip 3.9 by_pip bait.txt
PYENV --secret=id=TOKEN --secret=id=netrc 3.9 bait bait.txt
"""


def test_a_hostile_base_learns_no_secret(
    engine: Engine, project: Project, index: Index, forge: Forge, tmp_path: Path
) -> None:
    """Nothing of the base runs where a line is installed, and its settings cannot make an installer send a secret."""
    mark, token, name = f"spied-{uuid.uuid4().hex}", f"token{uuid.uuid4().hex}", f"index-{uuid.uuid4().hex[:8]}"
    login = f"{company.USER}:{company.PASSWORD}"
    forge.index(name).add(*wheel("ours"))
    index.add(*wheel("bait", "1.0"))
    # Who asks for this address has put the secret into it.
    type(index)(index.address, token).add(*wheel("bait", "2.0"))
    stolen = index.url.replace(index.name, "${TOKEN}")
    context = project(
        {
            "Dockerfile": SYNTAX + HOSTILE,
            "spy": SPY.format(mark=mark),
            "sitecustomize.py": f"import sys\nsys.stderr.write('{mark} sitecustomize\\n')\n",
            "pip.conf": f"[global]\nindex-url = {index.url}\nextra-index-url = {stolen}\ntrusted-host = {index.host}\n",
            "own.txt": f"--index-url {forge.index(name).url.replace('://', '://${LOGIN}@')}\nours\n",
            "bait.txt": "bait\n",
            "secrets/LOGIN": login,
            "secrets/TOKEN": token,
            "secrets/netrc": f"machine {index.address}\nlogin robot\npassword {token}\n",
            ".dockerignore": "secrets\n",
        }
    )
    secrets = [f"--secret=id={one},src={context}/secrets/{one}" for one in ("LOGIN", "TOKEN", "netrc")]
    tag = f"hostile:{name}"
    made = progress.parse(engine.build("--no-cache", f"--tag={tag}", *secrets, context, progress="rawjson").log)
    assert made.apart() == ["bait", "by_pip", "own"]
    assert made.in_stage() == []
    logs = {digest: step.log for digest, step in made.steps.items() if "] PYENV " in step.name}
    assert [log for log in logs.values() if mark in log] == []
    # The loader says so wherever it finds the base's settings: where the stage is asked, and nowhere else.
    assert [log for digest, log in logs.items() if "none.so" in log and digest not in made.asking()] == []
    assert leaks.find("".join(logs.values()).encode(), [company.PASSWORD, token], name="log") == []

    archive = tmp_path / "image.tar"
    engine.docker("save", "--output", archive, tag)
    assert leaks.find(archive, [company.PASSWORD, token]) == []
    assert [one for one in leaks.find(archive, [mark]) if "astro-pyenv" in one] == []
    leaks.check_caches(engine, f"{mark}|{token}")
    shutil.rmtree(context / "secrets")

    code = "import bait; print(bait.__version__)"
    for one in ("bait", "by_pip"):
        assert engine.run(tag, f"{ENVS}/{one}/bin/python", "-I", "-c", code) == "1.0"
