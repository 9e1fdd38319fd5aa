"""The commands `render`, `explain` and `graph`, as a person at a terminal uses them."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dockerfile_pyenv.dockerfile.lexer import lex

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
    first = stages(out).index("dockerfile-pyenv-before-1 AS first")
    assert f"COPY --from={first} /etc/hostname /first\n" in out
    assert "syntax=" not in out
    assert stages(run("render", "--tools=mine:2", context)[1])[0] == "mine:2 AS dockerfile-pyenv-tools"


def test_render_of_a_target_ends_with_its_stage(run: Run, context: Path) -> None:
    """What other stages need is not there."""
    _, out, _ = run("render", "--target=first", context)
    assert stages(out)[-1] == "dockerfile-pyenv-before-1 AS first"
    assert "other" not in out
    _, out, _ = run("render", "--target=second", context)
    assert "--name=other" in out
    assert "# not built: PYENV 3.11 reports" not in out  # by COPY --from=0
    assert stages(out)[-1] == "dockerfile-pyenv-before-2 AS second"


def test_render_repeats_what_a_stage_does_not_take_over(run: Run, context: Path) -> None:
    """Where the user's stage goes on: ARG, for buildah, and SHELL, which an OCI image does not have."""
    above = 'ARG A=1 \\\n  B\nARG BAKED\nENV BAKED=$BAKED\nSHELL ["/bin/sh", "-ec"]\n'
    (context / "Dockerfile").write_text(f"FROM debian AS one\n{above}PYENV 3.13 a\nRUN true\nPYENV 3.13 b\n")
    out = run("render", context)[1]
    repeated = 'ARG A=1   B\nSHELL ["/bin/sh", "-ec"]\nUSER 0:0\n'
    assert f"FROM debian AS dockerfile-pyenv-before-1\n{above}" in out
    for stage in (
        "dockerfile-pyenv-before-1 AS dockerfile-pyenv-ask-1",
        "dockerfile-pyenv-before-1 AS dockerfile-pyenv-before-2",
        "dockerfile-pyenv-before-2 AS dockerfile-pyenv-ask-2",
        "dockerfile-pyenv-before-2 AS one",
    ):
        assert f"FROM {stage}\n{repeated}" in out


@pytest.mark.parametrize(
    "above",
    ['CMD ["a"]', "ONBUILD RUN true", "VOLUME /data", "ARG A=1\nARG B=$A", "ARG A=1 B=2\nENV A=3"],
)
def test_render_installs_in_a_stage_that_cannot_be_split(run: Run, context: Path, above: str) -> None:
    """In another stage, these would be something else."""
    (context / "Dockerfile").write_text(f"FROM debian AS one\n{above}\nPYENV 3.13 a\n")
    out = run("render", context)[1]
    assert stages(out)[-1] == "debian AS one"
    assert "--step=" not in out


@pytest.mark.parametrize("between", ["", "PYENV 3.13 a\nRUN true\n"], ids=["first line", "later line"])
def test_render_refuses_a_builder_in_a_stage_that_cannot_be_split(run: Run, context: Path, between: str) -> None:
    """The line would be installed in its stage, without the builder's compilers."""
    lines = f'FROM debian AS build\nFROM debian\nCMD ["a"]\n{between}PYENV --builder=build 3.13 b\n'
    (context / "Dockerfile").write_text(lines)
    status, _, err = run("render", context)
    assert status == 1
    assert "render cannot add a stage for --builder here: move ONBUILD, CMD, ENTRYPOINT and the like below this" in err


@pytest.mark.parametrize("line", ["--interpreter=base 3.13 a", "--mount=target=/x 3.13 a", "--no-venv 3.13"])
def test_render_installs_in_the_stage_that_a_line_needs(run: Run, context: Path, line: str) -> None:
    """As a build does."""
    (context / "Dockerfile").write_text(f"FROM debian AS one\nPYENV {line}\n")
    out = run("render", context)[1]
    assert stages(out)[-1] == "debian AS one"
    assert "--step=" not in out


def test_render_names_what_old_builders_do_not_know(run: Run, context: Path) -> None:
    """Beside the text, of the stages that are in it, and with status 0: newer ones may know it."""
    text = DOCKERFILE.replace("COPY --from=0", "COPY --link --from=0").replace("PYENV 3.13 other", "RUN <<E\nE")
    (context / "Dockerfile").write_text(text)
    status, out, err = run("render", context)
    assert status == 0
    assert "COPY --link --from=" in out
    assert err == (
        f"{context}/Dockerfile:8: podman 4.3 and buildah 1.28 do not support COPY --link\n"
        f"{context}/Dockerfile:9: podman 4.3 and buildah 1.28 do not support heredocs\n"
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
        f"{context}/Dockerfile:1: the stage name dockerfile-pyenv-tools is reserved for a stage that render adds" in err
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
    assert err.startswith(f"{context}/Dockerfile:3:7: 3.x is not a Python version")
    assert "\n   3 | >>> PYENV 3.x etl\n" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["render", "-f", "/nowhere/Dockerfile"],
            "/nowhere/Dockerfile does not exist: pass the Dockerfile with --file",
        ),
        (
            ["render", "--platform=linux/amd64,linux/arm64"],
            "--platform=linux/amd64,linux/arm64: this command takes one platform",
        ),
        (["render", "-f", "."], "cannot read .: Is a directory"),
        (["render", "--target=none"], "there is no stage none: the file has 2 (first, second)"),
        (["render", "--image-config=/nowhere"], "--image-config: cannot read /nowhere: No such file or directory"),
        (["explain", "--image-config=Dockerfile"], "--image-config: Dockerfile is not an image config"),
        (
            ["graph", "--build-arg=UV_PYTHON_DOWNLOADS_JSON_URL=http://x/y.json"],
            "UV_PYTHON_DOWNLOADS_JSON_URL: commands do not fetch http://x/y.json",
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
        'is empty: pass the build context. In a container, mount it: docker run --rm -v "$PWD":/src …\n'
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
        f'FROM {RUNTIME}-base AS dockerfile-pyenv-before-1\nSHELL ["/bin/bash", "-c"]\n'
        "COPY packages.txt .\nUSER root\nRUN install\nUSER astro\n"
    ) in out
    assert "--home-link=/home/astro/.venv/reports" in out
    assert out.endswith("USER astro\nCOPY --chown=astro:0 . .\n")
    assert "etl" not in out
    (context / "packages.txt").unlink()
    assert "packages.txt" not in run("render", told, context)[1]
    off = run("render", "--build-arg=PYENV_ASTRO=off", told, context)[1]
    assert f"FROM {RUNTIME} AS dockerfile-pyenv-before-1\nFROM dockerfile-pyenv-before-1 AS " in off
    assert "link=" not in off


def test_commands_know_the_images_of_astro_mode(run: Run, context: Path) -> None:
    """Their USER is astro, and their ONBUILD lines are the usual ones, which render says; a config says it better."""
    (context / "Dockerfile").write_text(f"FROM {RUNTIME}\nPYENV 3.11 reports\n")
    status, out, err = run("render", context)
    assert status == 0
    assert "RUN /usr/local/bin/install-system-packages" not in out  # the context has no packages.txt
    assert "\nCOPY requirements.txt .\nRUN /usr/local/bin/install-python-dependencies\nUSER astro\n" in out
    assert f"Dockerfile:1: the ONBUILD lines of {RUNTIME} are assumed to be the usual ones of that version: pass" in err
    assert f"--image-config {RUNTIME}=<file>" in err
    assert "  belongs to:   astro\n" in run("explain", context)[1]
    assert run("graph", context)[0] == 0
    (context / "Dockerfile").write_text(f"FROM {RUNTIME} AS one\nPYENV 3.11 a\nUSER root\nFROM one\nPYENV 3.11 b\n")
    assert run("explain", context)[1].count("  belongs to:   astro\n") == 2  # the stage ends as astro
    (context / "Dockerfile").write_text("# syntax=x --astro\nFROM example.com/runtime:3.1-5\nPYENV 3.11 reports\n")
    assert "  belongs to:   astro\n" in run("explain", context)[1]
    (context / "Dockerfile").write_text(f"FROM {RUNTIME}\nPYENV 3.11 $NOWHERE\n")
    assert "Dockerfile:2: PYENV uses $NOWHERE" in run("explain", context)[2]
    (context / "Dockerfile").write_text(f"# syntax=x --astro\nFROM {RUNTIME}-base\nPYENV 3.11 reports\n")
    out = run("render", "--user=astro", context)[1]
    assert "\nCOPY requirements.txt .\nRUN /usr/local/bin/install-python-dependencies\nUSER astro\n" in out
    (context / "config.json").write_text(json.dumps([{"Config": {"User": "astro", "Env": []}}]))
    assert run("render", f"--image-config={context}/config.json", context)[1].count("install-python-dependencies") == 1
    (context / "sibling.json").write_text(json.dumps([{"Config": {"User": "astro"}}]))
    told = [f"--image-config={context}/config.json", f"--image-config={RUNTIME}={context}/sibling.json"]
    assert "requirements.txt" not in run("render", *told, context)[1]


def test_explain_knows_projects_builders_and_where_else_an_environment_is(run: Run, context: Path) -> None:
    """What a project requires is named, and what the flags of a line lead to."""
    (context / "pyproject.toml").write_text('[project]\nname = "a"\ndependencies = ["six==1.16.0"]\n')
    (context / "Dockerfile").write_text(
        "FROM debian AS build\nFROM debian\n"
        "PYENV --builder=build --expose=six --link=/venvs/a --check-imports 3.13 a pyproject.toml\n"
    )
    out = run("explain", context)[1]
    for line in (
        "also at:      /venvs/a",
        "on PATH:      six",
        "packages:     six==1.16.0",
        "installed:    apart from the stage, and in build if a package has to be built",
        "checked:      the imports, as the stage's USER",
    ):
        assert f"  {line}\n" in out
    assert "; build, if a package has to be built; " in out
    (context / "Dockerfile").write_text(
        "FROM debian\nPYENV 3.13 a\nPYENV --check-imports=false 3.13 b\nPYENV --no-venv 3.9\n"
    )
    assert run("explain", "--build-arg=PYENV_CHECK_IMPORTS=true", context)[1].count("checked:") == 1
    assert "PYENV_CHECK_IMPORTS: yes is not valid" in run("explain", "--build-arg=PYENV_CHECK_IMPORTS=yes", context)[2]
    (context / "Dockerfile").write_text(
        "FROM debian AS build\nFROM debian\nPYENV --builder=build --expose=six --link=/venvs/a 3.13 a pyproject.toml\n"
    )
    assert '-builder["builder build"] --> line3' in run("graph", context)[1]


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
    assert "; the words of this line; the files of --mount=target=/src; the interpreter; " in out
    assert "airflow:" not in out
    (answer,) = json.loads(run("explain", "--format=json", context)[1])
    assert answer["installer"] == "pip"
    assert answer["rebuilt_when"][:3] == [
        "the stage above the group of PYENV lines",
        "the words of this line",
        "the files of --mount=target=/src",
    ]
    (context / "Dockerfile").write_text("FROM debian\nPYENV --expose=a --link=/a --expose=b 3.13 etl\n")
    assert "; the words of this line, except --expose, --link; the interpreter; " in run("explain", context)[1]
    (context / "Dockerfile").write_text("FROM debian\nPYENV --airflow=same 3.13 etl\n")
    assert "  airflow:      same, in the base image's version\n" in run("explain", context)[1]


def test_the_installer_that_a_line_does_not_choose(run: Run, context: Path) -> None:
    """Is that of the build or of the site; a line without an environment has none."""
    (context / "Dockerfile").write_text(
        "FROM debian\nPYENV 3.13 any\nPYENV --installer=uv 3.13 own\nPYENV --no-venv 3.11\n"
    )
    dated = run("explain", "--build-arg=PYENV_EXCLUDE_NEWER=2024-05-01", context)[1]
    assert dated.count("  uploaded:     before 2024-05-02T00:00:00Z\n") == 2
    answer = json.loads(run("explain", "--build-arg=PYENV_INSTALLER=pip", "--format=json", context)[1])
    assert [one["installer"] for one in answer] == ["pip", "uv", "uv"]
    status, _, err = run("explain", "--build-arg=PYENV_INSTALLER=poetry", context)
    assert status == 1
    assert f"{context}/Dockerfile:2: PYENV_INSTALLER: poetry is not an installer: write uv or pip\n" in err


def test_a_missing_requirements_file_is_told_at_its_line(run: Run, context: Path) -> None:
    """Nothing is explained that could not be built."""
    (context / "requirements.txt").unlink()
    status, out, err = run("explain", context)
    assert (status, out) == (1, "")
    assert f"{context}/Dockerfile:5:16: requirements.txt does not exist in the build context {context}" in err


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


def test_graph_for_graphviz_has_the_same_nodes_and_edges(run: Run, context: Path) -> None:
    (context / "Dockerfile").write_text('FROM debian\nPYENV 3.13 etl "pandas[sql] == 2.2.3" requirements.txt\n')
    status, out, _ = run("graph", "--format=dot", "--platform=linux/amd64", context)
    assert status == 0
    assert out.startswith("digraph pyenv {\n  rankdir=LR\n")
    assert '  "line2" [label="PYENV 3.13 etl \\"pandas[sql] ==\\n2.2.3\\" requirements.txt", shape=box]\n' in out
    assert '-x86_64-\\nunknown-linux-gnu-\\ninstall_only_stripped.tar.gz", shape=box, style="rounded"]' in out
    assert '  "before0" -> "line2" -> "after0"\n' in out
    assert '  "file0" -> "line2"\n' in out
    assert out.count("->") == run("graph", context)[1].count("-->")


def test_graph_draws_with_graphviz(run: Run, context: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its program dot, of which graphviz-pure is one; without it, the error says what else there is."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    status, _, err = run("graph", "--format=svg", context)
    assert status == 2
    assert "--format=svg requires Graphviz, whose program dot is not on PATH" in err
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/dot"
    program.symlink_to(Path(sys.executable).with_name("graphviz-pure"))
    status, out, err = run("graph", "--format=svg", context)
    assert status == 0, err
    assert "</svg>" in out
    assert "PYENV 3.13 etl requirements.txt" in out.replace("&#160;", " ").replace("&#45;", "-")
    program.unlink()
    program.write_text("#!/bin/sh\necho no fonts >&2\nexit 3\n")
    program.chmod(0o755)
    assert run("graph", "--format=svg", context)[2] == "dockerfile-pyenv: Graphviz cannot draw the graph: no fonts\n"


@pytest.mark.parametrize("command", ["check", "explain", "render", "lock"])
def test_the_modifiers_of_variables_are_those_of_a_build(
    run: Run, context: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, in words, flags and heredocs, on the line and on lines that it depends on."""
    (context / "Dockerfile").write_text(
        "# syntax=dockerfile-pyenv:1\n"
        "ARG RELEASE=bookworm_12\n"
        "FROM debian:${RELEASE%_*}-slim\n"
        "USER astro\n"
        "ENV TEAM=data_x VERSION=v3.13\n"
        "PYENV --installer=${NONE-u}${TEAM/*/v} ${VERSION#v} ${TEAM%_x} <<E\n"
        "--no-index\n"
        "-f ${TEAM//*/wheels}\n"
        "E\n"
    )
    (context / "wheels").mkdir()
    monkeypatch.setenv("UV_CACHE_DIR", str(context / "cache"))
    status, out, err = run(command, context)
    assert status == 0, out + err
    assert {
        "check": "no warnings\n",
        "explain": "variables:    ASTRO_PYENV_data\n",
        "render": "--name=data",
        "lock": "pylock.data.toml: 0 packages for Python 3.13 ",
    }[command] in out
