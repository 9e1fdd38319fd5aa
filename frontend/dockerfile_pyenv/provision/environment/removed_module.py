"""Finds installed packages that import pkg_resources, which setuptools has no longer from 82.0 on."""

from __future__ import annotations

import ast
import os
import re
from typing import TYPE_CHECKING, Callable, Iterator, List, Sequence, Union

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "pkg_resources"
ADVICE = "setuptools<82"
"""The requirement that brings it back."""

LARGEST = 500_000
"""Bytes of a file that is read. Larger ones are data, generated, or bundle other packages."""
DEEPEST = 4
"""Parts of the path of a file that is read: `snowflake/connector/options.py` has three."""
SKIPPED = frozenset({"tests", "test", "testing", "_vendor", "vendor", "vendored", ".."})
"""Directories whose files are not imported with their package."""
TEST = re.compile(r"test_|conftest\.py|.*_test\.py")
PYTHON_FILE = re.compile(r'^([^,"\n]+\.py),', re.MULTILINE)
"""A line of RECORD, of a file with a name that needs no quotes."""
OWN = frozenset({"setuptools", MODULE, "_distutils_hack", "pip"})
"""Packages that are distributed with it."""
ABSENT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
"""Errors that a package catches if it can do without."""

_SHOWN = 3


def tell(packages: Sequence[Path], log: Callable[[str], None]) -> None:
    """Log which packages import pkg_resources in vain; `packages` are dist-info directories of one environment."""
    found = sentence(packages)
    if found:
        log(found)


def sentence(packages: Sequence[Path]) -> str:
    """Return what to tell about packages that import pkg_resources in vain; "" for none."""
    if not packages or any((packages[0].parent / name).exists() for name in (MODULE, MODULE + ".py")):
        return ""
    found = [package.name.partition("-")[0].replace("_", "-") for package in packages if _imports(package)]
    if not found:
        return ""
    setuptools = next((one.name[: -len(".dist-info")] for one in packages if one.name.startswith("setuptools-")), "")
    why = f"{setuptools.replace('-', ' ')} has no longer" if setuptools else "no installed package has"
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    verb = "imports" if len(found) == 1 else "import"
    return f"{', '.join(found[:_SHOWN])}{more} {verb} {MODULE}, which {why}: add {ADVICE} to the requirements"


def _imports(package: Path) -> bool:
    """Whether the modules of a package import pkg_resources when they are imported, and fail without."""
    return any(_mentions(package.parent / name) and _fails(package.parent / name) for name in _modules(package))


def _modules(package: Path) -> Iterator[str]:
    try:
        text = (package / "RECORD").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for path in PYTHON_FILE.findall(text):
        *directories, name = path.split("/")
        top = (directories or [name])[0]
        if len(directories) < DEEPEST and top not in OWN and not SKIPPED & set(directories) and not TEST.match(name):
            yield path


def _mentions(path: Path) -> bool:
    try:
        return os.stat(path).st_size <= LARGEST and MODULE.encode() in path.read_bytes()  # noqa: PTH116 - faster
    except OSError:
        return False


def _fails(path: Path) -> bool:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return _runs_import(tree.body)


def _runs_import(statements: Sequence[ast.stmt]) -> bool:
    """Whether statements import the module when they are run, without a way on if it is missing."""
    return any(_is_import(one) or _runs_import(_parts(one)) for one in statements)


def _is_import(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import):
        return any(alias.name.partition(".")[0] == MODULE for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return not statement.level and (statement.module or "").partition(".")[0] == MODULE
    if isinstance(statement, ast.Expr):  # __import__("pkg_resources").declare_namespace(__name__)
        return any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "__import__"
            and any(isinstance(one, ast.Constant) and one.value == MODULE for one in node.args)
            for node in ast.walk(statement)
        )
    return False


def _parts(statement: ast.stmt) -> List[ast.stmt]:
    """Return the statements in a statement that are run with it. What a condition guards may not be."""
    if isinstance(statement, (ast.With, ast.ClassDef)):
        return statement.body
    if isinstance(statement, ast.Try):
        handled = any(_catches(handler.type) for handler in statement.handlers)
        return [*([] if handled else statement.body), *statement.finalbody]
    return []


def _catches(error: Union[ast.expr, None]) -> bool:
    if error is None:
        return True
    names = error.elts if isinstance(error, ast.Tuple) else [error]
    return any(isinstance(one, ast.Name) and one.id in ABSENT for one in names)
