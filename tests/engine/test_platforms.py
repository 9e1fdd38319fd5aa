"""One file for two platforms, of which the engine runs one under QEMU."""

from __future__ import annotations

import base64
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed import bed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bed.engine import Engine
    from tests.engine.conftest import Project

# What the second line has is no wheel of pure Python either.
TEXT = """# syntax=dockerfile-pyenv:dev
FROM --platform=$BUILDPLATFORM debian:bookworm-slim AS native
RUN uname -m > /machine

FROM python:3.11-slim-bookworm AS base-amd64
FROM --platform=linux/arm64 arm64v8/python:3.11-slim-bookworm AS base-arm64
FROM base-$TARGETARCH
COPY --from=native /machine /found/native
COPY --from=native /etc/ssl/certs /etc/ssl/certs
PYENV --interpreter=base 3.11 numbers numpy==1.26.4
PYENV --interpreter=base 3.11 calls cffi==1.17.1 charset-normalizer==3.4.1
COPY shown.py /
RUN $ASTRO_PYENV_numbers -B /shown.py numpy.core._multiarray_umath > /found/numbers && \\
    $ASTRO_PYENV_calls -B /shown.py cffi _cffi_backend > /found/calls
"""
SHOWN = """\
import importlib.util, pathlib, platform, sys
modules = [importlib.import_module(name) for name in sys.argv[1:]]
loaded = [str(getattr(module, "__file__", "")) for module in [*sys.modules.values()]]
sources = [file for file in loaded if "site-packages" in file and file.endswith(".py")]
missing = [file for file in sources if not pathlib.Path(importlib.util.cache_from_source(file)).exists()]
assert sources
print(platform.machine(), pathlib.Path(modules[-1].__file__).name.split(".", 1)[1], len(missing))
"""


@pytest.mark.slow  # wheels of some 20 MB are unpacked and compiled under QEMU
@pytest.mark.proves("in place", base="bookworm of arm64, under QEMU", interpreter="base", store="28-containerd")
def test_compiled_wheels_and_bytecode_on_both(
    engines: Callable[[str], Engine], project: Project, tmp_path: Path
) -> None:
    """Each platform has the wheels of its own, with their bytecode, and a provenance with the user's own file.

    A stage of the build's own platform runs natively for both.
    """
    engine = engines("28-containerd")
    bed.extend_arm64(engine.kind)
    context = project({"Dockerfile": TEXT, "shown.py": SHOWN})
    archive = tmp_path / "image.tar"
    log = engine.build(
        "--platform=linux/amd64,linux/arm64", "--provenance=mode=max", f"--output=type=oci,dest={archive}", context
    ).log
    assert log.count("uname -m > /machine\n") == 1
    with tarfile.open(archive) as tar:
        images, statements = _images(tar)
        assert images.keys() == {"amd64", "arm64"}
        found = {name: _found(tar, layers) for name, layers in images.items()}
    machines = {"amd64": "x86_64", "arm64": "aarch64"}
    assert found == {
        name: {
            "native": "x86_64",
            "numbers": f"{machine} cpython-311-{machine}-linux-gnu.so 0",
            "calls": f"{machine} cpython-311-{machine}-linux-gnu.so 0",
        }
        for name, machine in machines.items()
    }
    assert len(statements) == len(machines)
    for provenance in (statement["predicate"] for statement in statements):
        infos = provenance["metadata"]["https://mobyproject.org/buildkit@v1#metadata"]["source"]["infos"]
        assert [base64.b64decode(info["data"]).decode() for info in infos] == [TEXT]
        assert "arm64v8/python" in json.dumps(provenance["materials"])  # one build of both
        # uv and the shell come from the frontend's image, and run natively on both.
        steps = [step["op"] for step in provenance["buildConfig"]["llbDefinition"]]
        tools = [step for step in steps if "dockerfile-pyenv" in step["Op"].get("source", {}).get("identifier", "")]
        assert [step["platform"]["Architecture"] for step in tools] == ["amd64"]


def _images(tar: tarfile.TarFile) -> tuple[dict[str, list[str]], list[dict[str, Any]]]:
    """Digests of layers by architecture, and the statements about the images."""
    (index,) = _document(tar, "index.json")["manifests"]
    images, statements = {}, []
    for entry in _document(tar, _blob(index["digest"]))["manifests"]:
        manifest = _document(tar, _blob(entry["digest"]))
        layers = [layer["digest"] for layer in manifest["layers"]]
        if entry["platform"]["architecture"] == "unknown":
            statements += [_document(tar, _blob(layer)) for layer in layers]
        else:
            images[entry["platform"]["architecture"]] = layers
    return images, statements


def _found(tar: tarfile.TarFile, layers: list[str]) -> dict[str, str]:
    """Texts in /found, by their names."""
    texts = {}
    for layer in layers:
        with tarfile.open(fileobj=tar.extractfile(_blob(layer))) as files:
            for member in files:
                if member.name.startswith("found/") and member.isreg() and (file := files.extractfile(member)):
                    texts[member.name.removeprefix("found/")] = file.read().decode().strip()
    return texts


def _document(tar: tarfile.TarFile, name: str) -> dict[str, Any]:
    file = tar.extractfile(name)
    assert file
    document: dict[str, Any] = json.load(file)
    return document


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"
