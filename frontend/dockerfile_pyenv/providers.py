"""Where a PYENV line's interpreter comes from.

A provider turns a version into recipes, one for each platform of the build; `recipes.py` turns these into graphs. The
line chooses it (`--interpreter=`), else the build (`--build-arg PYENV_INTERPRETER=`), else the site, whose derived
image has the variable in its ENV.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from dockerfile_pyenv import flags, package_data
from dockerfile_pyenv.flags import FlagError, Flags
from dockerfile_pyenv.instruction import Statement
from dockerfile_pyenv.interpreters import Build, InterpreterNotFoundError, Table, is_address

Setting = Callable[[str], str]
"""Value of a build arg or of a site's default; "" for none."""

DEFAULT_BUILDER = "debian:bullseye-slim"
"""glibc 2.31: what is compiled there runs on every base whose distribution is not older."""

SOURCES = "https://www.python.org/ftp/python"
"""Where CPython's release tarballs are: <X.Y.Z>/Python-<version>.tar.xz."""


@dataclass(frozen=True, slots=True)
class Tarball:
    """A release tarball to compile, and how."""

    url: str
    """Where it is downloaded from."""
    upstream: str
    """Its address on python.org, of which `url` may be a mirror's."""
    sha256: str
    builder: str
    optimize: bool
    free_threaded: bool
    platform: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image to take Python out of."""

    reference: str
    platform: str


@dataclass(frozen=True, slots=True)
class Base:
    """The base image's own interpreter."""


Recipe = Build | Tarball | Image | Base


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter, as a line and all lines like it get it."""

    id: str
    """Name of its directory; it differs where two interpreters of one X.Y do."""
    version: str
    """As far as it is known before the build: "3.9.25", or "3.9" of an image."""
    provider: str
    recipes: Mapping[str, Recipe]
    """How to come by it, by the platform of a line's stage."""
    reason: str = ""
    """Why it is this provider: "by default", "by --interpreter" or "by PYENV_INTERPRETER"."""

    @property
    def minor(self) -> str:
        """What its command is called after `python`: "3.9", "3.14t"."""
        return minor(self.version)

    @property
    def is_base(self) -> bool:
        """It is the base image's own, and nothing of it is added."""
        return self.provider == "base"

    @property
    def title(self) -> str:
        """What progress and history call it."""
        return f"CPython {self.version}, {self.provider} {self.reason}".rstrip()


def minor(version: str) -> str:
    """`X.Y` of a version, with the `t` of free-threaded builds."""
    major, number, *_ = version.removesuffix("t").split(".")
    return f"{major}.{number}" + ("t" if version.endswith("t") else "")


def choose(
    statement: Statement,
    libc: Callable[[], str],
    platforms: Sequence[str],
    setting: Setting,
    table: Callable[[], Table],
) -> Interpreter:
    """Choose the interpreter of a line; `libc` finds the C library of its stage where nothing else says it.

    Raises InterpreterNotFoundError where the provider has none of that version, FlagError for a site's or a build
    arg's value that is none.
    """
    chosen, reason = _provider(statement.flags, setting)
    version = statement.version
    _check_flags(chosen, statement.flags)
    if chosen == "base":
        found = Interpreter("base", minor(version), "base", dict.fromkeys(platforms, Base()))
    elif chosen == "source":
        found = _source(version, statement.flags, platforms, setting)
    elif chosen.startswith(flags.IMAGE):
        reference = chosen.removeprefix(flags.IMAGE)
        recipes = {platform: Image(reference, platform) for platform in platforms}
        found = Interpreter(f"{version}-{_short(reference)}", version, f"image {reference}", recipes)
    else:
        named = statement.flags.libc or setting("PYENV_LIBC") or libc()
        found = _standalone(version, platforms, named, table())
    return replace(found, reason=reason)


def _provider(given: Flags, setting: Setting) -> tuple[str, str]:
    """What the interpreter comes from, and what says so."""
    if given.interpreter:
        return given.interpreter, "by --interpreter"
    name = "PYENV_INTERPRETER"
    if not setting(name):
        return "standalone", "by default"
    try:
        return flags.check_interpreter(setting(name)), f"by {name}"
    except FlagError as error:
        raise FlagError(f"{name}: {error}") from None


def _standalone(version: str, platforms: Sequence[str], libc: str, table: Table) -> Interpreter:
    if version.endswith("t"):
        raise InterpreterNotFoundError(
            f"standalone builds of free-threaded Pythons such as {version} are not known here: add --interpreter=source"
        )
    builds = table.select(version, platforms, libc)
    build = next(iter(builds.values()))
    suffix = "-musl" if build.libc == "musl" else ""
    return Interpreter(f"{build.version}{suffix}", build.version, "standalone", builds)


def _check_flags(provider: str, given: Flags) -> None:
    """Refuse flags that say nothing about the provider."""
    if provider != "source" and (given.builder or given.enable_optimizations):
        name = "builder" if given.builder else "enable-optimizations"
        raise FlagError(
            f"--{name} is about compiling, and this interpreter is not compiled: add --interpreter=source", name
        )
    if provider != "standalone" and given.libc:
        raise FlagError("--libc chooses a standalone build, and this interpreter is none: leave the flag out", "libc")
    if provider == "base" and given.no_venv:
        raise FlagError("--no-venv adds an interpreter, and --interpreter=base adds none")


def _source(version: str, given: Flags, platforms: Sequence[str], setting: Setting) -> Interpreter:
    full, file, digest = _release(version.removesuffix("t"), setting)
    mirror = setting("PYENV_SOURCE_MIRROR")
    mirror = mirror.rstrip("/") if is_address(mirror) else SOURCES
    builder = given.builder or setting("PYENV_BUILDER") or DEFAULT_BUILDER
    free = version.endswith("t")
    recipes = {
        platform: Tarball(
            url=f"{mirror}/{_final(full)}/{file}",
            upstream=f"{SOURCES}/{_final(full)}/{file}",
            sha256=digest,
            builder=builder,
            optimize=given.enable_optimizations,
            free_threaded=free,
            platform=platform,
        )
        for platform in platforms
    }
    named = full + ("t" if free else "")
    key = f"{builder} {given.enable_optimizations} {digest}"
    return Interpreter(f"{named}-{_short(key)}", named, f"compiled in {builder}", recipes)


def _release(version: str, setting: Setting) -> tuple[str, str, str]:
    """Full version, file name and checksum of a release to compile: by build arg, else from the known ones."""
    if digest := setting("PYENV_SOURCE_SHA256"):
        if version.count(".") < 2:  # noqa: PLR2004 - X.Y.Z
            raise InterpreterNotFoundError(
                f"PYENV_SOURCE_SHA256 is the checksum of one release: write its full version in place of {version}"
            )
        return version, f"Python-{version}.tar.xz", digest.removeprefix("sha256:")
    from packaging.version import Version  # noqa: PLC0415 - costs 20 ms, for --interpreter=source only

    known = _known_sources()
    newer = [one for one in known if one.startswith(version + ".") and not Version(one).is_prerelease]
    fitting = [version] if version in known else newer if version.count(".") == 1 else []
    if not fitting:
        raise InterpreterNotFoundError(
            f"the checksum of CPython {version}'s source is not known here (known are "
            f"{', '.join(sorted(known, key=Version))}): give it with --build-arg PYENV_SOURCE_SHA256=…"
        )
    full = max(fitting, key=Version)
    return full, known[full]["file"], known[full]["sha256"]


def _known_sources() -> Mapping[str, Mapping[str, str]]:
    """Release tarballs by version: their names on python.org, and SHA-256 as Debian's source packages record it."""
    known: Mapping[str, Mapping[str, str]] = json.loads(package_data.read("data/sources.json"))
    return known


def _final(version: str) -> str:
    """The release that a pre-release leads to: "3.15.0" of "3.15.0rc1"; python.org keeps both in one directory."""
    return version.split("a", maxsplit=1)[0].split("b", maxsplit=1)[0].split("rc", maxsplit=1)[0]


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]
