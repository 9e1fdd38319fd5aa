"""PYENV lines build on a real engine, and the image holds what they promise."""

import json

import pytest
from tests.bed.engine import Engine
from tests.engine.additions import assert_only_additions
from tests.engine.conftest import Project
from tests.engine.wheels import wheel
from tests.unit.expansions import VARIABLES, WORDS

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
ENVS = "/opt/astro-pyenv/envs"


def python_of(engine: Engine, image: str, name: str, code: str) -> str:
    """What an environment's python prints for a program, found as users find it: by its variable."""
    return engine.run(image, "/bin/sh", "-c", f"\"$(printenv ASTRO_PYENV_{name})\" -c '{code}'")


def test_the_guides_example(engine: Engine, project: Project) -> None:
    """The guide's own lines: an interpreter by name, and an environment with pandas in the pinned version."""
    context = project(
        {
            "Dockerfile": SYNTAX
            + "FROM python:3.11-slim-bookworm\nPYENV 3.13 pyenv_3_13\nPYENV 3.9 epo_pyenv epo_requirements.txt\n",
            # pandas 1.4 names no upper bound for numpy, and does not run with numpy 2.
            "epo_requirements.txt": "pandas==1.4.4\nnumpy==1.26.4\n",
        }
    )
    image = engine.build(context).image
    code = "import pandas, sys; print(sys.version_info[:2], pandas.__version__, sys.prefix)"
    assert python_of(engine, image, "epo_pyenv", code) == "(3, 9) 1.4.4 /opt/astro-pyenv/envs/epo_pyenv"
    assert engine.run(image, "python3.13", "-c", "import sys, ssl, sqlite3; print(sys.version_info[:2])") == "(3, 13)"
    assert engine.run(image, "python3.9", "-m", "pip", "--version").endswith("(python 3.9)")
    assert engine.run(image, "python3", "--version").startswith("Python 3.11")
    assert engine.run(image, "python3", "-c", "import sys; print(sys.prefix)") == "/usr/local"
    plain = engine.build("-", input="FROM python:3.11-slim-bookworm\n").image
    assert_only_additions(engine, image, plain, ["pyenv_3_13", "epo_pyenv"])


def test_three_stages(engine: Engine, project: Project) -> None:
    """PYENV lines in two stages of three, and a numeric stage reference: numbers stay what they are."""
    context = project(
        {
            "Dockerfile": SYNTAX
            + "FROM debian:bookworm-slim\nRUN echo first > /which\n"
            + "FROM debian:bookworm-slim AS tools\nPYENV 3.9 tools\nRUN $ASTRO_PYENV_tools --version > /version\n"
            + "FROM debian:bookworm-slim\nCOPY --from=0 /which /which\nCOPY --from=tools /version /version\n"
            + "PYENV 3.11 web\n"
        }
    )
    image = engine.build(context).image
    assert engine.run(image, "cat", "/which", "/version") == "first\nPython 3.9.2"
    assert python_of(engine, image, "web", "import sys; print(sys.version_info[:2])") == "(3, 11)"
    assert "ASTRO_PYENV_tools" not in engine.run(image, "env")


def test_programs_on_path_and_a_second_path(engine: Engine, project: Project) -> None:
    """`--expose` and `--link` lead to the environment; what the image has already is an error that says so."""
    lines = (
        "FROM debian:bookworm-slim\nUSER 50000\n"
        "PYENV --expose=slugify --link=/usr/local/airflow/words --link=/venvs/words 3.11 words python-slugify==8.0.4\n"
    )
    context = project({"Dockerfile": SYNTAX + lines + "RUN slugify Hello World\n"})
    image = engine.build(context).image
    assert engine.run(image, "slugify", "Hello World") == "hello-world"
    for path in ("/usr/local/airflow/words", "/venvs/words"):
        assert engine.run(image, f"{path}/bin/python", "-c", "import slugify, sys; print(sys.prefix)") == path
        assert engine.run(image, "stat", "-c", "%u", path, path.rpartition("/")[0]) == "50000\n50000"
    taken = lines.replace("USER", "RUN touch /usr/bin/slugify\nUSER")
    failed = engine.build(project({"Dockerfile": SYNTAX + taken}), check=False)
    assert "words: --expose=slugify: the image already has /usr/bin/slugify. Choose another program" in failed.log
    assert 'process "PYENV 3.11 words python-slugify==8.0.4" did not complete' in failed.log


def test_an_environment_of_a_stage_below(engine: Engine, project: Project) -> None:
    """FROM another stage brings its environments along, and the label names all of them."""
    context = project(
        {
            "Dockerfile": SYNTAX
            + "FROM debian:bookworm-slim AS base\nPYENV 3.9 one\nFROM base\nRUN true\nPYENV 3.9 two\n"
        }
    )
    image = engine.build(context).image
    label = engine.image_config(image)["config"]["Labels"]["dockerfile-pyenv.environments"]
    assert [(entry["name"], entry["version"]) for entry in json.loads(label)] == [("one", "3.9.2"), ("two", "3.9.2")]
    for name in ("one", "two"):
        assert python_of(engine, image, name, "print(1)") == "1"


@pytest.mark.proves("in place")
def test_a_line_sees_what_stands_before_it(engine: Engine, project: Project) -> None:
    """Files and variables made above a PYENV line are there for its installer; what follows sees the environment."""
    name, data = wheel("given", script=True)
    context = project(
        {
            "Dockerfile": SYNTAX
            + "ARG TEAM=data\nFROM debian:bookworm-slim\nARG TEAM\nENV VERSION=3.9 PIP_NO_INDEX=1\n"
            + f"COPY {name} /tmp/\nPYENV $VERSION ${{TEAM}}_env ./requirements.txt\n"
            + "RUN $ASTRO_PYENV_data_env -m given || $(dirname $ASTRO_PYENV_data_env)/given > /given\n",
            "requirements.txt": f"/tmp/{name}\n",
            name: data,
        }
    )
    image = engine.build(context).image
    assert engine.run(image, "cat", "/given") == "given 1.0"
    assert name in engine.run(image, "ls", "/tmp")


def test_names_that_are_no_shell_identifiers(engine: Engine, project: Project) -> None:
    """The variable of the name itself is there, and a second one that a shell can read."""
    context = project({"Dockerfile": SYNTAX + "FROM debian:bookworm-slim\nPYENV 3.9 data-science.2\n"})
    image = engine.build(context).image
    path = "/opt/astro-pyenv/envs/data-science.2/bin/python"
    variables = engine.run(image, "env").splitlines()
    assert f"ASTRO_PYENV_data-science.2={path}" in variables
    assert f"ASTRO_PYENV_data_science_2={path}" in variables
    assert engine.run(image, path, "-c", "print(1)") == "1"


@pytest.mark.proves("owner")
def test_the_environment_is_a_whole_one(engine: Engine, project: Project) -> None:
    """Activation works, pip acts on the environment, and packages can be added by the image's user."""
    first, first_data = wheel("first")
    second, second_data = wheel("second")
    context = project(
        {
            "Dockerfile": SYNTAX
            + "FROM debian:bookworm-slim\nRUN useradd --create-home airflow\nUSER airflow\n"
            + "COPY *.whl /wheels/\nPYENV 3.9 one one.txt\n"
            + f'SHELL ["/bin/bash", "-c"]\nRUN source {ENVS}/one/bin/activate && pip install /wheels/{second}'
            + " && python -c 'import first, second'\n",
            "one.txt": f"/wheels/{first}\n",
            first: first_data,
            second: second_data,
        }
    )
    image = engine.build(context).image
    assert python_of(engine, image, "one", "import second; print(second.__version__)") == "1.0"
    listed = engine.run(image, "/opt/astro-pyenv/envs/one/bin/pip", "list", "--format=freeze").splitlines()
    assert {"first==1.0", "second==1.0"} <= set(listed)
    files = engine.files(image)
    assert not [path for path in files if path.startswith("home/airflow/.") and files[path].uid == 0]


def test_progress_and_history_read_as_the_users_lines(engine: Engine, project: Project) -> None:
    """Every step that a PYENV line makes bears its words, and the history has one entry for each layer."""
    context = project(
        {
            "Dockerfile": SYNTAX
            + "FROM debian:bookworm-slim\nRUN echo above\nPYENV 3.9 one one.txt\nPYENV 3.11   two\nRUN echo below\n",
            "one.txt": "",
        }
    )
    result = engine.build("--no-cache", context)
    for step in (
        "[1/5] FROM",
        "[2/5] RUN echo above",
        "[3/5] PYENV 3.9 one one.txt",
        "[4/5] PYENV 3.11 two",
        "[5/5] RUN echo below",
    ):
        assert f"] {step.partition('] ')[2]}" in result.log
        assert step in result.log
    config = engine.image_config(result.image)
    texts = [entry.get("created_by", "") for entry in config["history"]]
    made = [text for text in texts if text.startswith("PYENV")]
    assert made == [
        "PYENV 3.9 (CPython 3.9.2, standalone by default)",
        "PYENV 3.11 (CPython 3.11.2, standalone by default)",
        "PYENV 3.9 one one.txt",
        "PYENV 3.11 two",
    ]
    assert not [text for text in texts if "dockerfile-pyenv" in text]
    layers = [entry for entry in config["history"] if not entry.get("empty_layer")]
    assert len(layers) == len(config["rootfs"]["diff_ids"])


def test_a_file_without_pyenv_lines_is_the_stock_frontends(engine: Engine, project: Project) -> None:
    """Without PYENV lines the syntax comment changes nothing: the image is the one that Docker builds by itself."""
    text = 'FROM debian:bookworm-slim\nRUN <<EOF\necho PYENV > /x\nEOF\nUSER 5\nCMD ["a"]\n'
    context = project({"Plain": text, "Ours": SYNTAX + text})
    plain = engine.build("-f", context / "Plain", context).image
    ours = engine.build("-f", context / "Ours", context).image
    assert ours == plain


def test_variables_have_the_values_that_the_commands_give_them(engine: Engine) -> None:
    """The table that `dockerfile.shell` is held to, as the lines of one Dockerfile."""
    names = {word: f"R{number}" for number, word in enumerate(WORDS)}
    lines = [f"ENV {name}='{value}'" for name, value in VARIABLES.items()]
    lines += [f"ENV {name}={word}" for word, name in names.items()]
    # An engine does not export an image without a layer.
    image = engine.build("-", input="\n".join(["FROM scratch", *lines, "WORKDIR /layer", ""])).image
    env = dict(entry.split("=", 1) for entry in engine.image_config(image)["config"]["Env"])
    assert {word: env[name] for word, name in names.items()} == WORDS
