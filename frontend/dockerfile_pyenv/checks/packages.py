"""The packages that requirements files list, as far as rules need them."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dockerfile_pyenv.requirements import requirements_txt
from dockerfile_pyenv.requirements.requirements_txt import RequirementsFile

_PLAIN: Final = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?) *(?:\[[A-Za-z0-9._, -]*\])? *"
    r"((?:[<>=!~]=?=? *[A-Za-z0-9.*+!]+ *,? *)*)"
)
"""Most requirements, without an import of packaging: name and specifiers."""
_EXACT: Final = re.compile(r"={2,3} *[^ *,]+(?= *(?:,|\Z))")
_OPTION: Final = re.compile(r"(?:^|\s)-")


class Package(NamedTuple):
    """One requirement with a name; a bare path or URL has none."""

    name: str
    """Normalised as in PEP 503."""
    pinned: bool
    """Only one version or file matches: `==`, `===` or a URL."""
    marker: str
    path: str
    """Path of the file; "" for inline requirements of the PYENV line."""
    line: int
    """Line of the file, 1-based."""

    @property
    def file_shown(self) -> str:
        """The file, for a message."""
        return self.path or "this line"

    @property
    def line_shown(self) -> str:
        """The line of a file, for a message, with a blank before it."""
        return f" (line {self.line})" if self.path else ""

    @property
    def place(self) -> str:
        """File and line, for a message."""
        return f"{self.path}, line {self.line}" if self.path else "this line"


_SHOWN: Final = 3


def listed(entries: Sequence[str], separator: str = ", ") -> str:
    """Entries for a message that has room for some."""
    more = len(entries) - _SHOWN
    return separator.join(entries[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def by_file(found: Sequence[Package]) -> Iterator[tuple[str, list[Package]]]:
    """The packages of each file, named for a message, in the order of the files."""
    files = dict.fromkeys(package.file_shown for package in found)
    for file in files:
        yield file, [package for package in found if package.file_shown == file]


def packages(file: RequirementsFile) -> Iterator[Package]:
    """The named packages of a requirements file, in its order, without lines that cannot be parsed."""
    for number, line in requirements_txt.logical_lines(file.text):
        text = _OPTION.split(line, maxsplit=1)[0].strip()
        if match := _PLAIN.fullmatch(text):
            yield Package(_normal(match[1]), bool(_EXACT.search(match[2])), "", file.path, number)
        elif text and (package := _parsed(text, file.path, number)):
            yield package


def _parsed(text: str, path: str, number: int) -> Package | None:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - costs 20 to 40 ms

    try:
        found = Requirement(text)
    except (InvalidRequirement, ValueError, RecursionError):
        return None
    pinned = bool(found.url) or bool(_EXACT.search(str(found.specifier)))
    return Package(_normal(found.name), pinned, str(found.marker or ""), path, number)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
