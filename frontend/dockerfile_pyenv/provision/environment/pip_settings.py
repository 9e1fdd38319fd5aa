"""Reads settings of pip: its configuration files, merged with variables as `pip install` does."""

from __future__ import annotations

import configparser
import re
from typing import Dict, Mapping, NamedTuple, Sequence, Tuple

from layout import ProvisionError


class PipSetting(NamedTuple):
    """A setting of pip, and where it is set."""

    text: str
    origin: str
    line: int = 0
    """Line of the file; 0 for a variable."""

    def place(self, key: str, *, numbered: bool) -> str:
        """Return where it is set, for messages about its value."""
        if self.origin.startswith("PIP_"):
            return self.origin
        return f"{self.origin}, line {self.line}" if numbered and self.line else f"{key} in {self.origin}"


def merge(environ: Mapping[str, str], files: Sequence[Tuple[str, str]]) -> Dict[str, PipSetting]:
    """Merge pip's settings as `pip install` does; an empty setting counts as unset."""
    sections: Dict[str, Dict[str, PipSetting]] = {"global": {}, "install": {}}
    for name, text in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(text, source=name)
        except configparser.Error as error:
            raise ProvisionError(f"cannot read {name}{_parse_error(error)}") from None
        for section, values in sections.items():
            if parser.has_section(section):
                lines = _lines(text, section)
                values.update(
                    (normal(key), PipSetting(value, name, lines.get(key, 0))) for key, value in parser.items(section)
                )
    variables = {
        normal(name[len("PIP_") :]): PipSetting(value, name)
        for name, value in environ.items()
        if name.startswith("PIP_")
    }
    merged: Dict[str, PipSetting] = {}
    for values in (sections["global"], sections["install"], variables):
        merged.update((key, value) for key, value in values.items() if value.text.strip())
    return merged


def normal(key: str) -> str:
    """Return a setting's key as pip normalizes it."""
    key = key.lower().replace("_", "-")
    return key[2:] if key.startswith("--") else key  # noqa: FURB188 - str.removeprefix is of 3.9


def named(key: str, pip: Mapping[str, PipSetting]) -> str:
    """Return a setting with where it is set, for the log."""
    origin = pip[key].origin
    return origin if origin.startswith("PIP_") else f"{key} ({origin})"


def _lines(text: str, section: str) -> Dict[str, int]:
    """Return the line of each setting in a section of a pip.conf; later sections of that name are not valid."""
    found: Dict[str, int] = {}
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            inside = line.startswith(f"[{section}]")
        elif inside and line[:1].strip() and line[0] not in "#;":
            found[re.split("[=:]", line, maxsplit=1)[0].strip().lower()] = number
    return found


def _parse_error(error: configparser.Error) -> str:
    """Return where and why a pip.conf does not parse. None of its content is in it: the file may be a secret."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f", line {error.lineno}: a pip.conf begins with a section, such as [global]"
    if isinstance(error, configparser.ParsingError):
        numbers = [number for number, _ in error.errors]
        return f", line {numbers[0]}: expected a setting, such as index-url = https://…" if numbers else ""
    if isinstance(error, configparser.DuplicateSectionError):
        return f", line {error.lineno}: this section occurs twice"
    if isinstance(error, configparser.DuplicateOptionError):
        return f", line {error.lineno}: this setting occurs twice in its section"
    return ": it is not a pip.conf"
