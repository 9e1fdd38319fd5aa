"""What Astro mode asks a daemon: the configs of an Astro Runtime's two images."""

from typing import Any

from buildkit_llb.errors import Range, RpcError
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.dockerfile.mentions import ASTRO_SETTING
from dockerfile_pyenv.engine.dockerfile_frontend import DockerfileFrontend
from dockerfile_pyenv.plan import astro, onbuild
from dockerfile_pyenv.plan.astro import Runtime, RuntimeConfig


def config(stock: DockerfileFrontend, dockerfile: Dockerfile, runtime: Runtime) -> RuntimeConfig | None:
    """What the images of a Runtime say; None where the stage is to stay as it is."""
    try:
        config = _config(stock, runtime.onbuild)
    except RpcError:
        if runtime.image == runtime.onbuild:
            return None  # FROM itself fails, and says why
        config = {"OnBuild": list(onbuild.usual(runtime.image)), "Shell": list(astro.SHELL)}
    if not config.get("OnBuild"):
        return None
    try:
        base = _config(stock, runtime.base)
    except RpcError as error:
        if runtime.image == runtime.base:
            return None
        _warn(stock, dockerfile, runtime, str(error))
        return None
    return RuntimeConfig.of(config, base)


def _config(stock: DockerfileFrontend, reference: str) -> dict[str, Any]:
    found: dict[str, Any] = (
        stock.image_config(reference, Platform.parse(stock.build.first_platform)).get("config") or {}
    )
    return found


def _warn(stock: DockerfileFrontend, dockerfile: Dockerfile, runtime: Runtime, reason: str) -> None:
    lines = dockerfile.instructions[runtime.index].lines
    stock.gateway.warn(
        stock.source.definition.head,
        f"cannot load {runtime.base}: the project is copied before the PYENV lines of this stage, so every edit "
        f"of it reinstalls their environments (line {lines[0]})",
        detail=[reason, f"If this is intended, build with --build-arg {ASTRO_SETTING}=off"],
        source_info=stock.source.info,
        ranges=tuple(Range(line, line) for line in range(lines[0], lines[1] + 1)),
    )
