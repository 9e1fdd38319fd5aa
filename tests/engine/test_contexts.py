"""The Dockerfile and the build context come from wherever Docker can take them."""

import http.server
import io
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bed import settings
from tests.bed.engine import Engine
from tests.conftest import Engines
from tests.engine.additions import assert_only_additions
from tests.engine.conftest import Project
from tests.engine.test_errors import marked
from tests.engine.wheels import wheel

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
FILES = {
    "Dockerfile": SYNTAX + "FROM debian:bookworm-slim\nCOPY marker /marker\nPYENV 3.9 one requirements/one.txt\n",
    "marker": "here",
    "requirements/one.txt": "# nothing\r\n",
}


def check(engine: Engine, image: str) -> None:
    """The image was built from FILES, and has nothing but the promised additions beyond a build without PYENV lines."""
    assert engine.run(image, "cat", "/marker") == "here"
    assert engine.run(image, "/opt/astro-pyenv/envs/one/bin/python", "-c", "print(1)") == "1"
    plain = engine.build(
        "-", input=archive(FILES["Dockerfile"].replace("PYENV 3.9 one requirements/one.txt\n", ""))
    ).image
    assert_only_additions(engine, image, plain, ["one"])


def test_a_dockerfile_from_stdin(engine: Engine, project: Project) -> None:
    """`docker build -f - .` takes the Dockerfile from the terminal and the context from the directory."""
    context = project(FILES)
    check(engine, engine.build("-f", "-", context, input=FILES["Dockerfile"]).image)


def test_a_dockerfile_of_another_name_with_an_ignore_file_of_its_own(engine: Engine, project: Project) -> None:
    """`-f sub/Other.Dockerfile` brings its own `.dockerignore` along, which counts in place of the context's."""
    context = project(
        {
            ".dockerignore": "requirements\n",
            "sub/Other.Dockerfile": FILES["Dockerfile"] + "COPY . /all\n",
            "sub/Other.Dockerfile.dockerignore": "secret\n",
            "secret": "",
            "marker": FILES["marker"],
            "requirements/one.txt": "",
        }
    )
    image = engine.build("-f", context / "sub/Other.Dockerfile", context).image
    assert engine.run(image, "/opt/astro-pyenv/envs/one/bin/python", "-c", "print(1)") == "1"
    assert "secret" not in engine.run(image, "ls", "/all").split()


def test_a_lower_case_dockerfile(engine: Engine, project: Project) -> None:
    """A file named `dockerfile` is found where there is no `Dockerfile`."""
    context = project(
        {**{name: text for name, text in FILES.items() if name != "Dockerfile"}, "dockerfile": FILES["Dockerfile"]}
    )
    check(engine, engine.build(context).image)


def test_a_tar_from_stdin(engine: Engine) -> None:
    """`docker build - < context.tar` reads Dockerfile, context and requirement files from the archive."""
    check(engine, engine.build("-", input=archive()).image)


def archive(dockerfile: str = FILES["Dockerfile"]) -> bytes:
    """FILES as a tar archive, with this Dockerfile in them."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, text in {**FILES, "Dockerfile": dockerfile}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


@pytest.fixture
def web(tmp_path: Path, engine: Engine) -> Iterator[tuple[Path, str]]:  # noqa: ARG001 - the engine brings the network up
    """A directory served over http, and its address."""
    root = tmp_path / "web"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **keywords: object) -> None:
            super().__init__(*args, directory=str(root), **keywords)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer((settings.GATEWAY, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield root, f"http://{settings.GATEWAY}:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_archive_over_http(engine: Engine, web: tuple[Path, str]) -> None:
    """An http address of an archive is Dockerfile and context in one."""
    root, address = web
    (root / "context.tar").write_bytes(archive())
    check(engine, engine.build(f"{address}/context.tar").image)


def test_a_dockerfile_of_ones_own_for_an_archive_over_http(engine: Engine, web: tuple[Path, str]) -> None:
    """`-f -` goes before the Dockerfile of a remote context, which is still the context."""
    root, address = web
    (root / "context.tar").write_bytes(archive())
    text = FILES["Dockerfile"] + "RUN touch /mine\n"
    image = engine.build(f"{address}/context.tar", "-f", "-", input=text).image
    assert engine.run(image, "cat", "/marker") == "here"
    engine.run(image, "test", "-e", "/mine")


def test_a_dockerfile_over_http(engine: Engine, web: tuple[Path, str]) -> None:
    """An http address of a plain file is a Dockerfile without a context."""
    root, address = web
    (root / "file").write_text(SYNTAX + "FROM debian:bookworm-slim\nPYENV 3.9 one\n")
    image = engine.build(f"{address}/file").image
    assert engine.run(image, "/opt/astro-pyenv/envs/one/bin/python", "-c", "print(1)") == "1"


@pytest.fixture
def repository(project: Project, tmp_path: Path, engine: Engine) -> Iterator[str]:  # noqa: ARG001 - brings the network up
    """Address of a git repository that holds FILES in a directory of its own."""
    work = project({f"sub/{name}": text for name, text in FILES.items()})
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(work)]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    served = tmp_path / "served"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(served / "repository.git")], check=True)
    port = 9418
    daemon = subprocess.Popen(
        [
            "git",
            "daemon",
            "--export-all",
            "--reuseaddr",
            f"--listen={settings.GATEWAY}",
            f"--base-path={served}",
            str(served),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    address = f"git://{settings.GATEWAY}:{port}/repository.git"
    try:
        for _ in range(50):
            if subprocess.run(["git", "ls-remote", address], check=False, capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        yield address
    finally:
        daemon.terminate()
        daemon.communicate()


def test_a_git_repository(engine: Engine, repository: str) -> None:
    """A git address with a branch and a directory is Dockerfile, requirement files and context in one."""
    check(engine, engine.build(f"{repository}#main:sub").image)


def test_a_named_context(engine: Engine, project: Project) -> None:
    """`--build-context` replaces images and serves COPY --from, for stages with PYENV lines too."""
    context = project(
        {
            "Dockerfile": SYNTAX + "FROM base\nCOPY --from=other file /file\nPYENV 3.9 one\n",
            "other/file": "from the other context",
        }
    )
    image = engine.build(
        "--build-context",
        "base=docker-image://debian:bookworm-slim",
        "--build-context",
        f"other={context / 'other'}",
        context,
    ).image
    assert engine.run(image, "cat", "/file") == "from the other context"
    assert engine.run(image, "/opt/astro-pyenv/envs/one/bin/python", "-c", "print(1)") == "1"


@pytest.fixture
def chained(project: Project) -> Path:
    """Two targets of a bake file and services of a compose file; one of the two is the other's build context.

    A requirement in the variable BELOW or ABOVE breaks the line of one of them.
    """
    wheels = [wheel("ours", "1.0"), wheel("theirs", "2.0")]
    return project(
        {
            "docker-bake.hcl": 'variable "BELOW" { default = "" }\nvariable "ABOVE" { default = "" }\n'
            'target "below" {\n  context = "below"\n  args = { MORE = BELOW }\n}\n'
            'target "above" {\n  context = "above"\n  contexts = { base = "target:below" }\n'
            '  args = { MORE = ABOVE }\n  tags = ["baked:test"]\n}\n',
            "compose.yaml": "services:\n"
            "  below:\n    build: { context: below, args: { MORE: '${BELOW-}' } }\n"
            "  above:\n    image: composed:test\n    build:\n      context: above\n      args: { MORE: '${ABOVE-}' }\n"
            "      additional_contexts: { base: 'service:below' }\n",
            "below/Dockerfile": SYNTAX
            + "FROM debian:bookworm-slim\nARG MORE\nENV FROM_BASE=1 PIP_NO_INDEX=1\nUSER 5000\n"
            "PYENV 3.9 below r.txt <<EOF\n$MORE\nEOF\n",
            "below/r.txt": f"./{wheels[0][0]}\n",
            f"below/{wheels[0][0]}": wheels[0][1],
            "above/Dockerfile": SYNTAX
            + "FROM base\nCOPY --from=base /opt/astro-pyenv/envs/below/pyvenv.cfg /copied\n\nARG MORE\n"
            "PYENV 3.9 one r.txt <<EOF\n$MORE\nEOF\nPYENV 3.11 two\n",
            "above/r.txt": f"./{wheels[1][0]}\n",
            f"above/{wheels[1][0]}": wheels[1][1],
        }
    )


@pytest.mark.parametrize("name", ["28", pytest.param("28-containerd", marks=pytest.mark.slow)])
def test_targets_with_environments_are_contexts_of_each_other(engines: Engines, name: str, chained: Path) -> None:
    """In a bake file and in a compose file: environments of both are there, each warning and error is in its file."""
    engine = engines(name)
    baked = engine.docker("--debug", "buildx", "bake", "--progress=plain", "above", cwd=chained)
    lines = {
        where: [f"PYENV 3.9 {one} r.txt <<EOF", "$MORE", "EOF"] for where, one in (("below", "below"), ("above", "one"))
    }
    assert sorted(marked(baked.stdout + baked.stderr)) == sorted(lines["below"] + lines["above"])
    engine.docker("compose", "build", "above", cwd=chained)
    code = "import sys; print(sys.version_info[1], *(__import__(name).__version__ for name in sys.argv[1:]))"
    for image in ("baked:test", "composed:test"):
        environment = engine.run(image, "env").splitlines()
        assert "FROM_BASE=1" in environment
        assert engine.run(image, "id", "-u") == "5000"
        for one, packages, found in (("below", ["ours"], "9 1.0"), ("one", ["theirs"], "9 2.0"), ("two", [], "11")):
            assert f"ASTRO_PYENV_{one}=/opt/astro-pyenv/envs/{one}/bin/python" in environment
            assert engine.run(image, f"/opt/astro-pyenv/envs/{one}/bin/python", "-c", code, *packages) == found
    for command in (["buildx", "bake", "--progress=plain", "above"], ["compose", "build", "above"]):
        for where in ("below", "above"):
            failed = engine.docker(*command, cwd=chained, env={where.upper(): "nowhere==1"}, check=False)
            log = failed.stdout + failed.stderr
            assert failed.returncode != 0, log
            assert "internal error" not in log
            assert marked(log) == lines[where], log
            assert f'process "{lines[where][0]}" did not complete' in log


def test_a_target_before_a_broken_stage(engine: Engine, project: Project) -> None:
    """Only stages that the target reaches are planned: what is wrong in others does not matter."""
    context = project(
        {
            "Dockerfile": SYNTAX
            + "FROM debian:bookworm-slim AS wanted\nPYENV 3.9 one\n"
            + "FROM nowhere:at-all\nPYENV latest ?? ../missing.txt\n"
        }
    )
    image = engine.build("--target", "wanted", context).image
    assert engine.run(image, "/opt/astro-pyenv/envs/one/bin/python", "-c", "print(1)") == "1"


def test_stages_may_have_names_like_ours(engine: Engine, project: Project) -> None:
    """No stage name of the user's is one of our build contexts."""
    text = "FROM debian:bookworm-slim AS {0}\nRUN echo {0} > /{0}\n"
    names = ["pyenv-tools", "pyenv-requirements", "pyenv-python-3.9.2"]
    copies = "".join(f"COPY --from={name} /{name} /{name}\n" for name in names)
    context = project(
        {
            "Dockerfile": SYNTAX
            + "".join(text.format(name) for name in names)
            + f"FROM debian:bookworm-slim\n{copies}PYENV 3.9 one one.txt\n",
            "one.txt": "",
        }
    )
    image = engine.build(context).image
    assert engine.run(image, "cat", *(f"/{name}" for name in names)).split() == names


def test_an_image_with_environments_as_a_base(engine: Engine, project: Project) -> None:
    """An image made with PYENV lines is a base like any other: its interpreters are not added again."""
    base = project({"base/Dockerfile": SYNTAX + "FROM debian:bookworm-slim\nPYENV 3.9 below\n"}) / "base"
    engine.build("--load", "-t", "with-environments:test", base)
    context = project({"Dockerfile": SYNTAX + "FROM with-environments:test\nPYENV 3.9 above\n"})
    image = engine.build(context).image
    texts = [entry.get("created_by", "") for entry in engine.image_config(image)["history"]]
    assert texts.count("PYENV 3.9 (CPython 3.9.2, standalone by default)") == 1
    for name in ("below", "above"):
        assert engine.run(image, f"/opt/astro-pyenv/envs/{name}/bin/python", "-c", "print(1)") == "1"
