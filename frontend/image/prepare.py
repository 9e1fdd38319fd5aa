"""Writes what prepared.py uses, while the image is built, under the image's Python: `prepare.py LIB LEAN FILE`.

LIB is the directory of the frontend and its libraries. LEAN has modules that take the places of large ones of which
the frontend uses little.
"""  # noqa: INP001 - a script, in no package

import _sre
import collections
import marshal
import sys
from collections.abc import Callable
from re import _compiler
from types import SimpleNamespace

modules = {}
texts = {}
patterns = {}


def keeping_code(run: Callable[..., object], mode: str) -> Callable[..., object]:
    """`exec` or `eval`, which keeps the code of its texts."""

    def kept(text: str, *spaces: dict[str, object]) -> object:
        code = compile(text, "<string>", mode)
        texts[text] = marshal.dumps(code)
        return run(code, *spaces)

    return kept


def compile_pattern(pattern: object, flags: int = 0) -> object:
    """Compile a regular expression, and keep the parts that it is made of."""

    def kept(pattern: object, all_flags: int, code: list[int], *groups: object) -> object:
        patterns[pattern, int(flags)] = (int(all_flags), [*map(int, code)], *groups)
        return _sre.compile(pattern, all_flags, code, *groups)

    _compiler._sre = SimpleNamespace(**{**vars(_sre), "compile": kept})  # noqa: SLF001
    return compile_real(pattern, flags)


compile_real = _compiler.compile
_compiler.compile = compile_pattern
collections.eval = keeping_code(eval, "eval")

from pathlib import Path  # noqa: E402 - the frontend imports it, too

library, lean, output = map(Path, sys.argv[1:])
sys.path.insert(0, str(library))

from prepared import Prepared  # noqa: E402

for path in sorted(lean.rglob("*.py")):
    name = ".".join(path.relative_to(lean).with_suffix("").parts)
    modules[name] = (str(path), False, marshal.dumps(compile(path.read_bytes(), path, "exec")))
sys.meta_path.insert(-1, Prepared(modules))

import dataclasses  # noqa: E402 - with the lean modules

dataclasses.exec = keeping_code(exec, "exec")
for name in ("buildkit_llb.stdio", "dockerfile_pyenv.__main__", "dockerfile_pyenv.frontend"):
    __import__(name)

for name, module in sorted(sys.modules.items()):
    spec = getattr(module, "__spec__", None)
    if name not in modules and spec and spec.cached and Path(spec.cached).exists():
        code = Path(spec.cached).read_bytes()[16:]  # after the header of a .pyc
        modules[name] = (spec.origin, spec.submodule_search_locations is not None, code)
output.write_bytes(marshal.dumps((modules, texts, patterns)))
