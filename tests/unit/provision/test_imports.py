"""`--check-imports`: which modules are imported, and what is said of those that fail."""

from pathlib import Path

import imports
import pytest
from imports import Failed
from layout import Layout
from resolve_includes import RequirementSet
from steps import Build, wheel


def info(packages: Path, name: str, *files: str, requires: str = "") -> Path:
    """Write what tells of an installed package."""
    directory = packages / f"{name}-1.0.dist-info"
    directory.mkdir(parents=True)
    (directory / "RECORD").write_text("".join(f'"{file}",,\n' if "," in file else f"{file},,\n" for file in files))
    (directory / "METADATA").write_text(f"Name: {name}\n" + (f"Requires-Dist: {requires}\n" if requires else "") + "\n")
    return directory


def requirements(*lines: str, locked: bool = False) -> RequirementSet:
    """What a line names."""
    locks = [Path("pylock.toml")] if locked else []
    return RequirementSet("", list(lines), [], None, [], [], [], [], {}, locks, [], [], [])


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        pytest.param(["spam/__init__.py", "spam/eggs/__init__.py"], ["spam"], id="a package"),
        pytest.param(["google/cloud/storage/__init__.py"], ["google.cloud.storage"], id="in a namespace"),
        pytest.param(["six.py", "six-1.0.dist-info/RECORD"], ["six"], id="a module"),
        pytest.param(["_cffi_backend.cpython-311-x86_64-linux-gnu.so", "yaml.abi3.so"], ["yaml"], id="extensions"),
        pytest.param(["spam/__init__.py", "tests/__init__.py", "setup.py"], ["spam"], id="by mistake"),
        pytest.param(["requests-stubs/__init__.pyi", "../../bin/spam"], [], id="nothing to import"),
    ],
)
def test_modules_of_a_package(tmp_path: Path, files: list[str], modules: list[str]) -> None:
    assert imports.modules(info(tmp_path, "spam", *files)) == modules


def test_modules_of_programs(tmp_path: Path) -> None:
    """A package may have none but in a namespace without an `__init__.py`, as soda-core does."""
    directory = info(tmp_path, "soda", "soda/cli/cli.py")
    (directory / "entry_points.txt").write_text("[console_scripts]\nsoda = soda.cli.cli:main\n\n[x]\na = b:c\n")
    assert imports.modules(directory) == ["soda.cli.cli"]


def test_only_what_a_line_names_is_imported(tmp_path: Path) -> None:
    """Dependencies are not; of a lock it is what nothing else requires."""
    info(tmp_path, "google_cloud_storage", requires="six>=1 ; python_version>'3'")
    info(tmp_path, "six")
    info(tmp_path, "other", requires='google-cloud-storage ; extra == "all"')

    def names(*lines: str, locked: bool = False) -> list[str]:
        found = imports.named(tmp_path, requirements(*lines, locked=locked))
        return [one.name.partition("-")[0] for one in found]

    assert names("Google.Cloud_Storage[x]==1 --hash=sha256:0") == ["google_cloud_storage"]
    assert names(locked=True) == ["google_cloud_storage", "other"]
    assert names("/wheels/six-1.0-py3-none-any.whl") == ["google_cloud_storage", "other"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "ImportError: libpq.so.5: cannot open shared object file: No such file or directory",
            "the image lacks the shared library libpq.so.5: install libpq5 (on Debian and Ubuntu) in this stage",
        ),
        (
            "OSError: cannot load library 'pango-1.0-0': pango-1.0-0: cannot open shared object file: No such file",
            (
                "the image lacks the shared library pango-1.0-0: install libpango-1.0-0 (on Debian and Ubuntu) in this "
                "stage"
            ),
        ),
        (
            "ValueError: numpy.dtype size changed, may indicate binary incompatibility.",
            "it does not work with the installed version of numpy: add numpy<2 to the requirements",
        ),
        (
            "ModuleNotFoundError: No module named 'pkg_resources'",
            "setuptools 82 and newer have no pkg_resources: add setuptools<82 to the requirements",
        ),
        (
            "ModuleNotFoundError: No module named 'yaml'",
            "no installed package has the module yaml: add the package that has it to the requirements",
        ),
        ("ValueError: something else", ""),
    ],
)
def test_known_reasons(text: str, reason: str) -> None:
    assert imports.reason(Failed("spam", text, text)) == reason


def test_a_module_for_an_optional_dependency_may_fail() -> None:
    """As of duckdb, which has an `adbc_driver_duckdb`: another module of the package can be imported."""
    wanted = {"duckdb": "duckdb", "adbc_driver_duckdb": "duckdb", "yaml": "PyYAML"}
    optional = Failed("adbc_driver_duckdb", "ModuleNotFoundError: No module named 'adbc_driver_manager'", "")
    alone = Failed("yaml", "ModuleNotFoundError: No module named 'other'", "")
    assert imports.serious([optional, alone], wanted) == [alone]
    old = Failed("adbc_driver_duckdb", "ModuleNotFoundError: No module named 'pkg_resources'", "")
    assert imports.serious([old], wanted) == [old]


def test_imports_are_checked(build: Build, layout: Layout, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each module that fails is told with its last line, also one that ends the process; the others are imported."""
    assert build("spam\n", "--check-imports", name="good") == 0
    assert "good: imports: spam" in capfd.readouterr().out
    wheels = tmp_path / "wheels"
    wheel(wheels, "eggs", "1.0", {"eggs.py": "import os; os._exit(3)\n"})
    wheel(wheels, "ham", "1.0", {"ham.py": "print('to standard output'); import pkg_resources_of_old\n"})
    assert build("spam\neggs\nham\n", "--check-imports", name="bad") == 1
    told = capfd.readouterr().out
    assert "bad: cannot import eggs of eggs: Python ended with exit status 3\n" in told
    assert "bad: cannot import ham of ham: ModuleNotFoundError: No module named 'pkg_resources_of_old'\n" in told
    assert "bad:   no installed package has the module pkg_resources_of_old: add" in told
    assert "spam of" not in told
    assert not list(layout.tmp.glob("imports/*"))


def test_what_an_import_writes_to_tmp_does_not_stay(build: Build, layout: Layout, tmp_path: Path) -> None:
    """Where the check is a part of the step that makes the layer."""
    wheel(
        tmp_path / "wheels", "eggs", "1.0", {"eggs.py": f"open({str(layout.root / 'tmp/eggs.log')!r}, 'w').close()\n"}
    )
    assert build("eggs\n", "--check-imports") == 0
    assert list((layout.root / "tmp").iterdir()) == []
