"""With the steps of groups side by side and one after the other, an image is the same."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from tests.bed.engine import Engine
from tests.engine.conftest import Project
from tests.unit.dockerfiles import FILES, dockerfiles
from tests.unit.planning import GOOD

Engines = Callable[[str], Engine]

GROUP = "PYENV 3.9 one r.txt\nPYENV 3.11 two\nPYENV --no-venv 3.13\nPYENV 3.9 three\n"
BASES = {
    "open-opt": "FROM debian:bookworm-slim\nRUN chmod 1777 /opt && chown 5:6 /opt && rm -r /usr/local/bin\n" + GROUP,
    "linked": "FROM debian:bookworm-slim\nRUN rmdir /opt && mkdir -m 750 /srv/opt && ln -s /srv/opt /opt && "
    "rm -r /usr/local/bin && mkdir /srv/bin && ln -s /srv/bin /usr/local/bin\nUSER 50000:7\n" + GROUP + "USER 0\n",
    "own-python": "FROM python:3.9-slim-bookworm\nPYENV --interpreter=base 3.9 own r.txt\n" + GROUP,
    "nothing-there": "FROM debian:bookworm-slim AS a\nRUN rm -r /opt /usr/local/bin /etc/passwd\n"
    + GROUP
    # A group at the start of a stage, two in one stage, one at its end.
    + "FROM a\nPYENV 3.13 five\nPYENV 3.9 six r.txt\nRUN test -e /usr/local/bin/python3.13\nPYENV 3.9 seven\n",
    "equal-stages": "FROM debian:bookworm-slim AS a\nPYENV 3.9 one\nPYENV 3.9 two\n"
    "FROM debian:bookworm-slim AS b\nPYENV 3.9 one\nFROM debian:bookworm-slim\nPYENV 3.9 one\nPYENV 3.9 three\n"
    "COPY --from=a /opt/astro-pyenv/envs /a\nCOPY --from=b /opt/astro-pyenv/envs /b\n",
}
NOT_BUILT = {
    "airflow": "its base has no Airflow",
    "builder": "it installs a compiler, and one of its builders is made up",
    "heredocs": "its hash is made up",
    "providers": "it compiles, with optimizations, and in a builder that is made up",
    "requirements": "its packages are made up",
    "secrets-and-mounts": "it waits for secrets",
}
"""Cases whose Dockerfile no engine could build, and why."""
CASES = {folder.name: (folder / "Dockerfile").read_bytes() for folder in GOOD if folder.name not in NOT_BUILT}
# What the cases expect of a base: a user of an odd name, and a command of the instruction's name for a heredoc.
BASE_OF_CASES = """\
FROM debian:bookworm-slim
RUN printf '%s\\n' 'od"us\\er:x:77:78::/:/bin/sh' >> /etc/passwd && ln -s /bin/true /usr/bin/PYENV
"""

AT_ONCE = 4
"""How many Dockerfiles are built in one go: each starts two frontends, and an engine waits 10 seconds for one."""

# Times count of what was there before, and contents where PYENV lines write: one after the other they leave the times
# of the build, and side by side 1980-01-01. The bases are made of files of 2026-11-01.
LIST = """\
FROM debian:bookworm-slim AS list
RUN {mounts} mkdir /lists && cd /mnt && for name in *; do cd /mnt/$name && {{ \
find . ! -type d ! -newermt 2026-11-02 -newermt 1980-01-02 -printf '%p %T@\\n'; \
find . -printf '%p %y %m %U %G %l\\n'; \
find . -type f '(' -path './opt/*' -o -path './usr/local/*' -o -newermt 2026-11-02 ')' -exec sha256sum {{}} +; \
}} | LC_ALL=C sort > /lists/$name; done
FROM scratch
COPY --from=list /lists /
"""


def random_dockerfiles(count: int) -> list[str]:
    """Some of the random Dockerfiles that hypothesis makes, with some PYENV lines each: the same in every run."""
    found: list[str] = []

    @settings(derandomize=True, max_examples=100, database=None, deadline=None)
    @given(dockerfiles(debian="debian:bookworm-slim", python="python:3.9-slim-bookworm", context="r.txt"))
    def collect(source: str) -> None:
        if 3 <= source.count("PYENV") <= 6:
            found.append(source)

    collect()
    return sorted(set(found), key=lambda one: hashlib.sha256(one.encode()).digest())[:count]


def both_ways(engine: Engine, folder: Path, sources: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Build each Dockerfile both ways in one build; for each way what its image says of itself, and its files."""
    targets: dict[str, dict[str, Any]] = {}
    base = {"context": str(folder), "dockerfile-inline": BASE_OF_CASES, "output": ["type=cacheonly"]}
    bases = ("debian:bookworm-slim", "quay.io/astronomer/astro-runtime:12.7.1")
    for name, source in sources.items():
        (folder / name).write_bytes(source)
        for way, parallel in (("on", "1"), ("off", "0")):
            targets[f"{name}-{way}"] = {
                "context": str(folder),
                "dockerfile": str(folder / name),
                "args": {"BUILDKIT_SYNTAX": "dockerfile-pyenv:dev", "PYENV_PARALLEL": parallel},
                "contexts": dict.fromkeys(bases, "target:base-of-cases") if name.startswith("case-") else {},
                "output": [f"type=image,name={name}-{way}:equal,compression=uncompressed"],
                **({"target": "wanted"} if "AS wanted" in source.decode() else {}),
            }
    mounts = " ".join(f"--mount=type=bind,from={name},target=/mnt/{name}" for name in targets)
    lists = {
        "context": str(folder),
        "dockerfile-inline": LIST.format(mounts=mounts),
        "contexts": {name: f"target:{name}" for name in targets},
        "output": [f"type=local,dest={folder / 'lists'}"],
    }
    bake = folder / "bake.json"
    bake.write_text(json.dumps({"target": {"base-of-cases": base, **targets, "lists": lists}}))
    words = ("buildx", "bake", "--allow=fs=*", "--progress=plain", f"--file={bake}", "lists", *targets)
    done = engine.docker(*words, cwd=folder)
    assert "PYENV lines are built one after another" not in done.stderr
    return {name: {"files": (folder / "lists" / name).read_text(), **facts(engine, name)} for name in targets}


def facts(engine: Engine, name: str) -> dict[str, Any]:
    """Config, environment, history and number of layers of an image."""
    image = json.loads(engine.docker("image", "inspect", f"{name}:equal").stdout)[0]
    history = engine.docker("history", "--no-trunc", "--format={{.CreatedBy}}", f"{name}:equal").stdout
    return {"config": image["Config"], "layers": len(image["RootFS"]["Layers"]), "history": history}


def assert_equal(results: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> None:
    """Hold the two ways of each Dockerfile against each other."""
    for name in names:
        on, off = results[f"{name}-on"], results[f"{name}-off"]
        assert "/opt/astro-pyenv/" in on["files"]
        differing = set(on["files"].splitlines()) ^ set(off["files"].splitlines())
        assert not differing, f"{name}: {sorted(differing)[:20]}"
        assert {key: on[key] for key in ("config", "layers", "history")} == {
            key: off[key] for key in ("config", "layers", "history")
        }, name


PARTS: dict[str, Callable[[], Mapping[str, str]]] = {
    "case": lambda: {name: source.decode().replace("3.10", "3.13") for name, source in CASES.items()},
    "base": lambda: BASES,
    "random": lambda: {str(number): source for number, source in enumerate(random_dockerfiles(3))},
}
"""Cases of the language, in versions of Python that the bed has; odd bases; and random groups."""


def marks(kind: str, part: str) -> list[pytest.MarkDecorator]:
    """What is left to the slow run, and the part that is about bases."""
    # The pass knows nothing of stores, but for the choice between copies and merges: all cases go through both in unit
    # tests, in symbols (evaluate.py).
    slow = [pytest.mark.slow] if part != "base" or kind != "28" else []
    proves = pytest.mark.proves("groups", base="five odd ones, with groups of lines", store=kind)
    return [*slow, *([proves] if part == "base" else [])]


@pytest.mark.parametrize(
    ("kind", "part"),
    [pytest.param(kind, part, marks=marks(kind, part)) for kind in ("28", "28-containerd") for part in PARTS],
)
def test_images_are_the_same_both_ways(engines: Engines, project: Project, kind: str, part: str) -> None:
    """Files, config, environment, layers and history are those that the lines make one after the other."""
    sources = {f"{part}-{name}": source.encode() for name, source in PARTS[part]().items()}
    named = {word for source in sources.values() for word in source.decode().split() if word.endswith(".txt")}
    folder = project(dict.fromkeys([*FILES, *(name.lstrip("./") for name in named), "data.txt"], "six==1.17.0\n"))
    for batch in batched(sources.items(), AT_ONCE):
        assert_equal(both_ways(engines(kind), folder, dict(batch)), [name for name, _ in batch])


@pytest.mark.slow
def test_exported_images_are_the_same_both_ways(engines: Engines, project: Project, tmp_path: Path) -> None:
    """What the containerd store exports is, unpacked by another engine, the same: nothing shines through its layers."""
    small = "PYENV 3.9 one r.txt\nPYENV 3.9 two\nPYENV 3.9 three\n"
    text = (
        f"# syntax=dockerfile-pyenv:dev\n{BASES['linked'].replace(GROUP, small)}RUN rm -r /opt/astro-pyenv/envs/two\n"
    )
    folder = project({"Dockerfile": text, "r.txt": "six==1.17.0\n"})
    found = []
    for way in ("1", "0"):
        archive, name = tmp_path.with_name(f"{tmp_path.name}-{way}.tar"), f"exported-{way}:test"
        output = f"--output=type=docker,dest={archive},name={name}"
        engines("28-containerd").build(f"--build-arg=PYENV_PARALLEL={way}", output, folder)
        engines("28").docker("load", "--input", archive)
        archive.unlink()
        found.append(engines("28").files(name))
    side_by_side, one_after_the_other = found
    assert "srv/opt/astro-pyenv/envs/three/bin/python" in side_by_side
    assert side_by_side == one_after_the_other


def batched(items: Iterable[tuple[str, bytes]], size: int) -> Iterator[tuple[tuple[str, bytes], ...]]:
    """Items in tuples of so many."""
    rest = iter(items)
    while batch := tuple(islice(rest, size)):
        yield batch
