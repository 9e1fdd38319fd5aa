"""Astro mode's decisions, from texts alone; tests/airflow builds them."""

import pytest

from dockerfile_pyenv.dockerfile.lexer import Dockerfile, lex
from dockerfile_pyenv.dockerfile.rewrite import substitute
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.lines import pyenv_lines
from dockerfile_pyenv.plan import astro, onbuild
from dockerfile_pyenv.plan.astro import Mode, RuntimeConfig
from dockerfile_pyenv.plan.offline import OfflineBuild, images

RUNTIME = "quay.io/astronomer/astro-runtime:12.7.1"
CACHE = "RUN mkdir -p /home/astro/.cache || true\n"
BOTH = ("packages.txt", "requirements.txt")
INLINE = (
    "COPY packages.txt .",
    "USER root",
    "RUN if [[ -s packages.txt ]]; then apt-get update && xargs apt-get install -y < packages.txt; fi",
    "COPY requirements.txt .",
    "RUN if grep -q apache-airflow requirements.txt; then exit 1; fi; pip install -r requirements.txt",
    "USER astro",
    "COPY --chown=astro:astro . .",
)


def edited(text: str, image: RuntimeConfig, present: tuple[str, ...] = BOTH, mode: Mode = Mode.AUTO) -> str:
    """A file's text in Astro mode, its PYENV lines as they are."""
    dockerfile = lex(text.encode())
    lines = pyenv_lines(dockerfile)
    around = astro.AstroEdits()
    for runtime in astro.find(dockerfile, lines, images(dockerfile, OfflineBuild("linux/amd64")), mode):
        around |= astro.around(dockerfile, lines, runtime, image, present)
    return substitute(dockerfile, {}, around.edits).text.decode()


def found(text: str, mode: Mode = Mode.AUTO) -> list[str]:
    """The images whose stages Astro mode applies to."""
    dockerfile = lex(text.encode())
    lines = pyenv_lines(dockerfile)
    return [one.image for one in astro.find(dockerfile, lines, images(dockerfile, OfflineBuild("linux/amd64")), mode)]


@pytest.mark.parametrize(
    "image",
    [
        "quay.io/astronomer/astro-runtime:12.7.1",
        "quay.io/astronomer/astro-runtime:11.20.0-ubi9-python-3.11-slim",
        "quay.io/astronomer/astro-runtime-slim:9.1.0",
        "astrocrpublic.azurecr.io/runtime:3.1-5",
        "astrocrpublic.azurecr.io/runtime:3.1-5-python-3.11-base",
        "images.astronomer.cloud/baseimages/astro-remote-execution-agent:3.0-5-python-3.12-astro-agent-1.0.3",
    ],
)
def test_the_names_of_astro_runtimes(image: str) -> None:
    """Every registry and every form of a tag is known."""
    assert astro.is_runtime(image)


@pytest.mark.parametrize(
    "image",
    [
        "apache/airflow:3.1.3",
        "python:3.11-slim",
        "registry.example.org/team/astro-runtime:12.7.1",
        "quay.io/astronomer/astro-runtime",
        f"{RUNTIME}@sha256:{'0' * 64}",
        "quay.io/astronomer/ap-airflow:2.4.3-bullseye",
        "localhost:5000/runtime",
        "quay.io/astronomer/astro-runtime:\udc8012.7.1",
    ],
)
def test_what_is_no_astro_runtime_by_name(image: str) -> None:
    """A mirror's image is one only when asked; one without a tag, or by digest, has no sibling that could be named."""
    assert not astro.is_runtime(image)
    assert astro.is_runtime(image, anywhere=True) == image.startswith("registry.example.org")


def test_a_stage_with_pyenv_lines_gets_the_work_around_them() -> None:
    """System packages come first, then the file's own lines, then requirements and project, as the image's user."""
    assert edited(f"# ours\nFROM {RUNTIME}\nPYENV 3.9 epo epo.txt\nRUN true\n", RuntimeConfig()) == (
        f"# ours\nFROM {RUNTIME}-base\nCOPY packages.txt .\nUSER root\nRUN /usr/local/bin/install-system-packages\n"
        f"USER astro\n{CACHE}PYENV 3.9 epo epo.txt\nUSER root\nCOPY requirements.txt .\n"
        "RUN /usr/local/bin/install-python-dependencies\nUSER astro\nCOPY --chown=astro:0 . .\nRUN true\n"
    )


def test_what_follows_the_project_finds_the_files_own_user_and_directory() -> None:
    """As if the project had been copied at FROM; the stage still ends as the image's user."""
    text = f"FROM {RUNTIME}\nUSER $ROOT\nWORKDIR a\nPYENV 3.9 one\nRUN x\nPYENV 3.9 two\nRUN cd dbt\nWORKDIR b\n"
    image = RuntimeConfig(user="astro", directory="/usr/local/airflow")
    assert edited(text, image, ()) == (
        f"FROM {RUNTIME}-base\n{CACHE}USER $ROOT\nWORKDIR a\nPYENV 3.9 one\nRUN x\nPYENV 3.9 two\n"
        "WORKDIR /usr/local/airflow\nUSER astro\nCOPY --chown=astro:0 . .\nWORKDIR a\nUSER $ROOT\n"
        "RUN cd dbt\nWORKDIR b\nUSER astro\n"
    )


def test_a_stage_without_pyenv_lines_gets_the_project_where_it_had_it() -> None:
    """ONBUILD lines run at FROM; on a -base tag the predecessor did the work at the end."""
    assert edited(f"FROM {RUNTIME}\nRUN x\n", RuntimeConfig(user="astro"), (), Mode.ON) == (
        f"FROM {RUNTIME}-base\nUSER astro\nCOPY --chown=astro:0 . .\nRUN x\n"
    )
    assert edited(f"FROM {RUNTIME}-base\nRUN x\n", RuntimeConfig(user="astro"), (), Mode.ON) == (
        f"FROM {RUNTIME}-base\nRUN x\nUSER astro\nCOPY --chown=astro:0 . .\n"
    )


@pytest.mark.parametrize(
    ("image", "old"),
    [("quay.io/astronomer/astro-runtime:9.6.0", True), ("quay.io/astronomer/astro-runtime:10.3.0-python-3.11", True),
     ("quay.io/astronomer/astro-runtime:11.20.0", False), ("astrocrpublic.azurecr.io/runtime:3.1-5", False)],
)  # fmt: skip
def test_the_usual_onbuild_lines_of_a_version(image: str, old: bool) -> None:  # noqa: FBT001
    """Up to Runtime 10 they call no scripts."""
    assert ("pip install" in str(onbuild.usual(image))) == old


def test_a_part_without_its_file_is_left_out() -> None:
    """A missing packages.txt takes its commands along; nothing is left of a part but what it needs."""
    text = f"FROM {RUNTIME} AS final\nPYENV 3.9 epo"
    assert edited(text, RuntimeConfig(INLINE, user="astro"), ()) == (
        f"FROM {RUNTIME}-base AS final\n{CACHE}PYENV 3.9 epo\nUSER astro\n{INLINE[-1]}\n"
    )
    assert "install -r requirements.txt" in edited(text, RuntimeConfig(INLINE, user="astro"), ("requirements.txt",))
    assert "apt-get" not in edited(text, RuntimeConfig(INLINE, user="astro"), ("requirements.txt",))


def test_shell_and_directory_are_those_of_the_image() -> None:
    """SHELL is set where the sibling lacks it; ONBUILD's relative paths mean the image's directory, not the file's."""
    image = RuntimeConfig(shell=astro.SHELL, user="astro", directory="/usr/local/airflow")
    lines = edited(f"FROM {RUNTIME}\nWORKDIR sub\nWORKDIR more\nPYENV 3.9 epo\nWORKDIR last\n", image, ()).splitlines()
    assert lines[1] == 'SHELL ["/bin/bash", "-o", "pipefail", "-e", "-u", "-x", "-c"]'
    assert lines[-6:] == [
        "WORKDIR /usr/local/airflow",
        "USER astro",
        "COPY --chown=astro:0 . .",
        "WORKDIR sub",
        "WORKDIR more",
        "WORKDIR last",
    ]


def test_which_stages_are_meant() -> None:
    """By itself, only a stage with PYENV lines and an image with ONBUILD lines; asked for, every Astro Runtime."""
    one = "ARG TAG=12.7.1\nFROM quay.io/astronomer/astro-runtime:$TAG AS one\nPYENV 3.9 epo\n"
    two = f"{one}FROM {RUNTIME}-base\nRUN x\n"
    assert found(two) == [RUNTIME]
    assert found(two, Mode.ON) == [RUNTIME, f"{RUNTIME}-base"]
    assert found(two, Mode.OFF) == []
    assert found(f"FROM {RUNTIME}\nRUN true\n") == []
    assert found("FROM example.org/runtime:3.1-5\nPYENV 3.9 epo\n") == []
    assert found("FROM example.org/runtime:3.1-5\n", Mode.ON) == ["example.org/runtime:3.1-5"]
    with pytest.raises(DockerfileError, match="no stage starts from an Astro Runtime"):
        found("# syntax=dockerfile-pyenv:1 --astro\nFROM debian\n", Mode.ON)


def test_how_it_is_asked_for() -> None:
    """The syntax line's rest, as the file or BuildKit has it, and PYENV_ASTRO, which has the last word."""

    def mode(text: str = "", cmdline: str = "", setting: str = "") -> Mode:
        return astro.mode(file(text), cmdline, setting)

    def file(text: str) -> Dockerfile:
        return lex(f"{text}\nFROM debian\n".encode())

    assert mode() is Mode.AUTO
    assert mode("# syntax=dockerfile-pyenv:1 --astro") is Mode.ON
    assert mode(cmdline="dockerfile-pyenv:1 --astro") is Mode.ON
    assert mode(setting="on") is Mode.ON
    assert mode("# syntax=dockerfile-pyenv:1 --astro", setting="off") is Mode.OFF
    with pytest.raises(DockerfileError, match="unknown option --astor on the syntax line: only --astro") as caught:
        mode("# escape=`\n# syntax=dockerfile-pyenv:1 --astor")
    assert caught.value.lines == (2, 2)
    with pytest.raises(DockerfileError, match="write PYENV_ASTRO=on or PYENV_ASTRO=off"):
        mode(setting="maybe")


def test_unknown_onbuild_lines_stay_in_their_place() -> None:
    """What an image does beyond what is known is done in its order, among the work that it stands in."""
    image = RuntimeConfig(
        ("ENV A=b", "COPY packages.txt .", "RUN one", "COPY pyproject.toml .", "RUN two", "COPY . ."), user="astro"
    )
    assert edited(f"FROM {RUNTIME}\nPYENV 3.9 epo\n", image, ()) == (
        f"FROM {RUNTIME}-base\nENV A=b\nUSER astro\n{CACHE}PYENV 3.9 epo\n"
        "USER astro\nCOPY pyproject.toml .\nRUN two\nCOPY . .\n"
    )


def test_a_file_without_stages_has_none() -> None:
    """What is no Dockerfile at all is upstream's to refuse."""
    assert found("ROM PYENV 3.9 one\n") == []
