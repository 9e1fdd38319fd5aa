"""The flags of a PYENV line: `--interpreter=source`, `--no-venv`, ….

They come before the version, as flags of RUN and COPY come before their arguments. A new flag is an entry in `KNOWN`
and a field of `Flags` with the same name.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Final, NamedTuple

from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.dockerfile.generated import GeneratedTextError
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction import secrets
from dockerfile_pyenv.instruction.secrets import Secret, SecretError
from dockerfile_pyenv.requirements import lock_files

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
INSTALLERS: Final = ("uv", "pip")

_COMMAND: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_PYTHON: Final = re.compile(r"pythonw?[0-9.]*t?")
_NOT_IN_IMAGE: Final = ("/dev", "/proc", "/sys", "/run/dockerfile-pyenv")
"""Directories that are not in the image, but a step's own."""
_OURS: Final = "/opt/astro-pyenv"


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of a line; "", False or () where a flag is not given."""

    interpreter: str = ""
    libc: str = ""
    builder: str = ""
    enable_optimizations: bool = False
    mount: tuple[str, ...] = ()
    """Values with their variables expanded; the step gets the words as written."""
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
    build_constraint: tuple[str, ...] = ()
    """Requirements, and paths of files in the build context, which start with "./"."""
    exclude_newer: str = ""
    """The first instant of which uploads do not count, in UTC: "2024-05-02T00:00:00Z"."""
    check_imports: bool | None = None
    """None for the default of the build or the site."""
    expose: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    """Absolute paths without "." and ".." parts."""

    @property
    def constraint_files(self) -> tuple[str, ...]:
        """Paths in the build context of the files of `--build-constraint`."""
        return tuple(one.removeprefix("./") for one in self.build_constraint if one.startswith("./"))

    @property
    def of_environment(self) -> list[str]:
        """The flags that change an environment, as arguments of its step."""
        given = {name: getattr(self, name.replace("-", "_")) for name in OF_ENVIRONMENT}
        many = ((name, value if isinstance(value, tuple) else (value,)) for name, value in given.items() if value)
        return [f"--{name}" if one is True else f"--{name}={one}" for name, values in many for one in values]

    @property
    def of_install(self) -> list[tuple[str, object]]:
        """Names and values of the flags that an install depends on, in a fixed order."""
        given = ((one.name, getattr(self, one.name)) for one in fields(self))
        return [(name, value) for name, value in given if value and name.replace("_", "-") not in AFTER_INSTALL]


class FlagError(ValueError):
    """What is wrong with a flag, and what to write."""

    def __init__(self, message: str, flag: str = "", position: int | None = None) -> None:
        super().__init__(message)
        self.flag = flag
        """Name of the flag, where an expanded value is wrong."""
        self.position = position
        """Index among the line's flags; None where the name is enough."""


class Flag(NamedTuple):
    """What a flag accepts."""

    value: str = ""
    """Its value, in words; "" for a flag without one."""
    check: Callable[[str], str | bool | Secret | tuple[str, ...]] = str
    """Takes the expanded value to what `Flags` holds; raises FlagError."""
    many: bool = False
    """It can be given more than once, and its field is a tuple; a value may be several entries of it."""
    alone: str = ""
    """Its value where it is written without one."""


def read_secret(value: str) -> Secret:
    """Parse the value of a `--secret` flag. Raises FlagError."""
    try:
        return secrets.secret(value)
    except SecretError as error:
        raise FlagError(f"--secret={value}: {error}", "secret") from None


def one_of(flag: str, *values: str) -> Callable[[str], str]:
    """Make the check of a flag that takes one of a few values."""

    def check(value: str) -> str:
        if value not in values:
            raise FlagError(
                f"--{flag}={value} is not valid: write {' or '.join(f'--{flag}={one}' for one in values)}", flag
            )
        return value

    return check


def check_airflow(value: str) -> str:
    """How much of the base image's Airflow an environment gets; "" for nothing. Raises FlagError."""
    checked = one_of("airflow", "none", "task-sdk", "same")(value)
    return "" if checked == "none" else checked


def check_date(value: str, name: str = "--exclude-newer=") -> str:
    """The instant after a date or at a time, in UTC. Raises FlagError."""
    from datetime import UTC, date, datetime, time, timedelta  # noqa: PLC0415 - few lines have the flag

    found = None
    with suppress(ValueError, OverflowError):
        if _DATE.fullmatch(value):
            # The whole day counts, as with uv.
            found = datetime.combine(date.fromisoformat(value) + timedelta(days=1), time(), UTC)
        else:
            found = datetime.fromisoformat(value)
            found = found.astimezone(UTC) if found.tzinfo else None
    if not found:
        raise FlagError(
            f"{name}{value} is not a date: write one such as 2024-05-01, or a time with its zone such as "
            "2024-05-01T12:00:00Z",
            "exclude-newer",
        )
    return f"{found:%Y-%m-%dT%H:%M:%SZ}"


def check_build_constraint(value: str) -> str:
    """A requirement as written, or the path of a file with "./" before it. Raises FlagError."""
    from dockerfile_pyenv.instruction.arguments import is_inline  # noqa: PLC0415 - few lines have the flag

    if is_inline(value):
        return value
    path = posixpath.normpath(value.lstrip("/"))
    if "://" in value or path.split("/")[0] in {"..", "."}:
        raise FlagError(
            f"--build-constraint={value} is neither a requirement, such as setuptools<82, nor a file of the build "
            "context",
            "build-constraint",
        )
    return f"./{path}"


def check_builder(value: str) -> str:
    """A stage, an image or a named context. Raises FlagError."""
    if value.isdecimal():
        raise FlagError(f"--builder={value} is the number of a stage: write its name (FROM … AS <name>)", "builder")
    try:
        return generated.image(value, "--builder")
    except GeneratedTextError as error:
        raise FlagError(str(error), "builder") from None


def check_truth(value: str) -> bool:
    """The value of `--check-imports`. Raises FlagError."""
    return one_of("check-imports", "true", "false")(value) == "true"


def check_commands(value: str) -> tuple[str, ...]:
    """The names in `--expose=<command>[,…]`. Raises FlagError."""
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if not _COMMAND.fullmatch(name):
            raise FlagError(
                f"--expose={value} is not valid: write names of programs in the environment, such as --expose=dbt",
                "expose",
            )
        if _PYTHON.fullmatch(name):
            raise FlagError(
                f"--expose={name} would start Python without the environment's packages: use the variable "
                "ASTRO_PYENV_<name>, which has the path of its python",
                "expose",
            )
    return tuple(names)


def check_link(value: str) -> str:
    """The path in `--link=<path>`, in its normal form. Raises FlagError."""
    path = posixpath.normpath(value).replace("//", "/")
    if not value.startswith("/") or path == "/":
        raise FlagError(f"--link={value} is not valid: write an absolute path, such as --link=/venvs/dbt", "link")
    for directory in (*_NOT_IN_IMAGE, _OURS):
        if path == directory or path.startswith(f"{directory}/"):
            raise FlagError(f"--link={value} is not possible: write a path outside of {directory}", "link")
    return path


KNOWN: Final[Mapping[str, Flag]] = {
    "interpreter": Flag("a provider of Python"),
    "libc": Flag("gnu or musl", one_of("libc", "gnu", "musl")),
    "builder": Flag("a stage, an image or a named context to build in", check_builder),
    "check-imports": Flag("true or false", check_truth, alone="true"),
    "enable-optimizations": Flag(),
    "mount": Flag("as for RUN --mount", many=True),
    "network": Flag("default, none or host", one_of("network", "default", "none", "host")),
    "no-venv": Flag(),
    "secret": Flag("id=<id>", read_secret, many=True),
    "airflow": Flag("none, task-sdk or same", check_airflow),
    "expose": Flag("names of programs, separated by commas", check_commands, many=True),
    "extra": Flag("the name of an extra", many=True),
    "group": Flag("the name of a dependency group", many=True),
    "installer": Flag("uv or pip", one_of("installer", *INSTALLERS)),
    "link": Flag("an absolute path", check_link, many=True),
    "no-compile": Flag(),
    "no-deps": Flag(),
    "seed": Flag(),
    "system-site-packages": Flag(),
    "build-constraint": Flag("a requirement or a file", check_build_constraint, many=True),
    "exclude-newer": Flag("a date, such as 2024-05-01", check_date),
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
    "build-constraint",
    "exclude-newer",
)
"""Flags that have no meaning without an environment, and that its step gets as arguments."""
AFTER_INSTALL: Final = ("check-imports", "expose", "link")
"""Flags that change nothing in an environment, only what follows an install."""
_WITH_ENVIRONMENT: Final = ("secret", "mount", "expose", "link", "check_imports")
"""Further flags that have no meaning without an environment."""


def split(raw: str) -> tuple[str, str | None]:
    """Split a flag's raw word into its name and its value, which may still have quotes and variables.

    Raises FlagError for an unknown name, a missing value, or a value that the flag does not take.
    """
    name, equals, value = raw.removeprefix("--").partition("=")
    if name not in KNOWN:
        raise FlagError(f"unknown flag --{name}{_nearest(name)}. Known flags: {', '.join('--' + one for one in KNOWN)}")
    if KNOWN[name].value and not value and (equals or not KNOWN[name].alone):
        raise FlagError(f"--{name} requires a value ({KNOWN[name].value}): write --{name}=…")
    if equals and not KNOWN[name].value:
        raise FlagError(f"--{name} takes no value: write --{name}")
    return name, value if equals else None


def resolve(values: Sequence[tuple[str, str | None]], *, installer: str = "") -> Flags:
    """Check flags whose values are expanded. Raises FlagError.

    `installer` is the default of the build or the site, for a line without `--installer`.
    """
    found: dict[str, str | bool | Secret | tuple[str | Secret, ...]] = {}
    for position, (name, value) in enumerate(values):
        flag = KNOWN[name]
        value = flag.alone or None if value is None else value  # noqa: PLW2901 - as if it were written
        key = name.replace("-", "_")
        earlier = found.get(key, ())
        try:
            checked = True if value is None else flag.check(value)
        except FlagError as error:
            raise FlagError(str(error), name, position) from None
        if flag.many and isinstance(earlier, tuple) and not isinstance(checked, bool):
            more = checked if isinstance(checked, tuple) else (checked,)
            found[key] = (*earlier, *more)
        elif key in found:
            raise FlagError(f"--{name} is given twice: keep one", name, position)
        else:
            found[key] = checked
    flags = Flags(**found)  # type: ignore[arg-type]  # each is of its field's type by KNOWN
    unused = [
        *flags.of_environment,
        *(f"--{name.replace('_', '-')}" for name in _WITH_ENVIRONMENT if getattr(flags, name)),
    ]
    if flags.no_venv and unused:
        name = unused[0].partition("=")[0]
        raise FlagError(f"{name} cannot be used with --no-venv, which creates no environment: remove one", name[2:])
    if flags.airflow and flags.no_deps:
        raise FlagError(
            f"--airflow={flags.airflow} cannot be used with --no-deps, which leaves out Airflow's dependencies: "
            "remove one",
            "airflow",
        )
    if installer and not flags.installer and not flags.no_venv:
        return replace(flags, installer=check_installer(installer))
    return flags


def check_installer(value: str) -> str:
    """The setting of an installer, checked. Raises FlagError."""
    if value in INSTALLERS:
        return value
    raise FlagError(f"PYENV_INSTALLER: {value} is not an installer: write {' or '.join(INSTALLERS)}")


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - for an error only

    close = get_close_matches(name, KNOWN, 1)
    return f" (did you mean --{close[0]}?)" if close else ""


def check_files(flags: Flags, files: Iterable[str], lines: tuple[int, int]) -> None:
    """Refuse flags that cannot be used with a line's files. Raises DockerfileError."""
    kinds = {path: found for path in files if (found := lock_files.kind(path))}
    for name, given in (("extra", flags.extra), ("group", flags.group)):
        if given and not kinds:
            raise DockerfileError(
                f"--{name} requires a pyproject.toml, uv.lock or pylock.toml: add one to this line", lines=lines
            )
    for path, found in kinds.items():
        if flags.airflow and found is not lock_files.LockKind.PROJECT:
            raise DockerfileError(
                f"--airflow={flags.airflow} cannot be used with {path}, which lists all packages: remove the flag, "
                f"and lock apache-airflow{'' if flags.airflow == 'same' else '-task-sdk'} with the rest, in the "
                "version of the base image",
                lines=lines,
            )
        if flags.installer == "pip" and found is not lock_files.LockKind.UV_LOCK:
            raise DockerfileError(f"pip cannot install {path}: write --installer=uv", lines=lines)
