"""Astro mode: what the predecessor does around PYENV lines on Astro Runtime images, in the order that caches best."""

import subprocess
import sys

import pytest
from tests.airflow.conftest import Runtimes
from tests.bed import archives, settings, standins
from tests.engine.conftest import Project
from tests.engine.wheels import wheel

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
RUNTIME = "quay.io/astronomer/astro-runtime:12.7.1"
FILES = {
    "packages.txt": "tree # a small one\n",
    "requirements.txt": "toolz==1.0.0\n",
    "dags/one.py": "print(1)\n",
    "epo.txt": "toolz==0.12.0\n",
}


def test_a_runtime_with_pyenv_lines(runtimes: Runtimes, project: Project) -> None:
    """The `-base` image is used, requirements and project come last, and an edit of a DAG reinstalls nothing."""
    engine = runtimes(standins.ASTRO_2)
    context = project({**FILES, "Dockerfile": f"{SYNTAX}FROM {RUNTIME}\nPYENV 3.9 epo epo.txt\n"})
    image = engine.build(context).image
    said = engine.run(
        image,
        "bash",
        "-c",
        "id -un; pwd; command -v tree; readlink ~/.venv/epo; stat -c %U ~/.venv; stat -c %U:%g dags/one.py; "
        "for python in ~/.venv/epo/bin/python python; do $python -c 'import toolz; print(toolz.__version__)'; done",
    )
    assert said.splitlines() == [
        "astro",
        "/usr/local/airflow",
        "/usr/bin/tree",
        "/opt/astro-pyenv/envs/epo",
        "astro",
        "astro:0",
        "0.12.0",
        "1.0.0",
    ]
    config = engine.image_config(image)
    assert config["config"]["Shell"] == ["/bin/bash", "-o", "pipefail", "-e", "-u", "-x", "-c"]
    made = [entry["created_by"] for entry in config["history"] if not entry.get("empty_layer")]
    ours = made[next(i for i, text in enumerate(made) if "packages.txt" in text) :]
    assert [text.partition(" # buildkit")[0].split()[-1] for text in ours[:2]] == [
        ".",
        "/usr/local/bin/install-system-packages",
    ]
    order = (
        "packages.txt",
        "install-system-packages",
        "mkdir -p /home/astro/.cache",
        "PYENV 3.9 (CPython",
        "PYENV 3.9 epo",
        "requirements.txt",
        "install-python",
        ". .",
    )
    assert all(word in text for word, text in zip(order, ours, strict=True)), ours

    (context / "dags/one.py").write_text("print(2)\n")
    edited = engine.build(context).log
    assert "CACHED\n" in edited
    assert "environment of" not in edited
    assert [line for line in edited.splitlines() if "PYENV 3.9 epo epo.txt" in line]
    assert "epo: Python 3.9" not in edited


def test_parts_without_a_file_are_left_out(runtimes: Runtimes, project: Project) -> None:
    """Neither packages.txt nor requirements.txt need be there, and turned off, ONBUILD has its way."""
    engine = runtimes(standins.ASTRO_2)
    dockerfile = (
        f"{SYNTAX}ARG TAG=12.7.1\nFROM quay.io/astronomer/astro-runtime:${{TAG}} AS final\n"
        "PYENV 3.9 one\nUSER root\nRUN touch /by-root\n"
    )
    context = project({"Dockerfile": dockerfile, "dags/one.py": ""})
    image = engine.build(context).image
    assert engine.run(image, "bash", "-c", "id -un; ls dags /by-root; stat -c %U /by-root").split() == [
        "astro", "/by-root", "dags:", "one.py", "root",
    ]  # fmt: skip
    failed = engine.build("--build-arg=PYENV_ASTRO=off", context, check=False)
    assert failed.returncode
    assert "packages.txt" in failed.log


def test_a_base_tag_needs_to_ask(runtimes: Runtimes, project: Project) -> None:
    """On a `-base` tag, with and without PYENV lines, the work is done when the syntax line says so."""
    engine = runtimes(standins.ASTRO_2)
    context = project({**FILES, "Dockerfile": f"{SYNTAX}FROM {RUNTIME}-base\n"})
    warned = engine.build(context)
    assert "PyenvAstroBase" in warned.log
    assert "--astro" in warned.log
    assert engine.run(warned.image, "ls", "-A") == "logs"
    for text in ("", "PYENV 3.9 epo epo.txt\n"):
        asking = f"{SYNTAX.rstrip()} --astro\nFROM {RUNTIME}-base\n{text}"
        (context / "Dockerfile").write_text(asking)
        built = engine.build(context)
        assert "PyenvAstroBase" not in built.log
        said = engine.run(
            built.image, "bash", "-c", "python -c 'import toolz; print(toolz.__version__)'; ls dags; id -un"
        )
        assert said.split() == ["1.0.0", "one.py", "astro"]


def test_old_runtimes_say_it_in_their_onbuild_lines(runtimes: Runtimes, project: Project) -> None:
    """Where there are no scripts, the ONBUILD lines' own commands are run; a wheel in /tmp is there before."""
    engine = runtimes(standins.ASTRO_2)
    name, data = wheel("given")
    context = project(
        {
            **FILES,
            "packages.txt": "",
            name: data,
            "epo.txt": f"/tmp/{name}\n",
            "Dockerfile": f"{SYNTAX}FROM quay.io/astronomer/astro-runtime:9.6.0\n"
            f"COPY {name} /tmp/\nPYENV 3.9 epo epo.txt\n"
            "RUN source /home/astro/.venv/epo/bin/activate && pip --version && python -c 'import given'\n"
            "WORKDIR sub\n",
        }
    )
    image = engine.build(context).image
    said = engine.run(image, "bash", "-c", "pwd; ls ..; python -c 'import toolz; print(toolz.__version__)'")
    assert said.split()[0] == "/usr/local/airflow/sub"
    assert {"dags", "requirements.txt", "sub", "1.0.0"} <= set(said.split())


def test_a_sibling_that_cannot_be_had_is_told(runtimes: Runtimes, project: Project) -> None:
    """Without its `-base` image a Runtime's own ONBUILD lines do the work, and a warning says what that costs."""
    engine = runtimes(standins.ASTRO_2)
    alone = "quay.io/astronomer/astro-runtime:12.7.2"
    engine.docker("tag", RUNTIME, alone)
    context = project({**FILES, "packages.txt": "", "Dockerfile": f"{SYNTAX}FROM {alone}\nPYENV 3.9 epo\n"})
    built = engine.build(context)
    assert (
        f"cannot load {alone}-base: the project is copied before the PYENV lines of this stage, so every edit of it "
        "reinstalls their environments (line 2)"
    ) in built.log
    assert engine.run(built.image, "bash", "-c", "ls dags; $ASTRO_PYENV_epo -V; id -un").splitlines() == [
        "one.py", "Python 3.9.2", "astro",
    ]  # fmt: skip
    off = engine.build("--build-arg=PYENV_ASTRO=off", context).log
    assert "cannot load" not in off


@pytest.mark.slow
def test_a_rendered_file_does_the_same(runtimes: Runtimes, project: Project) -> None:
    """Told what the image says of itself, `render` writes a file that Docker builds to an image of the same files."""
    engine = runtimes(standins.ASTRO_2)
    inspected = engine.docker("image", "inspect", RUNTIME).stdout
    context = project(
        {**FILES, "image.json": inspected, "Dockerfile": f"{SYNTAX}FROM {RUNTIME}\nPYENV 3.9 epo epo.txt\nUSER root\n"}
    )
    (context / ".dockerignore").write_text("image.json\nrendered\n")
    program = "import sys; from dockerfile_pyenv.cli.main import main; main(sys.argv[1:])"
    rendered = subprocess.run(
        [sys.executable, "-c", program, "render", "--image-config=image.json"],
        cwd=context,
        env={"PYTHONPATH": settings.PYTHONPATH, "UV_PYTHON_DOWNLOADS_JSON_URL": str(archives.TABLE)},
        stdout=subprocess.PIPE,
        check=True,
    )
    (context / "rendered").write_bytes(rendered.stdout)
    ours = engine.build(context).image
    theirs = engine.build(f"--file={context / 'rendered'}", context).image
    assert engine.image_config(theirs)["config"] == engine.image_config(ours)["config"]
    places = "/opt /usr/local/airflow /home/astro /usr/local/lib/python3.11/site-packages/toolz"
    listing = f"find {places} -printf '%p %U:%G %m %s %l\\n' | sort"
    assert engine.run(theirs, "bash", "-c", listing) == engine.run(ours, "bash", "-c", listing)
