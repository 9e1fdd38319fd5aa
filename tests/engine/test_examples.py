"""The examples for other clients of BuildKit, by these clients."""

import json
import re
import shutil
from pathlib import Path

from tests.bed import cli, image, settings
from tests.bed.engine import Engine
from tests.bed.index import Index
from tests.engine.wheels import wheel
from tests.programs import node

EXAMPLES = settings.REPOSITORY / "dockerfile-syntax/examples"


def copied(name: str, target: Path) -> Path:
    """An example, with the syntax lines of the bed's image."""
    shutil.copytree(EXAMPLES / name, target, dirs_exist_ok=True)
    for path in target.rglob("*"):
        if path.is_file():
            text = path.read_text()
            path.write_text(re.sub(r"(# syntax=)\S+", rf"\1{image.NAME}", text))
    return target


def variables(engine: Engine, name: str) -> dict[str, str]:
    """The environments of an image, by their variables."""
    entries = engine.image_config(name)["config"]["Env"]
    found = dict(entry.partition("=")[::2] for entry in entries)
    return {name: value for name, value in found.items() if name.startswith("ASTRO_PYENV_")}


def test_compose(engine: Engine, index: Index, tmp_path: Path) -> None:
    """A secret, a named context and a file inside the compose file; the secret is in no layer."""
    folder = copied("compose", tmp_path)
    index.add(*wheel("tabulate", "0.9.0"))
    dockerfile = folder / "Dockerfile"
    trusted = f"ENV PIP_TRUSTED_HOST={index.host}\nPYENV"
    dockerfile.write_text(dockerfile.read_text().replace("PYENV", trusted, 1))
    engine.docker("compose", "build", cwd=folder, env={"PIP_INDEX_URL": index.url})
    assert list(variables(engine, "compose-reports")) == ["ASTRO_PYENV_reports"]
    assert list(variables(engine, "compose-shared")) == ["ASTRO_PYENV_etl"]
    assert list(variables(engine, "compose-inline")) == ["ASTRO_PYENV_inline"]
    code = "import tabulate; print(tabulate.__version__)"
    assert engine.run("compose-reports", "/opt/astro-pyenv/envs/reports/bin/python", "-c", code) == "0.9.0"
    assert index.name not in json.dumps(engine.image_config("compose-reports"))


def test_bake(engine: Engine, tmp_path: Path) -> None:
    """A matrix, and a target whose base is another target of it."""
    folder = copied("bake", tmp_path)
    engine.docker("buildx", "bake", "--load", cwd=folder)
    for python in ("3.11", "3.13"):
        version = engine.run(f"bake-etl:{python}", "sh", "-c", '"$ASTRO_PYENV_etl" --version')
        assert version.startswith(f"Python {python}.")
    assert set(variables(engine, "bake-app")) == {"ASTRO_PYENV_etl", "ASTRO_PYENV_reports"}


def test_dev_container(engine: Engine, tmp_path: Path) -> None:
    """By the CLI of dev containers; the interpreter that the editor is told of is there."""
    folder = copied("devcontainer", tmp_path)
    modules = node.modules("devcontainer")
    program = modules / "node_modules/@devcontainers/cli/devcontainer.js"
    words = ["build", f"--workspace-folder={folder}", "--image-name=devcontainer-pyenv", f"--docker-path={cli.DOCKER}"]
    node.run("node", program, *words, cwd=modules, env=engine.environment())
    text = (folder / ".devcontainer/devcontainer.json").read_text()
    configuration = json.loads(re.sub(r"(?m)^//.*$", "", text))
    python = configuration["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert engine.run("devcontainer-pyenv", python, "--version").startswith("Python 3.11.")
