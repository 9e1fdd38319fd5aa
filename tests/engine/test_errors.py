"""Errors, as a user sees them in the output of a build."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bed.engine import Engine
from tests.bed.forge import Forge
from tests.bed.index import Index
from tests.engine.conftest import Project
from tests.engine.wheels import compiled, wheel

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
CASES = Path(__file__).parents[2] / "dockerfile-syntax/cases"
ERRORS = sorted(path.parent for path in CASES.glob("errors*/*/Dockerfile"))
NOT_HERE = {"differs-by-platform", "two-builds"}  # need another platform, another table


def failure(engine: Engine, *words: str | Path) -> str:
    """What a build that fails says."""
    result = engine.build(*words, check=False)
    assert result.returncode != 0, result.log
    return result.log


def marked(log: str) -> list[str]:
    """The lines that BuildKit marks in its excerpt of the Dockerfile."""
    return [line.split(">>>", 1)[1].strip() for line in log.splitlines() if " | >>>" in line]


def shown(log: str) -> str:
    """What a client prints at the end of a build that failed: the excerpt of the Dockerfile and the error.

    Whether it says "failed to build" as well depends on the release of buildx, whether "failed to run Build function"
    on which of its parts hears of the failure first, and a ref is another one every time.
    """
    end = re.search(r"^(?:\S+:\d+\n-{20}\n(?:.*\n)*?-{20}\n)?ERROR: failed to (?:.*\n?)+", log, re.MULTILINE)
    assert end, log
    text = end[0].replace("ERROR: failed to build: ", "ERROR: ").rstrip("\n") + "\n"
    text = text.replace("ERROR: failed to run Build function: ", "ERROR: failed to solve: ")
    return re.sub(r"\bref \S+::\w+", "ref …", text)


def test_wrong_files_show_their_own_lines(engine: Engine, regenerate: bool) -> None:  # noqa: FBT001
    """Every golden wrong file fails with the very text next to it, at its own lines.

    A case's `arguments` are further words of the build. Those in `cases/errors` are refused by unit tests with the
    same text; those in `cases/errors-of-builds` need an engine, which writes them with REGENERATE=1.
    """
    engine.docker("tag", "dockerfile-pyenv:dev", "dockerfile-pyenv:1")
    cases = [case for case in ERRORS if case.name not in NOT_HERE]

    def run(case: Path) -> str:
        arguments = case / "arguments"
        return failure(engine, *(arguments.read_text().split() if arguments.exists() else ()), case)

    with ThreadPoolExecutor(4) as pool:
        logs = dict(zip(cases, pool.map(run, cases), strict=True))
    for case, log in logs.items():
        assert "Traceback" not in log, case.name
        assert "internal error" not in log, case.name
        if regenerate and case.parent.name == "errors-of-builds":
            (case / "error").write_text(shown(log))
    differing = {case.name: shown(log) for case, log in logs.items() if shown(log) != (case / "error").read_text()}
    assert differing == {}


def test_a_requirements_file_may_be_odd(engine: Engine, project: Project) -> None:
    """Emptiness, a BOM, CRLF, a missing final newline and blanks in the name are all fine."""
    context = project(
        {
            "Dockerfile": SYNTAX
            + 'FROM debian:bookworm-slim\nPYENV 3.9 one empty.txt\nPYENV 3.9 two "a b,c é$d.txt"\n',
            "empty.txt": "",
            "a b,c é$d.txt": "\ufeff# comment\r\n\r\n# no end",
        }
    )
    log = failure(engine, context)
    assert "$d" in log or "a b,c é.txt" in log
    (context / "a b,c é$d.txt").rename(context / "a b,c é.txt")
    image = engine.build(context).image
    assert engine.run(image, "/opt/astro-pyenv/envs/two/bin/python", "-c", "print(1)") == "1"


def test_a_failing_install_points_at_its_line(engine: Engine, project: Project, index: Index) -> None:
    """An install that fails inside the build shows the user's PYENV line and says which environment, what and why.

    The file has the name that the user gave it, there and in an error before anything is built.
    """
    for version in ("1.0", "3.0"):
        index.add(*wheel("alpha", version))
    text = f"{SYNTAX}FROM debian:bookworm-slim\nENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"
    text += "PYENV 3.9 good\nPYENV 3.9 \\\n  bad \\\n  bad.txt\n"
    context = project(
        {"sub/Our.Dockerfile": text, "Early": text.replace("3.9 good", "3.x good"), "bad.txt": "alpha==2.0\n"}
    )
    assert f"Early:4\n{'-' * 20}\n" in failure(engine, "-f", context / "Early", context)
    log = failure(engine, "-f", context / "sub/Our.Dockerfile", context)
    assert f"Our.Dockerfile:5\n{'-' * 20}\n" in log
    assert marked(log) == ["PYENV 3.9 \\", "bad \\", "bad.txt"]
    assert "PYENV 3.9 bad bad.txt" in log
    assert "bad: cannot install bad.txt: alpha==2.0" in log
    assert "bad:   why: no index has this version: the closest versions are 1.0 and 3.0" in log
    # The end of the step's log, which clients repeat above the excerpt, has it too.
    assert "the closest versions" in log.split("------\n > ", 1)[1]


def test_why_an_install_failed(engine: Engine, project: Project, index: Index, forge: Forge) -> None:
    """Each kind of failure ends the step's log, and what clients repeat of it, with package, reason and advice."""
    index.add(*wheel("one"))
    index.add(*wheel("two", requires=("one>=2",)))
    index.add(*compiled("native"))
    index.add("foreign-1.0-py3-none-win_amd64.whl", wheel("foreign")[1])
    index.add(*wheel("newer", python=">=3.99"))
    open_index = f"--index-url {index.url}\n--trusted-host {index.host}\n"
    private = forge.index("closed")
    private.add(*wheel("one"))
    kinds = {
        "conflict": (
            f"{open_index}one==1.0\ntwo==1.0\n",
            "the requirements are incompatible",
            "Because all versions of two depend on one>=2 and you require one==1.0, ",
        ),
        "compiler": (
            f"{open_index}native==1.0\n",
            "native==1.0",
            "it has no wheel for Python 3.9 on this platform, and the image has no compiler to build it from source",
        ),
        "hash": (
            f"{open_index}one==1.0 --hash=sha256:{'0' * 64}\n",
            "one==1.0",
            "the hash of the index's file does not match the requirements file (downloaded: sha256:",
        ),
        "package": (f"{open_index}nowhere==1.0\n", "nowhere", "no index has a package with this name"),
        "python": (
            f"{open_index}newer==1.0\n",
            "newer==1.0",
            "it requires Python >=3.99; the environment has Python 3.9",
        ),
        "platform": (
            f"{open_index}foreign==1.0\n",
            "foreign==1.0",
            "it is for Windows: it has wheels for win_amd64 and no source distribution",
        ),
        "reach": (
            "--index-url http://127.0.0.1:9/simple/\none==1.0\n",
            "the package index",
            "cannot reach http://127.0.0.1:9/simple/one/: Connection refused",
        ),
        "password": (
            f"--index-url {private.url}\n--trusted-host {private.host}\none==1.0\n",
            "one",
            f"the index {private.url} denied access (401 Unauthorized)",
        ),
        "certificate": (
            f"--index-url {forge.secure('closed')}\none==1.0\n",
            "the package index",
            f"the certificate of {forge.secure('closed')}one/ is not trusted (UnknownIssuer)",
        ),
        "git": (f"greeting @ git+{forge.git}\n", "a git URL", "the image has no git"),
    }
    context = project({f"{kind}.txt": requirements for kind, (requirements, _, _) in kinds.items()})
    lines = "".join(f"FROM debian:bookworm-slim AS {kind}\nPYENV 3.9 env {kind}.txt\n" for kind in kinds)
    (context / "Dockerfile").write_text(SYNTAX + lines)
    with ThreadPoolExecutor(3) as pool:
        logs = dict(zip(kinds, pool.map(lambda kind: failure(engine, f"--target={kind}", context), kinds), strict=True))
    for kind, (_, package, why) in kinds.items():
        repeated = logs[kind].split("------\n > ", 1)[1]
        assert marked(repeated) == [f"PYENV 3.9 env {kind}.txt"]
        told = re.findall(r"^[\d.]* ?env: (?:cannot install [^:]*: |  )(.*)$", repeated, re.MULTILINE)
        assert told[:1] == [package], logs[kind]
        assert told[1].startswith(f"why: {why}"), repeated
        assert told[2].startswith("do:  "), repeated
    assert "building native==1.0 from source: it has no compatible wheel" in logs["compiler"]
