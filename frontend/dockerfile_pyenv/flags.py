"""The flags of a PYENV line: `--interpreter=source`, `--no-venv`, ….

They stand before the version, as those of RUN and COPY stand before their words. A new flag is an entry of `KNOWN` and
a field of `Flags` of the same name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dockerfile_pyenv import mounts
from dockerfile_pyenv.mounts import Secret, SecretError

PROVIDERS: Final = ("standalone", "source", "base")
IMAGE: Final = "image:"
INSTALLERS: Final = ("uv", "pip")


@dataclass(frozen=True, slots=True)
class Flags:
    """What the flags of a line say; "", False or () where they say nothing."""

    interpreter: str = ""
    libc: str = ""
    builder: str = ""
    enable_optimizations: bool = False
    mount: tuple[str, ...] = ()
    """Values with their variables expanded; the step gets the words as they are written."""
    network: str = ""
    no_venv: bool = False
    secret: tuple[Secret, ...] = ()
    airflow: str = ""
    """ "" for none."""
    installer: str = ""
    extra: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    no_compile: bool = False
    no_deps: bool = False
    seed: bool = False
    system_site_packages: bool = False

    @property
    def of_environment(self) -> list[str]:
        """Those that say what an environment is, as its step takes them."""
        given = {name: getattr(self, name.replace("-", "_")) for name in OF_ENVIRONMENT}
        many = ((name, value if isinstance(value, tuple) else (value,)) for name, value in given.items() if value)
        return [f"--{name}" if one is True else f"--{name}={one}" for name, values in many for one in values]


class FlagError(ValueError):
    """What is wrong with a flag, and what to write."""

    def __init__(self, message: str, flag: str = "", position: int | None = None) -> None:
        super().__init__(message)
        self.flag = flag
        """Name of the flag, where an expanded value is wrong."""
        self.position = position
        """Which of the line's flags it is; None where the name says enough."""


@dataclass(frozen=True, slots=True)
class Flag:
    """What can be said with a flag."""

    value: str = ""
    """What its value is, in words; "" for a flag that has none."""
    check: Callable[[str], str | Secret] = str
    """Takes the expanded value to what `Flags` holds; raises FlagError."""
    many: bool = False
    """It may be given more than once, and its field is a tuple."""


def check_interpreter(value: str) -> str:
    """A provider's name, checked. Raises FlagError."""
    if value in PROVIDERS or (value.startswith(IMAGE) and len(value) > len(IMAGE)):
        return value
    raise FlagError(f"{value} is no interpreter provider: write {KNOWN['interpreter'].value}", "interpreter")


def read_secret(value: str) -> Secret:
    """What a `--secret` flag says. Raises FlagError."""
    try:
        return mounts.secret(value)
    except SecretError as error:
        raise FlagError(f"--secret={value}: {error}", "secret") from None


def one_of(flag: str, *values: str) -> Callable[[str], str]:
    """The check of a flag that takes one of a few values."""

    def check(value: str) -> str:
        if value not in values:
            raise FlagError(f"--{flag}={value}: write {' or '.join(f'--{flag}={one}' for one in values)}", flag)
        return value

    return check


def check_airflow(value: str) -> str:
    """What of the base image's Airflow an environment gets, checked; "" for nothing. Raises FlagError."""
    checked = one_of("airflow", "none", "task-sdk", "same")(value)
    return "" if checked == "none" else checked


KNOWN: Final[Mapping[str, Flag]] = {
    "interpreter": Flag("standalone, source, base or image:<reference>", check_interpreter),
    "libc": Flag("gnu or musl", one_of("libc", "gnu", "musl")),
    "builder": Flag("the image that compiles an interpreter"),
    "enable-optimizations": Flag(),
    "mount": Flag("what RUN --mount has", many=True),
    "network": Flag("default, none or host", one_of("network", "default", "none", "host")),
    "no-venv": Flag(),
    "secret": Flag("id=<id>", read_secret, many=True),
    "airflow": Flag("none, task-sdk or same", check_airflow),
    "extra": Flag("the name of an extra", many=True),
    "group": Flag("the name of a dependency group", many=True),
    "installer": Flag("uv or pip", one_of("installer", *INSTALLERS)),
    "no-compile": Flag(),
    "no-deps": Flag(),
    "seed": Flag(),
    "system-site-packages": Flag(),
}
OF_ENVIRONMENT: Final = (
    "airflow",
    "extra",
    "group",
    "installer",
    "no-compile",
    "no-deps",
    "seed",
    "system-site-packages",
)
"""Flags without a meaning where there is no environment."""


def split(raw: str) -> tuple[str, str | None]:
    """A flag's raw word to its name and its value, which may still have quotes and variables.

    Raises FlagError for an unknown name, a missing value, or one too many.
    """
    name, equals, value = raw.removeprefix("--").partition("=")
    if name not in KNOWN:
        raise FlagError(f"unknown flag --{name}{_nearest(name)}. Known are {', '.join('--' + one for one in KNOWN)}")
    if KNOWN[name].value and not value:
        raise FlagError(f"--{name} needs a value, {KNOWN[name].value}: write --{name}=…")
    if equals and not KNOWN[name].value:
        raise FlagError(f"--{name} has no value: write just --{name}")
    return name, value if equals else None


def resolve(values: Sequence[tuple[str, str | None]], *, installer: str = "") -> Flags:
    """Check flags whose values are expanded. Raises FlagError.

    `installer` is what the build or the site chooses where the line does not.
    """
    found: dict[str, str | bool | Secret | tuple[str | Secret, ...]] = {}
    for position, (name, value) in enumerate(values):
        flag = KNOWN[name]
        key = name.replace("-", "_")
        earlier = found.get(key, ())
        try:
            checked = True if value is None else flag.check(value)
        except FlagError as error:
            raise FlagError(str(error), name, position) from None
        if flag.many and isinstance(earlier, tuple) and not isinstance(checked, bool):
            found[key] = (*earlier, checked)
        elif key in found:
            raise FlagError(f"--{name} is given twice", name, position)
        else:
            found[key] = checked
    flags = Flags(**found)  # type: ignore[arg-type]  # each is of its field's type by KNOWN
    unused = [*flags.of_environment, *(["--secret"] if flags.secret else []), *(["--mount"] if flags.mount else [])]
    if flags.no_venv and unused:
        name = unused[0].partition("=")[0]
        raise FlagError(f"{name} is about an environment, and --no-venv makes none: leave one of them out", name[2:])
    if flags.airflow and flags.no_deps:
        raise FlagError(
            f"--airflow={flags.airflow} brings Airflow with all that it needs, and --no-deps leaves that out: "
            "leave one of them out",
            "airflow",
        )
    if installer and not flags.installer and not flags.no_venv:
        return replace(flags, installer=check_installer(installer))
    return flags


def check_installer(value: str) -> str:
    """The setting of an installer, checked. Raises FlagError."""
    if value in INSTALLERS:
        return value
    raise FlagError(f"PYENV_INSTALLER: {value} is no installer: write {' or '.join(INSTALLERS)}")


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - for an error only

    close = get_close_matches(name, KNOWN, 1)
    return f" (did you mean --{close[0]}?)" if close else ""
