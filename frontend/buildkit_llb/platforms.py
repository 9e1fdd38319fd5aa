"""Platforms as the wire names them."""

from dataclasses import dataclass
from typing import Self

from buildkit_llb.proto import ops_pb2


@dataclass(frozen=True, slots=True)
class Platform:
    """What an op runs on, in the normal form of containerd/platforms: `linux/arm64`, `linux/arm/v7`."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `os/architecture[/variant]`, which has to be in normal form. Raises ValueError."""
        os, *rest = text.split("/")
        if not 1 <= len(rest) <= 2 or not os or not all(rest):  # noqa: PLR2004 - the parts after the system
            raise ValueError(f"not a platform: {text!r}")
        return cls(os, *rest)

    @classmethod
    def from_pb(cls, platform: ops_pb2.Platform) -> Self:
        """Take over a parsed message."""
        return cls(platform.os, platform.architecture, platform.variant, platform.os_version)

    def to_pb(self) -> ops_pb2.Platform:
        """Build the message."""
        return ops_pb2.Platform(
            os=self.os, architecture=self.architecture, variant=self.variant, os_version=self.os_version
        )

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))
