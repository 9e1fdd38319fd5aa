"""Freezes uv's table of Python downloads into the frontend's own data/standalone.json (`make table`).

Takes the source distribution of the uv that requirements/uv.txt pins, by its hash there, from the package index that
pip is set up for; keeps what the frontend can use of its download-metadata.json.
"""  # noqa: INP001 - a script, in no package

import hashlib
import io
import json
import os
import re
import ssl
import subprocess
import sys
import tarfile
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from dockerfile_pyenv.instruction.arguments import OLDEST

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "frontend/dockerfile_pyenv/interpreters/data/standalone.json"
LOCK = ROOT / "requirements/uv.txt"
MEMBER = "download-metadata.json"
KEPT = ("arch", "libc", "major", "minor", "patch", "prerelease", "url", "sha256", "build")


def main() -> None:
    """Renew the table."""
    version, hashes = pinned(LOCK.read_text())
    url, sha256 = sdist(version, hashes)
    archive = fetch(url)
    if hashlib.sha256(archive).hexdigest() != sha256:
        raise SystemExit(f"{url}: the download has another hash than {LOCK.name} pins")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = next(member for member in tar if member.name.endswith("/" + MEMBER))
        file = tar.extractfile(member)
        assert file is not None  # noqa: S101 - a regular file, by its name
        entries = json.load(file)
    source = {"from": f"uv {version}", "sdist_sha256": sha256, "file": member.name.split("/", 1)[1]}
    TABLE.write_bytes(freeze(entries, source))
    print(f"{TABLE.relative_to(ROOT)}: {len(json.loads(TABLE.read_bytes())) - 1} builds from uv {version}")  # noqa: T201


def freeze(entries: dict[str, Any], source: dict[str, str]) -> bytes:
    """Cut the table down to what the frontend uses: one line per build, the source of it all first."""
    kept = {
        name: {key: slim(key, entry[key]) for key in KEPT if entry.get(key) is not None and entry[key] != ""}
        for name, entry in entries.items()
        if name != "//" and usable(entry)
    }
    lines = (json.dumps(item, separators=(",", ":"))[1:-1] for item in ({name: value} for name, value in kept.items()))
    return ("{" + ",\n".join([json.dumps({"//": source})[1:-1], *lines]) + "}\n").encode()


def slim(key: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Drop from the architecture what is null for every build that is kept."""
    return {"family": value["family"]} if key == "arch" else value


def usable(entry: dict[str, Any]) -> bool:
    """Whether an archive can stand in an image: a plain build of CPython for Linux, with a checksum."""
    return bool(
        entry.get("name", "cpython") == "cpython"
        and entry.get("os", "linux") == "linux"
        and not entry.get("variant")
        and not entry["arch"].get("variant")
        and entry["sha256"]
        and re.search(r"-install_only(_stripped)?\.tar\.gz$", entry["url"])
        and (entry["major"], entry["minor"]) >= OLDEST
    )


def pinned(lock: str) -> tuple[str, set[str]]:
    """Read version and hashes of uv from its lock file."""
    match = re.match(r"uv==([\w.]+)", lock)
    if match is None:
        raise SystemExit(f"{LOCK.name} does not begin with uv==")
    return match[1], set(re.findall(r"--hash=sha256:([0-9a-f]{64})", lock))


def sdist(version: str, hashes: set[str]) -> tuple[str, str]:
    """Find the address and hash of uv's source distribution on the index."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    configured = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    from pip._internal.models.index import PyPI  # noqa: PLC0415 - pip has no public name for its default

    index = os.environ.get("PIP_INDEX_URL") or configured or PyPI.simple_url
    page = f"{index.rstrip('/')}/uv/"
    listing = json.loads(fetch(page, accept="application/vnd.pypi.simple.v1+json"))
    for file in listing["files"]:
        if file["filename"] == f"uv-{version}.tar.gz" and file["hashes"].get("sha256") in hashes:
            return urllib.parse.urljoin(page, file["url"]), file["hashes"]["sha256"]
    raise SystemExit(f"the index has no source distribution of uv {version} with a hash of {LOCK.name}")


def fetch(url: str, *, accept: str = "*/*") -> bytes:
    """Download over HTTPS, trusting the certificates that pip is told to trust."""
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 - the index's own addresses
    with urllib.request.urlopen(request, context=context) as response:  # noqa: S310
        return bytes(response.read())


if __name__ == "__main__":
    main()
