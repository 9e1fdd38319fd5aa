"""What a plan needs to know beyond the Dockerfile: a build asks its daemon, a command its files and options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dockerfile_pyenv.dockerfile.lexer import Dockerfile
    from dockerfile_pyenv.dockerfile.rewrite import Edits
    from dockerfile_pyenv.instruction.lines import PyenvLine
    from dockerfile_pyenv.plan.astro import Runtime, RuntimeConfig
    from dockerfile_pyenv.plan.line_scope import LineScope
    from dockerfile_pyenv.plan.requirement_files import Tree


class Facts(Protocol):
    """The facts about one build of one Dockerfile."""

    @property
    def syntax(self) -> str:
        """The syntax line's value as the build hands it over: the frontend's image and what follows; "" for none."""

    @property
    def build_args(self) -> Mapping[str, str]:
        """Values of `--build-arg`, by name."""

    @property
    def tree(self) -> Tree:
        """The build context."""

    def setting(self, name: str) -> str:
        """Value of a build argument, else of a site's default of that name; "" for none."""

    def scopes(
        self, dockerfile: Dockerfile, lines: Sequence[PyenvLine], edits: Edits
    ) -> Mapping[int, tuple[LineScope, ...]]:
        """What the PYENV lines that the target reaches see, by their numbers: one scope for each platform.

        `edits` is what else changes in the file. Raises DockerfileError.
        """

    def builders(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """ENV of stages, images or named contexts in which packages are built, by these names.

        Raises PyenvError for one that does not exist.
        """

    def image_config(self, scope: LineScope) -> Mapping[str, Any]:
        """Config of the image that a line's stage starts from, as far as it is known (OCI image spec, config.md)."""

    def libc(self, scope: LineScope) -> str:
        """C library of a line's stage: "gnu" or "musl"."""

    def download(self, address: str) -> bytes:
        """A file over http. Raises PyenvError or RpcError where it cannot be fetched."""

    def from_images(self, dockerfile: Dockerfile) -> Mapping[int, str]:
        """The images that FROM instructions name, by the indexes of these."""

    def runtime_config(self, dockerfile: Dockerfile, runtime: Runtime) -> RuntimeConfig | None:
        """What the images of an Astro Runtime say; None where its stage is to stay as it is."""

    def present(self, names: Sequence[str]) -> Collection[str]:
        """Those of these files and directories that the build context has."""
