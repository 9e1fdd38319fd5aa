"""What the command line says about base images, in place of an engine."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from buildkit_llb import ops
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.offline import ANY, Image


def read(configs: Iterable[str], users: Iterable[str], env: Mapping[str, str]) -> dict[str, Image]:
    """Base images by their references in full: of `[IMAGE=]FILE`, `[IMAGE=]USER` and ENV of all of them.

    Raises PyenvError for a file that cannot be read, or is no image's config.
    """
    images = {ANY: Image(env=env)}
    for text in configs:
        reference, file = _split(text)
        config = _config(file)
        images[reference] = Image(_user(config), {**env, **_env(config)}, config)
    for text in users:
        reference, user = _split(text)
        images[reference] = replace(images.get(reference, images[ANY]), user=user)
    return images


def _split(text: str) -> tuple[str, str]:
    reference, equals, value = text.rpartition("=")
    return (ops.normalize_image(reference), value) if equals and reference else (ANY, value)


def _config(file: str) -> Mapping[str, Any]:
    """The config of an image, as `docker image inspect`, `podman inspect` and `skopeo inspect --config` print it."""
    try:
        found = json.loads(Path(file).read_bytes())
    except OSError as error:
        raise PyenvError(f"--image-config: {file} cannot be read: {error.strerror}") from None
    except ValueError:
        found = None
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict) or not isinstance(found.get("config", found.get("Config")), dict):
        raise PyenvError(
            f"--image-config: {file} is no image's config: write into it what `docker image inspect IMAGE` or "
            "`skopeo inspect --config docker://IMAGE` prints"
        )
    return {"config": found.get("config", found.get("Config")), "history": found.get("history", found.get("History"))}


def _user(config: Mapping[str, Any]) -> str:
    return str(config["config"].get("User") or "")


def _env(config: Mapping[str, Any]) -> dict[str, str]:
    return dict(str(entry).partition("=")[::2] for entry in config["config"].get("Env") or [])
