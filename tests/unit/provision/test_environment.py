"""An environment, built as in a step of a stage by the real uv, but in a temporary directory and without network."""

import ast
import base64
import hashlib
import importlib
import importlib.util
import io
import json
import os
import platform
import re
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import environment
import interpreter
import manifest
import pytest
import tidy
import uv_cache
import uv_command
import uv_installer
from install import IndexOptions, Install
from layout import Layout, ProvisionError
from log import Log
from owner import Owner
from settings import Settings
from steps import VERSION, Build, output, packages, wheel
from tests.engine.wheels import project_files


def test_build(build: Build, layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    """A requirements file becomes an environment whose python imports what it lists."""
    assert build("spam==1.0\n") == 0
    path = layout.environments / "epo"
    assert output(path / "bin/python", "-c", "import spam") == "spam"
    assert (path / "bin/python").resolve() == Path(sys.base_prefix, "bin", f"python{VERSION}").resolve()
    assert (path / "bin/spam").read_text().startswith(f"#!{path}/bin/python\n")
    log = capfd.readouterr()
    assert log.out.startswith(f"epo: Python {sys.version.split()[0]}, req.txt\n")
    assert log.out.splitlines()[-1].startswith("epo: 1 package in ")
    assert " + spam==1.0" in log.err


def test_bytecode_is_unchecked(build: Build, layout: Layout) -> None:
    """Bytecode is never compared with its source, whose time an image may change (PEP 552)."""
    assert build("spam\n") == 0
    compiled = [*packages(layout).glob("spam/__pycache__/*.pyc"), *packages(layout).glob("pip/__pycache__/*.pyc")]
    assert [path.read_bytes()[4:8] for path in compiled] == [b"\x01\0\0\0"] * 2


def test_nothing_is_left(build: Build, layout: Layout, tmp_path: Path) -> None:
    """Neither locks nor times nor anything outside the environment stay; what was in /tmp does."""
    kept = wheel(tmp_path / "tmp", "ham", "2.0", {"ham.py": ""})
    before = (tmp_path / "tmp").stat().st_mtime_ns
    assert build(f"spam\n/tmp/{kept.name}\n") == 0
    names = {path.name for path in (layout.environments / "epo").rglob("*")}
    assert not names & {".lock", "uv_cache.json", "CACHEDIR.TAG", ".gitignore"}
    record = (packages(layout) / "ham-2.0.dist-info/RECORD").read_text()
    assert "uv_cache" not in record
    assert "ham.py" in record
    assert list((tmp_path / "tmp").iterdir()) == [kept]
    assert (tmp_path / "tmp").stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["opt", "run", "tmp", "usr", "wheels"]
    assert list(layout.home.iterdir()) == []


def test_same_files(build: Build, layout: Layout) -> None:
    """Two builds of the same requirements leave the same bytes, wherever the first one came from."""
    trees = []
    for _ in range(2):
        assert build("spam\n") == 0
        path = layout.environments / "epo"
        trees.append({item.relative_to(path): item.read_bytes() for item in path.rglob("*") if item.is_file()})
        path.rename(layout.environments / f"done{len(trees)}")
    assert trees[0] == trees[1]


def test_a_file_of_several_packages(build: Build, layout: Layout, tmp_path: Path) -> None:
    """It comes from the last of them by name, and not from the one that was installed last."""
    names = ("one", "two", "three", "four")
    for name in names:
        text = f"{name}\n"
        path = wheel(tmp_path / "wheels", name, "1.0", {"same.py": text})
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        with zipfile.ZipFile(path) as archive:
            files = {member: archive.read(member).decode() for member in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in files.items():
                archive.writestr(member, content.replace("same.py,,", f"same.py,sha256={digest},{len(text)}"))
    for attempt in ("a", "b", "c"):
        assert build("\n".join(names), name=attempt) == 0
        assert (packages(layout, attempt) / "same.py").read_text() == "two\n"


def test_pip(build: Build, layout: Layout, tmp_path: Path) -> None:
    """Pip works in an environment, by script and by module, and acts on it alone."""
    assert build("spam\n") == 0
    path = layout.environments / "epo"
    wheel(tmp_path / "wheels", "eggs", "3.0", {"eggs.py": ""})
    options = ["--quiet", "--no-index", "--disable-pip-version-check", f"--find-links={tmp_path / 'wheels'}"]
    output(path / "bin/pip", "install", *options, "eggs", HOME=str(tmp_path))
    assert (packages(layout) / "eggs.py").exists()
    assert output(path / "bin/python", "-m", "pip", "freeze", HOME=str(tmp_path)) == "eggs==3.0\nspam==1.0"
    output(path / f"bin/pip{VERSION}", "uninstall", "--quiet", "--yes", "spam", HOME=str(tmp_path))
    assert output(path / "bin/pip3", "freeze", HOME=str(tmp_path)) == "eggs==3.0"


def test_own_pip_stays(build: Build, layout: Layout, tmp_path: Path) -> None:
    """A pip that the requirements ask for is the environment's pip."""
    wheel(tmp_path / "wheels", "pip", "99.0", {"pip/__init__.py": "def main(): print('own')\n"})
    assert build("pip\n") == 0
    assert output(layout.environments / "epo/bin/pip") == "own"
    assert (packages(layout) / "pip/__init__.py").read_text() == "def main(): print('own')\n"


def test_a_program_on_path(build: Build, layout: Layout, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A program of the environment gets a link on PATH; a name that is taken or missing is an error."""
    assert build("spam\n", "--expose=pip3", name="one") == 0
    assert (layout.commands / "pip3").readlink() == layout.environments / "one/bin/pip3"
    assert build("spam\n", "--expose=pip3", name="two") == 1
    assert f"two: --expose=pip3: the image already has {layout.commands}/pip3. Choose" in capfd.readouterr().out
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pip").touch()
    assert build("spam\n", "--expose=pip", name="three", PATH=str(tmp_path / "bin")) == 1
    assert f"the image already has {tmp_path}/bin/pip" in capfd.readouterr().out
    assert build("spam\n", "--expose=spamd", name="four") == 1
    assert "four: --expose=spamd: the environment has no program of this name" in capfd.readouterr().out


def test_a_second_path(build: Build, layout: Layout, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is a link; missing directories above it are made, and what is there is an error."""
    assert build("spam\n", "--link=/venvs/one", "--link=/tmp/one", name="one") == 0
    assert (tmp_path / "venvs/one").readlink() == layout.environments / "one"
    assert (tmp_path / "tmp/one").is_symlink()
    assert output(tmp_path / "venvs/one/bin/python", "-c", "import spam") == "spam"
    assert build("spam\n", "--link=/venvs/one", name="two") == 1
    assert "/venvs/one: the image already has" in capfd.readouterr().out


@pytest.mark.parametrize("options", [(), ("--installer=pip",)], ids=["uv", "pip"])
def test_a_package_that_its_marker_excludes(build: Build, layout: Layout, options: tuple[str, ...]) -> None:
    """It need not exist."""
    assert build("spam\n./dist/other-1.0-py3-none-any.whl ; sys_platform == 'win32'\n", *options) == 0
    assert [path.name for path in packages(layout).glob("*.dist-info")] == ["spam-1.0.dist-info"]


def test_without_requirements(build: Build, layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    """An environment may be empty."""
    assert build(None) == 0
    assert output(layout.environments / "epo/bin/pip", "freeze") == ""
    assert "epo: 0 packages in " in capfd.readouterr().out


def test_command(build: Build, layout: Layout) -> None:
    """`pythonX.Y` becomes a link to the interpreter, and one that is there already stays."""
    assert build(None, name="one") == 0
    link = layout.commands / f"python{VERSION}"
    assert link.readlink() == Path(sys.base_prefix, "bin", f"python{VERSION}")
    link.unlink()
    link.write_text("the image's own")
    assert build(None, name="two") == 0
    assert link.read_text() == "the image's own"


def test_command_elsewhere_on_path(build: Build, layout: Layout, tmp_path: Path) -> None:
    """`pythonX.Y` anywhere on PATH stays first."""
    (tmp_path / "bin").mkdir()
    (tmp_path / f"bin/python{VERSION}").touch()
    assert build(None, PATH=f"/nowhere:{tmp_path / 'bin'}") == 0
    assert not layout.commands.exists()


def test_directories_keep_their_metadata(build: Build, tmp_path: Path) -> None:
    """A directory that was there keeps its mode, and one behind a link stays behind it."""
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "opt").symlink_to("data")
    assert build(None) == 0
    assert (tmp_path / "data").stat().st_mode & 0o7777 == 0o700
    assert (tmp_path / "data/astro-pyenv/envs/epo/bin/python").exists()
    assert (tmp_path / "data/astro-pyenv/envs").stat().st_mode & 0o7777 == 0o755


def test_settings_reach_uv(build: Build, layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    """The image's pip.conf is read, and what must not apply does not."""
    (layout.root / "etc").mkdir()
    (layout.root / "etc/pip.conf").write_text("[global]\nconstraint = /nowhere.txt\ntarget = /nowhere\ntimeout = 9\n")
    assert build("spam\n", UV_CONSTRAINT="/nowhere", PYTHONPATH="/nowhere", UV_PYTHON="/nowhere") == 0
    log = capfd.readouterr().out
    assert "epo: using settings: PIP_NO_INDEX, PIP_FIND_LINKS, timeout (/etc/pip.conf)\n" in log
    assert "epo: ignoring pip settings: constraint (/etc/pip.conf), target (/etc/pip.conf)\n" in log


def test_unresolvable(build: Build, capfd: pytest.CaptureFixture[str]) -> None:
    """The log of what cannot be installed ends with the package, the reason and what to do."""
    assert build("spam==2.0\n") == 1
    log = capfd.readouterr()
    assert "spam" in log.err
    assert log.out.splitlines()[1:] == [
        "epo: using settings: PIP_NO_INDEX, PIP_FIND_LINKS",
        "epo: cannot install req.txt: spam==2.0",
        "epo:   why: no index has this version: the closest version is 1.0",
        "epo:   do:  use an available version",
    ]
    assert "Traceback" not in log.err


def test_a_version_that_does_not_exist(build: Build, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Uv is asked for the versions around it."""
    for version in ("1.5", "3.0"):
        wheel(tmp_path / "wheels", "spam", version, {})
    assert build("spam==2.0\n") == 1
    assert capfd.readouterr().out.splitlines()[-3:] == [
        "epo: cannot install req.txt: spam==2.0",
        "epo:   why: no index has this version: the closest versions are 1.5 and 3.0",
        "epo:   do:  use an available version",
    ]


def test_an_index_that_refuses_access(build: Build, capfd: pytest.CaptureFixture[str]) -> None:
    """Uv passes over it in silence, so it is asked again."""

    class Refusing(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://me:secret@127.0.0.1:{server.server_address[1]}/simple/"
        assert build("ham\n", PIP_NO_INDEX="", PIP_INDEX_URL=url) == 1
        server.shutdown()
    log = capfd.readouterr()
    reason = f"the index {url.replace('me:secret@', '')} denied access (401 Unauthorized)"
    assert f"epo:   why: {reason}. This index is set by PIP_INDEX_URL\n" in log.out
    assert "me:secret" not in log.out + log.err


def test_a_package_that_is_built_from_source(build: Build, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The log says which, and what it may need."""
    project = '[build-system]\nrequires = []\nbuild-backend = "nothing"\nbackend-path = ["."]\n'
    files = {"pyproject.toml": project, "PKG-INFO": "Metadata-Version: 2.2\nName: eggs\nVersion: 1.0\n"}
    files["nothing.py"] = "import subprocess\ndef build_wheel(*_):\n    subprocess.check_call(['gcc'])\n"
    with tarfile.open(tmp_path / "wheels/eggs-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"eggs-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    assert build("eggs\n") == 1
    log = capfd.readouterr()
    assert "epo: building eggs==1.0 from source: it has no compatible wheel" in log.out
    assert f"no wheel for Python {VERSION} on this platform, and the image has no compiler to build it" in log.out


def test_what_was_installed(build: Build, layout: Layout, tmp_path: Path, index: str) -> None:
    """The environment says what is in it and where that came from."""
    wheel(tmp_path / "wheels", "eggs", "2.0", {"eggs.py": ""})
    ham = wheel(tmp_path, "ham", "3.0", {"ham.py": ""})
    requirements = f"spam\neggs\nham @ {ham.as_uri()}\n"
    links = (tmp_path / "wheels").as_uri()
    (tmp_path / "wheels/spam-1.0-py3-none-any.whl").unlink()
    credentials = index.replace("http://", "http://me:secret@")
    assert build(requirements, PIP_NO_INDEX="", PIP_INDEX_URL=credentials, PIP_FIND_LINKS=links) == 0
    described = json.loads((layout.environments / "epo/.pyenv.json").read_text())
    assert described == {
        "name": "epo",
        "version": sys.version.split()[0],
        "interpreter": {"provider": "base", "path": sys.base_prefix},
        "requirements": [{"path": "req.txt", "sha256": hashlib.sha256(requirements.encode()).hexdigest()}],
        "packages": [
            {"name": "eggs", "version": "2.0", "origin": {"index": (tmp_path / "wheels").as_uri()}},
            {"name": "ham", "version": "3.0", "origin": {"url": ham.as_uri(), "archive_info": {}}},
            {"name": "spam", "version": "1.0", "origin": {"index": f"{index}/"}},
        ],
    }


def test_an_empty_environment_is_described(build: Build, layout: Layout) -> None:
    """Without packages there is nothing to ask for."""
    assert build(None) == 0
    described = json.loads((layout.environments / "epo/.pyenv.json").read_text())
    assert (described["packages"], described["requirements"]) == ([], [])


def test_an_interpreter_says_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a prefix says of itself is repeated, with its path."""
    (tmp_path / ".pyenv-interpreter.json").write_text('{"provider": "source", "libc": "gnu"}')
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    for prefix, expected in (
        ("/opt/3.9", {"provider": "source", "libc": "gnu", "path": "/opt/3.9"}),
        ("base", {"provider": "base", "path": str(tmp_path)}),
    ):
        manifest.write(tmp_path, "epo", manifest.Contents(prefix, {}, [], {}), lambda url: url)
        assert json.loads((tmp_path / ".pyenv.json").read_text())["interpreter"] == expected


def test_packages_that_do_not_fit_together(build: Build, layout: Layout, tmp_path: Path) -> None:
    """They are named, each with what it wants."""
    wheel(tmp_path / "wheels", "eggs", "2.0", {"eggs.py": ""})
    assert build("spam\neggs\n") == 0
    metadata = packages(layout) / "eggs-2.0.dist-info/METADATA"
    metadata.write_text(metadata.read_text() + "Requires-Dist: spam>=2\nRequires-Dist: ham\n")
    step = Install(layout.environments / "epo", Settings({}, [], []), Owner(0, 0, "/"), layout, Log("epo"))
    with pytest.raises(ProvisionError) as error:
        uv_installer.check(step, IndexOptions({}, []))
    assert str(error.value).splitlines() == [
        "the installed packages are incompatible:",
        "The package eggs requires ham, but it's not installed",
        "The package eggs requires spam>=2, but 1.0 is installed",
    ]


def test_secrets_stay_out_of_the_log(build: Build, layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    """What a secret holds is hidden, in what a build from source prints too; that it was there is told."""
    layout.secrets.mkdir(parents=True)
    (layout.secrets / "SPAM_TOKEN").write_text("t0k3nvalue\n")
    assert build("spam @ https://127.0.0.1:1/t0k3nvalue/spam-1.0-py3-none-any.whl\n", UV_HTTP_RETRIES="0") == 1
    log = capfd.readouterr()
    assert "epo: using build secrets: SPAM_TOKEN\n" in log.out
    assert "https://127.0.0.1:1/****/spam" in log.err
    assert "t0k3nvalue" not in log.out + log.err


def test_name_is_taken(build: Build, layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    """An environment that the base image has is not overwritten."""
    (layout.environments / "epo").mkdir(parents=True)
    assert build(None) == 1
    assert "already exists: choose another name for this environment" in capfd.readouterr().out


def test_unknown_user(build: Build, layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    """An unknown USER is found out before anything is made."""
    assert build(None, owner="nobody-here") == 1
    assert "USER is nobody-here, but" in capfd.readouterr().out
    assert not layout.environments.exists()


def test_file_system_that_does_not_take_it(build: Build, layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    """A file system's refusal is one line as well."""
    layout.environments.parent.parent.mkdir()
    layout.environments.parent.touch()
    assert build(None) == 1
    assert "epo: cannot build the environment: " in capfd.readouterr().out


def test_incomplete_interpreter(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> None:
    """A base that lacks libraries is told by the names of the modules that need them."""
    monkeypatch.setattr(interpreter, "NEEDED", ("zlib", "no_such_module"))
    with pytest.raises(
        ProvisionError,
        match=r"cannot import no_such_module \(No module named 'no_such_module'\) on this base image: install",
    ):
        interpreter.check(VERSION, layout)


@pytest.mark.parametrize(
    ("message", "library"),
    [
        pytest.param(
            "libsqlite3.so.0: cannot open shared object file: No such file or directory", "libsqlite3.so.0", id="glibc"
        ),
        pytest.param(
            "Error loading shared library libffi.so.8: No such file or directory (needed by /x.so)",
            "libffi.so.8",
            id="musl",
        ),
        pytest.param(
            "/lib/x86_64-linux-gnu/libcrypto.so.3: version `OPENSSL_3.3.0' not found (required by /x.so)",
            "/lib/x86_64-linux-gnu/libcrypto.so.3",
            id="version",
        ),
    ],
)
def test_missing_library(monkeypatch: pytest.MonkeyPatch, layout: Layout, message: str, library: str) -> None:
    """A missing shared library is named, with what to do."""

    def fail(_: str) -> None:
        raise ImportError(message)

    monkeypatch.setattr(importlib, "import_module", fail)
    monkeypatch.setattr(interpreter, "NEEDED", ("sqlite3",))
    with pytest.raises(ProvisionError) as error:
        interpreter.check(VERSION, layout)
    assert f"cannot import sqlite3 ({message}) on this base image: install {library} above this line, or choose" in str(
        error.value
    )


def test_another_interpreter(layout: Layout) -> None:
    """An interpreter of another version than is said is found out."""
    with pytest.raises(ProvisionError, match=rf"the interpreter is Python {VERSION}, not 2\.7"):
        interpreter.check("2.7", layout)


def test_free_threaded_interpreter(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> None:
    """A free-threaded build has another version than one with the lock."""
    monkeypatch.setattr(sys, "abiflags", "t")
    interpreter.check(f"{VERSION}t", layout)
    with pytest.raises(ProvisionError, match=rf"the interpreter is Python {VERSION}t, not {VERSION}$"):
        interpreter.check(VERSION, layout)


def test_interpreter_without_pip(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> None:
    monkeypatch.setattr(interpreter, "pip", lambda: None)
    with pytest.raises(ProvisionError, match="has no pip"):
        interpreter.check(VERSION, layout)


def test_pip_that_does_not_run(monkeypatch: pytest.MonkeyPatch, layout: Layout, tmp_path: Path) -> None:
    """A pip that fails on this base is found out, with the last line of what it says."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho Traceback >&2\necho 'ImportError: no luck' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ProvisionError, match=r"does not run on this base image: ImportError: no luck$"):
        interpreter.check(VERSION, layout)


@pytest.mark.parametrize(
    ("needed", "own", "fits"),
    [
        pytest.param("2.31", "2.31", True, id="same"),
        pytest.param("2.9", "2.31", True, id="compared as numbers"),
        pytest.param("2.36", "2.31", False, id="too old"),
        pytest.param(None, "2.31", True, id="needs no glibc"),
        pytest.param("2.36", "", True, id="another libc, which the loader tells"),
    ],
)
def test_glibc(
    monkeypatch: pytest.MonkeyPatch, layout: Layout, tmp_path: Path, needed: str | None, own: str, *, fits: bool
) -> None:
    """A base whose glibc is older than what the interpreter needs is told so in one sentence."""
    (tmp_path / ".pyenv-interpreter.json").write_text(json.dumps({"glibc": needed}))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setattr(interpreter, "glibc", lambda: own)
    if fits:
        interpreter.check(VERSION, layout)
    else:
        with pytest.raises(
            ProvisionError,
            match=r"^this build of Python .* requires glibc 2\.36 or newer, but this base image has 2\.31",
        ):
            interpreter.check(VERSION, layout)


def test_own_glibc() -> None:
    """The version of glibc is that which the loader reports."""
    assert interpreter.glibc() == platform.libc_ver()[1]


OWN = f"--owner={os.geteuid()}:{os.getegid()}"
"""The environment is for whoever runs the tests: only root can give it away."""


def run(program: ModuleType, layout: Layout, *arguments: str, path: str = "") -> int:
    """Run the program with only these arguments, by default with the directory of links on PATH, as images have it."""
    environ = {"PATH": path or f"/nowhere:{layout.commands}"}
    return int(program.main([*arguments, f"--version={VERSION}"], environ, layout))


@pytest.mark.parametrize(("name", "title"), [((), f"python{VERSION}"), (("--name=seed",), "seed")])
def test_no_venv(
    program: ModuleType, layout: Layout, capfd: pytest.CaptureFixture[str], name: tuple[str, ...], title: str
) -> None:
    """An interpreter without an environment is checked and gets its name on PATH, and leaves nothing else."""
    assert run(program, layout, "--no-venv", *name, f"--interpreter={sys.base_prefix}") == 0
    assert (layout.commands / f"python{VERSION}").readlink() == Path(sys.base_prefix, "bin", f"python{VERSION}")
    assert not layout.environments.exists()
    assert list(layout.tmp.iterdir()) == []
    version = sys.version.split()[0]
    assert capfd.readouterr().out == f"{title}: Python {version}, without an environment\n"


def test_a_path_without_the_links_is_told(
    program: ModuleType, layout: Layout, capfd: pytest.CaptureFixture[str]
) -> None:
    """The link is made all the same."""
    assert run(program, layout, "--no-venv", f"--interpreter={sys.base_prefix}", path="/nowhere") == 0
    assert (layout.commands / f"python{VERSION}").is_symlink()
    _, told = capfd.readouterr().out.splitlines()
    linked = f"python{VERSION}: python{VERSION} is linked in {layout.commands}"
    assert told == f"{linked}, which is not on PATH in this image: add it with ENV PATH={layout.commands}:$PATH"


def test_name_is_needed(program: ModuleType, layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(program, layout, "--interpreter=/opt")
    assert "--name is required without --no-venv" in capsys.readouterr().err


def test_interpreter_of_the_base(program: ModuleType, layout: Layout) -> None:
    """The base's own interpreter gets no link, and its own pip is the environment's."""
    assert run(program, layout, "--name=epo", OWN, "--interpreter=base") == 0
    assert not layout.commands.exists()
    assert output(layout.environments / "epo/bin/pip", "--version").startswith("pip ")
    assert str(interpreter.pip()) in (packages(layout) / "pip/__init__.py").read_text()


def test_base_without_pip(program: ModuleType, layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the base's interpreter has no pip, the environment gets that of its ensurepip."""
    bundled = wheel(tmp_path / "_bundled", "pip", "99.0", {"pip/__init__.py": "def main(): print('bundled')\n"})
    monkeypatch.setattr(interpreter, "pip", lambda: None)
    monkeypatch.setattr(interpreter, "pip_wheel", lambda: bundled)
    assert run(program, layout, "--name=epo", OWN, "--interpreter=base") == 0
    assert output(layout.environments / "epo/bin/python", "-c", "import pip; pip.main()") == "bundled"
    assert (packages(layout) / "pip-99.0.dist-info").is_dir()
    (compiled,) = (packages(layout) / "pip").glob("__pycache__/*.pyc")
    assert compiled.read_bytes()[4:8] == b"\x01\0\0\0"


def test_base_without_ensurepip(
    program: ModuleType, layout: Layout, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A base with neither pip nor ensurepip is told what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert run(program, layout, "--name=epo", "--interpreter=base") == 1
    assert "own Python has neither pip nor ensurepip: install one above this line" in capfd.readouterr().out


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """A package index that has spam, by HTTP: uv keeps nothing that it finds in a directory."""
    page = tmp_path / "index/spam"
    page.mkdir(parents=True)
    name = wheel(page, "spam", "1.0", {"spam.py": ""}).name
    (page / "index.html").write_text(f'<a href="{name}">{name}</a>')

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "index"))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_cache(build: Build, layout: Layout, index: str) -> None:
    """Uv's cache buckets have the names that we think: downloads are shared by all bases, the rest is not."""
    assert build("spam\n", PIP_NO_INDEX="", PIP_INDEX_URL=index) == 0
    for name in uv_cache.SHARED:
        assert any((layout.cache / "shared" / name).iterdir())
    assert any((layout.tmp / "interpreter-v5").iterdir())
    own = [path.name for path in uv_cache.directory(layout).iterdir() if path.is_dir() and not path.is_symlink()]
    assert {name.rsplit("-", 1)[0] for name in own} <= {"sdists", "builds"}


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ('NAME="Debian"\nID=debian\nVERSION_ID="12"\n', "-debian-12"),
        ("ID=alpine\nVERSION_ID=3.20.1\n", "-alpine-3.20.1"),
        ("ID=debian\nVERSION_CODENAME=forky\n", "-debian-forky"),
        ("ID=../..\n", "-.._..-unversioned"),
        (None, "-linux-unversioned"),
    ],
)
def test_base(layout: Layout, release: str | None, name: str) -> None:
    """Wheels that are built here are kept apart by machine, C library and distribution release."""
    if release:
        (layout.root / "etc").mkdir()
        (layout.root / "etc/os-release").write_text(release)
    base = uv_cache.base(layout)
    assert base.endswith(name)
    assert base.startswith(os.uname().machine)
    assert "/" not in base


def test_certificates(layout: Layout) -> None:
    """An image has certificates where its distribution keeps them, or none."""
    assert not layout.certificates()
    path = layout.find("/etc/pki/tls/certs/ca-bundle.crt")
    path.parent.mkdir(parents=True)
    path.touch()
    assert layout.certificates()


def test_netrc(build: Build, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials come from the .netrc of the stage's user, as pip would read it."""
    (layout.root / "etc").mkdir()
    (layout.root / "etc/passwd").write_text(f"me:x:{os.geteuid()}:{os.getegid()}::/home/me:/bin/sh\n")
    (layout.root / "home/me").mkdir(parents=True)
    (layout.root / "home/me/.netrc").touch()
    seen = {}

    def run(command: list[str], environment: dict[str, str], *_: object, **__: object) -> tuple[int, str]:
        seen.update(environment)
        return 0 if command else 1, ""

    monkeypatch.setattr(uv_command, "run", run)
    assert build("spam\n") == 0
    assert seen["NETRC"] == str(layout.root / "home/me/.netrc")
    assert seen["HOME"] == str(layout.home)


def test_new_in_tmp(tmp_path: Path) -> None:
    """What builds leave in /tmp is removed, and nothing else."""
    (tmp_path / "kept").touch()
    before = tidy.listing(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new/file").touch()
    (tmp_path / "link").symlink_to("kept")
    tidy.remove_new(tmp_path, before)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert tidy.listing(tmp_path / "missing") == frozenset()


def test_links_lead_to_the_interpreter_by_its_known_path(tmp_path: Path) -> None:
    """In a stage whose /opt is a link, venv writes where that leads to."""
    environment.create(tmp_path / "env")
    links = [one for one in (tmp_path / "env/bin").iterdir() if one.is_symlink()]
    (link,) = (one for one in links if one.readlink().is_absolute())
    real = link.readlink()
    (tmp_path / "known").symlink_to(real.parent.parent)
    others = {one: one.readlink() for one in links if one != link}
    environment.link_interpreter(tmp_path / "env", tmp_path / "known")
    assert link.readlink() == tmp_path / "known/bin" / real.name
    assert f"home = {tmp_path}/known/bin\n" in (tmp_path / "env/pyvenv.cfg").read_text()
    assert {one: one.readlink() for one in others} == others


def test_create_leaves_no_pip(tmp_path: Path) -> None:
    """No second pip is installed: the interpreter's is used."""
    environment.create(tmp_path / "env")
    environment.add_pip(tmp_path / "env", VERSION)
    assert [path.name for path in (tmp_path / "env").rglob("*.dist-info")] == []


def test_oldest_syntax(provision: Path) -> None:
    """What runs under the target interpreter is Python 3.8."""
    sources = sorted((provision / "environment").glob("*.py"))
    assert len(sources) > 5
    for path in sources:
        ast.parse(path.read_text(), filename=str(path), feature_version=(3, 8))


def test_old_names(provision: Path) -> None:
    """What runs under the target interpreter evaluates no annotation, where newer spellings would fail."""
    for path in (provision / "environment").glob("*.py"):
        assert "from __future__ import annotations" in path.read_text()


def test_pip_installs(build: Build, layout: Layout, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With pip in place of uv the environment is the same, bytecode and pip's stand-in included."""
    assert build("spam==1.0 --hash=sha256:" + sha256(tmp_path / "wheels/spam-1.0-py3-none-any.whl") + "\n") == 0
    assert build("spam==1.0\n", "--installer=pip", name="other") == 0
    log = capfd.readouterr().out
    assert re.search(r"^other: installing with pip [0-9.]+$", log, re.MULTILINE)
    one, other = (
        {
            str(path.relative_to(packages(layout, name))): path.read_bytes() if path.suffix == ".py" else b""
            for path in packages(layout, name).rglob("*")
            if path.name not in {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
        }
        for name in ("epo", "other")
    )
    assert one == other
    assert output(layout.environments / "other/bin/pip", "list", "--format=freeze") == "spam==1.0"


def test_pip_finds_no_such_version(build: Build, capfd: pytest.CaptureFixture[str]) -> None:
    """The log ends with those that there are."""
    assert build("spam==9\n", "--installer=pip") == 1
    assert capfd.readouterr().out.endswith(
        f"epo: cannot install req.txt: spam==9\nepo:   why: no index has such a version for Python {VERSION} on this "
        "platform; the newest versions are 1.0\nepo:   do:  use an available version\n"
    )


@pytest.mark.parametrize("other", ["eggs-1.0-cp311-cp311-win_arm64.whl", ""])
def test_pip_finds_no_version_that_fits(
    build: Build, tmp_path: Path, capfd: pytest.CaptureFixture[str], other: str
) -> None:
    """Pip says the same of a package that does not exist, and of one that has wheels for other platforms only."""
    if other:
        wheel(tmp_path / "wheels", "eggs", "1.0", {"eggs.py": ""}).rename(tmp_path / "wheels" / other)
    assert build("eggs==1.0\n", "--installer=pip") == 1
    assert capfd.readouterr().out.endswith(
        f"epo: cannot install req.txt: eggs\nepo:   why: no index has a wheel of it for Python {VERSION} on this "
        "platform, or a source distribution\nepo:   do:  check the name, and that the stage's pip or uv settings name "
        "an index that has it. If it is there, its wheels are for other Python versions, architectures or C libraries "
        "(glibc, musl): use a version that has a wheel, or another Python version or base image\n"
    )


def test_pip_finds_a_version_for_another_python(
    build: Build, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Which Python it requires is on the index's page (PEP 503)."""
    wheel(tmp_path / "files", "spam", "2.0", {"spam/__init__.py": ""})
    page = tmp_path / "index/spam/index.html"
    page.parent.mkdir(parents=True)
    file = (tmp_path / "files/spam-2.0-py3-none-any.whl").as_uri()
    page.write_text(f'<a href="{file}" data-requires-python="&gt;=9.1">spam-2.0-py3-none-any.whl</a>')
    index = (tmp_path / "index").as_uri()
    assert build("spam==2.0\n", "--installer=pip", PIP_NO_INDEX="0", PIP_INDEX_URL=index) == 1
    assert capfd.readouterr().out.endswith(
        "epo: cannot install req.txt: spam==2.0\nepo:   why: it requires Python >=9.1; the environment has "
        f"Python {VERSION}\nepo:   do:  use an older version of it, or another Python version on the PYENV line\n"
    )


def test_pip_reaches_no_index(build: Build, capfd: pytest.CaptureFixture[str]) -> None:
    """Then pip knows of no version, but that is not why."""
    more = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "1"}
    assert build("eggs==1.0\n", "--installer=pip", **more) == 1
    assert re.search(
        r"epo: cannot install req\.txt: the package index\nepo:   why: the connection failed at /simple/eggs/: Failed "
        r"to establish a new connection: \[Errno 111\] Connection refused\nepo:   do:  check the URL in .*\n$",
        capfd.readouterr().out,
    )


def test_no_dependencies(build: Build, layout: Layout, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """--no-deps installs what is named, and nothing that it needs, with either installer; the log says what lacks."""
    wheel(tmp_path / "wheels", "eggs", "1.0", {"eggs.py": ""}, requires="absent")
    assert build("eggs\n") == 1
    for installer_name in ("uv", "pip"):
        assert build("eggs\n", "--no-deps", f"--installer={installer_name}", name=installer_name) == 0
        assert [one.name for one in packages(layout, installer_name).glob("*.dist-info")] == ["eggs-1.0.dist-info"]
        lacking = f"{installer_name}: The package eggs requires absent, but it's not installed\n"
        assert lacking in capfd.readouterr().out


def test_no_bytecode(build: Build, layout: Layout) -> None:
    """--no-compile leaves sources alone."""
    assert build("spam==1.0\n", "--no-compile") == 0
    assert not list((packages(layout) / "spam").rglob("*.pyc"))


def test_seed(build: Build, layout: Layout) -> None:
    """--seed makes pip a package of the environment."""
    assert build("spam==1.0\n", "--seed", "--installer=pip") == 0
    listed = output(layout.environments / "epo/bin/pip", "list", "--format=freeze").splitlines()
    assert [line.partition("==")[0] for line in listed] == ["pip", "spam"]
    code = "import pip; print(pip.__file__)"
    assert output(layout.environments / "epo/bin/python", "-c", code).startswith(str(packages(layout)))


def test_system_site_packages(build: Build, layout: Layout) -> None:
    assert build(None, "--system-site-packages") == 0
    assert "include-system-site-packages = true" in (layout.environments / "epo/pyvenv.cfg").read_text()


@pytest.mark.parametrize(
    ("requirement", "version", "installers"),
    [
        pytest.param("ham", "1.0", "uv pip", id="a final release, though a pre-release is newer"),
        pytest.param("ham>=2", "2.1rc1", "uv", id="a pre-release where no final one fits, as new pips do"),
        pytest.param("ham>=1.0rc1", "2.1rc1", "uv pip", id="a pre-release where the requirement names one"),
        pytest.param("ham>=1.0\n--pre", "2.1rc1", "uv pip", id="a pre-release where it is asked for"),
        pytest.param("ham!=2.1rc1", "1.0", "uv pip", id="a final release where a pre-release is excluded"),
    ],
)
def test_pre_releases(  # noqa: PLR0917 - fixtures and a table
    build: Build, layout: Layout, tmp_path: Path, requirement: str, version: str, installers: str
) -> None:
    """Either installer takes the pre-releases that pip takes."""
    for one in ("1.0", "2.1rc1"):
        wheel(tmp_path / "wheels", "ham", one, {"ham.py": ""})
    for name in installers.split():
        assert build(f"{requirement}\n", f"--installer={name}", name=name) == 0
        assert [path.name for path in packages(layout, name).glob("*.dist-info")] == [f"ham-{version}.dist-info"]


def test_a_pre_release_that_a_package_asks_for(build: Build, layout: Layout, tmp_path: Path) -> None:
    """Here uv and pip differ: pip takes any pre-release of what some package names one of, uv only if none fits."""
    for one in ("1.0", "2.1rc1"):
        wheel(tmp_path / "wheels", "ham", one, {"ham.py": ""})
    wheel(tmp_path / "wheels", "eggs", "1.0", {"eggs.py": ""}, requires="ham>=1.0rc1")
    assert build("eggs\n") == 0
    assert build("eggs\n", "--installer=pip", name="pip") == 0
    assert [len(list(packages(layout, name).glob("ham-2.1rc1.dist-info"))) for name in ("epo", "pip")] == [0, 1]


def test_a_lock_of_ours_stands_in_for_all_else(build: Build, layout: Layout, tmp_path: Path) -> None:
    """But for projects and archives of the build context, which are installed as they are."""
    spam = tmp_path / "wheels/spam-1.0-py3-none-any.whl"
    wheel(tmp_path / "wheels", "spam", "2.0", {"spam/__init__.py": ""})
    for name, text in project_files("own").items():
        path = layout.context / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lock = (
        'lock-version = "1.0"\ncreated-by = "dockerfile-pyenv"\n[[packages]]\nname = "spam"\nversion = "1.0"\n'
        f'wheels = [{{ url = "{spam.as_uri()}", hashes = {{ sha256 = "{sha256(spam)}" }} }}]\n'
    )
    (layout.context / "pylock.ours.toml").write_text(lock + "[tool.dockerfile-pyenv]\n")
    assert build("spam>1\nabsent\n./own\n", "--requirement=pylock.ours.toml", "--group=x") == 0
    installed = sorted(path.name for path in packages(layout).glob("*.dist-info"))
    assert installed == ["own-1.0.dist-info", "spam-1.0.dist-info"]
    (layout.context / "pylock.ours.toml").rename(layout.context / "pylock.other.toml").write_text(lock)
    assert build("spam>1\n", "--requirement=pylock.other.toml", name="other") == 0
    assert [path.name for path in packages(layout, "other").glob("*.dist-info")] == ["spam-2.0.dist-info"]


def test_sources_of_uv_in_a_project(build: Build, layout: Layout, tmp_path: Path) -> None:
    """Here uv and pip differ: `tool.uv.sources` says to uv where a project's packages come from, and nothing to pip."""
    for one in ("1.0", "2.0"):
        wheel(tmp_path / "wheels", "ham", one, {"ham.py": ""})
    for name, text in project_files("own").items():
        path = layout.context / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("Version: 1.0\\n", "Version: 1.0\\nRequires-Dist: ham\\n"))
    with (layout.context / "own/pyproject.toml").open("a") as project:
        source = tmp_path / "wheels" / "ham-1.0-py3-none-any.whl"
        project.write(f'dependencies = ["ham"]\n[tool.uv.sources]\nham = {{ path = "{source}" }}\n')
    for name in ("uv", "pip"):
        assert build("./own\n", f"--installer={name}", name=name) == 0
        shutil.rmtree(layout.tmp)
    assert [[path.name for path in packages(layout, name).glob("ham-*.dist-info")] for name in ("uv", "pip")] == [
        ["ham-1.0.dist-info"],
        ["ham-2.0.dist-info"],
    ]


def sha256(path: Path) -> str:
    """Checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
