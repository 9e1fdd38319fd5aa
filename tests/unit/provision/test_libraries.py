"""What an environment requires of the image's shared libraries, and what is said where they are missing."""

from pathlib import Path

import debian
import elfs
import libraries
import pytest
from layout import Layout, ProvisionError
from libraries import Required
from log import Log
from steps import VERSION


def package(path: Path, name: str, version: str, **files: bytes) -> None:
    """Write an installed package that has extension modules."""
    packages = path / f"lib/python{VERSION}/site-packages"
    info = packages / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (packages / name).mkdir(exist_ok=True)
    for one, content in files.items():
        (packages / name / f"{one}.so").write_bytes(content)
    (info / "RECORD").write_text("".join(f"{name}/{one}.so,,\n" for one in files))


def test_libraries_of_neither_the_environment_nor_the_c_library_are_required(tmp_path: Path) -> None:
    """A library that a package brings, the C library, and drivers of hardware are not required of the image."""
    package(tmp_path, "psycopg2", "2.9.9", _psycopg=elfs.library("libpq.so.5", "libc.so.6", "libpthread.so.0"))
    package(tmp_path, "lightgbm", "4.0", core=elfs.library("libgomp.so.1", "libm.so.6"), bundled=elfs.library())
    package(tmp_path, "torch", "2.0", _C=elfs.library("bundled.so", "libcuda.so.1"), broken=b"\x7fELF\2\1")
    found = libraries.required(tmp_path, VERSION)
    assert found == Required({"libgomp.so.1": "lightgbm", "libpq.so.5": "psycopg2"})


def test_libraries_that_packages_open_by_name_are_required(tmp_path: Path) -> None:
    package(tmp_path, "weasyprint", "62.3")
    package(tmp_path, "psycopg", "3.2")
    assert "libgobject-2.0.so.0" in libraries.required(tmp_path, VERSION).libraries
    assert libraries.required(tmp_path, VERSION).libraries["libpq.so.5"] == "psycopg"
    package(tmp_path, "psycopg_binary", "3.2")
    assert "libpq.so.5" not in libraries.required(tmp_path, VERSION).libraries


def test_the_stage_is_told_what_it_lacks(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    """It has what its loader's cache lists, or one of the usual directories has; Debian's package is named if known."""
    path = layout.environments / "etl"
    package(path, "etl", "1.0", core=elfs.library("libpq.so.5", "libodbc.so.2", "libours.so.1", "libgomp.so.1"))
    libraries.leave(libraries.required(path, VERSION), layout)
    (layout.root / "etc").mkdir()
    (layout.root / "etc/ld.so.cache").write_bytes(b"\0libgomp.so.1\0/usr/lib/libgomp.so.1\0")
    (layout.root / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
    (layout.root / "usr/lib/x86_64-linux-gnu/libodbc.so.2").touch()
    (noted,) = libraries.take(layout.environments)
    libraries.tell(noted, {}, layout, Log("etl"))
    assert capsys.readouterr().out == (
        "etl: etl requires libours.so.1, libpq.so.5, which the image lacks: install libpq5 (on Debian and Ubuntu) in "
        "this stage\n"
    )
    assert libraries.take(layout.environments) == []
    libraries.leave(Required({}), layout)
    assert not (layout.environments / libraries.NOTE).exists()


def test_a_newer_glibc_than_the_images_is_an_error(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A builder may be newer than the image: nothing can be installed for that."""
    monkeypatch.setattr("os.confstr", lambda _: "glibc 2.31")
    package(tmp_path, "etl", "1.0", core=elfs.library("libc.so.6", glibc="GLIBC_2.34"))
    found = libraries.required(tmp_path, VERSION, glibc=True)
    with pytest.raises(
        ProvisionError, match=r"^etl requires glibc 2.34, but the image has glibc 2.31: use a --builder"
    ):
        libraries.tell(found, {}, layout, Log("etl"))
    libraries.tell(libraries.required(tmp_path, VERSION), {}, layout, Log("etl"))


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libpq.so.5", "libpq5"),
        ("gobject-2.0-0", "libglib2.0-0"),
        ("libgobject-2.0-0", "libglib2.0-0"),
        ("zbar", "libzbar0"),
        ("libours.so.1", ""),
    ],
)
def test_debian_packages(library: str, package: str) -> None:
    """A library is known by its name, and as programs look for it."""
    assert debian.package(library) == package
