"""Programs of npm, in the versions of a lock, run by the node of requirements/dev.txt."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bed import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_BIN: Final = Path(sys.executable).parent
FOLDER: Final = Path(__file__).parent


@cache
def modules(name: str) -> Path:
    """Install the packages of a folder below this one, unless the cache has them; the directory that holds them."""
    source = FOLDER / name
    lock = source / "package-lock.json"
    key = hashlib.sha256((lock if lock.exists() else source / "package.json").read_bytes()).hexdigest()
    target = settings.CACHE / "node" / f"{name}-{key[:12]}"
    if not (target / "done").exists():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        # Scripts of packages would fetch programs from elsewhere.
        run("npm", "ci" if lock.exists() else "install", "--ignore-scripts", "--no-audit", "--no-fund", cwd=target)
        (target / "done").touch()
    return target


def run(program: str, *words: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run node or npm, in these variables or those of this process; what it prints, standard error included.

    Raises:
        AssertionError: it failed; the message holds its output.

    """
    given = os.environ if env is None else env
    done = subprocess.run(
        [str(_BIN / program), *map(str, words)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Scripts stand in the repository, and their packages in the cache.
        env={**given, "PATH": f"{_BIN}{os.pathsep}{given['PATH']}", "NODE_PATH": str(cwd / "node_modules")},
        check=False,
    )
    assert done.returncode == 0, f"{program} {words}: {done.stdout}"
    return done.stdout
