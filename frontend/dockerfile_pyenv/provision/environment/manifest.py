"""What was installed: `.pyenv.json` in the environment, for people and programs that inspect an image.

    {"name": …, "version": …, "interpreter": {…}, "requirements": [{"path": …, "sha256": …}, …],
     "packages": [{"name": …, "version": …, "origin": …}, …]}

It does not depend on when or where the environment was built, and no URL in it has credentials.
"""

from __future__ import annotations

import email.parser
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple

from interpreter import SUMMARY

NAME = ".pyenv.json"


class Contents(NamedTuple):
    """What an environment was made from."""

    interpreter: str
    """Prefix of its interpreter, or "base"."""
    requirements: Mapping[str, Path]
    """Requirements files, by name in messages."""
    packages: Iterable[Path]
    """dist-info directories."""
    origins: Mapping[str, str]
    """The index that each package came from, by normalized name."""


def write(path: Path, name: str, contents: Contents, clean: Callable[[object], object]) -> None:
    """Write the manifest of the environment at `path`. `clean` removes credentials from an origin."""
    entries = [package(directory, contents.origins, clean) for directory in contents.packages]
    described = {
        "name": name,
        "version": sys.version.split()[0],
        "interpreter": _interpreter(contents.interpreter),
        "requirements": [
            {"path": one, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for one, file in contents.requirements.items()
        ],
        "packages": sorted(entries, key=lambda entry: normal(entry["name"])),
    }
    (path / NAME).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def package(directory: Path, origins: Mapping[str, str], clean: Callable[[object], object]) -> Dict[str, Any]:
    """Return name, version and origin of the package in a dist-info directory."""
    text = (directory / "METADATA").read_text("utf-8", "replace")
    metadata = email.parser.HeaderParser().parsestr(text.partition("\n\n")[0])
    entry: Dict[str, Any] = {"name": str(metadata["Name"]), "version": str(metadata["Version"])}
    direct = directory / "direct_url.json"
    if direct.is_file():
        entry["origin"] = clean(json.loads(direct.read_text("utf-8")))
    elif normal(entry["name"]) in origins:
        entry["origin"] = clean({"index": origins[normal(entry["name"])]})
    return entry


def pins(directories: Iterable[Path]) -> List[str]:
    """Return the packages that came from an index or --find-links, as requirements of one version each."""
    entries = [package(path, {}, lambda origin: origin) for path in directories]
    return [f"{entry['name']}=={entry['version']}" for entry in entries if "origin" not in entry]


def normal(name: str) -> str:
    """Return a package's name as PEP 503 normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _interpreter(prefix: str) -> Dict[str, Any]:
    """Return the summary in an interpreter's prefix, with its path; for the base image's own, only the path."""
    summary = Path(sys.base_prefix, SUMMARY)
    if prefix == "base" or not summary.is_file():
        return {"provider": "base", "path": sys.base_prefix}
    return {**json.loads(summary.read_text("utf-8")), "path": prefix}
