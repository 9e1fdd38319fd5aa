"""A local registry that answers for Docker Hub's names, and images laid into it without any engine."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.bed import network, process, rootfs, settings
from tests.bed.host import BedError, say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAME = "registry"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def up() -> None:
    """Start the registry on the bed's bridge unless it runs; its data lies in the cache."""
    if process.recall(_NAME) and network.reachable(settings.REGISTRY):
        return
    process.stop(_NAME)
    data = settings.CACHE / "registry"
    data.mkdir(parents=True, exist_ok=True)
    config = settings.STATE / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: warn}\n"
        f"storage: {{filesystem: {{rootdirectory: {data}}}, delete: {{enabled: true}}}}\n"
        f'http: {{addr: "{settings.REGISTRY}"}}\n'
    )
    root = rootfs.engine_root(settings.TOOLS_SUITE).ensure()
    log = settings.STATE / "registry.log"
    process.start(_NAME, [*rootfs.program(root, "/usr/bin/docker-registry"), "serve", str(config)], log)
    process.wait_for(
        "the registry", lambda: network.reachable(settings.REGISTRY), lambda: process.recall(_NAME) is not None, log
    )


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as the registry wants it: a gzip'ed tar file and the digest of what is in it."""

    path: Path
    diff_id: str
    created_by: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image by the name Docker Hub has for it, such as `debian:bookworm-slim`."""

    name: str
    layers: tuple[Layer, ...]
    env: Mapping[str, str]
    command: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    architecture: str = "amd64"


def push(image: Image) -> str:
    """Put an image into the registry unless exactly this one is there; its manifest goes last.

    Returns:
        the manifest's digest

    Raises:
        BedError: the registry refused it.
    """
    repository, _, tag = image.name.partition(":")
    repository = repository if "/" in repository else f"library/{repository}"
    blobs = {_digest(layer.path.read_bytes()): layer for layer in image.layers}
    config = _json(_config(image))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": _digest(config), "size": len(config)},
            "layers": [
                {"mediaType": _LAYER, "digest": digest, "size": layer.path.stat().st_size}
                for digest, layer in blobs.items()
            ],
        }
    )
    with contextlib.closing(http.client.HTTPConnection(settings.REGISTRY, timeout=60)) as connection:
        status, headers, _ = _call(
            connection, "HEAD", f"/v2/{repository}/manifests/{tag}", headers={"Accept": _MANIFEST}
        )
        if status == http.HTTPStatus.OK and headers.get("docker-content-digest") == _digest(manifest):
            return _digest(manifest)
        say(f"pushing {image.name} to the bed's registry")
        for digest, layer in blobs.items():
            _put_blob(connection, repository, digest, layer.path.read_bytes())
        _put_blob(connection, repository, _digest(config), config)
        status, _, body = _call(
            connection, "PUT", f"/v2/{repository}/manifests/{tag}", manifest, {"Content-Type": _MANIFEST}
        )
        if status != http.HTTPStatus.CREATED:
            raise BedError(f"the registry refused {image.name}: {status} {body!r}")
    return _digest(manifest)


def _config(image: Image) -> dict[str, Any]:
    created = "2026-11-01T00:00:00Z"
    history = [{"created": created, "created_by": layer.created_by} for layer in image.layers]
    return {
        "architecture": image.architecture,
        "os": "linux",
        "created": created,
        "config": {
            "Env": [f"{name}={value}" for name, value in image.env.items()],
            "Cmd": list(image.command),
            "Labels": dict(image.labels),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in image.layers]},
        "history": history,
    }


def _put_blob(connection: http.client.HTTPConnection, repository: str, digest: str, data: bytes) -> None:
    status, _, _ = _call(connection, "HEAD", f"/v2/{repository}/blobs/{digest}")
    if status == http.HTTPStatus.OK:
        return
    _, headers, _ = _call(connection, "POST", f"/v2/{repository}/blobs/uploads/")
    place = urllib.parse.urlsplit(headers["location"])
    target = f"{place.path}?{place.query}&digest={urllib.parse.quote(digest)}"
    status, _, body = _call(connection, "PUT", target, data, {"Content-Type": "application/octet-stream"})
    if status != http.HTTPStatus.CREATED:
        raise BedError(f"the registry refused a blob of {repository}: {status} {body!r}")


def _call(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    connection.request(method, target, body, dict(headers or {}))
    answer = connection.getresponse()
    content = answer.read()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()
