"""Which C library an image has: told by what is known of it without pulling it, as far as that goes.

A build that finds everything in its cache is not to pull its base, so looking into the image comes last.
"""

import re
from collections.abc import Mapping
from typing import Any

from buildkit_llb import ops

MUSL_LOADER = "/lib/ld-musl-*"
"""The dynamic loader of musl, whatever the architecture."""

BASE_NAME = "org.opencontainers.image.base.name"
"""The label with the name of an image's base (OCI image-spec 1.1, annotations.md)."""

_MUSL = re.compile(r"alpine-minirootfs|\balpine-baselayout\b")
# `apk` is no sign: Wolfi has it, and glibc.
_GNU = re.compile(
    r"\b(apt-get|dpkg|debian\.sh|debuerreotype|microdnf|dnf|yum|rpm|tdnf|zypper|pacman)\b"
    r"|ubuntu|redhat|rhel|rockylinux|almalinux|amazonlinux|wolfi|chainguard",
    re.IGNORECASE,
)


def told_by(reference: str, config: Mapping[str, Any]) -> str:
    """C library of an image, as far as its name and config tell: "musl", "gnu", or "" where they do not.

    An image's history has that of all images below it.
    """
    history = [str(entry.get("created_by", "")) for entry in config.get("history") or []]
    labels = (config.get("config") or {}).get("Labels") or {}
    words = "\n".join([*history, *map(str, labels.values())])
    names = (reference.removeprefix("docker-image://"), str(labels.get(BASE_NAME, "")))
    # A registry's own name tells nothing of its images.
    paths = [ops.normalize_image(name).partition("/")[2] for name in names]
    if any(word in path for path in paths for word in ("alpine", "musl")) or _MUSL.search(words):
        return "musl"
    return "gnu" if _GNU.search(words) else ""
