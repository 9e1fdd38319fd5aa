"""Drives uv: its cache, its environment and its arguments."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Collection, Dict, List, Mapping, NamedTuple, Sequence, Tuple

import credentials
import failure
import uv
from layout import Layout, ProvisionError
from requirements import PROJECT, UV_LOCK

if TYPE_CHECKING:
    from pathlib import Path

    from log import Log
    from owner import Owner
    from requirements import Asked
    from settings import Settings

SHARED = ("archive-v0", "simple-v28", "wheels-v8")
"""uv 0.13's cache buckets of what was downloaded."""

THROW_AWAY = ("interpreter-v5",)
"""uv 0.13's cache bucket that no other step must see: it knows an interpreter by path and time, the same everywhere."""

STRATEGY = ("--index-strategy=unsafe-best-match",)
"""As pip does: the best version of all indexes."""

ARGUMENTS = (
    "pip",
    "install",
    "--no-config",
    "--no-python-downloads",
    "--link-mode=copy",
    *STRATEGY,
    "--color=never",
    "--no-progress",
)

LOCK_SECONDS = 4 * 60 * 60
"""How long a step waits for another one that builds the same package from source."""

FIRST_TIME = "315532800"
"""1980-01-01, the first time of zip: what is built from source, and heeds this, holds no time of the build."""

CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Places(NamedTuple):
    """Where uv looked for packages: what it was started with."""

    environment: Dict[str, str]
    options: List[str]


def install(  # noqa: PLR0913 - an install is described by this many facts
    path: Path, asked: Asked, chosen: Settings, owner: Owner, layout: Layout, *, log: Log, no_deps: bool = False
) -> Places:
    """Install requirements into the environment at `path`.

    Raises ProvisionError, which says why uv failed.
    """
    environment = step_environment(chosen, owner, layout)
    if "--prefer-binary" in asked.flags:
        log("uv knows no --prefer-binary: a version without a wheel may be built (--only-binary forbids it)")
    if asked.index:
        without_default(environment)
    command = [
        str(layout.uv),
        *ARGUMENTS,
        f"--python={path / 'bin' / 'python'}",
        f"--cache-dir={cache(layout)}",
        *chosen.arguments,
        *(["--no-deps"] if no_deps else []),
    ]
    for lock in asked.locks:
        _run([*command, *_of_lock(lock, path, asked, environment, layout, log)], environment, asked, log)
    if asked.locked:
        asked = asked.local()
        command += [] if no_deps else ["--no-deps"]
    if asked.is_listed:
        options, files = _listed(asked, layout)
        more = [*options, *hashes(asked), *(f"--requirements={file}" for file in files)]
        _run([*command, *more], environment, asked, log)
    return places(asked, chosen, environment)


def fitting(  # noqa: PLR0913 - an install is described by this many facts
    path: Path,
    asked: Asked,
    chosen: Settings,
    owner: Owner,
    layout: Layout,
    *,
    versions: Mapping[str, str],
    compiled: Collection[str],
) -> Dict[str, str]:
    """Return versions that an install into the environment at `path` would take, where `versions` are to be kept to.

    They are those that fit with what is asked for and with this Python, and where they do not, others. Of `compiled`
    packages a version counts only if it needs no compiler. {} stands for an install that will fail.
    """
    options, files = _listed(asked, layout)
    options += [f"--cache-dir={cache(layout)}", *STRATEGY, *chosen.arguments, *map(str, files)]
    binary = [f"--only-binary={name}" for name in sorted(compiled) if name in versions]
    environment = step_environment(chosen, owner, layout)
    if asked.index:
        without_default(environment)
    for more in (binary, []):
        found = uv.resolve(
            str(layout.uv),
            str(path / "bin" / "python"),
            versions,
            [*options, *more],
            environment,
            layout.tmp / "preferred.txt",
        )
        if found:
            return found
    return {}


def _listed(asked: Asked, layout: Layout) -> Tuple[List[str], List[Path]]:
    """Return what uv is to be told beside lock files: options, and files with requirements."""
    options = arguments(asked)
    if asked.constraints:
        options.append(f"--constraints={written(layout, 'constraints.txt', asked.constraints)}")
    for project in asked.projects:
        options += [one.replace("--group=", f"--group={project}:") for one in asked.choice]
    return options, [written(layout, "requirements.txt", asked.lines()), *asked.projects]


def without_default(environment: Dict[str, str]) -> None:
    """Leave out the settings' default index: the files name another."""
    environment.pop("UV_DEFAULT_INDEX", None)
    environment.pop("UV_INDEX_URL", None)


def _run(command: List[str], environment: Dict[str, str], asked: Asked, log: Log) -> None:
    try:
        status, text = uv.run(command, environment, log, log.redact)
    except OSError as error:
        raise ProvisionError(f"uv cannot be started: {error}") from None
    if status != 0:
        python = "{}.{}".format(*sys.version_info)
        words = failure.paragraph(uv.explain(command, environment, text, python))
        raise ProvisionError(f"the requirements in {asked.title} cannot be installed: " + "\n".join(words))


def _of_lock(  # noqa: PLR0913, PLR0917 - an install is described by this many facts
    lock: Path, path: Path, asked: Asked, environment: Dict[str, str], layout: Layout, log: Log
) -> List[str]:
    """Return the arguments that install a lock file."""
    if lock.name != UV_LOCK:
        # A lock of ours has been made for the choice.
        choice = [] if asked.locked else [one.replace("--group=", f"--group={lock}:") for one in asked.choice]
        # What files say about places and builds counts for a lock of ours, too: it has no credentials of its own.
        more = [*arguments(asked), *asked.places(), *asked.binary()] if asked.locked else []
        return ["--preview-features=pylock", *choice, *more, f"--requirements={lock}"]
    return ["--no-deps", "--require-hashes", f"--requirements={exported(lock, path, asked, environment, layout, log)}"]


def exported(  # noqa: PLR0913, PLR0917 - likewise
    lock: Path, path: Path, asked: Asked, environment: Dict[str, str], layout: Layout, log: Log
) -> Path:
    """Write what a uv.lock holds into a requirements file of the step, and return that.

    The project itself and what else has no archive is left out. Raises ProvisionError for a lock that does not fit its
    project or the Python.
    """
    target = layout.tmp / "uv-lock.txt"
    command = [
        str(layout.uv),
        *("export", "--locked", "--offline", "--quiet", "--no-python-downloads", "--format=requirements.txt"),
        *("--no-emit-project", "--no-emit-workspace", "--no-emit-local", "--no-default-groups", "--color=never"),
        *("--no-annotate", "--no-header", f"--project={lock.parent}", f"--python={path / 'bin' / 'python'}"),
        *(f"--cache-dir={cache(layout)}", f"--output-file={target}", *asked.choice),
    ]
    # A lock names the indexes that it was made with; the stage's own may be mirrors of them.
    bare = {name: value for name, value in environment.items() if "INDEX" not in name}
    texts = []
    for variables in (bare, environment):
        done = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode == 0:
            return target
        texts.append(log.redact(done.stderr.decode("utf-8", "replace")))
    words = texts[-1].partition("error: ")[2].partition("\n")[0]
    raise ProvisionError(
        f"{asked.title} cannot be installed: the lock does not fit the {PROJECT} beside it, or not this Python. "
        f"Run uv lock there and look at what changes; uv says: {words}"
    )


def places(asked: Asked, chosen: Settings, environment: Dict[str, str]) -> Places:
    """Where packages are looked for, in uv's words."""
    return Places(environment, [*chosen.arguments, *arguments(asked), *asked.places()])


def arguments(asked: Asked) -> List[str]:
    """What uv wants on its command line and not in a file."""
    arguments = [f"--allow-insecure-host={host}" for host in asked.hosts]
    arguments += [f"--config-settings-package={name}:{value}" for name, value in asked.settings]
    if "--pre" in asked.flags:
        arguments.append("--prerelease=allow")
    arguments += [f"--prerelease-package={name}=allow" for name in asked.pre_releases()]
    return list(dict.fromkeys(arguments))


def hashes(asked: Asked) -> List[str]:
    """The option that everything needs a hash, where a file says so or has one."""
    wanted = "--require-hashes" in asked.flags or any(" --hash=" in line for line in asked.requirements)
    return ["--require-hashes"] if wanted else []


def written(layout: Layout, name: str, lines: List[str]) -> Path:
    """Write lines into a file of the step."""
    path = layout.tmp / name
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", errors="surrogateescape")
    return path


def check(path: Path, places: Places, layout: Layout, *, log: Log, no_deps: bool = False) -> None:
    """Raise ProvisionError unless the packages of an environment fit together.

    With `no_deps`, where somebody else has chosen them, the log tells instead.
    """
    options = [f"--cache-dir={cache(layout)}"]
    problems = uv.check(str(layout.uv), str(path / "bin" / "python"), options, places.environment)
    if problems and no_deps:
        log("\n".join(("what does not fit together here, --no-deps leaves to you:", *problems)))
    elif problems:
        raise ProvisionError("\n".join(("the packages that are installed do not fit together:", *problems)))


def origins(path: Path, pins: Sequence[str], places: Places, layout: Layout) -> Dict[str, str]:
    """Return the address of the index or place of packages that each pinned package came from, by name."""
    if not pins:
        return {}
    options = [*places.options, *STRATEGY, f"--cache-dir={cache(layout)}"]
    return uv.origins(str(layout.uv), str(path / "bin" / "python"), pins, options, places.environment)


def has_certificates(layout: Layout) -> bool:
    """Whether the image has certificates where distributions keep them."""
    return any(layout.find(path).is_file() for path in CERTIFICATES)


def cache(layout: Layout) -> Path:
    """Lay out uv's cache directory for this base, and return it.

    Downloads are the same for all bases. A wheel that was built here fits this C library and distribution release, and
    uv would take it for any: it knows the platform's name alone. So each kind of base has a directory of its own in
    the cache mount, where the buckets for downloads are links to shared ones. uv's entries hold absolute paths, hence
    a path that does not change.
    """
    directory = layout.cache / base(layout)
    targets = {name: layout.cache / "shared" / name for name in SHARED}
    targets.update((name, layout.tmp / name) for name in THROW_AWAY)
    directory.mkdir(parents=True, exist_ok=True)
    for name, target in targets.items():
        target.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # an earlier step's link, or that of one which runs beside this one
            (directory / name).symlink_to(target)
    return directory


def base(layout: Layout) -> str:
    """Name the kind of base that this is: machine, C library, distribution release."""
    try:
        libc = (os.confstr("CS_GNU_LIBC_VERSION") or "musl").replace(" ", "")
    except (OSError, ValueError):
        libc = "musl"
    release: Dict[str, str] = {}
    for path in map(layout.find, ("/usr/lib/os-release", "/etc/os-release")):
        if path.is_file():
            pairs = (line.strip().partition("=") for line in path.read_text("utf-8", "replace").splitlines())
            release = {key: value.strip("\"'") for key, _, value in pairs}
    number = release.get("VERSION_ID") or release.get("VERSION_CODENAME") or release.get("BUILD_ID") or "unversioned"
    machine = f"{os.uname().machine}-{struct.calcsize('P') * 8}bit"
    return "-".join((machine, libc, release.get("ID", "linux"), number)).replace("/", "_")


def step_environment(chosen: Settings, owner: Owner, layout: Layout) -> Dict[str, str]:
    """Return variables for an installer, in uv's terms."""
    environment = dict(chosen.environment)
    environment.update(
        HOME=str(layout.home),
        TMPDIR=str(layout.tmp),
        SOURCE_DATE_EPOCH=FIRST_TIME,
        UV_LOCK_TIMEOUT=str(LOCK_SECONDS),
    )
    netrc = credentials.netrc(environment, owner.home, layout)
    if netrc is not None:
        environment["NETRC"] = str(netrc)
        credentials.offer(netrc, layout)
    environment.update(credentials.hosts(environment, owner.home, layout))
    return environment
