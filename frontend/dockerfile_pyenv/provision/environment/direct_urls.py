"""The addresses that packages were installed from (PEP 610), without what is secret in them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Callable, Iterable

from redaction import cleaned

if TYPE_CHECKING:
    from pathlib import Path


def clean(packages: Iterable[Path], redact: Callable[[str], str]) -> None:
    """Remove credentials from the URLs that packages were installed from (PEP 610), and update RECORD.

    `packages` are dist-info directories.
    """
    for path in (directory / "direct_url.json" for directory in packages):
        if not path.is_file():
            continue
        text = path.read_text("utf-8")
        clean = json.dumps(cleaned(json.loads(text), redact), separators=(",", ":"))
        if json.loads(clean) == json.loads(text):
            continue
        path.write_text(clean, encoding="utf-8")
        _record(path.with_name("RECORD"), f"{path.parent.name}/{path.name}", clean.encode())


def _record(record: Path, name: str, data: bytes) -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    lines = record.read_text("utf-8").splitlines(keepends=True)
    entry = f"{name},sha256={digest},{len(data)}\n"
    record.write_text("".join(entry if line.startswith(f"{name},") else line for line in lines), encoding="utf-8")
