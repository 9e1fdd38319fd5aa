"""`docker build --check` and `--call=…`, and the warnings of a build, as a user sees them."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bed.engine import Engine
from tests.engine.conftest import Project

from dockerfile_pyenv.checks.registry import RULES
from dockerfile_pyenv.checks.rule import Example
from dockerfile_pyenv.plan.onbuild import USUAL

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
WHOLE = Path(__file__).parents[2] / "dockerfile-syntax/cases/calls/whole"
CALLS = {
    "check": ["--call=check"],
    "check-of-a-target": ["--call=check", "--target=final"],
    "check-with-error": [
        "--call=check",
        "--build-arg=BUILDKIT_DOCKERFILE_CHECK=skip=PyenvEndOfLifePython;error=true",
        "--target=final",
    ],
    "check-of-nothing": ["--call=check", "--build-arg=BUILDKIT_DOCKERFILE_CHECK=skip=all", "--target=final"],
    "check.json": ["--call=check,format=json", "--target=final"],
    "outline": ["--call=outline", "--target=final"],
    "outline.json": ["--call=outline,format=json", "--target=final"],
    "targets": ["--call=targets"],
    "targets.json": ["--call=targets,format=json"],
    "describe": ["--call=subrequests.describe"],
}
RUNTIME = "quay.io/astronomer/astro-runtime:12.7.1"
STAND_INS = [
    f"--build-context={image}=docker-image://debian:bookworm-slim"
    for image in (f"{RUNTIME}-base", "apache/airflow:3.1.3")
]
"""For images of the rules' examples that only their registry has."""
INTERNAL = re.compile(r"PYENV_\d|probe|dockerfile-pyenv/(tools|req|python)|/opt/astro|/run/|last-stage|# not built")


def call(engine: Engine, folder: Path, *words: str) -> str:
    """What a build of a folder prints that builds nothing, and how it ends."""
    done = engine.docker("buildx", "build", "--progress=quiet", *words, ".", cwd=folder, check=False)
    text = done.stdout + done.stderr
    if any("format=json" in word for word in words):
        value = json.loads(done.stdout)
        for source in value.get("sources", []):
            if isinstance(source, dict):  # how the file was loaded is another session's every time
                assert source.pop("definition")["def"]
        text = json.dumps(value, indent=1) + "\n" + done.stderr
    return f"{text.strip()}\nexit status {done.returncode}\n"


def test_what_a_file_is_asked(engine: Engine, regenerate: bool) -> None:  # noqa: FBT001
    """Each request gets the golden answer next to the Dockerfile: the user's lines, and nothing that is ours."""
    engine.docker("tag", "dockerfile-pyenv:dev", "dockerfile-pyenv:1")
    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(CALLS, pool.map(lambda words: call(engine, WHOLE, *words), CALLS.values()), strict=True))
    for name, answer in answers.items():
        if regenerate:
            (WHOLE / name).write_text(answer)
        assert not INTERNAL.search(answer), name
    assert {name: (WHOLE / name).read_text() for name in CALLS} == answers


def test_an_engine_that_has_no_lint(engines: Callable[[str], Engine]) -> None:
    """Docker 26 answers the same, but for the Dockerfile frontend's own rules."""
    engine = engines("26")
    engine.docker("tag", "dockerfile-pyenv:dev", "dockerfile-pyenv:1")
    for name in ("outline", "targets"):
        assert call(engine, WHOLE, *CALLS[name]) == (WHOLE / name).read_text()
    found, golden = (
        re.findall(r"^WARNING: (Pyenv\w+)(?: .*)?\n.+\n(Dockerfile:\d+)$", text, re.MULTILINE)
        for text in (call(engine, WHOLE, *CALLS["check"]), (WHOLE / "check").read_text())
    )
    assert found
    assert found == golden


def test_every_rule_is_seen_by_a_user(engine: Engine, tmp_path: Path) -> None:
    """`--check` warns of each rule's bad example, at its line and with the rule's address, and of no good one."""

    def check(name: str, example: Example) -> str:
        folder = tmp_path / name
        for path, content in {"Dockerfile": example.dockerfile, **example.files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content.replace("FROM debian\n", "FROM debian:bookworm-slim\n"))
        # A syntax line that is not the first one is found by nobody: then the build says which frontend to take.
        first = example.dockerfile.startswith("# syntax=")
        words = [] if first else ["--build-arg=BUILDKIT_SYNTAX=dockerfile-pyenv:1"]
        return call(engine, folder, "--check", *words, *STAND_INS)

    engine.docker("tag", "dockerfile-pyenv:dev", "dockerfile-pyenv:1")
    for tag, lines in (("", USUAL), ("-base", ())):
        text = "".join(["FROM debian:bookworm-slim\n", *(f"ONBUILD {line}\n" for line in lines)])
        (tmp_path / "Dockerfile").write_text(text)
        engine.build("--load", f"--tag={RUNTIME}{tag}", tmp_path)

    with ThreadPoolExecutor(4) as pool:
        bad = list(pool.map(lambda rule: check(f"{rule.name}-bad", rule.bad), RULES))
        good = list(pool.map(lambda rule: check(f"{rule.name}-good", rule.good), RULES))
    for rule, of_bad, of_good in zip(RULES, bad, good, strict=True):
        found = re.findall(r"^WARNING: (Pyenv\w+)(?: - (\S+))?\n.+\nDockerfile:\d+$", of_bad, re.MULTILINE)
        assert found == [(rule.name, rule.url)], of_bad
        assert "no warnings found" in of_good, of_good


def test_warnings_of_a_build(engine: Engine, project: Project) -> None:
    """A build gives each warning once, the Dockerfile frontend's own among them, at the user's lines."""
    text = SYNTAX + "FROM debian:bookworm-slim as base\nPYENV 3.13 my-env\nMAINTAINER me\n"
    text += "ENV A=$ASTRO_PYENV_my_env B=$NOBODYS\n# check=skip=PyenvNameNotShell\nPYENV 3.13 other-env\n"
    context = project({"Dockerfile": text})
    log = engine.docker("--debug", "buildx", "build", "--progress=plain", context).stderr
    shorts = re.findall(r"^\S* ?- (\w+): .*\(line (\d+)\)$", log, re.MULTILINE)
    assert sorted(shorts, key=lambda short: short[1]) == [
        ("FromAsCasing", "2"),
        ("PyenvNameNotShell", "3"),
        ("MaintainerDeprecated", "4"),
        ("UndefinedVar", "5"),
    ], log
    assert "\nDockerfile:3\n" in log
    assert "[internal] check Dockerfile\n" in log
    assert not re.search(r"frontend\.\w+$|probe", log, re.MULTILINE)
    assert re.search(r"^ +3 \| >>> PYENV 3.13 my-env$", log, re.MULTILINE)
