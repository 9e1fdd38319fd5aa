"""What a PYENV line adds to an image, and that it changes nothing else."""

import json
from pathlib import PurePosixPath

from tests.bed.engine import Engine

PREFIX = "opt/astro-pyenv"


def assert_only_additions(
    engine: Engine, ours: str, plain: str, names: list[str], *, opt: str = "opt", commands: str = "usr/local/bin"
) -> None:
    """Compare an image with one built from the same file without its PYENV lines.

    `names` are the environments, in order; `opt` is where /opt really is, and `commands` where /usr/local/bin is.
    """
    config, expected = (engine.image_config(image)["config"] for image in (ours, plain))
    added = config.pop("Env")[len(expected.get("Env") or []) :]
    assert added == [f"ASTRO_PYENV_{name}=/{PREFIX}/envs/{name}/bin/python" for name in names]
    labels = config.pop("Labels")
    entries = json.loads(labels.pop("dockerfile-pyenv.environments"))
    assert [(entry["name"], entry["path"]) for entry in entries] == [(name, f"/{PREFIX}/envs/{name}") for name in names]
    expected.pop("Env", None)
    assert labels == (expected.pop("Labels", None) or {})
    assert config == expected

    files, before = engine.files(ours), engine.files(plain)
    assert {name for name, file in before.items() if files.get(name) != file} == set()
    links = {f"{commands}/python{entry['version'].rpartition('.')[0]}" for entry in entries}
    new = {name for name in files if name not in before and not name.startswith(f"{opt}/astro-pyenv")}
    # Directories that a base lacks are made.
    assert new - {"opt", opt, commands, *map(str, PurePosixPath(commands).parents), *links} == set()
