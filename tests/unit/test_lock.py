"""`dockerfile-pyenv lock`, with uv itself and a directory of packages in the place of an index."""

import io
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.engine.wheels import wheel

from dockerfile_pyenv.cli import lock as lock_command
from dockerfile_pyenv.cli.main import main
from dockerfile_pyenv.requirements import pylock_writer
from dockerfile_pyenv.requirements.pylock_writer import LockTarget

Run = Callable[..., tuple[int, str, str]]

FILES = {
    "Dockerfile": """# syntax=dockerfile-pyenv:1
FROM quay.io/astronomer/astro-runtime:12.7.1
ARG BETA
PYENV --no-venv 3.11
PYENV 3.9 etl requirements/etl.txt
PYENV 3.13 reports.daily \\
    beta>=${BETA} <<EOF
--no-index
-f wheels
EOF
""",
    "requirements/etl.txt": "--no-index\n--find-links ../wheels\nalpha\n./project\n",
    "project/pyproject.toml": '[project]\nname = "project"\nversion = "1"\ndependencies = ["beta<2"]\n',
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests away."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_DEFAULT_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], context: Path) -> Run:
    """Run a command in the build context: the exit status, and what is written."""

    def run(*arguments: str, command: str = "lock") -> tuple[int, str, str]:
        user = [] if command in {"lock", "check"} else ["--user=astro"]
        with pytest.raises(SystemExit) as caught:
            main([command, "--build-arg=BETA=1", *user, *arguments, str(context)])
        out, err = (text.replace(f"{context}/", "") for text in capfd.readouterr())
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err

    return run


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context whose packages are in a directory of it."""
    for name, text in FILES.items():
        path = tmp_path / "context" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    stock(tmp_path / "context", "alpha", "1.0", "beta>=1")
    stock(tmp_path / "context", "beta", "1.0")
    return tmp_path / "context"


def stock(context: Path, name: str, version: str, *requires: str) -> None:
    """Add a package to the directory."""
    file, data = wheel(name, version, requires=requires)
    (context / "wheels").mkdir(exist_ok=True)
    (context / "wheels" / file).write_bytes(data)


def versions(path: Path) -> list[str]:
    """The packages of a lock."""
    return [f"{one['name']}=={one['version']}" for one in tomllib.loads(path.read_text())["packages"]]


def test_a_lock_for_each_line(run: Run, context: Path) -> None:
    """Beside its first file, for the platforms asked for; with what a project of the context needs, but not itself."""
    status, out, _ = run("--platform=linux/amd64,linux/arm64")
    assert status == 0
    assert out == (
        "requirements/pylock.etl.toml: 2 packages for Python 3.9 on linux/amd64, linux/arm64\n"
        "pylock.reports_daily.toml: 1 package for Python 3.13 on linux/amd64, linux/arm64\n"
        "Dockerfile:5: add the lock to the line: PYENV 3.9 etl requirements/pylock.etl.toml requirements/etl.txt\n"
        "Dockerfile:6: add the lock to the line: PYENV 3.13 reports.daily pylock.reports_daily.toml beta>=${BETA} "
        "<<EOF\n"
    )
    lock = tomllib.loads((context / "requirements/pylock.etl.toml").read_text())
    assert versions(context / "requirements/pylock.etl.toml") == ["alpha==1.0", "beta==1.0"]
    assert lock["requires-python"] == "==3.9.*,>=3.9.25"
    assert lock["environments"] == [
        "sys_platform == 'linux' and platform_machine == 'x86_64'",
        "sys_platform == 'linux' and platform_machine == 'aarch64'",
    ]
    assert [one["path"] for one in lock["packages"][0]["wheels"]] == ["../wheels/alpha-1.0-py3-none-any.whl"]
    assert lock["packages"][0]["wheels"][0]["hashes"]["sha256"]


def test_write_names_the_locks(run: Run, context: Path) -> None:
    """In place, and nothing else of the file changes; then the rules and the other commands take them."""
    status, out, _ = run("--write")
    assert status == 0
    assert out.count("added the lock to the line") == 2
    before = FILES["Dockerfile"]
    after = before.replace("3.9 etl", "3.9 etl requirements/pylock.etl.toml").replace(
        "3.13 reports.daily", "3.13 reports.daily pylock.reports_daily.toml"
    )
    assert (context / "Dockerfile").read_text() == after
    assert "PyenvUnpinnedRequirement" not in run(command="check")[1]
    assert run("--write")[1].count("as before") == 2
    assert (context / "Dockerfile").read_text() == after


def test_what_is_locked_stays(run: Run, context: Path) -> None:
    """Although there are newer versions, until somebody asks for them, or a requirement does."""
    run("--write")
    lock = context / "requirements/pylock.etl.toml"
    stock(context, "alpha", "2.0", "beta")
    stock(context, "beta", "1.5")
    assert "as before" in run("--name=etl")[1]
    assert "  beta 1.0 → 1.5\n" in run("--name=etl", "--upgrade-package=beta")[1]
    assert versions(lock) == ["alpha==1.0", "beta==1.5"]
    assert "  alpha 1.0 → 2.0\n" in run("--upgrade")[1]
    path = context / "requirements/etl.txt"
    path.write_text(path.read_text() + "beta<1.5\n")
    assert "  beta 1.5 → 1.0\n" in run()[1]
    assert versions(lock) == ["alpha==2.0", "beta==1.0"]


def test_locked_versions_that_no_index_has_any_more(run: Run, tmp_path: Path) -> None:
    """If uv fails with the versions of its earlier output, all versions are selected again."""
    assert run("--write", "--name=etl")[0] == 0
    real = lock_command._uv()  # noqa: SLF001 - no other place says where uv is
    fake = tmp_path / "fake-uv"
    fake.write_text(
        f'#!/bin/sh\nfor one; do case "$one" in --output-file=*) [ -s "${{one#*=}}" ] && '
        f'{{ echo "error: beta==1.0 has neither a wheel nor a source distribution" >&2; exit 1; }};; esac; done\n'
        f'exec {real} "$@"\n'
    )
    fake.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock_command, "IMAGE_UV", fake)
        status, out, err = run("--name=etl")
    assert status == 0
    assert out == "requirements/pylock.etl.toml: 2 packages for Python 3.9 on linux/amd64, as before\n"
    assert err == "cannot keep the locked versions: selecting all versions again\n"


def test_an_additional_index_that_does_not_answer(
    run: Run, context: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left out, as in a build."""
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    (context / "Dockerfile").write_text(
        f"FROM debian:bookworm-slim\nENV PIP_INDEX_URL={index}\nENV PIP_EXTRA_INDEX_URL=http://127.0.0.1:9/more\n"
        "PYENV 3.9 etl alpha==1.0\n"
    )
    status, out, err = run("--platform=linux/amd64")
    assert status == 0, err
    assert "pylock.etl.toml: 1 package for Python 3.9 on linux/amd64\n" in out
    assert "going on without the index http://127.0.0.1:9/more (PIP_EXTRA_INDEX_URL): connection refused\n" in err


@pytest.mark.parametrize(
    ("python", "more", "version"),
    [
        pytest.param("3.9", "", "81.0", id="only a dependency requires it"),
        pytest.param("3.9", "setuptools\n", "82.0", id="the line names it"),
        pytest.param("3.12", "", "82.0", id="a Python without it"),
        pytest.param("3.9", "modern\n", "82.0", id="another one requires the newest"),
    ],
)
def test_setuptools_with_pkg_resources(run: Run, context: Path, python: str, more: str, version: str) -> None:
    """A lock has the version that a build selects; the second run keeps it."""
    for one in ("81.0", "82.0"):
        stock(context, "setuptools", one)
    stock(context, "alpha", "1.0", "setuptools>40")
    stock(context, "modern", "1.0")
    stock(context, "modern", "2.0", "setuptools>=82")
    (context / "requirements/etl.txt").write_text("--no-index\n--find-links ../wheels\nalpha\n" + more)
    (context / "Dockerfile").write_text(f"FROM debian:bookworm-slim\nPYENV {python} etl requirements/etl.txt\n")
    for _ in range(2):
        assert run("--write")[0] == 0
        locked = versions(context / "requirements/pylock.etl.toml")
        assert [one for one in locked if one.startswith("setuptools")] == [f"setuptools=={version}"]
    assert ("modern==2.0" in locked) == bool(more.startswith("modern"))


def test_a_package_that_its_marker_excludes(run: Run, context: Path) -> None:
    """It need not exist, as in a build."""
    path = context / "requirements/etl.txt"
    path.write_text(path.read_text() + "./wheels/other-1.0-py3-none-any.whl ; sys_platform == 'win32'\n")
    assert run("--name=etl")[0] == 0
    assert versions(context / "requirements/pylock.etl.toml") == ["alpha==1.0", "beta==1.0"]


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("cp39-cp39-manylinux_2_17_x86_64", True),
        ("cp38-abi3-musllinux_1_2_x86_64", True),
        ("py2.py3-none-any", True),
        ("cp39-cp39-win_amd64", False),
        ("cp310-cp310-manylinux_2_17_x86_64", False),
        ("cp310-abi3-manylinux_2_17_x86_64", False),
        ("cp39-cp39-manylinux_2_17_aarch64", False),
    ],
)
def test_a_lock_has_a_file_for_its_platform(tag: str, fits: bool) -> None:  # noqa: FBT001 - a case
    """Or it is not written: uv takes the files of a version from one index, suitable or not."""
    target = LockTarget("3.9.25", ("linux/amd64",), "")
    text = (
        'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "eggs"\nversion = "1.0"\n'
        f'wheels = [{{ url = "https://h/eggs-1.0-{tag}.whl", hashes = {{ sha256 = "{"0" * 64}" }} }}]\n'
    )
    found = list(pylock_writer.not_installable(pylock_writer.packages(text), target))
    assert found == ([] if fits else ["eggs 1.0 for Python 3.9 on linux/amd64"])


def test_a_wheel_for_another_system(run: Run, context: Path) -> None:
    """The error says for what nothing is there."""
    (context / "Dockerfile").write_text("FROM debian:bookworm-slim\nPYENV 3.9 etl requirements/etl.txt\n")
    (context / "wheels/alpha-1.0-py3-none-any.whl").rename(context / "wheels/alpha-1.0-py3-none-win_amd64.whl")
    status, _, err = run("--platform=linux/amd64")
    assert status == 1
    assert not list(context.rglob("pylock*"))
    assert "alpha" in err


def test_a_lock_of_a_date(run: Run, context: Path) -> None:
    """Packages of a directory have no upload times, and count; another date needs another lock."""
    dockerfile = context / "Dockerfile"
    text = "FROM debian:bookworm-slim\nPYENV --exclude-newer=2024-05-01 3.9 etl requirements/etl.txt\n"
    dockerfile.write_text(text)
    assert run("--write")[0] == 0
    assert versions(context / "requirements/pylock.etl.toml") == ["alpha==1.0", "beta==1.0"]
    assert run(command="explain")[0] == 0
    dockerfile.write_text(dockerfile.read_text().replace("2024-05-01", "2024-05-02"))
    assert "pylock.etl.toml is outdated" in run(command="explain")[2]


def test_a_date_and_an_index_without_upload_times(run: Run, context: Path, index: str) -> None:
    """The error says which of the two to change."""
    (context / "Dockerfile").write_text(
        f"FROM debian:bookworm-slim\nENV PIP_INDEX_URL={index}\nPYENV 3.9 etl alpha==1.0\n"
    )
    status, _, err = run("--build-arg=PYENV_EXCLUDE_NEWER=2024-05-01")
    assert status == 1
    assert "--exclude-newer leaves out what was uploaded from 2024-05-02T00:00:00Z on or has no upload time" in err
    assert "PYENV_EXCLUDE_NEWER, if it is a default" in err
    assert "PYENV_EXCLUDE_NEWER: 1w is not a date: write one" in run("--build-arg=PYENV_EXCLUDE_NEWER=1w")[2]


def test_a_lock_that_its_line_has_left_behind_is_refused(run: Run, context: Path) -> None:
    """By every command that reads it as by a build; what says nothing about packages changes nothing."""
    run("--write")
    path = context / "requirements/etl.txt"
    text = path.read_text()
    path.write_text("# a comment\n\n" + text.replace("alpha", "alpha  # another"))
    assert run(command="explain")[0] == 0
    path.write_text(text.replace("alpha", "alpha>=1"))
    status, _, err = run(command="explain")
    assert status == 1
    assert err.startswith(
        "Dockerfile:5:15: requirements/pylock.etl.toml is outdated, since the requirements of this line changed: run "
        "`dockerfile-pyenv lock` again, which keeps the versions that still fit\n"
    )
    assert run()[0] == 0
    assert run(command="explain")[0] == 0


def test_check_reports_each_outdated_lock_and_writes_nothing(run: Run, context: Path) -> None:
    """Without uv and an index: for a commit hook. Lines without a lock are none of its business."""
    assert run("--check") == (0, "Dockerfile: no outdated locks\n", "")
    run("--write")
    assert run("--check", "--platform=linux/amd64,linux/arm64")[0] == 1  # the locks are for one platform
    assert run("--check") == (0, "Dockerfile: no outdated locks\n", "")
    path = context / "requirements/etl.txt"
    path.write_text(path.read_text().replace("alpha", "alpha>=1"))
    (context / "pylock.reports_daily.toml").unlink()
    before = (context / "requirements/pylock.etl.toml").read_text()
    status, out, err = run("--check")
    assert (status, out) == (1, "")
    first, second = err.splitlines()
    assert first.startswith("Dockerfile:5:15: requirements/pylock.etl.toml is outdated, since the requirements of")
    assert second.startswith("Dockerfile:6:26: pylock.reports_daily.toml does not exist in the build context")
    assert run("--check", "--name=reports.daily")[2] == f"{second}\n"
    assert (context / "requirements/pylock.etl.toml").read_text() == before


def test_a_lock_is_for_its_python_and_platforms(run: Run, context: Path) -> None:
    """Another one is refused before anything is built, and the next lock is for it."""
    run("--write", "--platform=linux/amd64")
    status, _, err = run("--platform=linux/arm64", command="explain")
    assert status == 1
    assert (
        "requirements/pylock.etl.toml is not for Python 3.9.25 on linux/arm64, only for sys_platform == 'linux' and "
        "platform_machine == 'x86_64': lock again" in err
    )
    dockerfile = context / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("3.9 etl", "3.10 etl"))
    status, _, err = run("--platform=linux/amd64", command="explain")
    assert status == 1
    assert "requirements/pylock.etl.toml is for Python ==3.9.*,>=3.9.25, but this line requires 3.10" in err
    assert run("--platform=linux/arm64")[0] == 0
    assert run("--platform=linux/arm64", command="explain")[0] == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("3.9 etl absent==1", "cannot lock absent==1: absent", id="a package that there is not"),
        pytest.param("--installer=pip 3.9 etl alpha==1", "pip cannot install a lock: write --installer=uv", id="pip"),
        pytest.param(
            "--airflow=same 3.9 etl alpha==1", "--airflow=same takes versions from the base image", id="airflow"
        ),
        pytest.param(
            "3.9 etl image.txt",
            "/tmp/a-1-py3-none-any.whl is a path in the image, which is only available in a build",
            id="image",
        ),
        pytest.param(
            "3.9 etl 'six @ file:///tmp/six-1.0-py3-none-any.whl'",
            "file:///tmp/six-1.0-py3-none-any.whl is a path in the image, which is only available in a build",
            id="the URL of a file in the image",
        ),
        pytest.param(
            "3.9 etl \"alpha==1 ; sys_platform=='win32'\"",
            "not writing the lock: alpha==1 ; sys_platform=='win32' installs no package on these platforms",
            id="nothing on these platforms",
        ),
        *(
            pytest.param(f'3.9 etl "{line}"', f"{line.split()[-1]} is a path in the image", id=line)
            for line in ("a @ file:///tmp/a-1-py3-none-any.whl", "file:///tmp/a-1-py3-none-any.whl")
        ),
        *(
            pytest.param(f"3.9 etl <<E\n{line}\nalpha\nE", "file:///tmp/wheels is a path in the image", id=line)
            for line in ("-f file:///tmp/wheels", "-i file:///tmp/wheels", "--extra-index-url file:///tmp/wheels")
        ),
        pytest.param("3.9 etl none.txt", "none.txt does not exist in the build context", id="a missing file"),
    ],
)
def test_what_cannot_be_locked(run: Run, context: Path, line: str, message: str) -> None:
    """It is said at the line, and no lock is left."""
    (context / "Dockerfile").write_text(f"FROM debian:bookworm-slim\nENV PIP_NO_INDEX=1\nPYENV {line}\n")
    (context / "image.txt").write_text("/tmp/a-1-py3-none-any.whl\n")
    status, out, err = run()
    assert (status, out) == (1, "")
    assert message in err
    assert "Dockerfile:3" in err
    assert f">>> PYENV {line.splitlines()[0]}" in err
    assert not list(context.rglob("pylock*"))


@pytest.mark.parametrize("place", ["/", "file://", "https://h/x,/"])
def test_directories_of_the_image_are_not_read_on_this_machine(run: Run, context: Path, place: str) -> None:
    """The stage's own settings name them: what this machine has at that path is something else."""
    links = f"{place.rstrip('/')}{context}/wheels"
    (context / "Dockerfile").write_text(
        f"FROM debian\nENV PIP_NO_INDEX=1 PIP_FIND_LINKS={links}\nPYENV 3.9 etl alpha\n"
    )
    status, out, _ = run()
    assert (status, out) == (1, "")


def test_lines_without_anything_to_lock(run: Run, context: Path) -> None:
    """Nothing is asked for, or it is locked already."""
    (context / "Dockerfile").write_text(
        "FROM debian:bookworm-slim\nPYENV 3.9 empty\nPYENV 3.9 other pylock.toml alpha==1.0\n"
        "PYENV 3.9 alone pylock.alone.toml\n"
    )
    (context / "pylock.toml").write_text('lock-version = "1.0"\n')
    status, out, err = run()
    assert status == 0
    assert out == "Dockerfile: nothing to lock\n"
    assert err == (
        "other: skipped, since pylock.toml is a lock of another tool\n"
        "alone: skipped, since the line has only its lock: to lock again, add the requirements\n"
    )


def test_what_the_command_line_cannot_mean(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no line has, a file that is none, a machine without uv."""
    assert run("--name=etc")[2] == (
        "dockerfile-pyenv: --name=etc: no such environment, the file has etl, reports.daily\n"
    )
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FILES["Dockerfile"].encode())))
    assert "--write cannot change a Dockerfile" in run("--write", "-f-")[2]
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    assert "pip install 'dockerfile-pyenv[lock]'" in run()[2]


def test_a_uv_that_is_too_old(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows not all that is asked of it, and the error says what to do."""
    fake = tmp_path / "uv"
    fake.write_text("#!/bin/sh\necho \"error: unexpected argument '--universal' found\" >&2\nexit 2\n")
    fake.chmod(0o755)
    monkeypatch.setattr("dockerfile_pyenv.cli.lock.IMAGE_UV", fake)
    status, _, err = run()
    assert status == 1
    assert f"Dockerfile:5: {fake} is a uv version that this command does not support" in err


def test_a_machine_without_git(run: Run, context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the frontend's image is one: what to do is said, and it is not about the base image."""
    (context / "Dockerfile").write_text("FROM debian\nPYENV 3.9 etl 'a @ git+https://git.invalid/a.git'\n")
    monkeypatch.setenv("PATH", "/nowhere")
    status, _, err = run()
    assert status == 1
    assert "Dockerfile:2: a @ git+https://git.invalid/a.git requires a git repository, but git is not installed" in err


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [
        pytest.param("ARG ALPHA=1.0", "ARG ALPHA=2.0", True, id="another default"),
        pytest.param("ENV ALPHA=1.0", "ENV ALPHA=2.0", True, id="another value"),
        pytest.param("ARG ALPHA=1.0", "ENV ALPHA=1.0", False, id="the same"),
        pytest.param("ARG A=1.0\nARG ALPHA=${A}", "ARG A=2.0\nARG ALPHA=${A}", False, id="that of another variable"),
    ],
)
def test_a_variable_that_has_changed(run: Run, context: Path, before: str, now: str, *, refused: bool) -> None:
    """It makes another requirement, where the file and the build's arguments say it, and not only a base image."""
    line = "PYENV 3.11 etl pylock.etl.toml r.txt\n"
    (context / "r.txt").write_text("--no-index\n-f ${PLACE}\nalpha==${ALPHA} --config-settings=a=${PLACE}\n")
    stock(context, "alpha", "2.0")
    (context / "Dockerfile").write_text(f"FROM debian\nENV PLACE=wheels\n{before}\n{line}")
    assert run()[0] == 0
    (context / "Dockerfile").write_text(f"FROM debian\nENV PLACE=./wheels\n{now}\n{line}")
    status, _, err = run(command="explain")
    assert status == int(refused), err
    assert ("pylock.etl.toml is outdated, since the requirements of this line changed" in err) is refused


def test_a_build_argument_of_a_file_that_has_changed(run: Run, context: Path) -> None:
    """It is as another default."""
    (context / "r.txt").write_text("--no-index\n-f wheels\nalpha==${ALPHA}\n")
    (context / "Dockerfile").write_text("FROM debian\nARG ALPHA=1.0\nPYENV 3.11 etl pylock.etl.toml r.txt\n")
    assert run()[0] == 0
    assert run(command="explain")[0] == 0
    assert run("--build-arg=ALPHA=2.0", command="explain")[0] == 1


TOKEN = "hunter2secret"  # noqa: S105 - opens nothing


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """Address of an index whose path has a token in it, as that of Gemfury and Cloudsmith has."""
    directory = tmp_path / "server" / TOKEN / "simple" / "alpha"
    directory.mkdir(parents=True)
    name, data = wheel("alpha", "1.0")
    (directory / "index.html").write_text(f'<a href="../../files/{name}">{name}</a>')
    (tmp_path / "server" / TOKEN / "files").mkdir()
    (tmp_path / "server" / TOKEN / "files" / name).write_bytes(data)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = partial(Quiet, directory=str(tmp_path / "server"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{TOKEN}/simple/"
        server.shutdown()


WOULD_HOLD = "not writing the lock: it would hold a secret, as part of a package's URL"


@pytest.mark.parametrize(
    ("line", "host", "arguments", "message"),
    [
        pytest.param("--secret=id=FURY_TOKEN 3.11 one r.txt", {"FURY_TOKEN": TOKEN}, [], WOULD_HOLD, id="secret"),
        pytest.param(
            "--mount=type=secret,id=x,env=FURY_TOKEN 3.11 one r.txt",
            {"FURY_TOKEN": TOKEN},
            [],
            WOULD_HOLD,
            id="mount of a secret",
        ),
        pytest.param(
            "--secret=id=x,env=PIP_INDEX_URL 3.11 one alpha==1", {"PIP_INDEX_URL": ""}, [], WOULD_HOLD, id="address"
        ),
        pytest.param(
            "3.11 one r.txt", {}, [f"--build-arg=FURY_TOKEN={TOKEN}"], WOULD_HOLD, id="variable with a telling name"
        ),
        pytest.param(
            "3.11 one <<EOF\n--index-url ${URL}${FURY_TOKEN}/simple/\nalpha\nEOF",
            {},
            [f"--build-arg=FURY_TOKEN={TOKEN}"],
            WOULD_HOLD,
            id="in a heredoc",
        ),
        pytest.param(
            "3.11 one r.txt",
            {"FURY_TOKEN": TOKEN},
            [],
            "${FURY_TOKEN} is set on this machine, but not in a build: add --secret=id=FURY_TOKEN to the line",
            id="variable of the machine",
        ),
    ],
)
def test_no_secret_gets_into_a_lock(  # noqa: PLR0917 - a case and its fixtures
    run: Run,
    context: Path,
    index: str,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    host: dict[str, str],
    arguments: list[str],
    message: str,
) -> None:
    """Wherever it comes from: there is an error in its place, which does not show it."""
    for name, value in host.items():
        monkeypatch.setenv(name, value or index)
    top = index.partition(TOKEN)[0]
    (context / "Dockerfile").write_text(f"FROM debian\nARG URL={top}\nARG FURY_TOKEN\nPYENV {line}\n")
    (context / "r.txt").write_text("--index-url ${URL}${FURY_TOKEN}/simple/\nalpha\n")
    status, out, err = run(*arguments)
    assert status == 1
    assert message in err
    assert TOKEN not in out + err
    assert not list(context.rglob("pylock*"))


def test_a_secret_address_without_a_token_in_its_path(
    run: Run, context: Path, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words that everybody's index has are no secret, where a password stands beside."""
    (context / "Dockerfile").write_text("FROM debian\nPYENV --secret=id=PIP_INDEX_URL 3.11 one alpha==1\n")
    directory = context.parent / "server"
    (directory / TOKEN).rename(directory / "artifactory")
    monkeypatch.setenv("PIP_INDEX_URL", index.replace("://", "://somebody:pa55word@").replace(TOKEN, "artifactory"))
    status, _, err = run()
    assert status == 0, err
    text = (context / "pylock.one.toml").read_text()
    assert "/artifactory/files/alpha-1.0-" in text
    assert "pa55word" not in text


def test_an_error_shows_no_secret(run: Run, context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although it has the line's words with their values."""
    (context / "Dockerfile").write_text(
        'FROM debian\nARG TOKEN\nPYENV 3.11 etl "b @ git+https://${TOKEN}@git.invalid/b.git"\n'
    )
    monkeypatch.setenv("PATH", "/nowhere")
    status, out, err = run(f"--build-arg=TOKEN={TOKEN}")
    assert status == 1
    assert "b @ git+https://****@git.invalid/b.git requires a git repository, but git is not installed" in err
    assert TOKEN not in out + err


def test_a_stage_has_a_platform_of_its_own(run: Run, context: Path) -> None:
    """The lock is for it, whatever is built for."""
    (context / "r.txt").write_text("--no-index\n-f wheels\nalpha\n")
    (context / "Dockerfile").write_text("FROM --platform=linux/amd64 debian\nPYENV 3.11 one r.txt\n")
    status, out, _ = run("--platform=linux/arm64", "--write")
    assert status == 0
    assert out.startswith("pylock.one.toml: 2 packages for Python 3.11 on linux/amd64\n")
    assert run("--platform=linux/arm64", command="explain")[0] == 0


@pytest.mark.parametrize("both", [False, True], ids=["in one branch", "in both"])
def test_lines_of_one_platform_each(run: Run, context: Path, *, both: bool) -> None:
    (context / "r.txt").write_text("--no-index\n-f wheels\nalpha\n")
    other = "PYENV 3.9 arm r.txt\n" if both else ""
    (context / "Dockerfile").write_text(
        "ARG TARGETARCH\nFROM debian AS base-amd64\nPYENV 3.11 intel r.txt\n"
        f"FROM debian AS base-arm64\n{other}FROM base-${{TARGETARCH}} AS final\n"
    )
    status, out, err = run("--platform=linux/amd64,linux/arm64", "--target=final", "--write")
    assert status == 0, err
    locks = [line for line in out.splitlines() if line.startswith("pylock")]
    assert locks == [
        "pylock.intel.toml: 2 packages for Python 3.11 on linux/amd64",
        *(["pylock.arm.toml: 2 packages for Python 3.9 on linux/arm64"] if both else []),
    ]
    for platform in ("linux/amd64", "linux/arm64"):
        assert run(f"--platform={platform}", "--target=final", command="explain")[0] == 0


def test_a_lock_of_another_tool_is_left_alone(run: Run, context: Path) -> None:
    """Where the line's own would be."""
    (context / "Dockerfile").write_text("FROM debian\nPYENV 3.9 etl alpha==1\n")
    (context / "pylock.etl.toml").write_text('lock-version = "1.0"\n')
    status, out, err = run()
    assert (status, out) == (1, "")
    assert "the lock of this line would overwrite pylock.etl.toml, a lock of another tool: name another" in err
    assert (context / "pylock.etl.toml").read_text() == 'lock-version = "1.0"\n'


def test_a_name_over_two_lines(run: Run, context: Path) -> None:
    """It is left as it is, and the lock is named by hand."""
    text = "FROM debian\nENV PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels\nPYENV 3.11 et\\\nl alpha==1\n"
    (context / "Dockerfile").write_text(text)
    status, out, err = run("--write")
    assert status == 0, err
    assert "Dockerfile:3: add the lock by hand, since the name is split over lines: " in out
    assert (context / "Dockerfile").read_text() == text


def test_two_lines_with_one_lock(run: Run, context: Path) -> None:
    """In two stages an environment may have one name, and needs two locks."""
    dockerfile = context / "Dockerfile"
    dockerfile.write_text("FROM a\nUSER 1\nPYENV 3.9 etl alpha==1\nFROM a\nUSER 1\nPYENV 3.11 etl alpha==1\n")
    status, _, err = run()
    assert status == 1
    assert "this line and line 3 would share the lock pylock.etl.toml: name another file" in err
    assert ">>> PYENV 3.11 etl" in err


def test_what_is_kept_of_uvs_lock() -> None:
    """Files of the context go, a directory's archives are named from the lock, and no package at all is a lock, too."""
    subject = LockTarget("3.9.25", ("linux/amd64", "linux/arm64"), "sha256:00")
    head = 'lock-version = "1.0"\ncreated-by = "uv"\nrequires-python = ">=3.9"\n\n'
    found = (
        '[[packages]]\nname = "a"\ndirectory = { path = "/context/a" }\n\n'
        '[[packages]]\nname = "b"\narchive = { path = "/context/b.whl", hashes = { sha256 = "0" } }\n\n'
        '[[packages]]\nname = "c"\nversion = "1"\nwheels = '
        '[{ url = "file:///context/more%20wheels/c-1-py3-none-any.whl", hashes = { sha256 = "0" } }]\n'
    )
    text = pylock_writer.finish(head + found, subject, Path("/context/locks"))
    assert text == (
        "# Written by `dockerfile-pyenv lock`, which also changes it.\n"
        'lock-version = "1.0"\n'
        "environments = [\n"
        "    \"sys_platform == 'linux' and platform_machine == 'x86_64'\",\n"
        "    \"sys_platform == 'linux' and platform_machine == 'aarch64'\",\n"
        "]\n"
        'requires-python = "==3.9.*,>=3.9.25"\n'
        'created-by = "dockerfile-pyenv"\n\n'
        '[[packages]]\nname = "c"\nversion = "1"\nwheels = '
        '[{ path = "../more wheels/c-1-py3-none-any.whl", hashes = { sha256 = "0" } }]\n\n'
        '[tool.dockerfile-pyenv]\nrequirements = "sha256:00"\n'
    )
    assert 'requires-python = "==3.9.*"\n' in pylock_writer.finish(
        head, replace(subject, python="3.9"), Path("/context")
    )
    assert tomllib.loads(pylock_writer.finish(head, subject, Path("/context")))["packages"] == []
    assert list(
        pylock_writer.changes(text, text.replace('"1"', '"2"').replace('"c"', '"d"').replace("c-1-", "d-2-"))
    ) == ["- c 1", "+ d 2"]
