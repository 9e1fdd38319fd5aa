"""What the command line says about an Astro Runtime's images, in place of an engine."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from buildkit_llb import ops
from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.plan import astro, offline, onbuild
from dockerfile_pyenv.plan.astro import AstroStage, Runtime, RuntimeConfig
from dockerfile_pyenv.plan.offline import OfflineBuild


def config(build: OfflineBuild, runtime: Runtime) -> RuntimeConfig | None:
    """What the images of a Runtime say; None where there is nothing to do."""
    # As in a build whose `-base` image has no sibling.
    usual = {"OnBuild": onbuild.usual(runtime.image), "Shell": astro.SHELL, "WorkingDir": astro.HOME}
    known = _config(build, runtime, runtime.onbuild)
    found = usual if known is None else known
    if not found.get("OnBuild"):
        return None
    # The one is made from the other, with a SHELL of its own.
    base = _config(build, runtime, runtime.base) or {**found, "Shell": []}
    return RuntimeConfig.of(found, base)


def assumed(build: OfflineBuild, dockerfile: Dockerfile, stages: Iterable[AstroStage]) -> Iterator[tuple[int, str]]:
    """The line and image of each FROM whose ONBUILD lines the command line does not say."""
    images = offline.images(dockerfile, build)
    for start, end, _ in stages:
        runtime = Runtime(start, end, images[start])
        if _config(build, runtime, runtime.onbuild) is None:
            yield dockerfile.instructions[start].lines[0], runtime.onbuild


def _config(build: OfflineBuild, runtime: Runtime, reference: str) -> Mapping[str, Any] | None:
    """What is known of an image; what is said of every image is meant for the one that FROM names."""
    known = build.images.get(ops.normalize_image(reference))
    if known is None and reference == runtime.image:
        known = build.image(reference)
    found: Mapping[str, Any] | None = known.config["config"] if known is not None and known.config else None
    return found
