"""A standalone archive becomes the tree that goes into images."""

import ast
import io
import json
import os
import py_compile
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
import tree
import variables
from elfs import executable, library

PREFIX = "/opt/astro-pyenv/python/3.9.25"
SYSCONFIG = """\
# system configuration generated and used by the sysconfig module
build_time_vars = {'AR': '/tools/llvm/bin/llvm-ar',
 'BINDIR': '/install/bin',
 'CC': 'clang -pthread',
 'CFLAGS': '-Wall -I/tools/deps/include -I/install/include -fPIC',
 'CONFIG_ARGS': "'--prefix=/install' "
                "'CC=clang'",
 'CXX': '/usr/bin/aarch64-linux-gnu-g++ -pthread',
 'HAVE_X': 1,
 'INSTALLER': '/installer',
 'LDSHARED': '/usr/bin/x86_64-linux-gnu-gcc-12 -shared -L/tools/deps/lib',
 'LINKCC': 'musl-clang',
 'NM': 'x86_64-linux-gnu-gcc-nm',
 'RANLIB': 'llvm-ranlib',
 'prefix': '/install'}
"""
PIP = '#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")/python3.9" "$0" "$@"\n\' \'\'\'\nimport sys\n'
FILES: dict[str, tuple[str | bytes, int]] = {
    "bin/python3.9": (executable("3.9.25"), 0o755),
    "bin/pip3": (PIP, 0o755),
    "bin/2to3": ("#!/install/bin/python3.9\nimport sys\n", 0o700),
    "bin/python3.9-config": ("#!/bin/sh\necho\n", 0o775),
    "bin/idle3": ("#!/install/bin/python3.9\n", 0o755),
    "include/python3.9/Python.h": ("", 0o600),
    "lib/libpython3.9.so.1.0": (library("libc.so.6", glibc="GLIBC_2.17"), 0o755),
    "lib/libpython3.9.a": ("", 0o644),
    "lib/pkgconfig/python-3.9.pc": ("prefix=/install\nlibdir=${prefix}/lib\n", 0o664),
    "lib/python3.9/EXTERNALLY-MANAGED": ("", 0o644),
    "lib/python3.9/os.py": ("", 0o644),
    "lib/python3.9/_sysconfigdata__linux_x86_64-linux-gnu.py": (SYSCONFIG, 0o644),
    "lib/python3.9/__pycache__/_sysconfigdata__linux_x86_64-linux-gnu.cpython-39.pyc": ("stale", 0o644),
    "lib/python3.9/__pycache__/os.cpython-39.opt-1.pyc": ("", 0o644),
    "lib/python3.9/__pycache__/os.cpython-39.opt-2.pyc": ("", 0o644),
    "lib/python3.9/config-3.9-x86_64-linux-gnu/Makefile": ("prefix=\t/install\n", 0o644),
    "lib/python3.9/config-3.9-x86_64-linux-gnu/libpython3.9.a": ("", 0o644),
    "lib/python3.9/_sysconfig_vars__linux_x86_64-linux-gnu.json": ('{"CC": "clang", "LIBDIR": "/install/lib"}', 0o644),
    "lib/python3.9/idlelib/idle.py": ("", 0o644),
    "lib/python3.9/lib-dynload/_testcapi.so": ("", 0o755),
    "lib/python3.9/lib-dynload/_ssl.so": ("", 0o755),
    "lib/itcl4.3.5/itcl.tcl": ("", 0o644),
    "lib/libtcl9.0.so": (library(), 0o755),
    "lib/libtcl9tk9.0.so": (library("libtcl9.0.so"), 0o755),
    "lib/python3.9/__pycache__/turtle.cpython-39.pyc": ("", 0o644),
    "lib/python3.9/lib-dynload/_tkinter.so": (library("libtcl9.0.so", "libtcl9tk9.0.so"), 0o755),
    "lib/python3.9/pydoc_data/__pycache__/topics.cpython-39.pyc": ("", 0o644),
    "lib/python3.9/site-packages/pip/tests/kept.py": ("", 0o644),
    "lib/python3.9/site-packages/setuptools/x/__pycache__/y.cpython-39.pyc": ("", 0o644),
    "lib/python3.9/tkinter/ttk.py": ("", 0o644),
    "lib/python3.9/turtle.py": ("", 0o644),
    "lib/tcl9.0/init.tcl": ("", 0o644),
    "lib/tk9.0/tk.tcl": ("", 0o644),
    "lib/python3.9/test/test_os.py": ("", 0o644),
    "lib/python3.9/turtledemo/clock.py": ("", 0o644),
    "lib/python3.9/unittest/test/test_case.py": ("", 0o644),
    "lib/python3.9/unittest/case.py": ("", 0o644),
    "share/man/man1/python3.9.1": ("", 0o644),
    "share/terminfo/x/xterm": ("", 0o644),
}
KEPT = """\
.pyenv-interpreter.json
bin/2to3
bin/pip3
bin/python3
bin/python3.9
bin/python3.9-config
include/python3.9/Python.h
lib/libpython3.9.so.1.0
lib/pkgconfig/python-3.9.pc
lib/python3.9/_sysconfig_vars__linux_x86_64-linux-gnu.json
lib/python3.9/_sysconfigdata__linux_x86_64-linux-gnu.py
lib/python3.9/config-3.9-x86_64-linux-gnu/Makefile
lib/python3.9/lib-dynload/_ssl.so
lib/python3.9/os.py
lib/python3.9/site-packages/_pyenv_real_executable.pth
lib/python3.9/site-packages/pip/tests/kept.py
lib/python3.9/unittest/case.py
share/terminfo/x/xterm
"""


def pack(path: Path, files: Mapping[str, tuple[str | bytes, int]], *extra: tarfile.TarInfo, mtime: int = 10**9) -> Path:
    """Write an archive of these files, each with its text and mode."""
    with tarfile.open(path, "w:gz") as tar:
        for name, (text, mode) in files.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(f"python/{name}")
            member.size, member.mode, member.mtime, member.uid = len(data), mode, mtime, 1000
            tar.addfile(member, io.BytesIO(data))
        for member in extra:
            tar.addfile(member)
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A link in the archive."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.fixture
def output(finish: ModuleType, tmp_path: Path) -> Path:
    """The tree of an archive that has something of everything."""
    archive = pack(tmp_path / "a.tar.gz", FILES, link("python/bin/python3", "python3.9"))
    assert finish.main([f"--archive={archive}", f"--output={tmp_path / 'out'}", f"--prefix={PREFIX}"]) == 0
    return tmp_path / "out"


def test_tcl_that_python_is_linked_with_stays(tmp_path: Path) -> None:
    """Archives of some years ago have Tk in the interpreter itself, which would not start without it."""
    for name, data in (("bin/python3.9", executable("3.9.1", "libtcl8.6.so")), ("lib/libtcl8.6.so", library())):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    tree.drop_tcl(tmp_path)
    assert (tmp_path / "lib/libtcl8.6.so").exists()


def test_what_stays(output: Path) -> None:
    """Tests, IDLE, Tk, static libraries, markers, manuals and optimised bytecode stay out, all else stays."""
    found = sorted(str(path.relative_to(output)) for path in output.rglob("*") if not path.is_dir())
    assert found == KEPT.split()


def test_no_empty_directories(output: Path) -> None:
    """A directory that held only what stays out stays out as well."""
    assert [path for path in output.rglob("*") if path.is_dir() and not any(path.iterdir())] == []


def test_scripts(output: Path) -> None:
    """A Python script names its interpreter at the final prefix, whatever form its first line had."""
    first = f"#!{PREFIX}/bin/python3.9\nimport sys\n"
    assert (output / "bin/pip3").read_text() == first
    assert (output / "bin/2to3").read_text() == first
    assert (output / "bin/python3.9-config").read_text() == "#!/bin/sh\necho\n"
    assert (output / "bin/python3").readlink() == Path("python3.9")


def test_sysconfig(output: Path) -> None:
    """Sysconfig names the final prefix, and compilers that exist on a machine with any."""
    text = (output / "lib/python3.9/_sysconfigdata__linux_x86_64-linux-gnu.py").read_text()
    assert ast.literal_eval(text.partition(" = ")[2]) == {
        "AR": "ar",
        "BINDIR": f"{PREFIX}/bin",
        "CC": "cc -pthread",
        "CFLAGS": f"-Wall -I{PREFIX}/include -fPIC",
        "CONFIG_ARGS": f"'--prefix={PREFIX}' 'CC=clang'",
        "CXX": "c++ -pthread",
        "HAVE_X": 1,
        "INSTALLER": "/installer",
        "LDSHARED": "cc -shared",
        "LINKCC": "cc",
        "NM": "nm",
        "RANLIB": "ranlib",
        "prefix": PREFIX,
    }
    variables = json.loads((output / "lib/python3.9/_sysconfig_vars__linux_x86_64-linux-gnu.json").read_text())
    assert variables == {"CC": "cc", "LIBDIR": f"{PREFIX}/lib"}
    assert (output / "lib/pkgconfig/python-3.9.pc").read_text() == f"prefix={PREFIX}\nlibdir=${{prefix}}/lib\n"
    assert (output / "lib/python3.9/config-3.9-x86_64-linux-gnu/Makefile").read_text() == f"prefix=\t{PREFIX}\n"


def test_another_build_prefix() -> None:
    """An interpreter that was configured with another prefix than python-build-standalone's is taken as well."""
    assert variables.patched("LDSHARED", "gcc -L/usr/local/lib", "/usr/local", PREFIX) == f"cc -L{PREFIX}/lib"


def test_modes_and_times(output: Path) -> None:
    """Modes are plain and every time is the same, whatever the archive says."""
    for path in [output, *output.rglob("*")]:
        status = path.lstat()
        assert status.st_mtime == tree.MTIME
        if not path.is_symlink():
            executable = path.is_dir() or path.name in {"2to3", "pip3", "python3.9", "python3.9-config"}
            executable = executable or ".so" in path.name
            assert status.st_mode & 0o7777 == (0o755 if executable else 0o644)


def test_bytecode(tmp_path: Path) -> None:
    """Bytecode is used as it is, even where its source has another time or text by then."""
    source = tmp_path / "module.py"
    source.write_text("print('compiled')\n")
    cache = Path(
        py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP, doraise=True)
    )
    code = cache.read_bytes()[16:]
    tree.rewrite_bytecode(cache)
    source.write_text("print('source')\n")
    os.utime(source, (0, 0))
    command = [sys.executable, "-B", "-c", "import module"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True).stdout == "compiled\n"
    assert cache.read_bytes()[4:16] == b"\x01" + bytes(11)
    assert cache.read_bytes()[16:] == code


def test_checked_bytecode(tmp_path: Path) -> None:
    """Bytecode with a hash keeps it and is no longer checked."""
    source = tmp_path / "module.py"
    source.write_text("")
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    cache = Path(py_compile.compile(str(source), invalidation_mode=mode, doraise=True))
    before = cache.read_bytes()
    tree.rewrite_bytecode(cache)
    assert cache.read_bytes() == before[:4] + b"\x01" + before[5:]


def test_hard_link(finish: ModuleType, tmp_path: Path) -> None:
    """A hard link of the archive is a file with the same content."""
    extra = link("python/bin/python3", "python/bin/python3.9", tarfile.LNKTYPE)
    archive = pack(tmp_path / "a.tar.gz", {"bin/python3.9": (executable("3.9.25"), 0o755)}, extra)
    assert finish.main([f"--archive={archive}", f"--output={tmp_path / 'out'}", f"--prefix={PREFIX}"]) == 0
    assert (tmp_path / "out/bin/python3").read_bytes() == executable("3.9.25")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        pytest.param(tarfile.TarInfo("other/file"), "'other/file' is not in python/", id="another directory"),
        pytest.param(tarfile.TarInfo("python/../../file"), "is outside", id="leads out"),
        pytest.param(link("python/lib/x", "/etc"), "points outside", id="absolute link"),
        pytest.param(link("python/lib/x", "../../../x"), "points outside", id="link that leads out"),
    ],
)
def test_refused(
    finish: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: tarfile.TarInfo, message: str
) -> None:
    """An archive that would write elsewhere is refused."""
    archive = pack(tmp_path / "a.tar.gz", {"bin/python3.9": (executable("3.9.25"), 0o755)}, extra)
    assert finish.main([f"--archive={archive}", f"--output={tmp_path / 'out'}", f"--prefix={PREFIX}"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("cannot use the interpreter archive: ")
    assert message in error
    assert not (tmp_path / "file").exists()


def test_no_python(finish: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An archive without an interpreter is refused."""
    archive = pack(tmp_path / "a.tar.gz", {"README": ("", 0o644)})
    assert finish.main([f"--archive={archive}", f"--output={tmp_path / 'out'}", f"--prefix={PREFIX}"]) == 1
    assert capsys.readouterr().err == "cannot use the interpreter archive: it has no bin/python3.X\n"


def test_truncated(finish: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An archive that ends early is refused."""
    archive = pack(tmp_path / "a.tar.gz", {"bin/python3.9": (os.urandom(9999), 0o755)})
    archive.write_bytes(archive.read_bytes()[:5000])
    assert finish.main([f"--archive={archive}", f"--output={tmp_path / 'out'}", f"--prefix={PREFIX}"]) == 1
    assert "cannot use the interpreter archive: " in capsys.readouterr().err


def test_tree(finish: ModuleType, tmp_path: Path) -> None:
    """What was compiled is made ready like an archive, links and all."""
    source = tmp_path / "in"
    for name, (content, mode) in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content.encode() if isinstance(content, str) else content)
        (source / name).chmod(mode)
    (source / "bin/python3").symlink_to("python3.9")
    origin = ["--origin=url=https://example.com/a.tar.xz?b=c", "--origin=sha256=00"]
    assert finish.main([f"--tree={source}", *origin, f"--output={tmp_path / 'out'}", f"--prefix={PREFIX}"]) == 0
    output = tmp_path / "out"
    assert sorted(str(path.relative_to(output)) for path in output.rglob("*") if not path.is_dir()) == KEPT.split()
    assert (output / "bin/python3").readlink() == Path("python3.9")
    assert json.loads((output / ".pyenv-interpreter.json").read_text()) == {
        "provider": "source",
        "version": "3.9.25",
        "libc": "gnu",
        "glibc": "2.17",
        "origin": {"url": "https://example.com/a.tar.xz?b=c", "sha256": "00"},
    }


def test_free_threaded(finish: ModuleType, tmp_path: Path) -> None:
    """Scripts of a free-threaded build start what its library is called after."""
    files = {"bin/python3.14t": (executable("3.14.2"), 0o755), "bin/pip3": ("#!/x/python3.14t\n", 0o755)}
    archive = pack(tmp_path / "a.tar.gz", files, link("python/bin/python3.14", "python3.14t"))
    assert finish.main([f"--archive={archive}", f"--output={tmp_path / 'out'}", f"--prefix={PREFIX}"]) == 0
    assert (tmp_path / "out/bin/pip3").read_text() == f"#!{PREFIX}/bin/python3.14t\n"
    assert json.loads((tmp_path / "out/.pyenv-interpreter.json").read_text())["version"] == "3.14.2"


def test_not_a_program(finish: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An interpreter that Linux cannot start is refused."""
    archive = pack(tmp_path / "a.tar.gz", {"bin/python3.9": ("#!/bin/sh\n", 0o755)})
    assert finish.main([f"--archive={archive}", f"--output={tmp_path / 'out'}", f"--prefix={PREFIX}"]) == 1
    assert "bin/python3.9 is not a program for Linux" in capsys.readouterr().err
