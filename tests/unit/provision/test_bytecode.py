"""Bytecode of an environment's packages is compiled once for a wheel and a Python, and is as if compiled in place."""

import hashlib
import importlib.util
import marshal
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType

import bytecode
import compiler
import pyc
import pytest
from layout import Layout, ProvisionError
from store import Store

VERSION = "{}.{}".format(*sys.version_info)
PROGRAMS = Path(bytecode.__file__).parent
STDLIB = Path(sysconfig.get_path("stdlib"))

Install = Callable[..., Path]


@pytest.fixture
def install(layout: Layout) -> Install:
    """Lay a distribution's files and its RECORD into an environment; return the environment."""

    def lay(name: str, files: Mapping[str, str], *, env: str = "one", record: str | None = None) -> Path:
        environment = layout.environments / env
        packages = environment / "lib" / f"python{VERSION}" / "site-packages"
        info = packages / f"{name}-1.0.dist-info"
        for path, text in files.items():
            (packages / path).parent.mkdir(parents=True, exist_ok=True)
            (packages / path).write_text(text)
        info.mkdir(parents=True)
        (info / "RECORD").write_text(record or "".join(f"{path},,\n" for path in files))
        return environment

    return lay


def written(environment: Path) -> dict[str, bytes]:
    """The bytecode of an environment, by module file."""
    return {path.name.partition(".")[0]: path.read_bytes() for path in environment.rglob("*.pyc")}


def filenames(code: CodeType) -> set[str]:
    """The paths that a code object and those within it name."""
    inner = [filenames(const) for const in code.co_consts if isinstance(const, CodeType)]
    return {code.co_filename}.union(*inner)


def test_reused_by_another_environment(install: Install, layout: Layout) -> None:
    """The second environment's bytecode is not compiled, and names its own paths."""
    files = {"spam/__init__.py": "def f():\n    return lambda: 1\n", "spam/eggs.py": "X = {1, 2}\n"}
    one, two = (install("spam", files, env=name) for name in ("one", "a-much-longer-name"))
    assert str(bytecode.write(one, VERSION, layout)) == "bytecode of 1 package: 0 reused, 1 compiled"
    assert str(bytecode.write(two, VERSION, layout)) == "bytecode of 1 package: 1 reused, 0 compiled"
    assert sorted(written(two)) == ["__init__", "eggs"]
    for source in two.rglob("*.py"):
        code = marshal.loads(written(two)[source.stem][16:])  # noqa: S302 - of our own making
        assert filenames(code) == {str(source)}
        assert written(two)[source.stem][:8] == importlib.util.MAGIC_NUMBER + b"\x01\0\0\0"


@pytest.mark.parametrize(
    "directory", ["/a", "/opt/astro-pyenv/envs/one", "/" + "long/" * 60, "/größe"], ids=["short", "usual", "long", "ä"]
)
def test_as_compiled_in_place(directory: str) -> None:
    """What `place` makes is what compiling at that path gives, for every file of the standard library that is tried."""
    script = """if True:
        import sys, marshal, pyc
        source = open(sys.argv[1], "rb").read()
        path = sys.argv[2]
        def anew():
            code = compile(source, path, "exec", dont_inherit=True)
            return marshal.dumps(code)
        def placed():
            return pyc.place(pyc.compiled(source), pyc.marker(source), path)[16:]
        sys.stdout.buffer.write({"anew": anew, "placed": placed}[sys.argv[3]]())
    """

    def run(name: str, how: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-S", "-B", "-c", script, STDLIB / name, f"{directory}/{name}", how],
            env={"PYTHONPATH": str(PROGRAMS), "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout

    for name in ("argparse.py", "abc.py", "dataclasses.py", "this.py", "email/__init__.py"):
        anew = run(name, "anew")
        assert run(name, "placed") == anew
        assert filenames(marshal.loads(anew)) == {f"{directory}/{name}"}  # noqa: S302 - likewise


def test_the_same_whatever_is_compiled_beside_it(install: Install, layout: Layout, tmp_path: Path) -> None:
    """Other packages, their order, and bytecode that came from the store leave no trace in the bytes."""
    files = {
        f"spam/m{number}.py": f"class A:\n    name = 'eggs_{number}'\n    x = {{'a', 'b'}}\n" for number in range(9)
    }
    alone = install("spam", files)
    bytecode.write(alone, VERSION, layout)
    expected = {name: data for name, data in written(alone).items() if name.startswith("m")}
    elsewhere = layout._replace(run=tmp_path / "other-run", environments=tmp_path / "other/opt/astro-pyenv/envs")
    alone.rename(tmp_path / "done")
    install("eggs", {"eggs.py": "eggs_1 = name = a = 'eggs_2'\n" * 400})
    beside = install("spam", files)
    assert bytecode.write(beside, VERSION, elsewhere).compiled == 2
    assert {name: data for name, data in written(beside).items() if name.startswith("m")} == expected


def test_a_record_that_lies(install: Install, layout: Layout) -> None:
    """A wheel that claims another one's name and hashes gets bytecode of what it really holds."""
    record = "spam.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,7\n"
    bad = install("spam", {"spam.py": "x = 'bad'\n"}, env="bad", record=record)
    good = install("spam", {"spam.py": "x = 'good'\n"}, env="good", record=record)
    for environment in (bad, good):
        assert bytecode.write(environment, VERSION, layout).compiled == 1
    assert b"good" in written(good)["spam"]


def test_what_stays_without_bytecode(install: Install, layout: Layout) -> None:
    """Test suites in packages, files that are not Python, scripts, and files that no longer exist."""
    files = {
        "spam/tests/test_a.py": "",
        "spam/template.py": "{% if x %}\n",
        "spam/a.py": "",
        "../../../bin/spam.py": "",
    }
    record = "".join(f"{path},,\n" for path in (*files, "/spam.py", "spam/gone.py"))
    environment = install("spam", files, record=record)
    bytecode.write(environment, VERSION, layout)
    assert sorted(written(environment)) == ["a"]


def test_damaged_content_is_compiled_again(install: Install, layout: Layout) -> None:
    """A store that holds half of something is no harm."""
    environment = install("spam", {"spam.py": "x = 1\n"})
    bytecode.write(environment, VERSION, layout)
    expected = written(environment)
    (stored,) = (path for path in (layout.cache / bytecode.DIRECTORY).iterdir() if path.name[0] != ".")
    whole = stored.read_bytes()
    for damaged in (b"", whole[:-1], whole[:9], whole[:-1] + b"?"):
        stored.write_bytes(damaged)
        assert bytecode.write(environment, VERSION, layout).compiled == 1
        assert written(environment) == expected
        assert stored.read_bytes() == whole


def test_steps_side_by_side_compile_each_package_once(install: Install, layout: Layout) -> None:
    """Of several steps that need the same bytecode at the same time, one compiles it and the others wait for it."""
    names = [f"env{number}" for number in range(4)]
    for name in names:
        for package in "abcdef":
            install(package, {f"{package}/m{n}.py": f"x = {n}\n" * 500 for n in range(9)}, env=name)
    script = "import sys, pathlib, bytecode, layout; p = pathlib.Path\n"
    script += "print(bytecode.write(p(sys.argv[1]), sys.argv[2], layout.Layout(run=p(sys.argv[3]))).compiled)"

    def run(name: str) -> int:
        return int(
            subprocess.run(
                [sys.executable, "-c", script, layout.environments / name, VERSION, layout.run],
                env={"PYTHONPATH": str(PROGRAMS)},
                capture_output=True,
                check=True,
            ).stdout
        )

    with ThreadPoolExecutor(len(names)) as pool:
        assert sum(pool.map(run, names)) == 6
    first, *others = (written(layout.environments / name) for name in names)
    assert len(first) == 9
    assert all(other.keys() == first.keys() for other in others)
    assert not list(layout.tmp.iterdir())


def test_a_compiler_that_dies(install: Install, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed, as for want of memory, ends the build, and nothing of it is kept."""
    died = Path(compiler.__file__).with_name("absent.py")
    monkeypatch.setattr(compiler, "__file__", str(died))
    monkeypatch.setattr(bytecode, "_python", lambda: "another")
    environment = install("spam", {"spam.py": ""})
    with pytest.raises(ProvisionError, match="cannot compile bytecode"):
        bytecode.write(environment, VERSION, layout)
    assert [path.name for path in (layout.cache / bytecode.DIRECTORY).iterdir()] == [".locks"]


def test_a_task_that_dies(tmp_path: Path) -> None:
    """The compiler says so by its status, and goes on with no other."""
    (tmp_path / "1").write_bytes(b"")
    result = subprocess.run(
        [sys.executable, compiler.__file__, "1", "2", tmp_path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "task 0 ended with wait status" in result.stderr
    assert result.stdout == ""


def test_the_store_is_bounded(tmp_path: Path) -> None:
    """What was not used for longest goes, until there is room again."""
    store = Store(tmp_path)
    for number, key in enumerate(("aaaaaaa1", "aaaaaaa2", "aaaaaaa3")):
        store.write(key, bytes(100))
        os.utime(tmp_path / key, ns=(number, number))
    assert store.read("aaaaaaa1") == bytes(100)
    store.prune(largest=300, kept=100)
    assert store.read("aaaaaaa2")
    os.utime(tmp_path / "aaaaaaa2", ns=(0, 0))
    store.prune(largest=299, kept=200)
    assert [store.read(key) is None for key in ("aaaaaaa1", "aaaaaaa2", "aaaaaaa3")] == [False, True, False]
    store.close()


def test_a_store_that_takes_nothing(tmp_path: Path) -> None:
    """A full disk costs time, not the build."""
    store = Store(tmp_path)
    (tmp_path / "aaaaaaa1").mkdir()
    store.write("aaaaaaa1", b"content")
    assert store.read("aaaaaaa1") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [".locks", "aaaaaaa1"]
    store.close()


def test_a_marker_cannot_stand_in_its_source() -> None:
    """The marker is the hash of the source: a source that holds another one's keeps it."""
    source = f"x = '{pyc.marker(b'x')}'\n".encode()
    placed = pyc.place(pyc.compiled(source), pyc.marker(source), "/p.py")
    assert pyc.marker(b"x").encode() in placed
    assert pyc.marker(source) == f"<{hashlib.sha256(source).hexdigest()}>"
