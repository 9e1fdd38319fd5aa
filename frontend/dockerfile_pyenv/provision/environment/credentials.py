"""Makes build secrets available where pip, uv and git look for them.

A secret that sets a variable is a file with the variable's name in `Layout.secrets`. Most variables get the file's
content; those that name a file get its path. Nothing is written to the image: the step's home directory and its mounts
are gone after the step.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, Mapping, Tuple

from layout import Layout, ProvisionError

PATHS = frozenset(
    {
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "NETRC",
        "PIP_CERT",
        "PIP_CLIENT_CERT",
        "PIP_CONFIG_FILE",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "SSL_CLIENT_CERT",
    }
)
"""Variables that name a file; dockerfile-syntax/reference.md documents the same list."""

CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables for the CA bundle: images set some of them."""

ROOT_HOME = "/root"
"""Home directory of the step's user: a secret may be mounted there, whatever the stage's USER is."""

PIP_FILES = (".pip/pip.conf", ".config/pip/pip.conf")

MOUNTS = Path("/proc/self/mountinfo")


def variables(environ: Mapping[str, str], layout: Layout) -> Tuple[Dict[str, str], List[str]]:
    """Return the environment with the variables that secrets set, and the names of these variables.

    A CA bundle overrides those of the stage, whichever variable sets it. A trailing newline belongs to the file, not to
    the value. Raises ProvisionError for a value that a variable cannot hold.
    """
    found = dict(environ)
    names = [path.name for path in _own(layout)]
    for name in names:
        path = layout.secrets / name
        if name in PATHS:
            found[name] = str(path)
            continue
        data = path.read_bytes()
        for end in (b"\n", b"\r"):
            data = data[:-1] if data.endswith(end) else data
        if b"\0" in data:
            raise ProvisionError(
                f"the build secret for {name} contains a NUL byte, which a variable cannot hold: use text"
            )
        found[name] = data.decode("utf-8", "surrogateescape")
    bundle = next((found[name] for name in CERTIFICATES if name in names), None)
    if bundle:
        # pip's variable overrides uv's and pip.conf: see settings.py.
        found["PIP_CERT"] = bundle
    return found, names


def netrc(environ: Mapping[str, str], home: str, layout: Layout) -> Path | None:
    """Return the netrc file that applies: of NETRC, of the USER with this home directory, or mounted for root."""
    if environ.get("NETRC"):
        return layout.find(environ["NETRC"])
    for directory, only_mounted in ((home, False), (ROOT_HOME, True)):
        path = layout.find(directory) / ".netrc"
        # Other users may not look into root's home, and `dockerfile-pyenv lock` runs as any user.
        if (not only_mounted or str(path) in mounted()) and path.is_file():
            return path
    return None


def pip_files(home: str, layout: Layout) -> List[str]:
    """Return pip.conf files that are mounted for root: they apply like the USER's, if the USER is not root."""
    if home == ROOT_HOME:
        return []
    return [path for path in (f"{ROOT_HOME}/{name}" for name in PIP_FILES) if str(layout.find(path)) in mounted()]


def offer(path: Path | None, layout: Layout) -> None:
    """Link `~/.netrc` to it for git and others: libcurl does not read the variable NETRC."""
    if path is not None:
        layout.home.mkdir(parents=True, exist_ok=True)
        link = layout.home / ".netrc"
        if not link.is_symlink():
            link.symlink_to(path)


def hosts(environ: Mapping[str, str], home: str, layout: Layout) -> Dict[str, str]:
    """Return variables with which ssh, run by git, also knows the hosts of the USER with this home directory.

    ssh looks in the home directory of the step's user, whatever HOME says (ssh_config(5), UserKnownHostsFile).
    """
    path = layout.find(home) / ".ssh" / "known_hosts"
    if home == ROOT_HOME or not path.is_file() or {"GIT_SSH_COMMAND", "GIT_SSH"} & set(environ):
        return {}
    option = f'UserKnownHostsFile={ROOT_HOME}/.ssh/known_hosts "{path}"'
    return {"GIT_SSH_COMMAND": f"ssh -o {shlex.quote(option)}"}


def files(layout: Layout) -> List[Path]:
    """Return the build secrets of the step that are files.

    BuildKit mounts a secret as a file on a tmpfs of its own (solver/llbsolver/mounts/mount.go), whatever its path.
    """
    found = [path for path in _own(layout) if path.name in PATHS and path.name not in CERTIFICATES]
    paths = [Path(path) for path, kind in _mounts() if kind == "tmpfs"]
    return found + sorted(path for path in paths if layout.run not in path.parents and path.is_file())


def _own(layout: Layout) -> List[Path]:
    """Return the build secrets that set variables: mounts, and no files that a base image has in their place."""
    found = sorted(layout.secrets.iterdir()) if layout.secrets.is_dir() else []
    points = mounted()
    if layout.run != Layout().run or not points:  # a test's directories
        return found
    return [path for path in found if os.path.realpath(str(path)) in points]


def mounted() -> FrozenSet[str]:
    """Return all mount points."""
    return frozenset(path for path, _ in _mounts())


def _mounts() -> Iterator[Tuple[str, str]]:
    """Yield mount points with the kinds of their file systems.

    See proc_pid_mountinfo(5): the fifth field, with octal escapes, and the first one after a hyphen.
    """
    try:
        text = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for line in text.splitlines():
        fields, _, more = line.partition(" - ")
        found = fields.split(" ")
        if len(found) > 4:  # noqa: PLR2004
            yield re.sub(r"\\([0-7]{3})", _octal, found[4]), more.partition(" ")[0]


def _octal(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))
