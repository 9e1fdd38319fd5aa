"""Puts the directories that run inside build containers on the path: there modules are imported by plain names."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROVISION = Path(__file__).parents[3] / "frontend/dockerfile_pyenv/provision"

sys.path[:0] = [str(PROVISION / part) for part in ("environment", "interpreter", "interpreter/finish")]
sys.path.append(str(Path(__file__).parent))

from layout import Layout  # noqa: E402 - found through the path above
from steps import VERSION, Build, wheel  # noqa: E402 - likewise

UV = Path(sys.executable).with_name("uv")
QUICK = {"test_build", "test_unresolvable"}
"""An installation that works and one that fails: `make test-unit` runs no others, since each takes a second or more."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests with real installations as thorough."""
    here = Path(__file__).parent
    tests = [item for item in items if isinstance(item, pytest.Function) and item.path.is_relative_to(here)]
    for test in tests:
        if "build" in test.fixturenames and test.originalname not in QUICK:
            test.add_marker("thorough")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An image's file system below a temporary directory, with nothing in it."""
    return Layout(
        root=tmp_path,
        environments=tmp_path / "opt/astro-pyenv/envs",
        commands=tmp_path / "usr/local/bin",
        run=tmp_path / "run/dockerfile-pyenv",
    )


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def provision() -> Path:
    """The directory of everything that runs inside build containers."""
    return PROVISION


@pytest.fixture
def program(provision: Path) -> ModuleType:
    """The directory's __main__ as a module."""
    return _module("provision_main", provision / "environment/__main__.py")


@pytest.fixture
def build(program: ModuleType, layout: Layout, tmp_path: Path) -> Build:
    """Build an environment for a requirements text; return the exit status."""
    layout.context.mkdir(parents=True)
    layout.uv.symlink_to(UV)
    (layout.root / "tmp").mkdir(exist_ok=True)
    wheel(tmp_path / "wheels", "spam", "1.0", {"spam/__init__.py": "print('spam')\n"})

    def run(requirements: str | None, *options: str, name: str = "epo", owner: str = "", **environ: str) -> int:
        arguments = [*options, f"--name={name}", f"--version={VERSION}", f"--interpreter={sys.base_prefix}"]
        arguments.append(f"--owner={owner or f'{os.geteuid()}:{os.getegid()}'}")
        if requirements is not None:
            (layout.context / "req.txt").write_text(requirements)
            arguments.append("--requirement=req.txt")
        links = (tmp_path / "wheels").as_uri()
        return int(
            program.main(
                arguments, {"PATH": "/nowhere", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links, **environ}, layout
            )
        )

    return run


@pytest.fixture
def finish(provision: Path) -> ModuleType:
    """The program that makes prefixes ready, as a module."""
    return _module("finish_main", provision / "interpreter/finish/__main__.py")
