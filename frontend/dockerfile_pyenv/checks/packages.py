"""The packages that requirement files ask for, as far as rules need to know them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dockerfile_pyenv import requirements
from dockerfile_pyenv.requirements import RequirementsFile

_PLAIN: Final = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?) *(?:\[[A-Za-z0-9._, -]*\])? *"
    r"((?:[<>=!~]=?=? *[A-Za-z0-9.*+!]+ *,? *)*)"
)
"""Most requirements, without an import of packaging: name and specifiers."""
_EXACT: Final = re.compile(r"={2,3} *[^ *,]+(?= *(?:,|\Z))")
_OPTION: Final = re.compile(r"(?:^|\s)-")


@dataclass(frozen=True, slots=True)
class Package:
    """One requirement with a name; what is named by a path or URL alone is none."""

    name: str
    """In the normal form of PEP 503."""
    pinned: bool
    """Exactly one version or file fits: `==`, `===` or a URL."""
    marker: str
    path: str
    """Path of the file; "" for what stands on the PYENV line itself."""
    line: int
    """Line of the file, 1-based."""

    @property
    def file_shown(self) -> str:
        """The file, for a message."""
        return self.path or "the line"

    @property
    def line_shown(self) -> str:
        """The line of a file, for a message, with a blank before it."""
        return f" (line {self.line})" if self.path else ""

    @property
    def place(self) -> str:
        """File and line, for a message."""
        return f"{self.path}, line {self.line}" if self.path else "the line"


def packages(file: RequirementsFile) -> Iterator[Package]:
    """The named packages of a requirements file, in its order; lines that cannot be read are left out."""
    for number, line in requirements.logical_lines(file.text):
        text = _OPTION.split(line, maxsplit=1)[0].strip()
        if match := _PLAIN.fullmatch(text):
            yield Package(_normal(match[1]), bool(_EXACT.search(match[2])), "", file.path, number)
        elif text and (package := _parsed(text, file.path, number)):
            yield package


def _parsed(text: str, path: str, number: int) -> Package | None:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - costs 20 to 40 ms

    try:
        found = Requirement(text)
    except InvalidRequirement:
        return None
    pinned = bool(found.url) or bool(_EXACT.search(str(found.specifier)))
    return Package(_normal(found.name), pinned, str(found.marker or ""), path, number)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
