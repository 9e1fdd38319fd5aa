"""Bytecode is compiled once on an engine, and says the same wherever it goes."""

import uuid

from tests.bed.engine import Engine
from tests.bed.index import Index
from tests.engine.conftest import Project
from tests.engine.wheels import wheel

LOOK = """
import importlib.util, marshal, pathlib, given
for path in pathlib.Path(given.__file__).parent.glob("*.py"):
    data = pathlib.Path(importlib.util.cache_from_source(str(path))).read_bytes()
    assert data[:8] == importlib.util.MAGIC_NUMBER + bytes([1, 0, 0, 0]), data[:8]
    assert marshal.loads(data[16:]).co_filename == str(path)
    print(path.parts[4])
"""


def test_a_wheel_is_compiled_once_for_a_python(engine: Engine, project: Project, index: Index) -> None:
    """Another environment, in another build, takes it from the engine's cache, with paths of its own."""
    index.add(*wheel("given", f"1.{uuid.uuid4().int % 10**9}"))
    files = {
        "Dockerfile": "# syntax=dockerfile-pyenv:dev\nFROM debian:bookworm-slim\n"
        f"ENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"
        "PYENV 3.9 first given.txt\nPYENV 3.11 other given.txt\n",
        "given.txt": "given\n",
    }
    first = engine.build(project(files))
    for name in ("first", "other"):
        assert f"{name}: bytecode of 1 package: 0 reused, 1 compiled" in first.log
        assert engine.run(first.image, f"/opt/astro-pyenv/envs/{name}/bin/python", "-c", LOOK) == name
    files["Dockerfile"] = files["Dockerfile"].replace("first", "another_name")
    second = engine.build(project(files))
    assert "another_name: bytecode of 1 package: 1 reused, 0 compiled" in second.log
    assert engine.run(second.image, "/opt/astro-pyenv/envs/another_name/bin/python", "-c", LOOK) == "another_name"
