"""The frontend's start, prepared: what its imports would find, read and compile, in one file that prepare.py wrote.

Python looks for each module in several directories and reads a file. Modules compile text while they are imported: the
methods of data classes and of named tuples, and regular expressions. Together that is a third of the CPU time of a
build with one PYENV line. Whatever the file lacks is found and compiled as usual.
"""  # noqa: INP001 - a module of the image alone

import marshal
import sys
from _frozen_importlib import ModuleSpec

FILE = "/pyenv/prepared"


class Prepared:
    """Finds and loads modules (importlib.abc.MetaPathFinder and Loader, which would have to be imported)."""

    def __init__(self, modules: dict[str, tuple[str, bool, bytes]]) -> None:
        """`modules` has for each name the file, whether it is a package, and the marshalled code."""
        self._modules = modules

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Find a module."""
        if name not in self._modules:
            return None
        file, is_package, _ = self._modules[name]
        spec = ModuleSpec(name, self, origin=file, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations.append(file.rpartition("/")[0])
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """Leave that to Python."""

    def exec_module(self, module: object) -> None:
        """Run a module."""
        space = vars(module)
        exec(marshal.loads(self._modules[space["__name__"]][2]), space)  # noqa: S102, S302 - of this image

    def real(self, stand_in: dict[str, object], name: str) -> object:
        """Return what a module has whose place another one took; that one, by its globals, becomes the module."""
        if name.startswith("__"):
            raise AttributeError(name)
        module = str(stand_in["__name__"])
        del self._modules[module], sys.modules[module]
        stand_in.update(vars(__import__(module)))
        return stand_in[name]


def use(file: str = FILE) -> None:
    """Import from the file from now on. Without it, nothing changes."""
    try:
        with open(file, "rb") as opened:  # noqa: PTH123 - pathlib would have to be imported
            modules, texts, patterns = marshal.loads(opened.read())  # noqa: S302 - of this image
    except FileNotFoundError:
        return
    sys.meta_path.insert(-1, Prepared(modules))
    # From the file, too.
    import _sre  # noqa: PLC0415
    import collections  # noqa: PLC0415
    import dataclasses  # noqa: PLC0415
    from re import _compiler  # noqa: PLC0415

    compile_pattern = _compiler.compile

    def prepared_pattern(pattern: object, flags: int = 0) -> object:
        parts = patterns.get((pattern, int(flags)))
        return _sre.compile(pattern, *parts) if parts else compile_pattern(pattern, flags)

    _compiler.compile = prepared_pattern

    def code(text: str) -> object:
        return marshal.loads(texts[text]) if text in texts else text  # noqa: S302 - of this image

    # A module's globals come before builtins.
    dataclasses.exec = lambda text, *spaces: exec(code(text), *spaces)  # noqa: S102
    collections.eval = lambda text, *spaces: eval(code(text), *spaces)  # noqa: S307
