"""What Astro mode needs of an engine: the configs of a Runtime's images, and which files the build context has."""

from collections.abc import Collection, Sequence
from typing import Any

from buildkit_llb import ops
from buildkit_llb.errors import Range, RpcError
from buildkit_llb.platforms import Platform
from buildkit_llb.sourcemap import source_info
from dockerfile_pyenv import astro, offline, options, source
from dockerfile_pyenv.astro import Around, Image, Mode, Runtime
from dockerfile_pyenv.handover import Handover
from dockerfile_pyenv.lexer import Dockerfile
from dockerfile_pyenv.offline import Given
from dockerfile_pyenv.stages import Line


def mode(handover: Handover, dockerfile: Dockerfile) -> Mode:
    """Which mode a build is in. Raises DockerfileError."""
    build = handover.build
    return astro.mode(dockerfile, build.opts.get(options.CMDLINE, ""), build.setting(astro.SETTING))


def around(handover: Handover, dockerfile: Dockerfile, lines: Sequence[Line]) -> Around:
    """What Astro mode does around a build's PYENV lines. Raises DockerfileError."""
    build = handover.build
    chosen = mode(handover, dockerfile)
    platform = build.opts.get(options.PLATFORM, "").split(",")[0] or build.platform
    images = {
        index: image
        for index, image in offline.images(dockerfile, Given(platform, build.build_args)).items()
        if options.NAMED_CONTEXT + image not in build.opts
    }
    made = Around()
    for runtime in astro.find(dockerfile, lines, images, chosen):
        image = _image(handover, dockerfile, runtime, Platform.parse(platform))
        if image is not None:
            present = _present(handover, astro.optional_files(image))
            made |= astro.around(dockerfile, lines, runtime, image, present)
    return made


def _image(handover: Handover, dockerfile: Dockerfile, runtime: Runtime, platform: Platform) -> Image | None:
    """What the images of a Runtime say; None where the stage is to stay as it is."""
    try:
        onbuild = _config(handover, runtime.onbuild, platform)
    except RpcError:
        if runtime.image == runtime.onbuild:
            return None  # FROM itself fails, and says why
        onbuild = {"OnBuild": list(astro.ONBUILD), "Shell": list(astro.SHELL)}
    if not onbuild.get("OnBuild"):
        return None
    try:
        base = _config(handover, runtime.base, platform)
    except RpcError as error:
        if runtime.image == runtime.base:
            return None
        _warn(handover, dockerfile, runtime, str(error))
        return None
    return Image.of(onbuild, base)


def _config(handover: Handover, reference: str, platform: Platform) -> dict[str, Any]:
    config: dict[str, Any] = handover.image_config(reference, platform).get("config") or {}
    return config


def _warn(handover: Handover, dockerfile: Dockerfile, runtime: Runtime, reason: str) -> None:
    lines = dockerfile.instructions[runtime.index].lines
    origin = handover.source
    handover.gateway.warn(
        origin.definition.head,
        f"{runtime.base} cannot be had: the project is copied before the PYENV lines of this stage, and every edit "
        f"of it installs their environments anew (line {lines[0]})",
        detail=[reason, f"{astro.SETTING}=off as a build argument says that this is meant"],
        source_info=source_info(origin.filename, origin.dockerfile, definition=origin.definition),
        ranges=tuple(Range(line, line) for line in range(lines[0], lines[1] + 1)),
    )


def _present(handover: Handover, names: Sequence[str]) -> Collection[str]:
    """Which of these files the build context has."""
    if not names:
        return ()
    exclude = source.excluded(handover.gateway, handover.build, handover.source)
    state = source.context_files(handover.build, handover.source, names, exclude)
    ref = handover.solve_definition(ops.marshal(state))
    found = []
    for name in names:
        try:
            handover.gateway.stat_file(ref, name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        found.append(name)
    return found
