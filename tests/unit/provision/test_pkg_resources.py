"""pkg_resources, which setuptools has no longer from 82.0 on: who gets it all the same, and who is told."""

import hashlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
from apart_steps import Steps
from layout import Layout
from steps import Build, packages, wheel
from test_apart import links, steps

__all__ = ["links", "steps"]

IMPORTS = {"old/__init__.py": "import pkg_resources\n"}


@pytest.fixture(autouse=True)
def releases(tmp_path: Path) -> Path:
    """An index with setuptools before and after, and a package that requires it and imports pkg_resources."""
    directory = tmp_path / "wheels"
    for version in ("60.0", "81.0"):
        files = {"setuptools/__init__.py": "", "pkg_resources/__init__.py": ""}
        wheel(directory, "setuptools", version, files)
    wheel(directory, "setuptools", "82.0", {"setuptools/__init__.py": ""})
    wheel(directory, "old", "1.0", IMPORTS, requires="setuptools>40.0")
    return directory


def installed(layout: Layout) -> list[str]:
    """Names and versions of what is installed."""
    return sorted(path.name.removesuffix(".dist-info") for path in packages(layout).glob("*.dist-info"))


TOLD = (
    "epo: setuptools 81.0 instead of 82.0, which has no pkg_resources: only dependencies require setuptools. To select "
    "a version, add it to the requirements\n"
)


@pytest.mark.parametrize("options", [(), ("--installer=pip",)], ids=["uv", "pip"])
def test_a_dependency_gets_one_that_has_it(
    build: Build, layout: Layout, options: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    """As with pip in a venv of that Python, which has an older one."""
    assert build("old\n", *options) == 0
    assert installed(layout) == ["old-1.0", "setuptools-81.0"]
    assert (packages(layout) / "pkg_resources").is_dir()
    log = capfd.readouterr().out
    assert TOLD in log
    assert "imports pkg_resources" not in log


@pytest.mark.parametrize("options", [(), ("--installer=pip",)], ids=["uv", "pip"])
def test_apart_from_the_stage(steps: Steps, links: dict[str, str], options: tuple[str, ...]) -> None:
    """The same, without a package's code being run."""
    assert steps.ask("old\n", environ=links) == 0
    assert steps.install(*options) == 0
    assert sorted(path.name for path in steps.environments.glob("epo/lib/*/site-packages/*.dist-info")) == [
        "old-1.0.dist-info",
        "setuptools-81.0.dist-info",
    ]


@pytest.mark.parametrize(
    "line",
    ["setuptools", "setuptools>=82", "setuptools==82.0", "-c constraints.txt"],
)
def test_a_line_that_names_setuptools_gets_what_it_says(
    build: Build, layout: Layout, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log says what is missing then, with the words to write."""
    (layout.context / "constraints.txt").write_text("setuptools>=82\n")
    assert build(f"old\n{line}\n") == 0
    assert installed(layout) == ["old-1.0", "setuptools-82.0"]
    assert (
        "epo: old imports pkg_resources, which setuptools 82.0 has no longer: add setuptools<82 to the requirements\n"
        in capfd.readouterr().out
    )


def test_a_wheel_of_setuptools_stays(build: Build, layout: Layout, releases: Path) -> None:
    """A requirement with a path names it, too."""
    (layout.root / "tmp").mkdir(exist_ok=True)
    name = "setuptools-82.0-py3-none-any.whl"
    (layout.root / "tmp" / name).write_bytes((releases / name).read_bytes())
    assert build(f"old\n/tmp/{name}\n") == 0
    assert installed(layout) == ["old-1.0", "setuptools-82.0"]


def test_what_packages_require_of_setuptools_holds(build: Build, layout: Layout, releases: Path) -> None:
    """One of them excludes the newest that has it, in an environment; in another, one requires the newer kind."""
    wheel(releases, "careful", "1.0", {}, requires="setuptools<70")
    wheel(releases, "modern", "1.0", {}, requires="setuptools>=82")
    wheel(releases, "modern", "0.9", {})
    assert build("old\ncareful\n") == 0
    assert installed(layout) == ["careful-1.0", "old-1.0", "setuptools-60.0"]
    assert build("old\nmodern\n", name="other") == 0
    assert [path.name for path in packages(layout, "other").glob("modern*")] == ["modern-1.0.dist-info"]
    assert [path.name for path in packages(layout, "other").glob("setuptools-*")] == ["setuptools-82.0.dist-info"]


def test_an_index_without_an_older_one(
    build: Build, layout: Layout, releases: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The install stays as it is, and the log says what is missing."""
    for version in ("60.0", "81.0"):
        (releases / f"setuptools-{version}-py3-none-any.whl").unlink()
    assert build("old\n") == 0
    assert installed(layout) == ["old-1.0", "setuptools-82.0"]
    assert "old imports pkg_resources" in capfd.readouterr().out


def test_hashes(build: Build, layout: Layout, releases: Path) -> None:
    """A list with hashes names every package, so it gets what it says."""
    lines = []
    for name in ("old-1.0", "setuptools-82.0"):
        digest = hashlib.sha256((releases / f"{name}-py3-none-any.whl").read_bytes()).hexdigest()
        lines.append(f"{name.replace('-', '==')} --hash=sha256:{digest}\n")
    assert build("".join(lines)) == 0
    assert installed(layout) == ["old-1.0", "setuptools-82.0"]


def test_options_about_indexes_in_a_file_apply(build: Build, layout: Layout, releases: Path) -> None:
    """The older one comes from where the file says that packages are."""
    assert build(f"--no-index\n--find-links /{releases.name}\nold\n", PIP_NO_INDEX="", PIP_FIND_LINKS="") == 0
    assert installed(layout) == ["old-1.0", "setuptools-81.0"]


def test_a_python_whose_venvs_have_no_setuptools(
    build: Build, layout: Layout, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """From 3.12 on, pip installs the newest, too."""
    import older_setuptools  # noqa: PLC0415 - conftest puts its directory on the path

    monkeypatch.setattr(older_setuptools, "WITHOUT", sys.version_info[:2])
    assert build("old\n") == 0
    assert installed(layout) == ["old-1.0", "setuptools-82.0"]
    assert "old imports pkg_resources, which setuptools 82.0 has no longer" in capfd.readouterr().out


def test_a_package_that_does_not_require_what_it_imports(
    build: Build, releases: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """There is no setuptools at all."""
    for name in ("one", "two", "three", "four"):
        wheel(releases, name, "1.0", {f"{name}/{name}.py": "from pkg_resources import resource_stream\n"})
    assert build("one\ntwo\nthree\nfour\n") == 0
    assert (
        "epo: four, one, three and 1 more import pkg_resources, which no installed package has: add setuptools<82 to "
        "the requirements\n"
    ) in capfd.readouterr().out


PROJECT = """\
[build-system]
requires = ["setuptools>=61"]
[project]
name = "project"
version = "1.0"
dependencies = [{}]
"""


@pytest.mark.parametrize(("dependencies", "version"), [('"old"', "81.0"), ('"old", "setuptools"', "82.0")])
def test_a_project_names_setuptools_where_it_depends_on_it(
    build: Build, layout: Layout, dependencies: str, version: str
) -> None:
    """What its own build requires does not count."""
    (layout.context / "pyproject.toml").write_text(PROJECT.format(dependencies))
    assert build(None, "--requirement=pyproject.toml") == 0
    assert installed(layout) == ["old-1.0", f"setuptools-{version}"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import pkg_resources", True),
        ("import os, pkg_resources.extern as one", True),
        ("from pkg_resources import get_distribution", True),
        ("__import__('pkg_resources').declare_namespace(__name__)", True),
        ("class A:\n    import pkg_resources", True),
        ("try:\n    import pkg_resources\nfinally:\n    pass", True),
        ("try:\n    import pkg_resources\nexcept KeyError:\n    pass", True),
        ("try:\n    import pkg_resources\nexcept ImportError:\n    pass", False),
        ("try:\n    import pkg_resources\nexcept (KeyError, ModuleNotFoundError):\n    pass", False),
        ("try:\n    import pkg_resources\nexcept:\n    pass", False),
        ("def lazy():\n    import pkg_resources", False),
        ("import sys\nif sys.platform == 'win32':\n    import pkg_resources", False),
        ("from . import pkg_resources", False),
        ("# import pkg_resources", False),
        ("import pkg_resources\nprint 'Python 2'", False),
    ],
)
def test_an_import_that_fails(program: ModuleType, tmp_path: Path, text: str, found: bool) -> None:  # noqa: FBT001
    """Only what runs when the package is imported counts, where the package cannot do without."""
    del program
    import removed_module  # noqa: PLC0415 - conftest puts its directory on the path

    (tmp_path / "one.py").write_text(text)
    info = tmp_path / "one-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("one.py,,\n")
    assert bool(removed_module.sentence([info])) == found


@pytest.mark.parametrize(
    "path", ["a/tests/b.py", "a/_vendor/b.py", "setuptools/b.py", "a/test_b.py", "a/b/c/d/e.py", "../bin/a.py"]
)
def test_a_file_that_is_not_imported_with_its_package(program: ModuleType, tmp_path: Path, path: str) -> None:
    """Test suites, copies of other packages, and what is deep inside are not read."""
    del program
    import removed_module  # noqa: PLC0415 - conftest puts its directory on the path

    info = tmp_path / "site/one-1.0.dist-info"
    info.mkdir(parents=True)
    (info.parent / path).parent.mkdir(parents=True, exist_ok=True)
    (info.parent / path).write_text("import pkg_resources")
    (info / "RECORD").write_text(f"{path},,\n")
    assert removed_module.sentence([info]) == ""
