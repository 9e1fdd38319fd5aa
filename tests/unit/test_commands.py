"""The commands `render`, `explain` and `graph`, as a person at a terminal uses them."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dockerfile_pyenv import cli
from dockerfile_pyenv.lexer import lex

Run = Callable[..., tuple[int, str, str]]

DOCKERFILE = """# syntax=registry.example.com/dockerfile-pyenv:1
FROM debian:bookworm-slim AS first
USER astro
PYENV 3.11 reports
PYENV 3.13 etl requirements.txt

FROM debian:bookworm-slim AS second
COPY --from=0 /etc/hostname /first
PYENV 3.13 other
"""


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line: its exit status, and what it writes."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main([str(word) for word in arguments])
        out, err = capfd.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err

    return run


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context."""
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "requirements.txt").write_text(
        "--prefer-binary\ntabulate==0.9.0\na @ https://me:secret@example.com/a-1.0.tar.gz\n"
    )
    return tmp_path


def stages(text: str) -> list[str]:
    """The FROM lines of a Dockerfile."""
    return [item.text for item in lex(text.encode()).instructions if item.keyword == "FROM"]


def test_render_takes_the_tools_from_the_image_of_the_syntax_line(run: Run, context: Path) -> None:
    """Numbers of stages count those in front, and the syntax line is gone."""
    status, out, _ = run("render", context)
    assert status == 0
    assert stages(out)[0] == "registry.example.com/dockerfile-pyenv:1 AS dockerfile-pyenv-tools"
    first = stages(out).index("debian:bookworm-slim AS first")
    assert f"COPY --from={first} /etc/hostname /first\n" in out
    assert "syntax=" not in out
    assert stages(run("render", "--tools=mine:2", context)[1])[0] == "mine:2 AS dockerfile-pyenv-tools"


def test_render_of_a_target_ends_with_its_stage(run: Run, context: Path) -> None:
    """What other stages need is not there."""
    _, out, _ = run("render", "--target=first", context)
    assert stages(out)[-1] == "debian:bookworm-slim AS first"
    assert "other" not in out
    _, out, _ = run("render", "--target=second", context)
    assert "--name=other" in out
    assert "# not built: PYENV 3.11 reports" not in out  # by COPY --from=0
    assert stages(out)[-1] == "debian:bookworm-slim AS second"


def test_render_names_what_old_builders_do_not_know(run: Run, context: Path) -> None:
    """Beside the text, of the stages that are in it, and with status 0: newer ones may know it."""
    text = DOCKERFILE.replace("COPY --from=0", "COPY --link --from=0").replace("PYENV 3.13 other", "RUN <<E\nE")
    (context / "Dockerfile").write_text(text)
    status, out, err = run("render", context)
    assert status == 0
    assert "COPY --link --from=" in out
    assert err == (
        f"{context}/Dockerfile:8: podman 4.3 and buildah 1.28 do not know COPY --link\n"
        f"{context}/Dockerfile:9: podman 4.3 and buildah 1.28 do not know here-documents\n"
    )
    assert run("render", "--target=first", context)[2] == ""


def test_render_takes_downloads_from_a_directory_mirror(run: Run, context: Path) -> None:
    """Of the build context, or of the frontend's own image."""
    out = run("render", "--build-arg", "UV_PYTHON_INSTALL_MIRROR=./mirror", "--target=second", context)[1]
    assert "\nADD " not in out
    assert '\nCOPY ["mirror/20' in out
    out = run("render", "--build-arg", "UV_PYTHON_INSTALL_MIRROR=file:///srv/mirror", "--target=second", context)[1]
    assert "\nADD " not in out
    assert 'verify.py", "/srv/mirror/20' in out


def test_render_refuses_a_stage_name_of_its_own(run: Run, context: Path) -> None:
    """It would hide the user's stage."""
    (context / "Dockerfile").write_text("FROM debian AS Dockerfile-Pyenv-Tools\nPYENV 3.13 etl\n")
    status, _, err = run("render", context)
    assert status == 1
    assert (
        f"{context}/Dockerfile:1: the stage name dockerfile-pyenv-tools is that of a stage which rendering adds" in err
    )


def test_render_leaves_a_file_without_pyenv_lines_as_it_is(run: Run, context: Path) -> None:
    """But for the comment at its head."""
    (context / "Dockerfile").write_text("FROM debian\nRUN true\n")
    _, out, _ = run("render", context)
    assert out.partition("\n")[2] == "FROM debian\nRUN true\n"


def test_a_file_in_lower_case_is_found(run: Run, context: Path) -> None:
    """As by docker build."""
    (context / "Dockerfile").rename(context / "dockerfile")
    assert run("explain", context)[1].startswith(f"{context}/dockerfile:4: ")


def test_a_dockerfile_comes_from_stdin(run: Run, context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for docker build, `-f -`."""

    class Stdin:
        buffer = io.BytesIO(b"FROM debian\nPYENV 3.13 etl requirements.txt\n")

    monkeypatch.setattr("sys.stdin", Stdin)
    status, out, _ = run("explain", "-f", "-", context)
    assert status == 0
    assert out.startswith("Dockerfile:2: PYENV 3.13 etl requirements.txt\n")


def test_an_error_is_told_as_compilers_do_with_the_line_marked(run: Run, context: Path) -> None:
    """Status 1: it is about the Dockerfile."""
    (context / "Dockerfile").write_text("FROM debian\nPYENV 3.13 etl\nPYENV 3.x etl\n")
    status, out, err = run("render", context)
    assert (status, out) == (1, "")
    assert err.startswith(f"{context}/Dockerfile:3:7: 3.x is no version of Python")
    assert "\n   3 | >>> PYENV 3.x etl\n" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["render", "-f", "/nowhere/Dockerfile"],
            "there is no file /nowhere/Dockerfile: name the Dockerfile with --file",
        ),
        (["render", "--platform=linux/amd64,linux/arm64"], "--platform=linux/amd64,linux/arm64: name one platform"),
        (["render", "-f", "."], ". cannot be read: Is a directory"),
        (["render", "--target=none"], "there is no stage none: the file has 2 (first, second)"),
        (["render", "--image-config=/nowhere"], "--image-config: /nowhere cannot be read: No such file or directory"),
        (["explain", "--image-config=Dockerfile"], "--image-config: Dockerfile is no image's config"),
        (
            ["graph", "--build-arg=UV_PYTHON_DOWNLOADS_JSON_URL=http://x/y.json"],
            "UV_PYTHON_DOWNLOADS_JSON_URL: http://x/y.json is not fetched here",
        ),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_what_a_command_cannot_do_has_status_2(
    run: Run, context: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """No line of the Dockerfile is to blame."""
    monkeypatch.chdir(context)
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"dockerfile-pyenv: {said}")


def test_an_empty_directory_is_told_with_what_to_mount(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`docker run` without -v is the likely reason."""
    monkeypatch.chdir(tmp_path)
    status, _, err = run("render")
    assert status == 2
    assert err.endswith(
        'is empty: name the build context. In a container it is what you mount: docker run --rm -v "$PWD":/src …\n'
    )


def test_an_images_config_answers_for_it(run: Run, context: Path) -> None:
    """USER, ENV and the label come out of what docker, podman or skopeo print."""
    label = '[{"name":"old","version":"3.11.2","interpreter":"3.11.2","path":"/opt/astro-pyenv/envs/old"}]'
    config = {
        "User": "astro",
        "Env": ["PYTHON=3.13"],
        "Labels": {"dockerfile-pyenv.environments": label},
    }
    (context / "Dockerfile").write_text("FROM example.com/base\nPYENV $PYTHON etl\n")
    assert run("render", context)[0] == 1
    for shape in ([{"Config": config}], {"config": config, "history": [{"created_by": "apt-get"}]}):
        (context / "config.json").write_text(json.dumps(shape))
        status, out, _ = run("render", f"--image-config=example.com/base={context}/config.json", context)
        assert status == 0
        assert 'USER "astro"' in out
        assert "--version=3.13" in out
        assert '[{"name":"old",' in out
    out = run("render", f"--image-config={context}/config.json", "--user=other", context)[1]
    assert 'USER "other"' in out


RUNTIME = "quay.io/astronomer/astro-runtime:12.7.1"
ONBUILD = ["COPY packages.txt .", "USER root", "RUN install", "USER astro", "COPY --chown=astro:0 . ."]


def test_render_does_the_work_of_astro_mode(run: Run, context: Path) -> None:
    """By the ONBUILD lines that the image's config has, for the files that the context has, and with links."""
    (context / "Dockerfile").write_text(f"FROM {RUNTIME} AS one\nPYENV 3.11 reports\nFROM {RUNTIME}\nPYENV 3.13 etl\n")
    (context / "packages.txt").write_text("tree\n")
    config = {"User": "astro", "WorkingDir": "/usr/local/airflow", "OnBuild": ONBUILD, "Shell": ["/bin/bash", "-c"]}
    (context / "config.json").write_text(json.dumps([{"Config": config}]))
    told = f"--image-config={context}/config.json"
    status, out, _ = run("render", "--target=one", told, context)
    assert status == 0
    assert (
        f'FROM {RUNTIME}-base AS one\nSHELL ["/bin/bash", "-c"]\n'
        "COPY packages.txt .\nUSER root\nRUN install\nUSER astro\n"
    ) in out
    assert "--link=/home/astro/.venv/reports" in out
    assert out.endswith("USER astro\nCOPY --chown=astro:0 . .\n")
    assert "etl" not in out
    (context / "packages.txt").unlink()
    assert "packages.txt" not in run("render", told, context)[1]
    off = run("render", "--build-arg=PYENV_ASTRO=off", told, context)[1]
    assert f"FROM {RUNTIME} AS one\nUSER 0:0\n" in off
    assert "--link" not in off


def test_render_needs_to_know_what_astro_mode_would_do(run: Run, context: Path) -> None:
    """Only the image can tell its ONBUILD lines; for a `-base` tag without a sibling they are those of Runtime 3.3."""
    (context / "Dockerfile").write_text(f"FROM {RUNTIME}\nPYENV 3.11 reports\n")
    status, out, err = run("render", "--user=astro", context)
    assert (status, out) == (1, "")
    assert f"Dockerfile:1: what is done for packages.txt, requirements.txt and the project, {RUNTIME} says" in err
    assert f"--image-config {RUNTIME}=<file>" in err
    assert run("explain", "--user=astro", context)[0] == 0
    (context / "Dockerfile").write_text(f"# syntax=x --astro\nFROM {RUNTIME}-base\nPYENV 3.11 reports\n")
    out = run("render", "--user=astro", context)[1]
    assert "\nCOPY requirements.txt .\nRUN /usr/local/bin/install-python-dependencies\nUSER astro\n" in out
    (context / "config.json").write_text(json.dumps([{"Config": {"User": "astro", "Env": []}}]))
    assert run("render", f"--image-config={context}/config.json", context)[1].count("install-python-dependencies") == 1
    (context / "sibling.json").write_text(json.dumps([{"Config": {"User": "astro"}}]))
    told = [f"--image-config={context}/config.json", f"--image-config={RUNTIME}={context}/sibling.json"]
    assert "requirements.txt" not in run("render", *told, context)[1]


def test_explain_says_what_each_line_is_made_of(run: Run, context: Path) -> None:
    """In words, without credentials; `--format=json` has the same for programs."""
    status, out, _ = run("explain", "--platform=linux/arm64", context)
    assert status == 0
    reports, etl, other = out.split("\n\n")
    assert f"{context}/Dockerfile:5: PYENV 3.13 etl requirements.txt\n" in etl
    for line in (
        "python:       /opt/astro-pyenv/envs/etl/bin/python",
        "variables:    ASTRO_PYENV_etl",
        "belongs to:   astro",
        "for:          linux/arm64, glibc",
        "reads:        requirements.txt",
        "packages:     tabulate==0.9.0\n                a @ https://***@example.com/a-1.0.tar.gz",
    ):
        assert f"  {line}\n" in etl
    assert "reads:        no files\n" in reports
    assert "belongs to:   root, since the stage has no USER\n" in other
    answer = json.loads(run("explain", "--format=json", context)[1])
    assert [one["name"] for one in answer] == ["reports", "etl", "other"]
    assert answer[1]["requirements"] == ["tabulate==0.9.0", "a @ https://***@example.com/a-1.0.tar.gz"]
    assert answer[1]["interpreter"]["provider"] == "standalone"


def test_explain_says_what_else_a_step_is_given(run: Run, context: Path) -> None:
    """Secrets, mounts and the network are told as the line has them; the values of secrets are nowhere in it."""
    (context / "Dockerfile").write_text(
        "FROM debian\nPYENV --installer=pip --secret=id=netrc --mount=type=cache,target=/c --mount=target=/src "
        "--network=none 3.13 etl\n"
    )
    _, out, _ = run("explain", context)
    assert "  given:        --secret=id=netrc --mount=type=cache,target=/c --mount=target=/src --network=none\n" in out
    assert "; the words of this line; what --mount=target=/src shows; the interpreter; " in out
    assert "airflow:" not in out
    (answer,) = json.loads(run("explain", "--format=json", context)[1])
    assert answer["installer"] == "pip"
    (context / "Dockerfile").write_text("FROM debian\nPYENV --airflow=same 3.13 etl\n")
    assert "  airflow:      same, in the base image's own version\n" in run("explain", context)[1]


def test_the_installer_that_a_line_does_not_choose(run: Run, context: Path) -> None:
    """Is that of the build or of the site; a line without an environment has none."""
    (context / "Dockerfile").write_text(
        "FROM debian\nPYENV 3.13 any\nPYENV --installer=uv 3.13 own\nPYENV --no-venv 3.11\n"
    )
    answer = json.loads(run("explain", "--build-arg=PYENV_INSTALLER=pip", "--format=json", context)[1])
    assert [one["installer"] for one in answer] == ["pip", "uv", "uv"]
    status, _, err = run("explain", "--build-arg=PYENV_INSTALLER=poetry", context)
    assert status == 1
    assert f"{context}/Dockerfile:2: PYENV_INSTALLER: poetry is no installer: write uv or pip\n" in err


def test_a_missing_requirements_file_is_told_at_its_line(run: Run, context: Path) -> None:
    """Nothing is explained that could not be built."""
    (context / "requirements.txt").unlink()
    status, out, err = run("explain", context)
    assert (status, out) == (1, "")
    assert f"{context}/Dockerfile:5:16: requirements.txt cannot be read in the build context {context}" in err


def test_graph_draws_lines_and_what_they_need(run: Run, context: Path) -> None:
    """A flowchart: an interpreter once, however many lines use it."""
    status, out, _ = run("graph", context)
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "flowchart LR"
    assert len([line for line in lines if "[(" in line]) == 2
    assert '  line5["PYENV 3.13 etl requirements.txt"]' in lines
    assert "  before0 --> line5 --> after0" in lines
    assert "  file0 --> line5" in lines
