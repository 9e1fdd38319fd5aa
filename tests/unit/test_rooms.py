"""The rooms of `dockerfile_pyenv`: which may import which, what the core may not touch, and how large things may be.

ARCHITECTURE.md says what each room holds. Each checker below is shown to fail before it is applied to the source.
"""

import ast
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

FRONTEND: Final = Path(__file__).parents[2] / "frontend"
HOUSE: Final = FRONTEND / "dockerfile_pyenv"
FILES: Final = {
    path.relative_to(FRONTEND).as_posix(): path.read_text("utf-8")
    for path in sorted(FRONTEND.rglob("*.py"))
    if not path.name.endswith("_pb2.py")
}
"""Every module that people write, by its path below frontend/."""

FLOORS: Final = (
    ("__main__",),
    ("frontend",),
    ("engine", "cli"),
    ("emit", "checks"),
    ("plan",),
    ("interpreters",),
    ("instruction",),
    ("dockerfile", "requirements"),
    ("errors", "provision"),
)
"""A room imports itself and rooms of later floors; rooms of one floor do not import each other."""
CORE: Final = frozenset({room for floor in FLOORS[3:] for room in floor} - {"provision"})
"""Rooms without I/O: the same input gives the same output. Provision is apart from all: it runs inside builds."""
GRAPHS: Final = frozenset(
    {
        "definition",
        "errors",
        "exec_ops",
        "file_ops",
        "graph",
        "ops",
        "platforms",
        "proto",
        "source_ops",
        "sourcemap",
        "splice",
    }
)
"""Modules of buildkit_llb that the core may import: they describe graphs, and speak to nobody."""
RELEASE: Final = frozenset({"__version__", "IMAGE", "REPOSITORY", "FRONTEND"})
"""What every room may know of the release: `dockerfile_pyenv/__init__.py` has it."""
SHELL: Final = ("asyncio", "http", "multiprocessing", "socket", "subprocess", "urllib.request")
ENVIRONMENT: Final = frozenset({"environ", "environb", "getenv", "getenvb"})

MODULE: Final = 400
FUNCTION: Final = 50
ENTRIES: Final = 15
REASON: Final = "Long: "
"""Begins the line of a docstring that says why its function is longer than FUNCTION lines."""


def room(path: str) -> str:
    """Name the room of a module, given by its path below frontend/ or by its dotted name."""
    return path.removesuffix(".py").replace("/", ".").split(".")[1]


def imports(source: str) -> Iterator[str]:
    """Yield the dotted names that a module imports, those inside functions too; a relative one begins with a dot."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def runs_back(path: str, source: str) -> Iterator[str]:
    """Yield a module's imports that run against the order of the rooms."""
    floor_of = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    own = room(path)
    if own not in floor_of:
        yield f"{path}: {own} is no room: add it to FLOORS and ARCHITECTURE.md"
        return
    for name in imports(source):
        if name.startswith("."):
            yield f"{path} imports {name}: write the absolute name"
        if not name.startswith("dockerfile_pyenv.") or name.removeprefix("dockerfile_pyenv.") in RELEASE:
            continue
        other = room(name)
        if other != own and floor_of.get(other, -1) <= floor_of[own]:
            yield f"{path} imports {name}: {own} does not import {other}"


def touches_shell(path: str, source: str) -> Iterator[str]:
    """Yield what a module of the core takes from outside: the engine, the environment, other processes, the network."""
    for name in imports(source):
        top, _, rest = name.partition(".")
        graphs = top != "buildkit_llb" or rest.split(".")[0] in GRAPHS
        shell = any(f"{name}.".startswith(f"{module}.") for module in SHELL)
        if shell or not graphs or (top == "os" and rest in ENVIRONMENT):
            yield f"{path} imports {name}: the core has no I/O"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if node.value.id == "os" and node.attr in ENVIRONMENT:
                yield f"{path} uses {name}: the core gets settings as arguments"


def too_long(path: str, source: str) -> Iterator[str]:
    """Yield a module that is too long, and functions that are, without a reason in their docstrings."""
    lines = len(source.splitlines())
    if lines > MODULE:
        yield f"{path}: {lines} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            docstring = (ast.get_docstring(node) or "").splitlines()
            if lines > FUNCTION and not any(line.startswith(REASON) for line in docstring):
                yield f"{path}: {node.name}"


def same_names(files: Mapping[str, str]) -> dict[str, list[str]]:
    """Find public classes of one name, with the modules that have them."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, source in files.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path)
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def filled(files: Mapping[str, str]) -> list[str]:
    """Find `__init__.py` files of rooms that are not empty: every start of the frontend would run them."""
    return [path for path, source in files.items() if path.count("/") > 1 and path.endswith("__init__.py") and source]


def entries(names: Iterable[str]) -> list[str]:
    """Find what counts as an entry of the house."""
    return sorted(set(names) - {"__init__.py", "py.typed", "__pycache__"})


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("plan/make.py", "from dockerfile_pyenv.emit import plain", "plan does not import emit"),
        ("plan/make.py", "import dockerfile_pyenv.frontend", "plan does not import frontend"),
        ("engine/lint.py", "from dockerfile_pyenv.cli.main import main", "engine does not import cli"),
        (
            "requirements/locks.py",
            "def f():\n    from dockerfile_pyenv.dockerfile import lexer",
            "does not import docker",
        ),
        ("provision/lock.py", "from dockerfile_pyenv.errors import PyenvError", "provision does not import errors"),
        ("errors.py", "from dockerfile_pyenv.plan.model import Plan", "errors does not import plan"),
        ("plan/make.py", "from dockerfile_pyenv.attic import old", "plan does not import attic"),
        ("plan/make.py", "from ..emit import plain", "write the absolute name"),
        ("attic/old.py", "", "attic is no room"),
        ("plan/make.py", "from dockerfile_pyenv.plan.model import Plan", ""),
        ("frontend.py", "from dockerfile_pyenv.errors import PyenvError", ""),
        ("emit/plain.py", "from dockerfile_pyenv import __version__", ""),
    ],
)
def test_an_import_that_runs_back_is_found(path: str, source: str, found: str) -> None:
    problems = list(runs_back(f"dockerfile_pyenv/{path}", source))
    assert len(problems) == bool(found)
    assert found in "".join(problems)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from buildkit_llb.gateway import Gateway", "buildkit_llb.gateway.Gateway"),
        ("from buildkit_llb import stdio", "buildkit_llb.stdio"),
        ("from buildkit_llb import Gateway", "buildkit_llb.Gateway"),
        ("import os\nos.environ['A']", "os.environ"),
        ("from os import environ", "os.environ"),
        ("import os\nos.getenv('A')", "os.getenv"),
        ("import subprocess", "subprocess"),
        ("def f():\n    from socket import socket", "socket.socket"),
        ("from urllib import request", "urllib.request"),
        ("from buildkit_llb import ops\nfrom buildkit_llb.proto import ops_pb2", ""),
        ("import os\nfrom urllib.parse import unquote\nos.path.relpath('a')", ""),
    ],
)
def test_a_core_that_touches_the_shell_is_found(source: str, found: str) -> None:
    problems = list(touches_shell("dockerfile_pyenv/plan/make.py", source))
    assert len(problems) == bool(found)
    assert found in "".join(problems)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("\n" * 401, ["a.py: 401 lines"]),
        ("\n" * 400, []),
        ("def f():\n" + "    x\n" * 50, ["a.py: f"]),
        ("class A:\n    async def f():\n" + "        x\n" * 50, ["a.py: f"]),
        ('def f():\n    """Do it."""\n' + "    x\n" * 50, ["a.py: f"]),
        ('def f():\n    """Do it.\n\n    Long: a table of cases.\n    """\n' + "    x\n" * 50, []),
        ("def f():\n" + "    x\n" * 49, []),
    ],
)
def test_what_is_too_long_is_found(source: str, found: list[str]) -> None:
    assert list(too_long("a.py", source)) == found


def test_classes_of_one_name_are_found() -> None:
    files = {"a.py": "class A: pass\nclass _B: pass", "b.py": "def f():\n    class A: pass\nclass _B: pass"}
    assert same_names(files) == {"A": ["a.py", "b.py"]}


def test_an_init_file_that_is_not_empty_is_found() -> None:
    house = "dockerfile_pyenv"
    files = {f"{house}/__init__.py": "x", f"{house}/a/__init__.py": "", f"{house}/b/__init__.py": "x"}
    assert filled(files) == ["dockerfile_pyenv/b/__init__.py"]


def of_house() -> dict[str, str]:
    """Read the modules of `dockerfile_pyenv`, but for its own `__init__.py`."""
    own = "dockerfile_pyenv/__init__.py"
    return {path: source for path, source in FILES.items() if path.startswith("dockerfile_pyenv/") and path != own}


def test_no_import_runs_back() -> None:
    assert [problem for path, source in of_house().items() for problem in runs_back(path, source)] == []


def test_buildkit_llb_does_not_know_pyenv() -> None:
    modules = {path: source for path, source in FILES.items() if path.startswith("buildkit-llb/")}
    assert len(modules) > 10
    assert [path for path, source in modules.items() if "dockerfile_pyenv" in " ".join(imports(source))] == []


def third_parties(source: str) -> set[str]:
    """Name the distributions that a module imports, apart from the standard library."""
    tops = {name.split(".")[0] for name in imports(source)} - sys.stdlib_module_names
    # `requests` is what the docker SDK raises the errors of.
    names = {"google": "protobuf", "buildkit_llb": "buildkit-llb", "requests": "docker"}
    return {names.get(top, top) for top in tops}


@pytest.mark.parametrize(
    ("folder", "package"), [("..", "dockerfile_pyenv"), ("buildkit-llb", "buildkit-llb/buildkit_llb")]
)
def test_a_distribution_requires_what_it_imports(folder: str, package: str) -> None:
    """And no more: each is installed alone."""
    project = tomllib.loads((FRONTEND / folder / "pyproject.toml").read_text())["project"]
    extras = [one for many in project.get("optional-dependencies", {}).values() for one in many]
    required, optional = ({Requirement(one).name for one in many} for many in (project["dependencies"], extras))
    own = {project["name"], package}
    sources = [one for path, one in FILES.items() if path.startswith(f"{package}/") and "/provision/" not in path]
    assert len(sources) > 10
    found = set().union(*map(third_parties, sources)) - own
    assert required <= found <= required | optional


def test_the_core_does_not_touch_the_shell() -> None:
    core = {path: source for path, source in of_house().items() if room(path) in CORE}
    assert [problem for path, source in core.items() for problem in touches_shell(path, source)] == []


def test_init_files_of_rooms_are_empty() -> None:
    assert filled(of_house()) == []


def test_the_house_has_few_entries() -> None:
    found = entries(path.name for path in HOUSE.iterdir())
    assert len(found) <= ENTRIES, found


def test_every_room_exists() -> None:
    """A room that is renamed or goes is renamed or goes here, too."""
    assert {name for floor in FLOORS for name in floor} == {
        name.removesuffix(".py") for name in entries(path.name for path in HOUSE.iterdir())
    }


def test_modules_and_functions_are_short() -> None:
    assert not [problem for path, source in FILES.items() for problem in too_long(path, source)]


def test_no_two_classes_have_one_name() -> None:
    assert not same_names(FILES)
