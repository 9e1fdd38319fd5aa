"""Facts about base images from the command line, instead of an engine."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from buildkit_llb import ops
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.plan.offline import ANY, BaseImage

_TEXTS = ("Env", "OnBuild", "Shell", "User", "WorkingDir")
"""What is read of a config, except for labels, which hold anything (OCI image spec, config.md)."""


def read(configs: Iterable[str], users: Iterable[str], env: Mapping[str, str]) -> dict[str, BaseImage]:
    """Base images by their normalised references, from `[IMAGE=]FILE`, `[IMAGE=]USER` and ENV of all images.

    Raises PyenvError for a file that cannot be read or is not an image config.
    """
    images = {ANY: BaseImage(env=env)}
    for text in configs:
        reference, file = _split(text)
        config = _config(file)
        image = base_image(config)
        images[reference] = replace(image, env={**env, **image.env})
    for text in users:
        reference, user = _split(text)
        images[reference] = replace(images.get(reference, images[ANY]), user=user)
    return images


def base_image(config: Mapping[str, Any]) -> BaseImage:
    """What an image's config says, given as `config` and `history`."""
    return BaseImage(_user(config), _env(config), config)


def _split(text: str) -> tuple[str, str]:
    reference, equals, value = text.rpartition("=")
    return (ops.normalize_image(reference), value) if equals and reference else (ANY, value)


def _config(file: str) -> Mapping[str, Any]:
    """The config of an image, as `docker image inspect`, `podman inspect` and `skopeo inspect --config` print it."""
    try:
        # Half a character, which JSON can hold, becomes U+FFFD as in an engine.
        text = json.dumps(json.loads(Path(file).read_bytes()), ensure_ascii=False)
        found = json.loads(text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    except OSError as error:
        raise PyenvError(f"--image-config: cannot read {file}: {error.strerror}") from None
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list) and found:
        found = found[0]
    config = found.get("config", found.get("Config")) if isinstance(found, dict) else None
    if not isinstance(config, dict) or not all(_is_text(config.get(key)) for key in _TEXTS):
        raise PyenvError(
            f"--image-config: {file} is not an image config: save the output of `docker image inspect IMAGE` or "
            "`skopeo inspect --config docker://IMAGE` in it"
        )
    return {"config": config, "history": found.get("history", found.get("History"))}


def _is_text(value: object) -> bool:
    """Whether it is a text or a list of texts, or nothing."""
    return all(isinstance(one, str) for one in (value if isinstance(value, list) else [value or ""]))


def _user(config: Mapping[str, Any]) -> str:
    return str(config["config"].get("User") or "")


def _env(config: Mapping[str, Any]) -> dict[str, str]:
    return dict(str(entry).partition("=")[::2] for entry in config["config"].get("Env") or [])
