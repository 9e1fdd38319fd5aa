"""Facts about base images from a running engine, with the docker SDK: the extra `docker`."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from dockerfile_pyenv.cli import image_configs
from dockerfile_pyenv.plan.offline import ANY, BaseImage

_TIMEOUT: Final = 5
"""Seconds that an engine has for an answer about an image that it has."""
_IN_IMAGE: Final = Path("/pyenv/frontend.py")
"""The program in the frontend's image, which has no SDK and sees no engine."""


class EngineImages(Mapping[str, BaseImage]):
    """Base images by their normalised references: as the command line describes them, else as an engine has them.

    The engine is asked once for each image, and only about images that are looked up.
    """

    def __init__(self, given: Mapping[str, BaseImage]) -> None:
        self._given = given
        self._found: dict[str, BaseImage | None] = {}
        self._client: Any = None
        self._reason = ""
        """Why no engine is asked; "" while one is."""

    def __getitem__(self, reference: str) -> BaseImage:
        """What is known of an image. Raises KeyError."""
        if reference in self._given:
            return self._given[reference]
        of_all = self._given.get(ANY, BaseImage())
        if of_all.config is not None:  # the command line describes every image
            raise KeyError(reference)
        if reference not in self._found:
            self._found[reference] = self._ask(reference)
        found = self._found[reference]
        if found is None:
            raise KeyError(reference)
        return replace(
            found,
            env={**found.env, **of_all.env},
            user=found.user if of_all.user is None else of_all.user,
        )

    def __iter__(self) -> Iterator[str]:
        """The images that the command line describes."""
        return iter(self._given)

    def __len__(self) -> int:
        """How many of these there are."""
        return len(self._given)

    def hint(self, reference: str) -> str:
        """What would let an engine answer for an image, as the end of a sentence; "" if nothing would."""
        if self._client is not None:
            return f"; or load the image into the engine, which this command asks: docker pull {reference}"
        return f"; {self._reason}" if self._reason else ""

    def _ask(self, reference: str) -> BaseImage | None:
        if self._client is None and not self._reason:
            self._connect()
        if self._client is None:
            return None
        import docker.errors  # noqa: PLC0415 - only once an engine answers
        import requests  # noqa: PLC0415

        try:
            image = self._client.images.get(reference)
            history = [{"created_by": step.get("CreatedBy", "")} for step in reversed(image.history())]
        except (docker.errors.DockerException, requests.RequestException):
            return None
        if image.attrs.get("Os") != "linux":
            return None
        config = {"config": image.attrs.get("Config") or {}, "history": history}
        return image_configs.base_image(config)

    def _connect(self) -> None:
        try:
            import docker  # noqa: PLC0415 - an extra, which costs 0.2 s
        except ImportError:
            if not _IN_IMAGE.exists():
                self._reason = "or let this command ask your engine: pip install 'dockerfile-pyenv[docker]'"
            return
        try:
            self._client = docker.from_env(timeout=_TIMEOUT)
        except docker.errors.DockerException:
            place = os.environ.get("DOCKER_HOST") or "the default socket"
            self._reason = f"or start an engine that this command can ask: none answers at {place}"
