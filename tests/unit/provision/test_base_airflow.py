"""`--airflow`: the image's own Airflow is found without being started, and comes into an environment."""

from pathlib import Path

import base_airflow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layout import Layout, ProvisionError
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from steps import VERSION, Build, packages, wheel

PATH = "/usr/sbin:/home/airflow/.local/bin"
AIRFLOW_2 = {"apache_airflow": "2.10.5", "pendulum": "3.0.0", "spam": "0.9"}
AIRFLOW_3 = {"apache_airflow": "3.1.3", "apache_airflow_core": "3.1.3", "apache_airflow_task_sdk": "1.1.3"}


def image(
    layout: Layout,
    versions: dict[str, str],
    *,
    script: str = "#!/home/airflow/.local/bin/python3\n",
    prefix: str = "/home/airflow/.local",
    python: str = ">=3.8",
) -> None:
    """Put an Airflow into an image: its program on PATH, and packages in the lib of a prefix."""
    program = layout.find("/home/airflow/.local/bin/airflow")
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(script)
    for name, version in versions.items():
        lib = "lib64" if name == "pendulum" else "lib"
        info = layout.find(f"{prefix}/{lib}/python3.11/site-packages/{name}-{version}.dist-info")
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Name: {name}\nVersion: {version}\nRequires-Python: {python}\n\nRequires-Python: 1"
        )
        tag = "cp311-cp311-manylinux_2_17_x86_64" if name == "pendulum" else "py3-none-any"
        (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")


@pytest.mark.parametrize(
    ("script", "prefix"),
    [
        pytest.param("#!/nowhere/python3\n", "/home/airflow/.local", id="beside the program"),
        pytest.param("#!/usr/python/bin/python3.11\n", "/usr/python", id="with the Python of its first line"),
        pytest.param("#!/bin/sh\n'''exec' /opt/a/bin/python \"$0\" \"$@\"\n", "/opt/a", id="a long path"),
        pytest.param("#!/usr/bin/env python3\n", "/usr", id="the Python on PATH"),
    ],
)
def test_the_airflow_of_an_image_is_found(layout: Layout, script: str, prefix: str) -> None:
    """The packages with the program `airflow` on PATH are found, native ones in lib64 too."""
    image(layout, {**AIRFLOW_2, "~ip": "24.0", "odd": "one"}, script=script, prefix=prefix)
    python = layout.find("/usr/sbin/python3")
    python.parent.mkdir(parents=True, exist_ok=True)
    python.touch()
    found = base_airflow.find({"PATH": PATH}, layout)
    assert found.versions == {"apache-airflow": "2.10.5", "pendulum": "3.0.0", "spam": "0.9"}
    assert found.compiled == {"pendulum"}
    assert found.requirement("same", (3, 9, 2)) == "apache-airflow==2.10.5"


def test_what_is_to_be_installed_depends_on_the_major(layout: Layout) -> None:
    """Airflow 3 has a task SDK, with a version of its own, and 2 has none; the local part of a version is left out."""
    image(layout, AIRFLOW_3, python="<3.14,>=3.10")
    found = base_airflow.find({"PATH": PATH}, layout)
    assert found.requirement("task-sdk", (3, 13, 5)) == "apache-airflow-task-sdk==1.1.3"
    assert found.requirement("same", (3, 13, 5)) == "apache-airflow==3.1.3"
    assert found._replace(versions={"apache-airflow-core": "3.1.3"}, pythons={"apache-airflow-core": ""}).requirement(
        "same", (3, 13, 5)
    ) == "apache-airflow-core==3.1.3"  # fmt: skip
    with pytest.raises(
        ProvisionError, match=r"apache-airflow-task-sdk 1\.1\.3 requires Python <3\.14,>=3\.10, but this env"
    ):
        found.requirement("task-sdk", (3, 9, 2))
    runtime = base_airflow.Airflow({"apache-airflow": "2.10.5+astro.1"}, frozenset(), {"apache-airflow": ""})
    assert runtime.requirement("same", (3, 9, 2)) == "apache-airflow==2.10.5"
    with pytest.raises(ProvisionError, match=r"the image has Airflow 2\.10\.5\+astro\.1, but .*: use --airflow=same"):
        runtime.requirement("task-sdk", (3, 9, 2))


def test_an_image_without_airflow(build: Build, layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    """The step says that there is none, in the way in which there is none."""
    assert build(None, "--airflow=same", name="none") == 1
    assert "none: --airflow uses the image's own Airflow, but there is no airflow on PATH" in capfd.readouterr().out
    image(layout, {"flask": "3.0"})
    assert build(None, "--airflow=same", name="other", PATH=PATH) == 1
    assert "/bin/airflow has no package apache-airflow: add Airflow" in capfd.readouterr().out


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_it_brings_its_packages_in_the_images_versions(
    build: Build,
    layout: Layout,
    tmp_path: Path,
    installer: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What Airflow needs has the image's version where that fits; what the line names has its own."""
    image(layout, {**AIRFLOW_2, "eggs": "1.0", "gone": "1.0"})
    wheels = tmp_path / "wheels"
    for version in ("2.10.5", "2.10.6"):
        wheel(
            wheels,
            "apache_airflow",
            version,
            {},
            requires="pendulum\nRequires-Dist: eggs\nRequires-Dist: gone\nRequires-Dist: spam",
        )
    for name in ("pendulum", "eggs", "gone", "spam"):
        for version in {"pendulum": ("3.0.0", "3.1.0"), "gone": ("2.0",)}.get(name, ("0.9", "1.0", "1.1")):
            wheel(wheels, name, version, {})
    assert build("spam\n", "--airflow=same", f"--installer={installer}", PATH=PATH) == 0
    names = sorted(path.name for path in packages(layout).glob("*-*.dist-info"))
    assert names == [
        "apache_airflow-2.10.5.dist-info", "eggs-1.0.dist-info", "gone-2.0.dist-info", "pendulum-3.0.0.dist-info",
        "spam-1.1.dist-info",
    ]  # fmt: skip
    said = capfd.readouterr().out
    assert "req.txt, --airflow=same\n" in said
    assert "epo: apache-airflow 2.10.5, as in the image; 3 of 4 packages have the image's version" in said


def test_a_version_of_its_makers_own(
    build: Build, layout: Layout, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """2.10.5+astro.1 is taken where an index has it; where none does, 2.10.5 is, and the log says what follows."""
    image(layout, {"apache_airflow": "2.10.5+astro.1"})
    wheel(tmp_path / "wheels", "apache_airflow", "2.10.5", {})
    assert build(None, "--airflow=same", name="public", PATH=PATH) == 0
    said = capfd.readouterr().out
    assert "public: apache-airflow 2.10.5; 0 of 1 packages have the image's version" in said
    assert "public: the image has apache-airflow 2.10.5+astro.1, but this environment gets 2.10.5" in said
    for version in ("2.10.5+astro.1", "2.10.5+astro.2"):
        wheel(tmp_path / "wheels", "apache_airflow", version, {})
    assert build(None, "--airflow=same", name="own", PATH=PATH) == 0
    assert "the image has" not in capfd.readouterr().out
    assert [path.name for path in packages(layout, "own").glob("apache*")] == [
        "apache_airflow-2.10.5+astro.1.dist-info"
    ]


def test_each_part_of_airflow_has_the_images_version(
    build: Build, layout: Layout, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where no index has 3.1.3+astro.1 of a part, 3.1.3 is taken before newer ones; a difference is told."""
    image(layout, {**AIRFLOW_3, "apache_airflow_core": "3.1.3+astro.1"})
    wheel(tmp_path / "wheels", "apache_airflow_task_sdk", "1.1.3", {}, requires="apache-airflow-core<3.2,>=3.1")
    wheel(tmp_path / "wheels", "apache_airflow_core", "3.1.8", {})
    assert build(None, "--airflow=task-sdk", name="newer", PATH=PATH) == 0
    said = capfd.readouterr().out
    assert "newer: the image has apache-airflow-core 3.1.3+astro.1, but this environment gets 3.1.8: " in said
    wheel(tmp_path / "wheels", "apache_airflow_core", "3.1.3", {})
    assert build(None, "--airflow=task-sdk", name="public", PATH=PATH) == 0
    assert "public: the image has apache-airflow-core 3.1.3+astro.1, but this environment gets 3.1.3: " in (
        capfd.readouterr().out
    )


def test_what_cannot_be_installed_is_told_with_the_flag(
    build: Build,
    layout: Layout,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A conflict, lists with hashes and a Python that this Airflow is not for each have their sentence."""
    image(layout, AIRFLOW_2, python=">=3.8,<3.9")
    assert build("spam\n", "--airflow=same", name="old", PATH=PATH) == 1
    assert (
        f"apache-airflow 2.10.5 requires Python >=3.8,<3.9, but this environment has Python {VERSION}: use"
        in capfd.readouterr().out
    )
    info = next(layout.find("/home/airflow/.local/lib/python3.11/site-packages").glob("apache*"))
    (info / "METADATA").write_text("Requires-Python: >=3.8\n")
    assert build(f"spam==1.0 --hash=sha256:{'0' * 64}\n", "--airflow=same", name="hashes", PATH=PATH) == 1
    assert "--airflow=same cannot add to req.txt: with hashes, every package must be listed" in capfd.readouterr().out
    assert build("spam\n", "--airflow=same", name="lacks", PATH=PATH) == 1
    said = capfd.readouterr().out
    assert "cannot install req.txt, --airflow=same: apache-airflow" in said


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["==", "!=", ">=", "<=", "<", ">"]),
            st.lists(st.integers(0, 14), min_size=1, max_size=3),
            st.sampled_from(["", "", ".*"]),
        ),
        max_size=3,
    ),
    st.tuples(st.integers(2, 4), st.integers(0, 15), st.integers(0, 9)),
)
def test_requires_python_is_read_as_packaging_reads_it(
    clauses: list[tuple[str, list[int], str]], python: tuple[int, ...]
) -> None:
    """Every specifier that packaging takes means the same here."""
    text = ", ".join(
        f"{operator}{'.'.join(map(str, numbers))}{any_ if operator in {'==', '!='} else ''}"
        for operator, numbers, any_ in clauses
    )
    version = Version(".".join(map(str, python)))
    assert base_airflow.allows(text, python) == SpecifierSet(text).contains(version)


def test_compatible_releases() -> None:
    """`~=3.8` is 3.8 and newer below 4, and what nobody can read forbids nothing."""
    assert base_airflow.allows("~=3.8", (3, 13, 5))
    assert not base_airflow.allows("~=3.8.1", (3, 9, 0))
    assert base_airflow.allows("newer, please", (3, 9, 0))
