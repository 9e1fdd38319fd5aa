"""Calls of the Dockerfile frontend, which does all the Dockerfile work, with a text of ours."""

import json
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.errors import RpcError
from buildkit_llb.gateway import CacheImport, Gateway, Ref, Result
from buildkit_llb.ops import State
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.dockerfile.mentions import ASTRO_OPTION, ASTRO_SETTING, mentions_astro, mentions_pyenv
from dockerfile_pyenv.dockerfile.syntax_line import names_a_frontend
from dockerfile_pyenv.engine import build_options, error_status
from dockerfile_pyenv.engine.build_options import BuildOptions
from dockerfile_pyenv.engine.source import Source

if TYPE_CHECKING:
    from dockerfile_pyenv.dockerfile.rewrite import Expansion

_FRONTEND = "dockerfile.v0"
IMAGE_CONFIG = "containerimage.config"
"""Key of the image config in a result (exporter/containerimage/exptypes/types.go); "/<platform>" may follow."""

_NO_OPTION = "pyenv-no-context"
"""A context key that no client sends: with it the Dockerfile frontend reads its inputs, not a git or http address."""

_REQUESTS: Final = {
    "frontend.lint": "check Dockerfile",
    "frontend.outline": "list arguments, secrets and mounts",
    "frontend.targets": "list build stages",
}
"""What a sub-request is for, in the progress output."""


@dataclass(frozen=True, slots=True)
class DockerfileFrontend:
    """One build's way to the Dockerfile frontend."""

    gateway: Gateway
    build: BuildOptions
    source: Source
    inputs: Mapping[str, Definition]
    """Inputs that the client passed to the build, other than local directories."""

    @property
    def names_another_frontend(self) -> bool:
        """Whether upstream's own frontend image would hand the build on to the frontend that the build or file names.

        That is so only if the client chose this frontend itself, as `buildctl --frontend gateway.v0 --opt source=`
        does: who follows a syntax line, or BUILDKIT_SYNTAX, passes `cmdline` (frontend/dockerfile/builder/build.go).
        """
        opts = self.build.opts
        named = build_options.SYNTAX in opts or names_a_frontend(self.source.dockerfile)
        return named and build_options.CMDLINE not in opts

    @property
    def wants_astro(self) -> bool:
        """Whether the build turns Astro mode on or off."""
        return bool(self.build.setting(ASTRO_SETTING)) or ASTRO_OPTION in self.build.opts.get(build_options.CMDLINE, "")

    @property
    def may_concern_us(self) -> bool:
        """Whether there may be anything to do but to pass the build through; False is certain."""
        text = self.source.dockerfile
        return mentions_pyenv(text) or mentions_astro(text) or self.wants_astro

    def pass_through(self) -> Result:
        """Hand over the build as it came.

        What comes back is solved again in this frontend's own name, which builds nothing twice: provenance describes
        the request that solved a graph (solver/llbsolver/provenance.go, findByResult), so it would not name this
        frontend and its image otherwise.
        """
        changes = {build_options.DOCKERFILE_KEY: self.build.opts.get(build_options.DOCKERFILE_KEY)}
        if self.names_another_frontend:
            # The Dockerfile frontend runs the other one, whose request is the one to describe.
            return self._pass_on({**changes, build_options.CMDLINE: None})
        return self._pass_on(changes).map_refs(
            lambda ref: ref if ref.definition is None else self.solve_definition(ref.definition)
        )

    def _pass_on(self, changes: Mapping[str, str | None]) -> Result:
        try:
            return self.gateway.solve(frontend=_FRONTEND, opts=self._opts(changes), inputs=self.inputs)
        except RpcError as error:
            raise RpcError(error_status.with_file(error.status, self.source)) from error

    def solve(
        self,
        expansion: "Expansion",
        opts: Mapping[str, str] | None = None,
        contexts: Mapping[str, Definition] | None = None,
    ) -> Result:
        """Build a text in place of the user's, with further build contexts.

        Raises RpcError whose lines are the user's.
        """
        # Warnings would reach the user with lines of the generated text: lint.py requests them separately.
        return self._start(
            expansion, {build_options.CHECK: "skip=all", **(opts or {})}, contexts or {}, "expand PYENV lines"
        )()

    def probe(self, expansion: "Expansion", *, target: str = "") -> Result:
        """Find out what the Dockerfile frontend makes of a text that is not meant to be built.

        `target` is a stage in place of the build's target.
        """
        unwanted: dict[str, str | None] = {key: None for key in self.build.opts if key.startswith(build_options.ATTEST)}
        unwanted |= dict.fromkeys((build_options.CACHE_IMPORTS, build_options.CACHE_FROM, build_options.REQUEST_ID))
        unwanted |= {build_options.TARGET: target} if target else {}
        return self._start(expansion, {build_options.CHECK: "skip=all", **unwanted}, {}, "read PYENV lines")()

    def start_request(
        self, expansion: "Expansion", request: str, opts: Mapping[str, str] | None = None
    ) -> Callable[[], Result]:
        """Ask a sub-request about a text, and return a function that waits for the answer."""
        description = _REQUESTS.get(request, f"answer {request}")
        return self._start(expansion, {build_options.REQUEST_ID: request, **(opts or {})}, {}, description)

    def request(self, expansion: "Expansion", request: str, opts: Mapping[str, str] | None = None) -> Result:
        """Ask a sub-request about a text."""
        return self.start_request(expansion, request, opts)()

    def solve_definition(self, definition: Definition) -> Ref:
        """Solve a graph, with the caches that the build imports."""
        imports = [CacheImport(kind, attrs) for kind, attrs in self.build.cache_imports()]
        return self.gateway.solve(definition=definition, cache_imports=imports).refs[""]

    def download(self, address: str) -> bytes:
        """Fetch a file over http through the daemon: this process has no network."""
        state = ops.http(address, filename="download", description=f"[internal] load {address}")
        return self.gateway.read_file(self.solve_definition(ops.marshal(state)), "download")

    def named_context(self, name: str) -> State:
        """The graph of a build context that the client named. Raises RpcError if it does not exist.

        The Dockerfile frontend makes it: what follows the = of --build-context is its language, not ours.
        """
        text = _dockerfile(f"FROM {name}\n".encode(), "Dockerfile", None, f"[internal] load {name}")
        opts = {key: value for key, value in self.build.opts.items() if key.startswith(build_options.NAMED_CONTEXT)}
        opts |= {build_options.CMDLINE: "dockerfile-pyenv", build_options.CONTEXT_KEY: _NO_OPTION}
        given = {**self.inputs, "dockerfile": ops.marshal(text)}
        definition = self.gateway.solve(frontend=_FRONTEND, opts=opts, inputs=given).refs[""].definition
        return ops.from_definition(definition) if definition else ops.scratch()

    def image_config(self, reference: str, platform: Platform) -> dict[str, Any]:
        """Config of an image. Raises RpcError if it does not exist."""
        found = self.gateway.resolve_image_config(
            ops.normalize_image(reference), platform=platform, log_name=f"[internal] load metadata for {reference}"
        )
        config: dict[str, Any] = json.loads(found.config)
        return config

    def image_environment(self, reference: str, platform: Platform) -> list[str]:
        """ENV of an image. Raises RpcError if it does not exist."""
        env: list[str] = self.image_config(reference, platform).get("config", {}).get("Env") or []
        return env

    def image_has(self, reference: str, platform: Platform, pattern: str) -> bool:
        """Whether an image has files of a pattern; looking pulls the image. Raises RpcError if it does not exist."""
        description = f"[internal] look for {pattern} in {reference}"
        image = ops.image(reference, platform=platform, description=description)
        copied = ops.copy(image, pattern, "/found/", wildcard=True, empty_wildcard=True)
        found = ops.file(ops.scratch(), [ops.mkdir("/found"), copied], description=description)
        return bool(self.gateway.read_dir(self.solve_definition(ops.marshal(found)), "/found"))

    def _start(
        self,
        expansion: "Expansion",
        opts: Mapping[str, str | None],
        contexts: Mapping[str, Definition],
        description: str,
    ) -> Callable[[], Result]:
        text = _dockerfile(
            expansion.text,
            self.build.filename,
            self.source.ignore,
            description=f"[internal] {description}",
        )
        given = {**self.inputs, "dockerfile": ops.marshal(text), **contexts}
        if self.source.context.remote and self.source.context.state is not None:
            # The key renames local directories too in BuildKit 0.8: only here, where there are none.
            opts = {**opts, build_options.CONTEXT_KEY: _NO_OPTION, build_options.CONTEXT_SUBDIR: None}
            given["context"] = ops.marshal(self.source.context.state)
        answer = self.gateway.start_solve(frontend=_FRONTEND, opts=self._opts(opts), inputs=given)

        def wait() -> Result:
            try:
                return answer()
            except RpcError as error:
                raise RpcError(error_status.remapped(error.status, self.source, expansion)) from error

        return wait

    def _opts(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        """The build's options for the Dockerfile frontend; None drops one.

        `cmdline` keeps it from calling us again for the `# syntax` line that is still in the text
        (frontend/dockerfile/builder/build.go).
        """
        opts: dict[str, str | None] = {
            **self.build.opts,
            build_options.SOURCE: None,
            build_options.DOCKERFILE_KEY: None,
            build_options.CMDLINE: self.build.opts.get(build_options.CMDLINE) or "dockerfile-pyenv",
            **changes,
        }
        return {key: value for key, value in opts.items() if value is not None}


def _dockerfile(text: bytes, filename: str, ignore: bytes | None, description: str) -> State:
    """A file system with a Dockerfile and its own `.dockerignore`, which is read from the same directory."""
    path = posixpath.join("/", filename)
    folder = posixpath.dirname(path)
    actions = [ops.mkdir(folder, parents=True)] if folder != "/" else []
    actions.append(ops.mkfile(path, text))
    if ignore is not None:
        actions.append(ops.mkfile(path + ".dockerignore", ignore))
    return ops.file(ops.scratch(), actions, description=description)
