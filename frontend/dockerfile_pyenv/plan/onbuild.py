"""ONBUILD lines of Astro Runtime images: what they are, and which part of the work each of them does."""

import json
import re
from collections.abc import Collection, Sequence
from typing import Final

from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.errors import DockerfileError

USUAL: Final = (
    "COPY packages.txt .",
    "USER root",
    "RUN /usr/local/bin/install-system-packages",
    "COPY requirements.txt .",
    "RUN /usr/local/bin/install-python-dependencies",
    "USER astro",
    "COPY --chown=astro:0 . .",
)
"""ONBUILD lines of Runtime 11 and newer, as of Runtime 3.3."""
_INLINE_PACKAGES: Final = (
    "RUN if [[ -s packages.txt ]]; then apt-get update && cat packages.txt | xargs apt-get install -y "
    "--no-install-recommends && apt-get clean && rm -rf /var/lib/apt/lists/*; fi"
)
_INLINE_REQUIREMENTS: Final = (
    r"RUN if grep -Eqx 'apache-airflow\s*[=~>]{1,2}.*' requirements.txt; then "
    'echo >&2 "requirements.txt must not name apache-airflow: change the base image instead"; exit 1; fi; '
    "pip install --no-cache-dir -q -r requirements.txt"
)
INLINE: Final = (
    "COPY packages.txt .",
    "USER root",
    _INLINE_PACKAGES,
    "COPY requirements.txt .",
    _INLINE_REQUIREMENTS,
    "USER astro",
    "COPY --chown=astro:astro . .",
)
"""Those of Runtime 10 and older, which have no scripts (astronomer/ap-airflow, common/Dockerfile.onbuild-bullseye)."""

_OLD: Final = re.compile(r"astro-runtime(?:-slim|-dev)?:(?:10|[4-9])(?:\D|$)")
"""A Runtime whose ONBUILD lines call no scripts."""
_SYSTEM: Final = re.compile(r"packages[\w.-]*\.txt")
_REQUIREMENTS: Final = re.compile(r"requirements[\w.-]*\.txt")


def usual(image: str) -> tuple[str, ...]:
    """The ONBUILD lines that an image of this name has, as far as is known."""
    return INLINE if _OLD.match(image.rpartition("/")[2]) else USUAL


def optional_files(onbuild: Sequence[str]) -> tuple[str, ...]:
    """Single files of the build context that ONBUILD lines copy, each of which may be missing."""
    names = (name for line in onbuild for name in _sources(line) or () if _part(name) != "project")
    return tuple(dict.fromkeys(names))


def is_instruction(line: str, escape: str) -> bool:
    """Whether a line is one instruction, also between other ones, and starts no stage."""
    before, after = f"# escape={escape}\nFROM scratch\n", "USER dockerfile-pyenv\n"
    try:
        items = lex(f"{before}{line}\n{after}".encode("utf-8", "surrogateescape")).instructions
    except DockerfileError:
        return False
    keywords = [item.keyword for item in items]
    return len(items) == 3 and keywords[1] != "FROM" and items[2].text == "dockerfile-pyenv"  # noqa: PLR2004


def sort(onbuild: Sequence[str], present: Collection[str], user: str) -> tuple[str, dict[str, list[str]]]:
    """Sort ONBUILD lines into parts, without those for missing files; also return USER, as it is written, after them.

    `user` is USER before them.
    """
    parts: dict[str, list[str]] = {"system": [], "requirements": [], "project": []}
    order = list(parts)
    part, kept = "system", True
    for line in onbuild:
        keyword, _, rest = line.strip().partition(" ")
        keyword = keyword.upper()
        if sources := _sources(line):
            following = max(part, *map(_part, sources), key=order.index)
            if following != part:
                part = following
                parts[part].append(f"USER {user}")
            kept = part == "project" or all(name in present for name in sources)
        elif keyword == "USER":
            user = rest.strip()
        if kept or keyword not in {"COPY", "ADD", "RUN"}:
            parts[part].append(line)
    idle = {name for name, found in parts.items() if all(line.upper().startswith("USER ") for line in found)}
    return user, {name: [] if name in idle else found for name, found in parts.items()}


def _sources(line: str) -> list[str] | None:
    """Sources of a COPY or ADD line; None for any other line."""
    keyword, _, rest = line.strip().partition(" ")
    if keyword.upper() not in {"COPY", "ADD"}:
        return None
    words = [word for word in rest.split() if not word.startswith("--")]
    if words and words[0].startswith("["):
        try:
            words = [str(word) for word in json.loads(" ".join(words))]
        except ValueError:
            return ["."]
    return [word.removeprefix("./") for word in words[:-1]] or ["."]


def _part(name: str) -> str:
    if _SYSTEM.fullmatch(name):
        return "system"
    return "requirements" if _REQUIREMENTS.fullmatch(name) else "project"
