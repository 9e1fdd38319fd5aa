"""What Astro mode needs, without an engine: what is said of a Runtime's images, and the build context on disk."""

from collections.abc import Mapping
from typing import Any

from buildkit_llb import ops
from dockerfile_pyenv import astro, offline
from dockerfile_pyenv.astro import Around, Image, Runtime
from dockerfile_pyenv.commands.workspace import Workspace
from dockerfile_pyenv.errors import DockerfileError


def around(given: Workspace) -> Around:
    """What Astro mode does around a file's PYENV lines.

    Raises DockerfileError where only an image that nobody has told of could say what that is.
    """
    chosen = astro.mode(given.dockerfile, "", given.setting(astro.SETTING))
    images = offline.images(given.dockerfile, given.given)
    made = Around()
    for runtime in astro.find(given.dockerfile, given.lines, images, chosen):
        image = _image(given, runtime)
        if image is not None:
            present = [name for name in astro.optional_files(image) if (given.context / name).is_file()]
            made |= astro.around(given.dockerfile, given.lines, runtime, image, present)
    return made


def _image(given: Workspace, runtime: Runtime) -> Image | None:
    """What the images of a Runtime say; None where there is nothing to do."""
    onbuild = _config(given, runtime, runtime.onbuild)
    if onbuild is None and runtime.image == runtime.onbuild:
        raise DockerfileError(
            f"what is done for packages.txt, requirements.txt and the project, {runtime.image} says in its ONBUILD "
            f"lines: say all that it says of itself with --image-config {runtime.image}=<file> (`docker image inspect "
            f"{runtime.image}` prints it), or leave that work out with --build-arg {astro.SETTING}=off",
            lines=given.dockerfile.instructions[runtime.index].lines,
        )
    # As in a build whose `-base` image has no sibling.
    onbuild = onbuild or {"OnBuild": astro.ONBUILD, "Shell": astro.SHELL}
    if not onbuild.get("OnBuild"):
        return None
    # The one is made from the other, with a SHELL of its own.
    base = _config(given, runtime, runtime.base) or {**onbuild, "Shell": []}
    return Image.of(onbuild, base)


def _config(given: Workspace, runtime: Runtime, reference: str) -> Mapping[str, Any] | None:
    """What is known of an image; what is said of every image is meant for the one that FROM names."""
    known = given.given.images.get(ops.normalize_image(reference))
    if known is None and reference == runtime.image:
        known = given.given.image(reference)
    config: Mapping[str, Any] | None = known.config["config"] if known is not None and known.config else None
    return config
