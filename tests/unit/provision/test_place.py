"""How files are laid into the image: all of them, or the step fails."""

import subprocess
from pathlib import Path

import pytest

from dockerfile_pyenv import provision

SCRIPT = Path(provision.__path__[0], "environment/place.sh")
FILES = ("bin/python", "lib/python3.11/site-packages/one/a.py", "lib/python3.11/site-packages/two words.py", "top")


def lay(directory: Path, fault: str = "") -> int:
    """Lay a tree with the script's own function, under this machine's shell and programs; return the exit status."""
    for name in FILES:
        path = directory / "from" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (directory / "from/lib").chmod(0o750)
    (directory / "from/link").symlink_to("bin/python")
    box = directory / "busybox"
    box.write_text(f'#!/bin/sh\ncase "$*" in {fault or "none"}) exit 1 ;; esac\nexec "$@"\n')
    box.chmod(0o755)
    functions = SCRIPT.read_text().partition('\nif [ -n "$interpreter" ]; then\n  lay')[0]
    text = functions.replace("/dev/.dockerfile-pyenv", str(directory)) + "\nsettle() { :; }\n"
    text += f"lay {directory}/from {directory}/to\n"
    return subprocess.run(["sh", "-c", text], check=False).returncode


def tree(directory: Path) -> dict[str, tuple[int, str]]:
    """Modes, and what files hold or where links lead."""
    found = {}
    for path in directory.rglob("*"):
        content = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
        found[str(path.relative_to(directory))] = (path.lstat().st_mode, content)
    return found


def test_everything_is_laid(tmp_path: Path) -> None:
    """Directories with their modes, links as they are, names with spaces."""
    assert lay(tmp_path) == 0
    assert tree(tmp_path / "to") == tree(tmp_path / "from")
    assert (tmp_path / "to/top").stat().st_mtime == (tmp_path / "from/top").stat().st_mtime


@pytest.mark.parametrize("fault", ["mkdir*site-packages", "find*site-packages*", "cp*two*"])
def test_what_cannot_be_laid_fails_the_step(tmp_path: Path, fault: str) -> None:
    """A disk that is full in the middle leaves no environment with half of its packages."""
    assert lay(tmp_path, fault) != 0
