"""What is done again, and what is not."""

import re
import uuid

from tests.bed.engine import Engine
from tests.engine.conftest import Project

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
FILES = {
    "Dockerfile": SYNTAX + "FROM debian:bookworm-slim\nPYENV 3.9 one one.txt\nPYENV 3.11 two\nCOPY app /app\n",
    "one.txt": "# one\n",
    "app": "1",
}


def cached(log: str) -> dict[str, bool]:
    """Whether each named step of a log did not run.

    Its result came from the cache, or what needs it came from there. BuildKit may then be loading the step's result to
    look up the next one by content, and ends that without a word when the build ends.
    """
    names = dict(re.findall(r"^#(\d+) (\[.*)$", log, re.MULTILINE))
    ended = set(re.findall(r"^#(\d+) (?:DONE|ERROR)\b", log, re.MULTILINE))
    wrote = set(re.findall(r"^#(\d+) \d+\.\d+ ", log, re.MULTILINE))
    taken = set(re.findall(r"^#(\d+) (?:CACHED|CANCELED)$", log, re.MULTILINE))
    return {name: number not in wrote and (number in taken or number not in ended) for number, name in names.items()}


def steps(log: str) -> dict[str, bool]:
    """The steps of the user's file, and those that unpack interpreters.

    Sources are left out: BuildKit asks them for their digest in every build, and says CACHED of them or not.
    """
    sources = ("FROM", "] download", "[internal]")
    return {name: hit for name, hit in cached(log).items() if not any(word in name for word in sources)}


def test_nothing_changed_starts_no_step(engine: Engine, project: Project) -> None:
    """A second build takes every step from the cache."""
    context = project(FILES)
    first = engine.build(context)
    second = engine.build(context)
    assert steps(second.log)
    assert all(steps(second.log).values()), second.log
    assert second.image == first.image


def test_an_application_file_changed(engine: Engine, project: Project) -> None:
    """What a PYENV line does not read does not make it run again."""
    context = project(FILES)
    engine.build(context)
    (context / "app").write_text(uuid.uuid4().hex)
    (context / "another.txt").write_text("new")
    again = [name for name, hit in steps(engine.build(context).log).items() if not hit]
    assert again == ["[4/4] COPY app /app"]


def test_no_cache_runs_every_step(engine: Engine, project: Project) -> None:
    """`--no-cache` runs PYENV lines again, and the result is as good."""
    context = project(FILES)
    engine.build(context)
    result = engine.build("--no-cache", context)
    lines = {name: hit for name, hit in steps(result.log).items() if "PYENV" in name}
    assert lines
    assert not any(lines.values())
    assert engine.run(result.image, "/opt/astro-pyenv/envs/one/bin/python", "-c", "print(1)") == "1"


def test_pull_with_a_locally_loaded_base(engine: Engine, project: Project) -> None:
    """`--pull` asks the registry for base images, and nothing else: our tools come from the frontend itself."""
    context = project(
        {"Dockerfile": FILES["Dockerfile"].replace(SYNTAX, ""), **{k: v for k, v in FILES.items() if k != "Dockerfile"}}
    )
    result = engine.build("--pull", "--build-arg", "BUILDKIT_SYNTAX=dockerfile-pyenv:dev", context)
    assert engine.run(result.image, "/opt/astro-pyenv/envs/one/bin/python", "-c", "print(1)") == "1"


def test_another_release_of_the_frontend_reinstalls_nothing(engine: Engine, project: Project) -> None:
    """A frontend whose uv and provisioning are the same finds every step in the cache."""
    release = project(
        {
            "frontend/Dockerfile": "FROM dockerfile-pyenv:dev\nCOPY new.py /pyenv/lib/dockerfile_pyenv/new.py\n",
            "frontend/new.py": "released = 'later'\n",
            **FILES,
        }
    )
    engine.build(release)
    engine.build("--load", "-t", "dockerfile-pyenv:next", release / "frontend")
    (release / "Dockerfile").write_text(FILES["Dockerfile"].replace("pyenv:dev", "pyenv:next"))
    log = engine.build(release).log
    assert "dockerfile-pyenv:next" in log
    again = [name for name, hit in steps(log).items() if not hit]
    assert again == []
