"""Requirements in the shapes that people have them in, installed from a local index."""

import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.bed.engine import Engine
from tests.bed.index import Index
from tests.engine.conftest import Project
from tests.engine.wheels import project_files, wheel

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
LIST = (
    "import importlib.metadata as m, json; "
    "print(json.dumps(sorted(d.metadata['Name'] + '==' + d.version for d in m.distributions())))"
)
NAMES = ("files", "inline", "heredocs", "local")


@pytest.fixture
def stocked(index: Index) -> Index:
    """An index with two versions of some packages, the newer of which has a pre-release next to it."""
    for name in ("alpha", "beta", "gamma"):
        for version in ("1.0", "2.0", "3.0rc1"):
            index.add(*wheel(name, version))
    index.add(*wheel("delta", "1.0", requires=("gamma",)))
    return index


def files(index: Index) -> dict[str, str | bytes]:
    """A project whose lines name requirements in every way."""
    own, own_data = wheel("own")
    image, image_data = wheel("fromimage")
    linked, linked_data = wheel("linked")
    return {
        "Dockerfile": SYNTAX
        + "FROM debian:bookworm-slim\n"
        + f"ENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host} FLAVOUR=extra\n"
        + "ARG GAMMA=1.0\n"
        + "COPY image /tmp\n"
        + "PYENV 3.11 files requirements/base.txt second.txt\n"
        + "PYENV 3.11 inline alpha==1.0 'beta<2' \"delta ; python_version>'3'\" gamma==${GAMMA}\n"
        + "PYENV 3.11 heredocs <<A <<'B'\n"
        + "alpha==${GAMMA}\n"
        + "A\n"
        + "-r requirements/deeper.txt\n"
        + "beta==${GAMMA}\n"
        + "B\n"
        + f"PYENV 3.11 local local.txt dist/{own}\n"
        + "RUN cat /nonexistent || echo line 14 follows\n",
        "requirements/base.txt": "# comments\n-r ${FLAVOUR}.txt\n-c constraints.txt\nalpha\n",
        "requirements/extra.txt": "beta>=1 \\\n  ; python_version > '3'\n-rdeeper.txt\n",
        "requirements/deeper.txt": "\ufeffgamma==${GAMMA}  # continued\r\n\r\n",
        "requirements/constraints.txt": "beta<2\n",
        "second.txt": "delta\n",
        "local.txt": f"-e ./pkg\n/tmp/{image}\n--find-links links\nlinked\n",
        f"dist/{own}": own_data,
        "dist/unused.txt": "1",
        f"image/{image}": image_data,
        f"links/{linked}": linked_data,
        **project_files("pkg"),
    }


def packages(engine: Engine, image: str, names: tuple[str, ...] = NAMES) -> dict[str, list[str]]:
    """What each environment holds, pip's stand-in left out."""
    script = "".join(f'/opt/astro-pyenv/envs/{name}/bin/python -c "{LIST}"\n' for name in names)
    return {
        name: json.loads(line)
        for name, line in zip(names, engine.run(image, "sh", "-ec", script).splitlines(), strict=True)
    }


def test_every_shape_of_requirements(engine: Engine, project: Project, stocked: Index) -> None:
    """Files with what they include, the line's own, heredocs, archives and projects of the context and the image."""
    result = engine.build(project(files(stocked)))
    assert packages(engine, result.image) == {
        "files": ["alpha==2.0", "beta==1.0", "delta==1.0", "gamma==1.0"],
        "inline": ["alpha==1.0", "beta==1.0", "delta==1.0", "gamma==1.0"],
        "heredocs": ["alpha==1.0", "beta==1.0", "gamma==1.0"],
        "local": ["fromimage==1.0", "linked==1.0", "own==1.0", "pkg==1.0"],
    }
    assert "as non-editable: its directory is not part of the image" in result.log
    assert re.search(r"\d\] PYENV 3\.11 heredocs <<A <<B$", result.log, re.MULTILINE)
    assert not [path for path in engine.files(result.image) if path.startswith("run/dockerfile-pyenv/")]


class changed:  # noqa: N801 - reads as a verb
    """A file with another content for a while."""

    def __init__(self, context: Path, name: str, old: str, new: str) -> None:
        self._path = context / name
        self._old, self._new = old, new
        self._before: bytes | None = None

    def __enter__(self) -> None:
        if not self._old:
            self._before = self._path.read_bytes() if self._path.exists() else None
            self._path.write_text(uuid.uuid4().hex)
            return
        self._before = self._path.read_bytes()
        assert self._old.encode() in self._before
        self._path.write_bytes(self._before.replace(self._old.encode(), self._new.encode()))

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            self._path.unlink()
        else:
            self._path.write_bytes(self._before)


def ran(log: str, name: str) -> bool:
    """Whether the step of an environment was carried out in a build."""
    return re.search(rf"^#\d+ [0-9.]+ {name}: \d+ packages? in ", log, re.MULTILINE) is not None


CHANGES: Mapping[str, tuple[str, str, str]] = {
    "a file that no line names": ("other.txt", "", ""),
    "a file next to a named wheel": ("dist/unused.txt", "", ""),
    "a comment between lines": ("Dockerfile", "PYENV 3.11 local", "# why\nPYENV 3.11 local"),
    "the requirements file that a line names": ("second.txt", "delta\n", "delta # again\n"),
    "a file that it includes": ("requirements/deeper.txt", "# continued", "# changed"),
    "a constraints file": ("requirements/constraints.txt", "beta<2", "beta<1.5"),
    "a file of a local project": ("pkg/pkg.py", "1.0", "1.0 "),
    "the body of a heredoc": ("Dockerfile", "alpha==${GAMMA}\n", "alpha==${GAMMA} # again\n"),
    "a requirement on the line": ("Dockerfile", "'beta<2'", "'beta<1.5'"),
}
"""What is changed: a file, and a text in it with what takes its place."""
TOGETHER = 3
"""The first changes are made in one build: if together they change nothing, each alone changes nothing."""


def test_what_is_installed_again(engine: Engine, project: Project, stocked: Index) -> None:
    """The table of the reference, made by building: each change is made alone, in the project above."""
    context = project(files(stocked))
    engine.build(context)
    rows = ["| changed | reinstalled |", "|---|---|"]
    with ExitStack() as changes:
        for what, change in list(CHANGES.items())[:TOGETHER]:
            changes.enter_context(changed(context, *change))
            rows.append(f"| {what} | nothing |")
        log = engine.build(context).log
        assert not [name for name in NAMES if ran(log, name)]
    for what, change in list(CHANGES.items())[TOGETHER:]:
        with changed(context, *change):
            log = engine.build(context).log
        rows.append(f"| {what} | {', '.join(f'`{name}`' for name in NAMES if ran(log, name))} |")
    table = "\n".join(rows)
    reference = Path(__file__).parents[2] / "dockerfile-syntax/reference.md"
    assert table in reference.read_text(), table


def sha256(data: bytes) -> str:
    """Checksum of a file's content."""
    return hashlib.sha256(data).hexdigest()


def lock(folder: Path, index: Index) -> None:
    """Lock a project, for uv and in the form of PEP 751."""
    (folder / "project").mkdir()
    (folder / "project/pyproject.toml").write_text(
        '[project]\nname = "project"\nversion = "1.0"\nrequires-python = ">=3.9"\ndependencies = ["alpha<2"]\n'
        '[project.optional-dependencies]\nmore = ["beta"]\n[dependency-groups]\ndev = ["absent"]\nextra = ["gamma<2"]\n'
    )
    uv = Path(sys.executable).with_name("uv")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "UV_DEFAULT_INDEX": index.url}
    subprocess.run([uv, "lock", "--quiet"], cwd=folder / "project", env=environ, check=True)
    command = [uv, "export", "--quiet", "--frozen", "--no-emit-project", "--no-default-groups", "--format=pylock.toml"]
    subprocess.run([*command, "--output-file=../pylock.toml"], cwd=folder / "project", env=environ, check=True)


def test_locks(engine: Engine, project: Project, stocked: Index) -> None:
    """A uv.lock with what is chosen of it, by either installer; a pylock.toml; a project; hashes of a file."""
    stocked.add(*wheel("absent"))
    _, data = wheel("beta", "1.0")
    own, own_data = wheel("own")
    context = project(
        {
            "Dockerfile": SYNTAX
            + "FROM debian:bookworm-slim\n"
            + f"ENV PIP_INDEX_URL={stocked.url} PIP_TRUSTED_HOST={stocked.host}\n"
            + "PYENV --extra=more --group=extra 3.11 uv project/uv.lock\n"
            + "PYENV --installer=pip 3.11 pip project/uv.lock\n"
            + "PYENV 3.9 pylock pylock.toml delta==1.0\n"
            + "PYENV --extra=more --group=extra 3.11 unlocked project/pyproject.toml\n"
            + "PYENV 3.11 hashes hashes.txt\n"
            + "PYENV 3.11 path locks/pylock.toml\n",
            "locks/pylock.toml": 'lock-version = "1.0"\ncreated-by = "a test"\n[[packages]]\nname = "own"\n'
            f'version = "1.0"\narchive = {{ path = "../dist/{own}", hashes = {{ sha256 = "{sha256(own_data)}" }} }}\n',
            f"dist/{own}": own_data,
            "hashes.txt": f"beta==1.0 --hash=sha256:{sha256(data)}\n",
        }
    )
    lock(context, stocked)
    names = ("uv", "pip", "pylock", "unlocked", "hashes", "path")
    assert packages(engine, engine.build(context).image, names) == {
        "uv": ["alpha==1.0", "beta==2.0", "gamma==1.0"],
        "pip": ["alpha==1.0"],
        "pylock": ["alpha==1.0", "delta==1.0", "gamma==2.0"],
        "unlocked": ["alpha==1.0", "beta==2.0", "gamma==1.0"],
        "hashes": ["beta==1.0"],
        "path": ["own==1.0"],
    }
    (context / "hashes.txt").write_text(f"beta==1.0 --hash=sha256:{'0' * 64}\n")
    toml = context / "project/pyproject.toml"
    toml.write_text(toml.read_text().replace("alpha<2", "alpha<3"))
    dockerfile = (context / "Dockerfile").read_text().splitlines(keepends=True)
    (context / "Dockerfile").write_text("".join(dockerfile[:4]))
    stale = engine.build(context, check=False)
    assert "uv: cannot install project/uv.lock: the lock is out of date with its pyproject.toml" in stale.log
    assert ">>> PYENV --extra=more --group=extra 3.11 uv project/uv.lock" in stale.log


def test_flags_about_the_environment(engine: Engine, project: Project, stocked: Index) -> None:
    """What each flag changes, apart from what the base's own Python has."""
    context = project(
        {
            "Dockerfile": SYNTAX
            + "FROM python:3.11-slim-bookworm\n"
            + f"ENV PIP_INDEX_URL={stocked.url} PIP_TRUSTED_HOST={stocked.host}\n"
            + "RUN python3.11 -m pip install gamma==1.0\n"
            + "PYENV --interpreter=base --system-site-packages 3.11 site delta==1.0\n"
            + "PYENV --interpreter=base --system-site-packages --installer=pip 3.11 pip_site delta==1.0\n"
            + "PYENV --interpreter=base --no-deps --no-compile --seed 3.11 bare delta==1.0 delta.txt\n",
            "delta.txt": "delta\n",
        }
    )
    image = engine.build(context).image
    script = "cd /opt/astro-pyenv/envs; for name in site pip_site bare; do "
    script += "echo $name $(ls $name/lib/python3.11/site-packages | grep -v '^_' | sed 's/^pip-.*[.]/pip./'); done; "
    script += "find bare/lib -name '*.pyc' | wc -l; bare/bin/pip list --format=freeze | cut -d= -f1 | xargs; "
    script += "pip_site/bin/python -c 'import delta, gamma; print(gamma.__version__)'"
    assert engine.run(image, "sh", "-ec", script).splitlines() == [
        "site delta delta-1.0.dist-info gamma gamma-2.0.dist-info pip",
        "pip_site delta delta-1.0.dist-info pip",
        "bare delta delta-1.0.dist-info pip pip.dist-info",
        "0",
        "delta pip",
        "1.0",
    ]
