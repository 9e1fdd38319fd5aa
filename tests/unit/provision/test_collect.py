"""Python is taken out of an image by what its files say."""

import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import certificates
import collect
import elf
import pytest
import summary
from elfs import executable, library
from tree import FinishError

PREFIX = "/opt/astro-pyenv/python/3.9-x"
SYSCONFIG = "build_time_vars = {'prefix': '/usr/local', 'CC': 'x86_64-linux-gnu-gcc', 'LIBDIR': '/usr/local/lib'}\n"
RUN_PATHS: list[tuple[str, ...]] = []


def write(root: Path, files: dict[str, bytes | str]) -> Path:
    """Write files below a root; one whose text begins with "->" is a link."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("->"):
            path.symlink_to(content[2:])
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def official() -> dict[str, bytes | str]:
    """An image in the manner of the official ones."""
    return {
        "/etc/ld.so.conf": "include ld.so.conf.d/*.conf\n",
        "/etc/ld.so.conf.d/libc.conf": "# comment\n/usr/local/lib\n/usr/lib/odd\n",
        "/usr/local/bin/python3.9": executable("", "libpython3.9.so.1.0", "libc.so.6", glibc="GLIBC_2.17"),
        "/usr/local/bin/python3": "->python3.9",
        "/usr/local/include/python3.9/Python.h": "",
        "/usr/local/lib/libpython3.9.so.1.0": library("libm.so.6", glibc="GLIBC_2.34") + b"\x003.9.25\0",
        "/usr/local/lib/libpython3.9.so": "->libpython3.9.so.1.0",
        "/usr/local/lib/python3.9/os.py": "",
        "/usr/local/lib/python3.9/site.py": "",
        "/usr/local/lib/python3.9/__pycache__/os.cpython-39.pyc": "",
        "/usr/local/lib/python3.9/test/test_os.py": "",
        "/usr/local/lib/python3.9/_sysconfigdata__linux_.py": SYSCONFIG,
        "/usr/local/lib/python3.9/lib-dynload/_ssl.so": library("libssl.so.3", "libpthread.so.0"),
        "/usr/local/lib/python3.9/lib-dynload/_dbm.so": library("libdb-5.3.so"),
        "/usr/local/lib/python3.9/lib-dynload/_tkinter.so": library("libtk8.6.so"),
        "/usr/local/lib/python3.9/site-packages/pip/__init__.py": "",
        "/usr/local/lib/python3.9/site-packages/pip-25.0.dist-info/METADATA": "",
        "/usr/local/lib/python3.9/site-packages/airflow/__init__.py": "",
        "/usr/lib/odd/libssl.so.3": "->libssl.so.3.0.1",
        "/usr/lib/odd/libssl.so.3.0.1": library("libcrypto.so.3", runpath="/usr/lib/odd"),
        "/usr/lib/odd/libcrypto.so.3": library("libc.so.6") + b'\0OPENSSLDIR: "/usr/lib/ssl"\0/usr/lib/ssl/certs\0',
        "/lib64/libc.so.6": library(),
    }


Finish = Callable[..., int]


@pytest.fixture
def take(finish: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finish:
    """Finish Python X.Y of the image in tmp_path/image to tmp_path/out; what patchelf is told to do is recorded."""
    RUN_PATHS.clear()

    def patchelf(*arguments: str | Path) -> None:
        RUN_PATHS.append(tuple(argument.name if isinstance(argument, Path) else argument for argument in arguments))

    monkeypatch.setattr(collect, "_patchelf", patchelf)

    def run(version: str = "3.9", **options: str) -> int:
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        where = [f"--image={tmp_path / 'image'}", f"--output={tmp_path / 'out'}", f"--prefix={PREFIX}"]
        return int(finish.main([*where, f"--version={version}", *arguments]))

    return run


def names(output: Path) -> set[str]:
    """All files of a tree."""
    return {str(path.relative_to(output)) for path in output.rglob("*") if not path.is_dir()}


def test_official_image(take: Finish, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program, the library without tests and installed packages, pip, headers and bundled libraries are taken."""
    write(tmp_path / "image", official())
    assert take() == 0
    assert names(tmp_path / "out") == {
        ".pyenv-interpreter.json",
        *(f"bin/{name}" for name in ("pip", "pip3", "pip3.9", "python", "python3", "python3.9")),
        "include/python3.9/Python.h",
        *(f"lib/{name}" for name in ("libcrypto.so.3", "libpython3.9.so", "libpython3.9.so.1.0", "libssl.so.3")),
        *(f"lib/python3.9/{name}" for name in ("_sysconfigdata__linux_.py", "lib-dynload/_ssl.so", "os.py", "site.py")),
        "lib/python3.9/site-packages/_pyenv_real_executable.pth",
        "lib/python3.9/site-packages/pip-25.0.dist-info/METADATA",
        "lib/python3.9/site-packages/pip/__init__.py",
    }
    assert (tmp_path / "out/bin/pip").read_text().startswith(f"#!{PREFIX}/bin/python3.9\n")
    assert f"'LIBDIR': '{PREFIX}/lib'" in (tmp_path / "out/lib/python3.9/_sysconfigdata__linux_.py").read_text()
    assert json.loads((tmp_path / "out/.pyenv-interpreter.json").read_text()) == {
        "provider": "image",
        "version": "3.9.25",
        "libc": "gnu",
        "glibc": "2.34",
        "origin": {},
    }
    assert capsys.readouterr().out == (
        "using Python 3.9.25 from /usr/local/bin/python3.9 of the image\nremoved _dbm: the image has no libdb-5.3.so\n"
    )


def test_run_paths(take: Finish, tmp_path: Path) -> None:
    """The program finds all libraries of its prefix, and no library looks elsewhere."""
    write(tmp_path / "image", official())
    assert take() == 0
    assert RUN_PATHS == [
        ("--force-rpath", "--set-rpath", "$ORIGIN/../lib", "python3.9"),
        ("--remove-rpath", "libssl.so.3"),
    ]


def test_certificates(take: Finish, tmp_path: Path) -> None:
    """A bundled OpenSSL looks for certificates where every base has them, and nothing in it moves."""
    write(tmp_path / "image", official())
    assert take() == 0
    before = (tmp_path / "image/usr/lib/odd/libcrypto.so.3").read_bytes()
    after = (tmp_path / "out/lib/libcrypto.so.3").read_bytes()
    assert after.endswith(b'\0OPENSSLDIR: "/etc/ssl"' + bytes(5) + b"/etc/ssl/certs" + bytes(5))
    assert len(after) == len(before)
    assert elf.read(tmp_path / "out/lib/libcrypto.so.3") == elf.read(tmp_path / "image/usr/lib/odd/libcrypto.so.3")


def test_other_paths_stay(tmp_path: Path) -> None:
    """A path that only begins like a directory of certificates is left as it is."""
    (tmp_path / "libcrypto.so").write_bytes(b"\0/usr/lib/ssl-modules\0/opt/usr/lib/ssl\0/etc/pki/tls\0")
    certificates.trust(tmp_path / "libcrypto.so")
    text = (tmp_path / "libcrypto.so").read_bytes()
    assert text == b"\0/usr/lib/ssl-modules\0/opt/usr/lib/ssl\0/etc/ssl\0\0\0\0\0"


def test_debian(take: Finish, tmp_path: Path) -> None:
    """Debian's own Python keeps pip among dist-packages; its ensurepip's wheel comes along."""
    image = write(
        tmp_path / "image",
        {
            "/usr/bin/python3.11": executable("3.11.2", "libc.so.6"),
            "/usr/bin/python3": "->python3.11",
            "/usr/lib/python3.11/os.py": "",
            "/usr/lib/python3.11/site.py": "'dist-packages'",
            "/usr/lib/python3.11/sitecustomize.py": "->/etc/python3.11/sitecustomize.py",
            "/usr/lib/python3.11/gone.py": "->/nowhere.py",
            "/usr/lib/python3.11/EXTERNALLY-MANAGED": "",
            "/etc/python3.11/sitecustomize.py": "# site\n",
            "/usr/lib/python3/dist-packages/apt.py": "",
        },
    )
    (image / "usr/share/python-wheels").mkdir(parents=True)
    with zipfile.ZipFile(image / "usr/share/python-wheels/pip-23.0.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pip/__init__.py", "")
    assert take("3.11") == 0
    assert names(tmp_path / "out") == {
        ".pyenv-interpreter.json",
        *(f"bin/{name}" for name in ("pip", "pip3", "pip3.11", "python", "python3", "python3.11")),
        *(f"lib/python3.11/{name}" for name in ("os.py", "site.py", "sitecustomize.py")),
        "local/lib/python3.11/dist-packages/_pyenv_real_executable.pth",
        "local/lib/python3.11/dist-packages/pip/__init__.py",
        "share/python-wheels/pip-23.0.1-py3-none-any.whl",
    }
    assert (tmp_path / "out/lib/python3.11/sitecustomize.py").read_text() == "# site\n"


def test_no_pip(take: Finish, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An image whose Python has neither pip nor ensurepip is refused."""
    files = {name: text for name, text in official().items() if "/pip" not in name}
    write(tmp_path / "image", files)
    assert take() == 1
    assert "cannot use the interpreter image: its Python 3.9 has neither pip nor ensurepip" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "options"),
    [
        pytest.param(
            {"/home/x/bin/python3.9": "->/usr/local/bin/python3.9"}, {"path": "/home/x/bin"}, id="environment of links"
        ),
        pytest.param(
            {"/venv/bin/python3.9": executable("3.9.25"), "/venv/pyvenv.cfg": "home = /usr/local/bin\nversion = 3\n"},
            {"path": "/venv/bin"},
            id="environment of copies",
        ),
        pytest.param({}, {"path": "relative:/none"}, id="not on PATH, but where it is usual"),
        pytest.param(
            {"/wrapped/python3.9": "#!/bin/sh\nexec python\n"}, {"path": "/wrapped:/usr/local/bin"}, id="wrapper"
        ),
    ],
)
def test_found(tmp_path: Path, files: dict[str, bytes | str], options: dict[str, str]) -> None:
    """The interpreter of an environment, or one behind a wrapper, is found where it is itself."""
    root = collect.Root(write(tmp_path, {**official(), **files}), **options)
    python = collect.choose(root, "3.9")
    assert root.name(python.program) == "/usr/local/bin/python3.9"
    assert python.full_version == "3.9.25"


def test_by_another_name(tmp_path: Path) -> None:
    """A program that is only called python3 is found by what it is; the directory may be a link."""
    files = {
        "/opt/real/bin/python3": executable("3.12.1"),
        "/opt/real/lib64/python3.12/os.py": "",
        "/usr/python": "->/opt/real",
    }
    root = collect.Root(write(tmp_path, files), path="/usr/python/bin")
    assert root.name(collect.choose(root, "3.12").program) == "/opt/real/bin/python3"


def test_two_in_one_prefix(tmp_path: Path) -> None:
    """Of two interpreters in one directory, each is what its own library is."""
    files = {
        "/usr/local/bin/python3.11": executable("", "libpython3.11.so.1.0"),
        "/usr/local/lib/libpython3.11.so.1.0": library() + b"\x003.11.9\0",
        "/usr/local/lib/python3.11/os.py": "",
    }
    root = collect.Root(write(tmp_path, {**official(), **files}))
    assert collect.choose(root, "3.9").full_version == "3.9.25"
    assert collect.choose(root, "3.11").full_version == "3.11.9"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "it has no Python 3.8: no python3.8, python3 or python is on its PATH"),
        (official(), "it has no Python 3.8, only 3.9.25 (/usr/local/bin/python3.9)"),
    ],
    ids=["none", "another"],
)
def test_no_such_python(tmp_path: Path, files: dict[str, bytes | str], message: str) -> None:
    """An image without that version is refused with the versions that it has."""
    with pytest.raises(FinishError) as error:
        collect.choose(collect.Root(write(tmp_path, files)), "3.8")
    assert str(error.value) == message


def test_program_without_its_library(take: Finish, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that could not run in its own image is refused by the library's name."""
    files = official()
    files["/usr/local/lib/libpython3.9.so.1.0"] = library("libz.so.1") + b"\x003.9.25\0"
    write(tmp_path / "image", files)
    assert take() == 1
    assert "its python3.9 requires libz.so.1, which the image does not have" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "options", "found"),
    [
        pytest.param({"rpath": "$ORIGIN/own"}, {}, "/m/own", id="own run path"),
        pytest.param({"runpath": "${ORIGIN}/own"}, {"library_path": "/env"}, "/env", id="LD_LIBRARY_PATH first"),
        pytest.param({"rpath": "$ORIGIN/own"}, {"library_path": "/env"}, "/m/own", id="DT_RPATH before that"),
        pytest.param({"runpath": "/none"}, {}, "/lib/x86_64-linux-gnu", id="usual directory"),
    ],
)
def test_search(tmp_path: Path, module: dict[str, str], options: dict[str, str], found: str) -> None:
    """Libraries are found in the order of the dynamic loader."""
    files: dict[str, bytes | str] = {
        "/usr/bin/python3.9": executable("3.9.25"),
        "/usr/lib/python3.9/os.py": "",
        "/m/module.so": library("libx.so.1", **module),
        "/none/libx.so.1": library(machine=183),
        **{f"{place}/libx.so.1": library() for place in ("/m/own", "/env", "/lib/x86_64-linux-gnu")},
    }
    root = collect.Root(write(tmp_path / "image", files), **options)
    (tmp_path / "out/lib").mkdir(parents=True)
    collector = collect.Collector(root, collect.choose(root, "3.9"), tmp_path / "out")
    assert collector.needed(tmp_path / "image/m/module.so", ()) == []
    assert root.name(collector.copied["libx.so.1"]) == f"{found}/libx.so.1"


def test_links_stay_in_the_image(tmp_path: Path) -> None:
    """Links are followed as in the image, and lead nowhere outside it."""
    write(tmp_path / "image", {"/a": "->../../../etc/x", "/etc/x": "x", "/loop": "->loop", "/dir/up": "->../a"})
    root = collect.Root(tmp_path / "image")
    assert root.find("/a") == root.find("/dir/up") == tmp_path / "image/etc/x"
    assert root.find("/loop") is None
    assert root.find("/etc/none") is None


def test_patchelf_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What patchelf cannot do is an error with its reason."""
    failed = subprocess.CompletedProcess([], 1, "", "patchelf: not an ELF executable\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(FinishError, match=r"cannot set the run path of .*python: patchelf: not an ELF"):
        collect.patch(tmp_path / "python", tmp_path)


def test_musl(tmp_path: Path) -> None:
    """A program of musl's loader needs musl, and no glibc."""
    loader = "/lib/ld-musl-x86_64.so.1"
    write(tmp_path, {"bin/python3.13": executable("3.13.1", loader=loader)})
    summary.write(tmp_path, "image", {"image": "python:3.13-alpine"})
    found = json.loads((tmp_path / ".pyenv-interpreter.json").read_text())
    assert (found["libc"], found["glibc"]) == ("musl", None)
    assert found["origin"] == {"image": "python:3.13-alpine"}


@pytest.mark.parametrize(
    ("symbol", "version"),
    [("GLIBC_2.2.5", (2, 2)), ("GLIBC_2.17", (2, 17)), ("GLIBC_ABI_DT_RELR", (2, 36)), ("GLIBC_PRIVATE", (0, 0))],
)
def test_symbol_versions(tmp_path: Path, symbol: str, version: tuple[int, int]) -> None:
    """The glibc that a file needs is read off its symbols' versions."""
    (tmp_path / "x.so").write_bytes(library(glibc=symbol))
    found = elf.read(tmp_path / "x.so")
    assert found is not None
    assert found.glibc == version


def test_damaged_file(tmp_path: Path) -> None:
    """A file that ends early is told by its path."""
    (tmp_path / "x.so").write_bytes(library("libz.so.1")[:100])
    with pytest.raises(ValueError, match=r"x\.so is a damaged ELF file"):
        elf.read(tmp_path / "x.so")
