"""Lock files: what they are by their names, and for whom they are."""

import pytest
from tests.unit.planning import Files, plan_of

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.plan import requirement_files
from dockerfile_pyenv.plan.requirement_files import PathKind
from dockerfile_pyenv.requirements import lock_files
from dockerfile_pyenv.requirements.lock_files import LockKind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("pylock.toml", LockKind.PYLOCK),
        ("locks/pylock.etl.toml", LockKind.PYLOCK),
        ("uv.lock", LockKind.UV_LOCK),
        ("project/pyproject.toml", LockKind.PROJECT),
        ("requirements.txt", None),
        ("pylock.toml.txt", None),
        ("my-pylock.toml", None),
    ],
)
def test_kinds(path: str, kind: LockKind | None) -> None:
    """A file's name says what it is, as PEP 751 and uv have it."""
    assert lock_files.kind(path) is kind


def test_a_lock_goes_with_its_project() -> None:
    """And neither is read as a requirements file."""
    _, plan = plan_of(b"FROM a\nPYENV --group=docs --extra=s3 3.11 x p/uv.lock\n")
    found = requirement_files.collect(plan, Files({"p/uv.lock": b"version = 1\n", "p/pyproject.toml": b"[project]"}))
    (content,) = found.contents.values()
    assert list(content.paths) == ["p/pyproject.toml", "p/uv.lock"]
    assert found.files == {0: ()}
    assert found.of(plan.environments[0]) == ("p/pyproject.toml", "p/uv.lock")


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        pytest.param(
            "3.9 x uv.lock",
            'requires-python = ">=3.11"',
            "uv.lock is for Python >=3.11, but this line requires 3.9.25: change the version",
            id="another Python",
        ),
        pytest.param(
            "3.9 x pylock.toml",
            'requires-python = "==3.10.*"',
            "pylock.toml is for Python ==3.10.*, but this line requires 3.9.25: ",
            id="another Python of a pylock.toml",
        ),
        pytest.param(
            "3.9 x pyproject.toml",
            '[project]\nrequires-python = "<3.9"',
            "pyproject.toml is for Python <3.9, but this line requires 3.9.25: ",
            id="a project",
        ),
        pytest.param(
            "3.9 x pylock.toml",
            "environments = [\"sys_platform == 'win32'\", \"platform_machine == 'aarch64'\"]",
            (
                "pylock.toml is not for Python 3.9.25 on linux/amd64, only for sys_platform == 'win32' or "
                "platform_machine == 'aarch64': lock again for this platform"
            ),
            id="another platform",
        ),
        pytest.param(
            "3.9 x uv.lock",
            "supported-markers = [\"sys_platform == 'darwin'\"]",
            "uv.lock is not for Python 3.9.25 on linux/amd64, only for sys_platform == 'darwin': lock again",
            id="another platform of a uv.lock",
        ),
        pytest.param("3.9 x uv.lock", "version", "uv.lock is not valid TOML: ", id="no TOML"),
        pytest.param(
            "--group=docs 3.9 x r.txt",
            "",
            "--group requires a pyproject.toml, uv.lock or pylock.toml: add one to this line",
            id="nothing to choose from",
        ),
        pytest.param(
            "--installer=pip 3.9 x pylock.toml",
            "",
            "pip cannot install pylock.toml: write --installer=uv",
            id="not for pip",
        ),
    ],
)
def test_a_lock_that_does_not_fit(line: str, text: str, message: str) -> None:
    """Is refused before anything is built."""
    names = ("uv.lock", "pylock.toml", "pyproject.toml", "r.txt")
    files = Files(dict.fromkeys(names, b"") | {line.rpartition(" ")[2]: text.encode()})
    with pytest.raises(DockerfileError) as caught:
        requirement_files.collect(plan_of(f"FROM a\nPYENV {line}\n".encode())[1], files)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        'requires-python = ">=3.9.2, <4"',
        "supported-markers = [\"sys_platform == 'win32'\", \"sys_platform == 'linux' and python_version < '3.10'\"]",
        "",
    ],
)
def test_a_lock_that_fits(text: str) -> None:
    """Is left to the step."""
    files = Files({"uv.lock": text.encode(), "pyproject.toml": b""})
    assert requirement_files.collect(plan_of(b"FROM a\nPYENV 3.9 x uv.lock\n")[1], files).contents


@pytest.mark.parametrize("text", ["packages = 1", "packages = [1]", "[[packages]]\nwheels = 2\narchive = 3\n"])
def test_a_lock_of_another_shape(text: str) -> None:
    """Is for uv to refuse."""
    assert lock_files.archives(text.encode(), path="pylock.toml", lines=(1, 1)) == []


def test_archives_of_a_lock_are_given_to_the_step() -> None:
    """They are named from the lock; what comes from an address or lies in the image is not looked for."""
    lock = (
        'lock-version = "1.0"\n[[packages]]\nname = "a"\nwheels = [{ path = "../dist/a-1-py3-none-any.whl" }]\n'
        '[[packages]]\nname = "b"\nsdist = { url = "https://example.com/b-1.tar.gz" }\n'
        'archive = { path = "/tmp/b.tar.gz" }\n'
    )
    _, plan = plan_of(b"FROM a\nPYENV 3.11 x locks/pylock.toml\n")
    files: dict[str, bytes | requirement_files.PathKind] = {"locks/pylock.toml": lock.encode()}
    with pytest.raises(DockerfileError, match=r"^locks/pylock.toml, line 4: ../dist/a-1-py3-none-any.whl: dist/a-1"):
        requirement_files.collect(plan, Files(files))
    found = requirement_files.collect(plan, Files({**files, "dist/a-1-py3-none-any.whl": b""}))
    assert found.of(plan.environments[0]) == ("dist/a-1-py3-none-any.whl", "locks/pylock.toml")
    assert found.files == {0: ()}


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ('directory = { path = "." }', "pylock.toml, line 2: . is a project's directory, which a lock cannot provide"),
        ("directory = { }", "pylock.toml, line 1:  is a project's directory"),
        ('archive = { path = "../a.whl" }', "pylock.toml, line 2: ../a.whl is outside the build context"),
    ],
)
def test_what_a_lock_cannot_bring_along(package: str, message: str) -> None:
    """It is refused at the line, before anything is built."""
    _, plan = plan_of(b"FROM a\nPYENV 3.11 x pylock.toml\n")
    with pytest.raises(DockerfileError) as caught:
        requirement_files.collect(plan, Files({"pylock.toml": f"[[packages]]\n{package}\n".encode()}))
    assert str(caught.value).startswith(message)
    assert caught.value.lines == (2, 2)


@pytest.mark.parametrize(
    ("text", "builds"),
    [
        pytest.param('[project]\nname = "a"\ndynamic = ["version"]\n', False, id="only the version is dynamic"),
        pytest.param('[project]\nname = "a"\ndynamic = ["version", "dependencies"]\n', True, id="dependencies are"),
        pytest.param('[project]\ndynamic = [\n  "optional-dependencies",\n]\n', True, id="extras are"),
        pytest.param("[tool.poetry.dependencies]\nsix = '*'\n", True, id="no project table"),
        pytest.param('project.name = "a"\nproject.dependencies = []\n', False, id="dotted keys"),
    ],
)
def test_a_project_whose_dependencies_its_build_tells_is_passed_whole(text: str, builds: bool) -> None:  # noqa: FBT001 - a case
    """Its directory is part of what the step reads, and not only its pyproject.toml."""
    plan = plan_of(b"FROM debian\nPYENV 3.11 x p/pyproject.toml\n")[1]
    files = Files({"p/pyproject.toml": text.encode(), "p": PathKind.DIRECTORY})
    found = requirement_files.collect(plan, files)
    (content,) = found.contents.values()
    assert ("p" in content.paths) is builds
    assert ("what the build of p/pyproject.toml requires" in found.dependencies[0]) is builds


def test_the_dependencies_of_a_project_are_known() -> None:
    """With the extras and the groups that a line names, and what these include."""
    text = b"""\
[project]
dependencies = ["six==1.16.0"]
[project.optional-dependencies]
S3 = ["boto3"]
other = ["no"]
[dependency-groups]
dev = ["pytest", {include-group = "lint"}]
lint = ["ruff", {include-group = "dev"}]
"""
    found = lock_files.dependencies(text, path="pyproject.toml", extras=["s3"], groups=["Dev"])
    assert found == ["six==1.16.0", "boto3", "pytest", "ruff"]
