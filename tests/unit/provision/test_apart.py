"""A line that is installed apart from its stage: what the install uses of it, and what is left to the stage."""

import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import apart
import pytest
from apart_steps import Steps
from layout import Layout
from steps import VERSION, Build, output, packages, wheel

BACKEND = """\
import os, zipfile
from pathlib import Path
Path({ran!r}).touch()
def build_wheel(directory, *_):
    info = "{name}-{version}.dist-info"
    with zipfile.ZipFile(os.path.join(directory, "{name}-{version}-py3-none-any.whl"), "w") as archive:
        archive.writestr("{name}.py", "")
        archive.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "/RECORD", "")
    return "{name}-{version}-py3-none-any.whl"
build_editable = build_wheel
"""
SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def steps(program: ModuleType, layout: Layout, tmp_path: Path) -> Steps:
    """A stage with nothing in it but /tmp, and a directory of packages outside of it."""
    (layout.root / "tmp").mkdir()
    wheel(tmp_path / "wheels", "spam", "1.0", {"spam/__init__.py": "print('spam')\n", "spam/more.py": ""})
    return Steps(program, layout, tmp_path / "steps")


@pytest.fixture
def links(tmp_path: Path) -> dict[str, str]:
    """Variables of a stage whose only index is the directory of packages."""
    return {"PATH": "/nowhere", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (tmp_path / "wheels").as_uri()}


def source(directory: Path, name: str, version: str, *, metadata: str = "2.1", archive: bool = True) -> Path:
    """Write a project, whose build leaves a trace, as a directory or as a source distribution.

    Before version 2.2 its metadata is not known to be that of the wheel (PEP 643).
    """
    ran = next(parent for parent in directory.parents if parent.name.startswith("test_")) / "ran"
    files = {
        "pyproject.toml": SYSTEM + f'[project]\nname = "{name}"\nversion = "{version}"\ndynamic = ["dependencies"]\n',
        "backend.py": BACKEND.format(name=name, version=version, ran=str(ran)),
        "PKG-INFO": f"Metadata-Version: {metadata}\nName: {name}\nVersion: {version}\n",
    }
    if not archive:
        (directory / name).mkdir(parents=True)
        for file, text in files.items():
            (directory / name / file).write_text(text)
        return directory / name
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for file, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def packed(directory: Path) -> bytes:
    """A directory as a tar archive, in a fixed order: content, modes, owners and times of all that is in it."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for path in sorted(directory.rglob("*")):
            archive.add(path, str(path.relative_to(directory)), recursive=False)
    return written.getvalue()


@pytest.mark.parametrize("options", [(), ("--installer=pip",), ("--seed",)], ids=["uv", "pip", "with pip in it"])
def test_the_same_bytes(
    steps: Steps, links: dict[str, str], build: Build, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Installed apart, apart once more, and in the stage, an environment is the same, times included."""
    for name in ("eggs", "ham"):
        wheel(tmp_path / "wheels", name, "2.0", {f"{name}.py": f"NAME = {name!r}\n"}, requires="spam")
    tars = []
    for name in ("one", "two"):
        assert steps.ask("ham\neggs\n", environ=links) == 0
        assert steps.install(*options, name=name) == 0
        assert [path.name for path in steps.environments.iterdir()] == ["epo"]
        tars.append(packed(steps.environments))
        steps.environments.rename(tmp_path / name)
    assert build("ham\neggs\n", *options, **links) == 0
    assert tars[0] == tars[1] == packed(steps.environments)
    with tarfile.open(fileobj=io.BytesIO(tars[0])) as archive:
        assert {member.mtime for member in archive} == {315532800}


def test_build_fixture_is_apart(steps: Steps, links: dict[str, str], build: Build) -> None:
    """An environment that is installed apart gets no link on PATH: the build makes it."""
    assert steps.ask("spam\n", environ=links) == 0
    assert steps.install() == 0
    assert not steps.stage.commands.exists()
    assert output(steps.environments / "epo/bin/python", "-c", "import spam") == "spam"
    steps.environments.rename(steps.directory / "moved")
    assert build("spam\n") == 0
    assert steps.stage.commands.exists()


def test_finish_links_an_environment_that_was_copied(steps: Steps, links: dict[str, str]) -> None:
    """It installs nothing, and needs no index."""
    assert steps.ask("spam\n", environ=links) == 0
    assert steps.install() == 0
    installed = packed(steps.environments)
    assert steps.finish() == 0
    assert packed(steps.environments) == installed
    assert [path.name for path in steps.stage.commands.iterdir()] == [f"python{VERSION}"]


def test_finish_installs_what_was_not_copied(steps: Steps, links: dict[str, str], tmp_path: Path) -> None:
    """It removes the note."""
    assert steps.ask(sdist_only(tmp_path), environ=links) == 0
    assert steps.install() == 0
    assert steps.reason()
    assert steps.finish(environ=links) == 0
    assert [path.name for path in steps.environments.iterdir()] == ["epo"]
    assert [path.name for path in steps.stage.commands.iterdir()] == [f"python{VERSION}"]


def sdist_only(directory: Path) -> str:
    """A package that has no wheel."""
    source(directory / "wheels", "eggs", "1.0")
    return "eggs\n"


def static_sdist(directory: Path) -> str:
    """One whose metadata is known without a build."""
    source(directory / "wheels", "eggs", "1.0", metadata="2.2")
    return "eggs\n"


def newest_is_sdist(directory: Path) -> str:
    """A package whose newest version has no wheel."""
    source(directory / "wheels", "eggs", "2.0")
    wheel(directory / "wheels", "eggs", "1.0", {"eggs.py": ""})
    return "eggs\n"


def newest_is_static_sdist(directory: Path) -> str:
    """Likewise, with static metadata."""
    source(directory / "wheels", "eggs", "2.0", metadata="2.2")
    wheel(directory / "wheels", "eggs", "1.0", {"eggs.py": ""})
    return "eggs\n"


def dependency(directory: Path) -> str:
    """A package that needs such a one."""
    source(directory / "wheels", "eggs", "2.0")
    wheel(directory / "wheels", "eggs", "1.0", {"eggs.py": ""})
    wheel(directory / "wheels", "ham", "1.0", {"ham.py": ""}, requires="eggs")
    return "ham\n"


def no_binary(directory: Path) -> str:
    """A package that has a wheel, which is not wanted."""
    source(directory / "wheels", "spam", "1.0")
    return "--no-binary spam\nspam\n"


def archive_of_context(directory: Path) -> str:
    """A source distribution in the build context."""
    source(directory / "run/dockerfile-pyenv/contexts/0", "eggs", "1.0")
    return "./eggs-1.0.tar.gz\n"


def archive_of_image(directory: Path) -> str:
    """A source distribution in the image."""
    source(directory / "tmp", "eggs", "1.0")
    return "/tmp/eggs-1.0.tar.gz\n"


def project(directory: Path) -> str:
    """A project in the build context."""
    source(directory / "run/dockerfile-pyenv/contexts/0", "eggs", "1.0", archive=False)
    return "./eggs\n"


def editable_project(directory: Path) -> str:
    """A project in the build context, as editable."""
    source(directory / "run/dockerfile-pyenv/contexts/0", "eggs", "1.0", archive=False)
    return "-e ./eggs\n"


def editable_of_image(directory: Path) -> str:
    """A project in the image, as editable."""
    source(directory / "opt", "eggs", "1.0", archive=False)
    return "-e /opt/eggs\n"


def legacy(directory: Path) -> str:
    """A project without a pyproject.toml."""
    path = directory / "run/dockerfile-pyenv/contexts/0/eggs"
    path.mkdir(parents=True)
    (path / "setup.py").write_text(f"open({str(directory / 'ran')!r}, 'w')\n")
    return "./eggs\n"


BUILT = "eggs {} has no compatible wheel, or wheels are disabled"


@pytest.mark.parametrize(
    ("case", "expected", "by_pip"),
    [
        pytest.param(sdist_only, BUILT.format("1.0"), "eggs-1.0.tar.gz is built from source", id="only an sdist"),
        pytest.param(static_sdist, BUILT.format("1.0"), "eggs-1.0.tar.gz is built from source", id="static metadata"),
        pytest.param(newest_is_sdist, BUILT.format("2.0"), "eggs-2.0.tar.gz is built from source", id="newest is one"),
        pytest.param(
            newest_is_static_sdist, BUILT.format("2.0"), "eggs-2.0.tar.gz is built from source", id="newest is static"
        ),
        pytest.param(dependency, BUILT.format("2.0"), "eggs-2.0.tar.gz is built from source", id="a dependency"),
        pytest.param(
            no_binary,
            "spam 1.0 has no compatible wheel, or wheels are disabled",
            "spam-1.0.tar.gz is built from source",
            id="wheels are disabled",
        ),
        pytest.param(archive_of_context, "eggs-1.0.tar.gz is a source distribution", None, id="a file of the context"),
        pytest.param(archive_of_image, "eggs-1.0.tar.gz is a source distribution", None, id="a file of the image"),
        pytest.param(project, "eggs is a project directory", None, id="a project"),
        pytest.param(editable_project, "eggs is a project directory", None, id="an editable project"),
        pytest.param(editable_of_image, None, None, id="an editable project of the image"),
        pytest.param(legacy, "eggs is a project directory", None, id="a legacy project"),
    ],
)
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_is_built_from_source_is_left_to_the_stage(  # noqa: PLR0917 - fixtures and a table
    steps: Steps,
    links: dict[str, str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    case: Callable[[Path], str],
    expected: str | None,
    by_pip: str | None,
    installer: str,
) -> None:
    """No code of a package runs, no other version is chosen, and the reason is one line."""
    if installer == "pip" and by_pip is None:
        pytest.skip("found before an installer starts")
    text = case(tmp_path)
    assert steps.ask(text, environ=links) == 0
    assert steps.install(f"--installer={installer}") == 0
    assert not (tmp_path / "ran").exists()
    reason = steps.reason()
    if expected is not None:
        assert reason == (by_pip or expected if installer == "pip" else expected)
    log = capfd.readouterr()
    assert log.out.splitlines()[-1] == f"epo: installing in the build stage: {reason}"
    assert "builds-v0" not in log.out + log.err
    assert "from source: it has" not in log.out
    if installer == "uv" and case in {newest_is_sdist, no_binary, project}:
        assert steps.fall_back(f"--installer={installer}", environ=links) == 0
        assert (tmp_path / "ran").exists()
        assert f"epo: installing in the build stage: {reason}\n" in capfd.readouterr().out
        version = "2.0" if "2.0" in reason else "1.0"
        (info,) = [*packages(steps.stage).glob("eggs-*.dist-info"), *packages(steps.stage).glob("spam-*.dist-info")]
        assert info.name.endswith(f"-{version}.dist-info")


@pytest.mark.parametrize(
    ("requirement", "reason"),
    [
        ("eggs @ git+https://127.0.0.1:1/eggs\n", "eggs is installed from a repository"),
        ("git+https://me:t0ken@127.0.0.1:1/eggs#egg=eggs\n", "a package is installed from a repository"),
        ("-e git+https://127.0.0.1:1/eggs#egg=eggs\n", "eggs is installed from a repository"),
        ("eggs @ https://127.0.0.1:1/eggs-1.0.tar.gz\n", "eggs is a source distribution"),
        ("https://127.0.0.1:1/eggs-1.0.zip\n", "eggs-1.0.zip is a source distribution"),
        ("eggs @ file:///nowhere/eggs-1.0-py3-none-any.whl\n", "is a file that only the stage may have"),
    ],
)
def test_urls_that_are_left_to_the_stage(steps: Steps, links: dict[str, str], requirement: str, reason: str) -> None:
    """A repository, a source distribution, and a file that did not come along."""
    assert steps.ask(requirement, environ=links) == 0
    assert steps.install() == 0
    assert reason in steps.reason()


def test_dependencies_of_a_project(steps: Steps, links: dict[str, str], tmp_path: Path) -> None:
    """A pyproject.toml with static dependencies is read; one with dynamic ones is built, so that it needs the stage."""
    steps.context.mkdir(parents=True)
    file = steps.context / "pyproject.toml"
    for dynamic, expected in (("", "epo"), ('dynamic = ["dependencies"]', ".in-stage")):
        listed = "" if dynamic else 'dependencies = ["spam"]'
        file.write_text(f'{SYSTEM}[project]\nname = "own"\nversion = "1"\n{listed}\n{dynamic}\n')
        (steps.context / "backend.py").write_text(BACKEND.format(name="own", version="1", ran=str(tmp_path / "ran")))
        assert steps.ask(None, environ=links, requirements=["pyproject.toml"]) == 0
        assert steps.install("--requirement=pyproject.toml") == 0
        assert [path.name for path in steps.environments.iterdir()] == [expected]
        steps.environments.rename(tmp_path / f"done{expected}")
    assert not (tmp_path / "ran").exists()


def test_what_fails_is_an_error(steps: Steps, links: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """What fails in the stage as well fails at once, in the same words."""
    assert steps.ask("spam==9\n", environ=links) == 0
    assert steps.install() == 1
    log = capfd.readouterr()
    assert log.out.splitlines()[-2] == "epo:   why: no index has this version: the closest version is 1.0"
    assert "error: " in log.err
    assert not (steps.environments / ".in-stage").exists()


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_no_code_of_a_package_runs(steps: Steps, links: dict[str, str], tmp_path: Path, installer: str) -> None:
    """Python would run a line of a .pth file as it starts in the environment: it does not start there again."""
    ran = tmp_path / "ran"
    wheel(tmp_path / "wheels", "evil", "1.0", {"evil.pth": f"import os; open({str(ran)!r}, 'w')\n"})
    assert steps.ask("evil\n", environ=links) == 0
    assert steps.install(f"--installer={installer}") == 0
    assert not ran.exists()
    output(steps.environments / "epo/bin/python", "-c", "")
    assert ran.exists()


def test_no_code_of_a_package_runs_between_a_lock_and_other_requirements(
    steps: Steps, links: dict[str, str], tmp_path: Path
) -> None:
    """Uv runs twice then, and knows the interpreter from before the first package."""
    ran = tmp_path / "ran"
    evil = wheel(tmp_path / "wheels", "evil", "1.0", {"evil.pth": f"import os; open({str(ran)!r}, 'w')\n"})
    digest = hashlib.sha256(evil.read_bytes()).hexdigest()
    lock = f"""lock-version = "1.0"
created-by = "test"
[[packages]]
name = "evil"
version = "1.0"
wheels = [{{ name = "{evil.name}", url = "{evil.as_uri()}", hashes = {{ sha256 = "{digest}" }} }}]
"""
    steps.context.mkdir(parents=True)
    (steps.context / "pylock.toml").write_text(lock)
    assert steps.ask("spam\n", environ=links, requirements=["pylock.toml", "req.txt"]) == 0
    assert steps.install("--requirement=pylock.toml") == 0
    assert sorted(path.name for path in (steps.environments / "epo").glob("lib/*/*/*.dist-info")) == [
        "evil-1.0.dist-info",
        "spam-1.0.dist-info",
    ]
    assert not ran.exists()


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_package_that_replaces_the_interpreter(
    steps: Steps, links: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str], installer: str
) -> None:
    """It is refused before anything starts it: uv would ask it what Python it is."""
    ran = tmp_path / "ran"
    wheel(tmp_path / "wheels", "setuptools", "83.0", {"setuptools/__init__.py": ""})
    files = {"evil-1.0.data/scripts/python": f"#!/bin/sh\ntouch {ran}\n"}
    made = wheel(tmp_path / "wheels", "evil", "1.0", files, requires="setuptools")
    with zipfile.ZipFile(made) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o100755 << 16
            archive.writestr(member, data)
    assert steps.ask("evil\n", environ=links) == 0
    assert steps.install(f"--installer={installer}") == 1
    words = {"uv": "Scripts must not use the reserved name `python`", "pip": "evil 1.0 replaces bin/python of the"}
    assert words[installer] in "".join(capfd.readouterr())
    assert not ran.exists()


def test_a_pip_that_cannot_be_stopped(
    steps: Steps, links: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pip with other insides is not run at all."""
    import pip_apart  # noqa: PLC0415
    import pip_installer  # noqa: PLC0415

    runner = tmp_path / "pip_apart.py"
    text = Path(str(pip_apart.__file__)).read_text()
    runner.write_text(text.replace('"prepare_distribution_metadata"', '"something_else"'))
    monkeypatch.setattr(pip_installer, "__file__", str(runner))
    assert steps.ask("spam\n", environ=links) == 0
    assert steps.install("--installer=pip") == 0
    assert steps.reason() == "this version of pip may build from source"


def test_files_of_the_image(steps: Steps, links: dict[str, str], tmp_path: Path) -> None:
    """Wheels, requirements files and directories of packages that a line names come along, by content."""
    wheel(tmp_path / "tmp", "one", "1.0", {"one.py": ""})
    (tmp_path / "opt").mkdir()
    wheel(tmp_path / "opt/deep", "two", "1.0", {"two.py": ""})
    wheel(tmp_path / "srv", "three", "1.0", {"three.py": ""})
    wheel(tmp_path / "srv", "unused", "1.0", {"unused.py": ""})
    (tmp_path / "srv/notes.txt").touch()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/base.txt").write_text("/opt/deep/two-1.0-py3-none-any.whl\n--find-links /srv\n")
    text = "/tmp/one-1.0-py3-none-any.whl\n-r /etc/base.txt\nthree\nspam\n"
    assert steps.ask(text, environ=links) == 0
    files = sorted(str(path.relative_to(steps.line / "files")) for path in (steps.line / "files").rglob("*.*"))
    assert files == [
        "etc/base.txt",
        "opt/deep/two-1.0-py3-none-any.whl",
        "srv/three-1.0-py3-none-any.whl",
        "srv/unused-1.0-py3-none-any.whl",
        "tmp/one-1.0-py3-none-any.whl",
    ]
    assert steps.install() == 0
    assert sorted(path.name for path in packages(steps.stage).glob("*.dist-info")) == [
        f"{name}-1.0.dist-info" for name in ("one", "spam", "three", "two")
    ]


def test_a_wheel_of_other_content(steps: Steps, links: dict[str, str], tmp_path: Path) -> None:
    """A file of the same path, size and time in another image is another package to uv's cache."""
    for content in ("A", "B", "B"):
        wheel(tmp_path / "tmp", "one", "1.0", {"one.py": f"X = '{content}'\n"})
        assert steps.ask("/tmp/one-1.0-py3-none-any.whl\n", environ=links) == 0
        assert steps.install() == 0
        assert (packages(steps.stage) / "one.py").read_text() == f"X = '{content}'\n"
        shutil.rmtree(steps.environments)


def answers(steps: Steps, environ: dict[str, str], requirements: str = "spam\n", **more: object) -> bytes:
    """All that `--step=ask` writes for a stage."""
    assert steps.ask(requirements, environ=environ, **more) == 0
    return packed(steps.stage.answers)


def test_what_changes_no_answer(steps: Steps, links: dict[str, str]) -> None:
    """Variables, settings and users that no installer looks at."""
    etc = steps.stage.root / "etc"
    etc.mkdir()
    (etc / "pip.conf").write_text("[global]\nretries = 9\n")
    (etc / "passwd").write_text("astro:x:50000:0::/home/astro:/bin/sh\n")
    before = answers(steps, links, owner="astro")
    (etc / "pip.conf").write_text("[list]\nformat=json\n[global]\nconstraint=/x\nno-cache-dir=1\nRETRIES=9\n")
    (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\nastro:x:50000:0:A:/home/astro:/bin/bash\n")
    (etc / "os-release").write_text("ID=debian\nVERSION_ID=12\n")
    environ = {
        **links,
        "PATH": "/usr/bin",
        "LANG": "C",
        "HOME": "/x",
        "PIP_CONSTRAINT": "/x",
        "UV_PYTHON": "x",
        "A": "1",
    }
    assert answers(steps, environ, owner="50000") == before


@pytest.mark.parametrize(
    ("environ", "files", "more"),
    [
        pytest.param({"PIP_INDEX_URL": "https://i"}, {}, {}, id="index"),
        pytest.param({"UV_HTTP_TIMEOUT": "9"}, {}, {}, id="uv"),
        pytest.param({"NO_PROXY": "x"}, {}, {}, id="proxy"),
        pytest.param({"VERSION": "1.0"}, {}, {}, id="a variable that the requirements file names"),
        pytest.param({}, {"/etc/pip.conf": "[global]\nretries = 9\n"}, {}, id="pip.conf"),
        pytest.param({}, {"/root/.netrc": "machine x\n"}, {}, id="netrc"),
        pytest.param({}, {"/etc/ssl/certs/ca-certificates.crt": "ca"}, {}, id="certificates"),
        pytest.param({}, {"/etc/ssl/certs/0a1b2c3d.0": "ca"}, {}, id="a certificate by its hash"),
        pytest.param({"PIP_CERT": "/opt/ca.pem"}, {"/opt/ca.pem": "ca"}, {}, id="a certificate by its path"),
        pytest.param({"PIP_CONFIG_FILE": "/opt/c"}, {"/opt/c": "[global]\nretries = 9\n"}, {}, id="PIP_CONFIG_FILE"),
        pytest.param({}, {}, {"owner": "7:8"}, id="owner"),
    ],
)
def test_what_changes_an_answer(
    steps: Steps, links: dict[str, str], environ: dict[str, str], files: dict[str, str], more: dict[str, object]
) -> None:
    """Settings, values, credentials, certificates and the owner do, by content."""
    (steps.stage.root / "etc").mkdir()
    (steps.stage.root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    text = "spam ; '${VERSION}' != '2'\n"
    before = answers(steps, links, text, owner="0:0")
    for name, content in files.items():
        path = steps.stage.find(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    changed = answers(steps, {**links, **environ}, text, **{"owner": "0:0", **more})
    assert changed != before
    for name in files:
        os.utime(steps.stage.find(name), (1, 1))
        steps.stage.find(name).chmod(0o600)
    assert answers(steps, {**links, **environ}, text, **{"owner": "0:0", **more}) == changed


def test_settings_that_do_not_apply_are_told(steps: Steps, capfd: pytest.CaptureFixture[str]) -> None:
    """The install cannot: it does not see them."""
    assert steps.ask("spam\n", environ={"PIP_CONSTRAINT": "/x", "PIP_RETRIES": "1"}) == 0
    assert capfd.readouterr().out == "epo: ignoring pip settings: PIP_CONSTRAINT\n"


def test_settings_reach_the_install(steps: Steps, links: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """From variables and from files, with their names in the log."""
    home = steps.stage.root / "home/astro"
    (home / ".config/pip").mkdir(parents=True)
    (home / ".config/pip/pip.conf").write_text("[install]\nretries = 3\nuser = yes\n")
    (steps.stage.root / "etc").mkdir()
    uid, gid = os.geteuid(), os.getegid()
    (steps.stage.root / "etc/passwd").write_text(f"astro:x:{uid}:{gid}::/home/astro:/bin/sh\n")
    assert steps.ask("spam\n", environ=links) == 0
    capfd.readouterr()
    assert steps.install() == 0
    used = "PIP_NO_INDEX, PIP_FIND_LINKS, retries (/home/astro/.config/pip/pip.conf)"
    assert f"epo: using settings: {used}\n" in capfd.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner(steps: Steps, links: dict[str, str]) -> None:
    """The environment belongs to the stage's user, by numbers."""
    assert steps.ask("spam\n", environ=links, owner="7:8") == 0
    assert steps.install() == 0
    owners = {(path.lstat().st_uid, path.lstat().st_gid) for path in (steps.environments / "epo").rglob("*")}
    assert owners == {(7, 8)}


def test_unknown_user(steps: Steps, capfd: pytest.CaptureFixture[str]) -> None:
    """A USER that is unknown is an error of the step that asks."""
    assert steps.ask("spam\n", owner="nobody-here") == 1
    assert "nobody-here" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("environ", "text", "reason"),
    [
        ({"PIP_INDEX_URL": "file:///opt/simple"}, "spam\n", "the index /opt/simple is a directory of the image"),
        ({"UV_INDEX": "own=/opt/simple"}, "spam\n", "the index /opt/simple is a directory of the image"),
        ({}, "--extra-index-url file:///opt/simple\nspam\n", "the index /opt/simple is a directory of the image"),
        ({"PIP_CERT": "pyproject.toml"}, "spam\n", "a setting has the relative path pyproject.toml"),
    ],
)
def test_settings_that_need_the_stage(
    steps: Steps, environ: dict[str, str], text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index in the image, and paths that start at its working directory."""
    monkeypatch.chdir(Path(__file__).parents[3])
    assert steps.ask(text, environ=environ) == 0
    assert steps.install() == 0
    assert steps.reason() == reason


def test_secrets(steps: Steps, links: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A secret reaches the install, and neither the answers nor a note for the stage."""
    source(tmp_path / "wheels", "eggs", "1.0")
    environ = {**links, "TOKEN": "t0k3nvalue-of-the-stage"}
    secrets = {"TOKEN": "t0k3nvalue"}
    assert steps.ask("spam ; '${TOKEN}' == 't0k3nvalue'\n", environ=environ, secrets=["TOKEN"]) == 0
    assert b"t0k3nvalue" not in packed(steps.stage.answers)
    assert steps.install(secrets=secrets) == 0
    assert (packages(steps.stage) / "spam").is_dir()
    assert b"t0k3nvalue" not in packed(steps.environments)
    steps.environments.rename(tmp_path / "done")
    for text in ("eggs\n", "https://127.0.0.1:1/${TOKEN}.tar.gz\n"):
        assert steps.ask(text, environ=environ, secrets=["TOKEN"]) == 0
        assert steps.install(secrets=secrets) == 0
        assert "t0k3nvalue" not in steps.reason()
        (steps.environments / ".in-stage").unlink()
    log = capfd.readouterr()
    assert "t0k3nvalue" not in log.out + log.err


def test_the_airflow_of_the_image(steps: Steps, links: dict[str, str], tmp_path: Path) -> None:
    """What `--airflow` takes from the image comes along."""
    bin_directory = steps.stage.root / "home/airflow/bin"
    bin_directory.mkdir(parents=True)
    (bin_directory / "airflow").write_text("#!/nowhere\n")
    for name, version in (("apache_airflow", "2.10.5"), ("spam", "0.9")):
        info = steps.stage.root / f"home/airflow/lib/python3.11/site-packages/{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\nRequires-Python: >=3.8\n\n")
    wheel(tmp_path / "wheels", "apache_airflow", "2.10.5", {"airflow.py": ""}, requires="spam")
    wheel(tmp_path / "wheels", "spam", "0.9", {"spam.py": ""})
    environ = {**links, "PATH": "/home/airflow/bin"}
    assert steps.ask(None, environ=environ, airflow="same") == 0
    assert steps.install("--airflow=same") == 0
    assert (packages(steps.stage) / "spam-0.9.dist-info").is_dir()
    source(tmp_path / "wheels", "ham", "1.0")
    assert steps.ask("ham\n", environ=environ, airflow="same") == 0
    assert steps.install("--airflow=same", name="again") == 1  # the environment is there already
    (steps.environments / "epo").rename(tmp_path / "done")
    assert steps.install("--airflow=same") == 0
    assert steps.reason() == "ham 1.0 has no compatible wheel, or wheels are disabled"
    assert not (tmp_path / "ran").exists()


def test_an_image_without_airflow(steps: Steps, links: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """The error is that of the line, and not of the group."""
    assert steps.ask("spam\n", environ=links, airflow="same") == 0
    assert steps.install("--airflow=same") == 1
    assert "there is no airflow on PATH at this line" in capfd.readouterr().out


def test_what_an_interpreter_lacks_apart(steps: Steps, links: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage may have it."""
    import interpreter  # noqa: PLC0415

    assert steps.ask("spam\n", environ=links) == 0
    monkeypatch.setattr(interpreter, "NEEDED", ("no_such_module",))
    assert steps.install() == 0
    assert "cannot import no_such_module" in steps.reason() or "no_such_module" in steps.reason()


def test_an_interpreter_without_an_environment(program: ModuleType, layout: Layout) -> None:
    """`--no-venv` checks it, and leaves the link to the build."""
    arguments = ["--step=stage", "--no-venv", f"--version={VERSION}", f"--interpreter={sys.base_prefix}"]
    assert program.main(arguments, {"PATH": "/nowhere"}, layout) == 0
    assert not layout.commands.exists()
    assert not layout.environments.exists()


def test_a_stage_that_has_answers_already(steps: Steps, links: dict[str, str]) -> None:
    """In a rendered Dockerfile they are written into a directory of the stage: nothing there is from before."""
    (steps.stage.answers / "root/lib").mkdir(parents=True)
    (steps.stage.answers / "root/lib/evil.so").touch()
    (steps.stage.answers / "lines").symlink_to("/etc")
    line = {"name": "epo", "version": VERSION, "context": "", "owner": "0", "airflow": "", "secrets": []}
    arguments = ["--step=ask", "--", json.dumps([{**line, "requirements": [], "inline": ["spam"]}])]
    assert steps.program.main(arguments, links, steps.stage) == 0
    assert not (steps.stage.answers / "root/lib/evil.so").exists()
    assert [path.name for path in (steps.stage.answers / "lines").iterdir()] == ["epo"]


def test_answers_are_plain(steps: Steps, links: dict[str, str]) -> None:
    """They are what a person can read."""
    assert steps.ask("spam==${X}\n", environ={**links, "X": "1.0"}) == 0
    found = json.loads((steps.line / "environment.json").read_text())
    assert found == {
        "airflow": None,
        "airflow_error": "",
        "in_stage": "",
        "owner": {"gid": os.getegid(), "home": "/", "uid": os.geteuid()},
        "variables": {"PIP_FIND_LINKS": links["PIP_FIND_LINKS"], "PIP_NO_INDEX": "1", "X": "1.0"},
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("tls.stderr", "a certificate is not trusted outside of the stage", id="certificate"),
        pytest.param("no-git.stderr", "a package is installed from a repository", id="git"),
        pytest.param("no-such-file.stderr", "is a file that only the stage may have", id="file"),
        pytest.param("no-such-version.stderr", "", id="version"),
        pytest.param("refused.stderr", "", id="index"),
        pytest.param("no-compiler.stderr", "", id="a build that failed"),
    ],
)
def test_reasons_for_the_stage(text: str, reason: str) -> None:
    """What uv says when it fails for a reason that may only hold apart from the stage, and when it does not."""
    written = (Path(__file__).parent / "failures" / text).read_text()
    found = apart.of_uv(written)
    assert reason in found
    assert bool(found) == bool(reason)


def test_a_requirements_file_at_a_url(steps: Steps, links: dict[str, str]) -> None:
    """It may have variables of the stage, which the install does not know: if it fails, the stage is tried."""
    assert steps.ask("-r http://127.0.0.1:1/req.txt\n", environ={**links, "UV_HTTP_RETRIES": "0"}) == 0
    assert steps.install() == 0
    assert steps.reason() == "a requirements file at a URL may require the stage"


def test_a_lock_and_other_requirements_by_pip(steps: Steps, links: dict[str, str]) -> None:
    """The second pip would start with packages installed."""
    project = '[project]\nname = "own"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = []\n'
    steps.context.mkdir(parents=True)
    (steps.context / "pyproject.toml").write_text(project)
    (steps.context / "uv.lock").write_text('version = 1\nrequires-python = ">=3.8"\n')
    assert steps.ask("spam\n", environ=links, requirements=["uv.lock", "req.txt"]) == 0
    assert steps.install("--installer=pip", "--requirement=uv.lock") == 0
    assert steps.reason() == "pip installs lock files and other requirements one after another"
