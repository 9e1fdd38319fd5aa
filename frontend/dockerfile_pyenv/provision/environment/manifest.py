"""What was installed: `.pyenv.json` in the environment, for people and programs that ask an image.

    {"name": …, "version": …, "interpreter": {…}, "requirements": [{"path": …, "sha256": …}, …],
     "packages": [{"name": …, "version": …, "origin": …}, …]}

Nothing in it depends on when or where the environment was built, and no URL in it has credentials.
"""

from __future__ import annotations

import email.parser
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping

from interpreter import SUMMARY

NAME = ".pyenv.json"


def write(  # noqa: PLR0913 - an environment is described by this many facts
    path: Path,
    name: str,
    *,
    interpreter: str,
    requirements: Mapping[str, Path],
    packages: Iterable[Path],
    origins: Mapping[str, str],
    clean: Callable[[str], str],
) -> None:
    """Describe the environment at `path`.

    `interpreter` is the prefix of its interpreter, or "base"; `requirements` are files by their names; `packages` the
    dist-info directories; `origins` the places that packages were found in, by name (see `normal`); `clean` takes
    credentials out of a URL.
    """
    entries = [package(directory, origins, clean) for directory in packages]
    described = {
        "name": name,
        "version": sys.version.split()[0],
        "interpreter": _interpreter(interpreter),
        "requirements": [
            {"path": one, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()} for one, file in requirements.items()
        ],
        "packages": sorted(entries, key=lambda entry: normal(entry["name"])),
    }
    (path / NAME).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def package(directory: Path, origins: Mapping[str, str], clean: Callable[[str], str]) -> Dict[str, Any]:
    """Describe the package of a dist-info directory: name, version, and where it came from."""
    text = (directory / "METADATA").read_text("utf-8", "replace")
    metadata = email.parser.HeaderParser().parsestr(text.partition("\n\n")[0])
    entry: Dict[str, Any] = {"name": str(metadata["Name"]), "version": str(metadata["Version"])}
    direct = directory / "direct_url.json"
    if direct.is_file():
        entry["origin"] = json.loads(direct.read_text("utf-8"))
        entry["origin"]["url"] = clean(entry["origin"]["url"])
    elif normal(entry["name"]) in origins:
        entry["origin"] = {"index": clean(origins[normal(entry["name"])])}
    return entry


def pins(directories: Iterable[Path]) -> List[str]:
    """Name and version of the packages that an index or a directory of packages gave, as requirements."""
    entries = [package(path, {}, str) for path in directories]
    return [f"{entry['name']}=={entry['version']}" for entry in entries if "origin" not in entry]


def normal(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _interpreter(prefix: str) -> Dict[str, Any]:
    """Say which interpreter it is: what its prefix says of itself, and the path; for the base's own its path alone."""
    summary = Path(sys.base_prefix, SUMMARY)
    if prefix == "base" or not summary.is_file():
        return {"provider": "base", "path": sys.base_prefix}
    return {**json.loads(summary.read_text("utf-8")), "path": prefix}
