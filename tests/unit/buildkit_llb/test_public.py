"""What is public, and what importing it costs."""

import ast
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from tests.bed import settings

import buildkit_llb

_PACKAGE = Path(buildkit_llb.__file__).parent
_MODULES = [name for name in buildkit_llb.__all__ if (_PACKAGE / f"{name}.py").exists()]
_PUBLIC = [(buildkit_llb, name) for name in buildkit_llb.__all__] + [
    (module, name) for one in _MODULES for module in [import_module(f"buildkit_llb.{one}")] for name in module.__all__
]


def _order(name: str) -> tuple[bool, bool, str]:
    """Constants, then classes, then functions and modules, each by name, as ruff sorts them."""
    return (not name.isupper(), not name[0].isupper(), name)


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of each import from the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "buildkit_llb":
            yield from ((str(node.module), one.name) for one in node.names)


def _documented_assignments(module: ModuleType) -> set[str]:
    """Return the constants and type aliases of a module that have a docstring below them."""
    body = ast.parse(inspect.getsource(module)).body
    return {
        target.id
        for one, following in pairwise(body)
        if isinstance(one, ast.Assign) and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        for target in one.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("module", [buildkit_llb, *(import_module(f"buildkit_llb.{one}") for one in _MODULES)])
def test_public_names_are_sorted(module: ModuleType) -> None:
    """A new name has one place, and no name is there twice."""
    assert module.__all__ == sorted(set(module.__all__), key=_order)


@pytest.mark.parametrize(("module", "name"), _PUBLIC, ids=lambda one: getattr(one, "__name__", one))
def test_public_name_has_a_docstring(module: ModuleType, name: str) -> None:
    """Classes, functions and modules have their own; one follows each constant and type alias."""
    value = getattr(module, name)
    if isinstance(value, ModuleType) or inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
        return
    homes = [import_module(f"buildkit_llb.{path.stem}") for path in _PACKAGE.glob("*.py") if path.stem != "__init__"]
    assert any(name in _documented_assignments(home) for home in homes)


def _described() -> Iterator[tuple[str, str, list[str], str]]:
    """Yield what has parameters or fields, as (name, docstring, parameters, source): functions, classes, methods."""
    for name, value in {name: getattr(module, name) for module, name in _PUBLIC}.items():
        if inspect.isfunction(value):
            yield name, inspect.getdoc(value) or "", _parameters(value), inspect.getsource(value)
        if not inspect.isclass(value):
            continue
        words = inspect.getdoc(value) or ""
        own = [field.name for field in fields(value)] if is_dataclass(value) else []
        if "__init__" in vars(value) and not own and not getattr(value, "_is_protocol", False):
            own = _parameters(value.__init__)
        yield name, words, own, ""
        for method in vars(value).values():
            function = getattr(method, "__func__", method)
            if inspect.isfunction(function) and not function.__name__.startswith("_"):
                source = inspect.getsource(function)
                yield f"{name}.{function.__name__}", inspect.getdoc(function) or "", _parameters(function), source


def _parameters(function: Callable[..., object]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name not in {"self", "cls"}]


_DESCRIBED = list(_described())


@pytest.mark.parametrize(
    ("words", "parameters", "source"), [one[1:] for one in _DESCRIBED], ids=[one[0] for one in _DESCRIBED]
)
def test_docstring_names_parameters_and_errors(words: str, parameters: list[str], source: str) -> None:
    """Each parameter or field, and each exception that the function itself raises."""
    assert [name for name in parameters if not re.search(rf"(?<![\w.]){name}(?!\w)", words)] == []
    raised = {
        node.exc.func.id
        for node in ast.walk(ast.parse(textwrap.dedent(source)))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    }
    assert {name for name in raised if name not in words} == set()


def test_modules_name_the_source_of_their_facts() -> None:
    """The file of BuildKit, the specification or the library that a module's facts come from."""
    own = {"__init__", "splice", "ops"}
    modules = {path.stem: ast.get_docstring(ast.parse(path.read_text())) or "" for path in _PACKAGE.glob("*.py")}
    sourceless = {name for name, words in modules.items() if not re.search(r"\w+/\S+\.(go|proto)\b|containerd/", words)}
    assert sourceless <= own


def test_type_checkers_see_what_is_imported() -> None:
    """The imports under TYPE_CHECKING name what `__all__` names, and each name is the same object at run time."""
    imports = dict(reversed(one) for one in _imports(ast.parse((_PACKAGE / "__init__.py").read_text())))
    assert sorted(imports) == sorted(buildkit_llb.__all__) == dir(buildkit_llb)
    for name, module in imports.items():
        assert getattr(buildkit_llb, name) is getattr(import_module(module), name)


def test_no_module_hides_a_public_name() -> None:
    """An imported submodule becomes an attribute of its package, so a function may not have a module's name."""
    for path in _PACKAGE.glob("*.py"):
        import_module(f"buildkit_llb.{path.stem}")
    assert [name for name in buildkit_llb.__all__ if isinstance(getattr(buildkit_llb, name), ModuleType)] == _MODULES


def test_unknown_name_is_an_attribute_error() -> None:
    """Python falls back to importing a submodule of the name only after an AttributeError."""
    with pytest.raises(AttributeError, match="module 'buildkit_llb' has no attribute 'nonsense'"):
        _ = buildkit_llb.nonsense


def test_importing_the_package_imports_nothing() -> None:
    """A frontend's first import is not slowed down by names that it does not use yet."""
    code = "import sys; before = set(sys.modules); import buildkit_llb; print(*sorted(set(sys.modules) - before))"
    assert _python(code) == ["buildkit_llb"]
    used = "import sys; from buildkit_llb import PREFACE; print(*(n for n in sys.modules if 'buildkit_llb.' in n))"
    assert _python(used) == ["buildkit_llb.preface"]


def test_frontend_uses_only_what_is_public() -> None:
    """Our own frontend imports names from where they are, but only those that are public."""
    public = {name for _, name in _PUBLIC}
    used = {
        (path.name, module, name)
        for path in (settings.REPOSITORY / "frontend/dockerfile_pyenv").rglob("*.py")
        for module, name in _imports(ast.parse(path.read_text()))
        if module != "buildkit_llb.proto"
    }
    assert used
    assert {one for one in used if one[2] not in public} == set()


def _python(code: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return run.stdout.split()
