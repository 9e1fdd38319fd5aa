"""Collects the frontend image's Python: the program, its shared libraries, the dynamic loader and a lean stdlib.

Runs while the image is built, under the Python that it collects: ``collect.py OUTPUT MODULES``. Everything lands below
OUTPUT/usr, so that one bind mount of /usr gives a Python to a root that is otherwise empty; the links beside it are
what the kernel needs to start the program by its own name. What the extension modules in the directory MODULES are
loaded with comes along.
"""  # noqa: INP001 - a script, in no package

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

LEFT_OUT = (
    "_pyrepl",
    "config-*",
    "curses",
    "dbm",
    "ensurepip",
    "idlelib",
    "lib-dynload",  # chosen one by one below
    "pydoc_data",
    "sqlite3",
    "test",
    "tkinter",
    "turtle.py",
    "turtledemo",
    "venv",
    "wsgiref",
    "xmlrpc",
    "__pycache__",
    "*.pyc",
    "LICENSE.txt",
    "EXTERNALLY-MANAGED",
)


def main(output: Path, modules: Path) -> None:
    """Fill `output`, a directory that does not exist yet."""
    program = Path(sys.executable).resolve()
    needed = set(libraries(program))
    # The kernel starts a program through the loader's absolute path; /lib and /lib64 are links into /usr.
    loader = next(path for path in needed if path.name.startswith("ld-linux"))
    output.mkdir(parents=True)
    extra = {path for module in modules.rglob("*.so") for path in libraries(module)}
    for path in sorted({program} | needed | extra):
        place(path.resolve(), output, at=merged(path))
    (output / "usr/lib/pyenv-loader").symlink_to(os.path.relpath(loader.resolve(), "/usr/lib"))
    for name in ("lib", "lib64"):
        if Path("/", name).is_symlink() and (output / "usr" / name).is_dir():
            (output / name).symlink_to(f"usr/{name}")

    stdlib = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(stdlib, output / stdlib.relative_to("/"), ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    for module in sorted((stdlib / "lib-dynload").glob("*.so")):
        # A frontend has no network, no terminal and no database: OpenSSL and the like stay out with their modules.
        if needed.issuperset(libraries(module)) and not re.match(r"_(test|xxtest|ctypes_test|codecs_)", module.name):
            place(module, output, at=module)


def libraries(program: Path) -> list[Path]:
    """Return the shared libraries, the dynamic loader among them, that `program` is loaded with."""
    listing = subprocess.run(["/usr/bin/ldd", program], check=True, capture_output=True, text=True).stdout
    if "not found" in listing:
        raise SystemExit(f"{program} lacks libraries:\n{listing}")
    return [Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", listing, re.MULTILINE)]


def merged(path: Path) -> Path:
    """Return a library's path below /usr: /lib and /lib64 are links into it."""
    return path if path.is_relative_to("/usr") else Path("/usr", path.relative_to("/"))


def place(source: Path, output: Path, *, at: Path) -> None:
    """Copy one file to its path below `output`, and to `at` a link where that is another name for it."""
    target = output / source.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    link = output / at.relative_to("/")
    if link != target:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(target, link.parent))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
