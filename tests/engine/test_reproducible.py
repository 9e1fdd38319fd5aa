"""The same input gives the same image, byte by byte."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

from tests.bed.engine import Engine
from tests.engine import progress
from tests.engine.conftest import Project

FILES = {
    # The stage asks for the epoch, which each commit changes.
    "Dockerfile": "# syntax=dockerfile-pyenv:dev\nFROM debian:bookworm-slim\nARG SOURCE_DATE_EPOCH\n"
    "PYENV 3.9 one one.txt\nPYENV 3.11 two two.txt\nPYENV --no-venv 3.13\nRUN echo $SOURCE_DATE_EPOCH > /epoch\n",
    "one.txt": "requests==2.32.3\n",
    # docopt is there as source alone.
    "two.txt": "docopt==0.6.2\npip==25.0.1\n",
}


def test_two_builds_from_nothing_give_the_same_image(
    engines: Callable[[str], Engine], project: Project, tmp_path: Path
) -> None:
    """With SOURCE_DATE_EPOCH and rewritten times the digests are equal; the epoch alone installs nothing again."""
    engine = engines("28-containerd")
    context = project(FILES)

    def build(epoch: int, target: Path) -> progress.Progress:
        output = f"type=oci,dest={target},rewrite-timestamp=true"
        words = ("--provenance=false", f"--build-arg=SOURCE_DATE_EPOCH={epoch}", f"--output={output}")
        return progress.parse(engine.build(*words, context, progress="rawjson").log)

    digests = []
    for number in (1, 2):
        engine.prune()
        assert build(1793491200, tmp_path / f"{number}.tar").installed() == ["one", "python3.13", "two"]
        digests.append(_digest(tmp_path / f"{number}.tar"))
    assert digests[0] == digests[1]
    assert build(1793577600, tmp_path / "later.tar").installed() == []
    assert _digest(tmp_path / "later.tar") != digests[0]


def _digest(archive: Path) -> str:
    """Digest of the image in an OCI archive."""
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        (manifest,) = json.loads(index.read())["manifests"]
        return str(manifest["digest"])
