"""What a PYENV line sees where it stands: USER, ENV, platform, and what its file system starts from."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineScope:
    """What a PYENV line sees where it stands, for one platform of the build."""

    number: int
    target: str
    """Target platform; "" if the build's result has only one."""
    platform: str
    """Platform of the line's stage, "os/architecture[/variant]"; `FROM --platform` may change it."""
    user: str
    """USER at the line, as in the image config; "" if there is none."""
    env: Mapping[str, str]
    """ENV, and the values of ARG, at the line."""
    words: tuple[str, ...]
    """The line's words with variables expanded and quotes removed."""
    below: tuple[int, ...]
    """Numbers of the PYENV lines whose environments are already in the file system, in build order."""
    empty: bool
    """The line's stage is FROM scratch and still empty."""
    in_target: bool
    """The line's stage is the build's result or below it, so the result's config includes that of its base."""
    base: str = ""
    """Base of the stage's file system, as its source op names it: "docker-image://docker.io/library/…"."""
