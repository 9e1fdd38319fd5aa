"""Rewrites sysconfig's variables, and other files that name the prefix and compilers of the build machine."""

import ast
import json
import re
from pathlib import Path

from tree import FinishError

STANDALONE_PREFIX = "/install"
"""The prefix that python-build-standalone configures with."""

COMPILER = re.compile(r"(?:\S*/)?(?:[\w.]+-)*(?P<kind>clang\+\+|g\+\+|c\+\+|clang|gcc|cc)(?:-[\d.]+)?")
BINUTIL = re.compile(r"(?:\S*/)?(?:[\w.]+-)*(?P<kind>gcc-ar|ar|gcc-ranlib|ranlib|gcc-nm|nm|readelf|strip)(?:-[\d.]+)?")
BUILD_PATH = re.compile(r"-[IL]/(?:tools|build)\b\S*")
"""Flags that name directories of the build machine."""

COMPILER_VARIABLES = frozenset({"BLDSHARED", "CC", "CXX", "LDCXXSHARED", "LDSHARED", "LINKCC", "MAINCC"})
BINUTIL_VARIABLES = frozenset({"AR", "NM", "RANLIB", "READELF", "STRIP"})

Values = dict[str, object]


def rewrite(output: Path, prefix: str) -> None:
    """Replace the prefix in all files below `output` with the final one. Raises FinishError."""
    built_in = STANDALONE_PREFIX
    for path in sorted(output.glob("lib*/**/_sysconfigdata_*.py")):
        values = read(path)
        built_in = str(values.get("prefix") or built_in)
        lines = [f"    {name!r}: {value!r},\n" for name, value in sorted(patched_all(values, prefix).items())]
        path.write_text("build_time_vars = {\n" + "".join(lines) + "}\n")
        for stale in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            stale.unlink()
    for path in output.glob("lib*/*/_sysconfig_vars_*.json"):
        path.write_text(json.dumps(patched_all(json.loads(path.read_bytes()), prefix), indent=1, sort_keys=True))
    for pattern in ("lib*/pkgconfig/*.pc", "lib*/python3.*/config-*/Makefile", "lib*/python3.*/build-details.json"):
        for path in output.glob(pattern):
            _replace_prefix(path, built_in, prefix)


def read(path: Path) -> Values:
    """Read the variables of a `_sysconfigdata` module without running it. Raises FinishError."""
    for statement in ast.parse(path.read_bytes()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "build_time_vars":
            values = ast.literal_eval(statement.value)
            if isinstance(values, dict):
                return values
    raise FinishError(f"{path.name} does not assign build_time_vars")


def patched_all(values: Values, prefix: str) -> Values:
    """Return all of sysconfig's build-time variables for the final prefix."""
    built_in = str(values.get("prefix") or STANDALONE_PREFIX)
    return {name: patched(name, value, built_in, prefix) for name, value in values.items()}


def patched(name: str, value: object, built_in: str, prefix: str) -> object:
    """Return one of sysconfig's build-time variables for the final prefix.

    >>> patched("LDSHARED", "/usr/bin/aarch64-linux-gnu-gcc -shared", "/install", "/p")
    'cc -shared'
    >>> patched("BINDIR", "/install/bin", "/install", "/p")
    '/p/bin'
    """
    if not isinstance(value, str):
        return value
    value = prefixed(value, built_in, prefix)
    if name in COMPILER_VARIABLES | BINUTIL_VARIABLES:
        command, blank, rest = value.partition(" ")
        if match := (COMPILER if name in COMPILER_VARIABLES else BINUTIL).fullmatch(command):
            kind = match["kind"]
            if name in COMPILER_VARIABLES:
                kind = "c++" if kind.endswith("++") else "cc"
            value = kind.removeprefix("gcc-") + blank + rest
    if BUILD_PATH.search(value):
        value = " ".join(BUILD_PATH.sub("", value).split())
    return value


def prefixed(text: str, built_in: str, prefix: str) -> str:
    """Replace one prefix with another where it is a whole path or the start of one."""
    return re.sub(rf"(?:(?<=-[ILR])|(?<![\w./-])){re.escape(built_in)}(?![\w.-])", lambda _: prefix, text)


def _replace_prefix(path: Path, built_in: str, prefix: str) -> None:
    if path.is_symlink():
        return
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    new = prefixed(text, built_in, prefix)
    if new != text:
        path.write_text(new, encoding="utf-8", errors="surrogateescape")
