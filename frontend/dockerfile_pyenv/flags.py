"""The flags of a PYENV line: `--interpreter=source`, `--no-venv`, ….

They stand before the version, as those of RUN and COPY stand before their words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

KNOWN: Final[Mapping[str, str]] = {
    "interpreter": "standalone, source, base or image:<reference>",
    "libc": "gnu or musl",
    "builder": "the image that compiles an interpreter",
    "enable-optimizations": "",
    "no-venv": "",
}
"""Flags, and what their value is; "" for those that have none."""

PROVIDERS: Final = ("standalone", "source", "base")
IMAGE: Final = "image:"


@dataclass(frozen=True, slots=True)
class Flags:
    """What the flags of a line say; "" where they say nothing."""

    interpreter: str = ""
    libc: str = ""
    builder: str = ""
    enable_optimizations: bool = False
    no_venv: bool = False


class FlagError(ValueError):
    """What is wrong with a flag, and what to write."""

    def __init__(self, message: str, flag: str = "") -> None:
        super().__init__(message)
        self.flag = flag
        """Name of the flag, where an expanded value is wrong."""


def split(raw: str) -> tuple[str, str | None]:
    """A flag's raw word to its name and its value, which may still have quotes and variables.

    Raises FlagError for an unknown name, a missing value, or one too many.
    """
    name, equals, value = raw.removeprefix("--").partition("=")
    if name not in KNOWN:
        raise FlagError(f"unknown flag --{name}{_nearest(name)}. Known are {', '.join('--' + one for one in KNOWN)}")
    if KNOWN[name] and not value:
        raise FlagError(f"--{name} needs a value, {KNOWN[name]}: write --{name}=…")
    if equals and not KNOWN[name]:
        raise FlagError(f"--{name} has no value: write just --{name}")
    return name, value if equals else None


def resolve(values: Sequence[tuple[str, str | None]]) -> Flags:
    """Check flags whose values are expanded. Raises FlagError."""
    found: dict[str, str | bool] = {}
    for name, value in values:
        key = name.replace("-", "_")
        if key in found:
            raise FlagError(f"--{name} is given twice", name)
        found[key] = True if value is None else _check(name, value)
    return Flags(**found)  # type: ignore[arg-type]  # each is of its field's type by KNOWN


def check_interpreter(value: str) -> str:
    """A provider's name, checked. Raises FlagError."""
    if value in PROVIDERS or (value.startswith(IMAGE) and len(value) > len(IMAGE)):
        return value
    raise FlagError(f"{value} is no interpreter provider: write {KNOWN['interpreter']}", "interpreter")


def _check(name: str, value: str) -> str:
    if name == "interpreter":
        return check_interpreter(value)
    if name == "libc" and value not in {"gnu", "musl"}:
        raise FlagError(f"--libc={value}: write --libc=gnu or --libc=musl", name)
    return value


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - for an error only

    close = get_close_matches(name, KNOWN, 1)
    return f" (did you mean --{close[0]}?)" if close else ""
