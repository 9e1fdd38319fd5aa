"""Platforms, as github.com/containerd/platforms normalizes them (solver/pb/ops.proto, Platform)."""

from dataclasses import dataclass
from typing import Self

from buildkit_llb.proto import ops_pb2


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform of an op or image, normalized as containerd/platforms does: `linux/arm64`, `linux/arm/v7`.

    `os`, `architecture`, `variant` and `os_version` are the fields of pb.Platform (solver/pb/ops.proto).
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `text`, `os/architecture[/variant]`, which must be normalized. Raises ValueError for other text."""
        os, *rest = text.split("/")
        if not 1 <= len(rest) <= 2 or not os or not all(rest):  # noqa: PLR2004 - the parts after the system
            raise ValueError(f"not a platform: {text!r}")
        return cls(os, *rest)

    @classmethod
    def from_pb(cls, platform: ops_pb2.Platform) -> Self:
        """Read the message `platform`."""
        return cls(platform.os, platform.architecture, platform.variant, platform.os_version)

    def to_pb(self) -> ops_pb2.Platform:
        """Build the message."""
        return ops_pb2.Platform(
            os=self.os, architecture=self.architecture, variant=self.variant, os_version=self.os_version
        )

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))
