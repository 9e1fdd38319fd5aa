"""The facts about a build, as its daemon knows them."""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

from buildkit_llb import ops
from buildkit_llb.errors import RpcError
from buildkit_llb.gateway import Result
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.dockerfile.rewrite import Edits, Expansion
from dockerfile_pyenv.engine import build_options, source
from dockerfile_pyenv.engine.build_context import BuildContext
from dockerfile_pyenv.engine.dockerfile_frontend import IMAGE_CONFIG, DockerfileFrontend
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.instruction.lines import PyenvLine
from dockerfile_pyenv.interpreters import libc
from dockerfile_pyenv.plan import offline, probe
from dockerfile_pyenv.plan.astro import Runtime, RuntimeConfig
from dockerfile_pyenv.plan.line_scope import LineScope
from dockerfile_pyenv.plan.offline import OfflineBuild

_IMAGE = "docker-image://"
"""What the name of an image begins with, as source ops have it."""


class DaemonFacts:
    """A plan.facts.Facts that asks the daemon; each question once."""

    def __init__(self, stock: DockerfileFrontend, *, every_stage: bool = False) -> None:
        """`every_stage` plans the lines that the target does not reach, too."""
        self._stock = stock
        self._every_stage = every_stage
        self._probed = Result({})
        self._probed_configs: dict[str, Mapping[str, Any]] = {}
        self._libcs: dict[object, str] = {}
        self._probe_text: Expansion | None = None
        self._escape = ""
        self._image_config = cache(stock.image_config)
        self._image_has = cache(stock.image_has)

    @property
    def syntax(self) -> str:
        """The syntax line's value as the build hands it over."""
        return self._stock.build.opts.get(build_options.CMDLINE, "")

    @property
    def build_args(self) -> Mapping[str, str]:
        """Values of `--build-arg`, by name."""
        return self._stock.build.build_args

    @cached_property
    def tree(self) -> BuildContext:
        """The build context."""
        return BuildContext(self._stock)

    def setting(self, name: str) -> str:
        """Value of a build argument, else of the environment of the frontend's image."""
        return self._stock.build.setting(name)

    def scopes(
        self, dockerfile: Dockerfile, lines: Sequence[PyenvLine], edits: Edits
    ) -> Mapping[int, tuple[LineScope, ...]]:
        """What the Dockerfile frontend knows about each PYENV line. Raises RpcError for a file that it refuses."""
        text = probe.text(dockerfile, lines, edits, every_stage=self._every_stage)
        self._probe_text, self._escape = text, dockerfile.escape
        self._probed = self._stock.probe(text)
        self._probed_configs, self._libcs = {}, {}
        return probe.read({target: ref.definition for target, ref in self._probed.refs.items() if ref.definition})

    def builders(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """ENV of builders. Raises PyenvError for one that does not exist."""
        text = self._probe_text and probe.with_builders(self._probe_text, names, self._escape)
        if not text:
            return {}
        try:
            found = self._stock.probe(text, target=probe.builders_target())
        except RpcError as error:
            raise PyenvError(str(error)) from error
        definition = next((ref.definition for ref in found.refs.values() if ref.definition), None)
        return probe.read_builders(definition, names) if definition else {}

    def image_config(self, scope: LineScope) -> Mapping[str, Any]:
        """Config of a line's stage, or of the image that it starts from."""
        if scope.in_target:
            if scope.target not in self._probed_configs:
                key = f"{IMAGE_CONFIG}/{scope.target}" if scope.target else IMAGE_CONFIG
                self._probed_configs[scope.target] = json.loads(self._probed.metadata.get(key, b"{}"))
            return self._probed_configs[scope.target]
        if not scope.base.startswith(_IMAGE):
            return {}
        return self._image_config(scope.base.removeprefix(_IMAGE), Platform.parse(scope.platform))

    def libc(self, scope: LineScope) -> str:
        """C library of a line's stage: by what is known of the image, else by what is in it."""
        place = (scope.base, scope.platform, scope.target, scope.in_target)
        if place not in self._libcs:
            self._libcs[place] = self._libc(scope)
        return self._libcs[place]

    def _libc(self, scope: LineScope) -> str:
        if not scope.base.startswith(_IMAGE):
            return "gnu"
        told = libc.told_by(scope.base, self.image_config(scope))
        if told:
            return told
        image, platform = scope.base.removeprefix(_IMAGE), Platform.parse(scope.platform)
        return "musl" if self._image_has(image, platform, libc.MUSL_LOADER) else "gnu"

    def download(self, address: str) -> bytes:
        """A file over http, fetched by the daemon. Raises RpcError."""
        return self._stock.download(address)

    def from_images(self, dockerfile: Dockerfile) -> Mapping[int, str]:
        """The images that FROM instructions name, without those that a named context replaces."""
        build = self._stock.build
        images = offline.images(dockerfile, OfflineBuild(build.first_platform, build.build_args))
        return {
            index: image for index, image in images.items() if build_options.NAMED_CONTEXT + image not in build.opts
        }

    def runtime_config(self, dockerfile: Dockerfile, runtime: Runtime) -> RuntimeConfig | None:
        """What the images of an Astro Runtime say."""
        from dockerfile_pyenv.engine import astro_images  # noqa: PLC0415 - few files start from an Astro Runtime

        return astro_images.config(self._stock, dockerfile, runtime)

    def present(self, names: Sequence[str]) -> Collection[str]:
        """Those of these files and directories that the build context has."""
        # Of a directory nothing is sent but its name. It exists if a path in it does, and is not requested then.
        asked = [name for name in names if not any(other.startswith(f"{name}/") for other in names)]
        if not asked:
            return ()
        stock = self._stock
        exclude = [*source.excluded(stock.gateway, stock.build, stock.source), *(f"{name}/*" for name in asked)]
        state = source.context_files(stock.build, stock.source, asked, exclude)
        ref = stock.solve_definition(ops.marshal(state))
        found = []
        for name in asked:
            try:
                stock.gateway.stat_file(ref, name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            found.append(name)
        return [name for name in names if any(f"{one}/".startswith(f"{name}/") for one in found)]
