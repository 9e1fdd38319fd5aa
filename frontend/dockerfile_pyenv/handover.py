"""Calls of the Dockerfile frontend, which does all the Dockerfile work, with a text of ours."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.errors import RpcError
from buildkit_llb.gateway import CacheImport, Gateway, Ref, Result
from buildkit_llb.ops import State
from buildkit_llb.platforms import Platform
from dockerfile_pyenv import inputs, options, report
from dockerfile_pyenv.options import BuildOptions
from dockerfile_pyenv.source import Source
from dockerfile_pyenv.text import Expansion

_FRONTEND = "dockerfile.v0"
_NO_OPTION = "pyenv-no-context"
"""A context key that no client sends: with it the Dockerfile frontend reads its inputs, not a git or http address."""


@dataclass(frozen=True, slots=True)
class Handover:
    """One build's way to the Dockerfile frontend."""

    gateway: Gateway
    build: BuildOptions
    source: Source
    inputs: Mapping[str, Definition]
    """What the client gave the build, beside local directories."""

    def pass_through(self) -> Result:
        """Hand over the build as it came."""
        opts = self._opts({options.DOCKERFILE_KEY: self.build.opts.get(options.DOCKERFILE_KEY)})
        try:
            return self.gateway.solve(frontend=_FRONTEND, opts=opts, inputs=self.inputs)
        except RpcError as error:
            raise RpcError(report.with_file(error.status, self.source)) from error

    def solve(
        self,
        expansion: Expansion,
        opts: Mapping[str, str] | None = None,
        contexts: Mapping[str, Definition] | None = None,
    ) -> Result:
        """Build a text in place of the user's, with further build contexts.

        Raises RpcError whose lines are the user's.
        """
        # Warnings would go to the user with the generated text's lines, past us: they are asked for apart.
        return self._solve(expansion, {options.CHECK: "skip=all", **(opts or {})}, contexts or {}, "expand PYENV lines")

    def probe(self, expansion: Expansion) -> Result:
        """Find out what the Dockerfile frontend makes of a text that is not meant to be built."""
        unwanted = {key: None for key in self.build.opts if key.startswith(options.ATTEST)}
        unwanted |= dict.fromkeys((options.CACHE_IMPORTS, options.CACHE_FROM, options.REQUEST_ID))
        return self._solve(expansion, {options.CHECK: "skip=all", **unwanted}, {}, "probe PYENV lines")

    def request(self, expansion: Expansion, request: str, opts: Mapping[str, str] | None = None) -> Result:
        """Ask a sub-request about a text."""
        return self._solve(expansion, {options.REQUEST_ID: request, **(opts or {})}, {}, f"answer {request}")

    def solve_definition(self, definition: Definition) -> Ref:
        """Solve a graph, with the caches that the build imports."""
        imports = [CacheImport(kind, attrs) for kind, attrs in self.build.cache_imports()]
        return self.gateway.solve(definition=definition, cache_imports=imports).refs[""]

    def download(self, address: str) -> bytes:
        """Fetch a file over http through the daemon: this process has no network."""
        state = ops.http(address, filename="download", description=f"[internal] load {address}")
        return self.gateway.read_file(self.solve_definition(ops.marshal(state)), "download")

    def named_context(self, name: str) -> State:
        """The graph of a build context that the client named. Raises RpcError where it is none.

        The Dockerfile frontend makes it: what follows the = of --build-context is its language, not ours.
        """
        text = inputs.dockerfile(f"FROM {name}\n".encode(), "Dockerfile", None, f"[internal] load {name}")
        opts = {key: value for key, value in self.build.opts.items() if key.startswith(options.NAMED_CONTEXT)}
        opts |= {options.CMDLINE: "dockerfile-pyenv", options.CONTEXT_KEY: _NO_OPTION}
        given = {**self.inputs, "dockerfile": ops.marshal(text)}
        definition = self.gateway.solve(frontend=_FRONTEND, opts=opts, inputs=given).refs[""].definition
        return ops.from_definition(definition) if definition else ops.scratch()

    def image_config(self, reference: str, platform: Platform) -> dict[str, Any]:
        """Config of an image. Raises RpcError where there is none of that name."""
        found = self.gateway.resolve_image_config(
            ops.normalize_image(reference), platform=platform, log_name=f"[internal] load metadata for {reference}"
        )
        config: dict[str, Any] = json.loads(found.config)
        return config

    def image_environment(self, reference: str, platform: Platform) -> list[str]:
        """ENV of an image. Raises RpcError where there is none of that name."""
        env: list[str] = self.image_config(reference, platform).get("config", {}).get("Env") or []
        return env

    def image_has(self, reference: str, platform: Platform, pattern: str) -> bool:
        """Whether an image has files of a pattern; looking pulls the image. Raises RpcError where there is none."""
        description = f"[internal] look for {pattern} in {reference}"
        image = ops.image(reference, platform=platform, description=description)
        copied = ops.copy(image, pattern, "/found/", wildcard=True, empty_wildcard=True)
        found = ops.file(ops.scratch(), [ops.mkdir("/found"), copied], description=description)
        return bool(self.gateway.read_dir(self.solve_definition(ops.marshal(found)), "/found"))

    def _solve(
        self,
        expansion: Expansion,
        opts: Mapping[str, str | None],
        contexts: Mapping[str, Definition],
        description: str,
    ) -> Result:
        text = inputs.dockerfile(
            expansion.text,
            self.build.filename,
            self.source.ignore,
            description=f"[internal] {description}",
        )
        given = {**self.inputs, "dockerfile": ops.marshal(text), **contexts}
        if self.source.context.remote and self.source.context.state is not None:
            # The key renames local directories too in BuildKit 0.8: only here, where there are none.
            opts = {**opts, options.CONTEXT_KEY: _NO_OPTION, options.CONTEXT_SUBDIR: None}
            given["context"] = ops.marshal(self.source.context.state)
        try:
            return self.gateway.solve(frontend=_FRONTEND, opts=self._opts(opts), inputs=given)
        except RpcError as error:
            raise RpcError(report.remapped(error.status, self.source, expansion)) from error

    def _opts(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        """The build's options for the Dockerfile frontend; None drops one.

        `cmdline` keeps it from calling us again for the `# syntax` line that is still in the text
        (frontend/dockerfile/builder/build.go).
        """
        opts: dict[str, str | None] = {
            **self.build.opts,
            options.SOURCE: None,
            options.DOCKERFILE_KEY: None,
            options.CMDLINE: self.build.opts.get(options.CMDLINE) or "dockerfile-pyenv",
            **changes,
        }
        return {key: value for key, value in opts.items() if value is not None}
