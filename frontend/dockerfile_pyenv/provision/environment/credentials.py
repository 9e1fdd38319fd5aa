"""Secrets of the build where pip, uv and git look for them.

A secret that stands for a variable is a file of the variable's name below `Layout.secrets`. Most variables then hold
what the file holds; those that name a file hold its path. Nothing of it is written anywhere: the step's home directory
and the mounts are gone with the step.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Dict, FrozenSet, List, Mapping, Tuple

from layout import ProvisionError

if TYPE_CHECKING:
    from layout import Layout

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
"""Variables that name a file; dockerfile-syntax/reference.md has the same list for its readers."""

CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables for one and the same thing, the CA bundle: images set some of them."""

ROOT_HOME = "/root"
"""Home directory of the step's user, whom a secret may be mounted for whatever the stage's USER is."""

PIP_FILES = (".pip/pip.conf", ".config/pip/pip.conf")

MOUNTS = Path("/proc/self/mountinfo")


def variables(environ: Mapping[str, str], layout: Layout) -> Tuple[Dict[str, str], List[str]]:
    """Return the environment with the secrets that stand for variables, and the names of these variables.

    A CA bundle goes before those that the stage has, by whatever variable. A newline at a secret's end is the file's,
    not the value's. Raises ProvisionError for a value that cannot be one.
    """
    found = dict(environ)
    names = sorted(path.name for path in layout.secrets.iterdir()) if layout.secrets.is_dir() else []
    for name in names:
        path = layout.secrets / name
        if name in PATHS:
            found[name] = str(path)
            continue
        data = path.read_bytes()
        for end in (b"\n", b"\r"):
            data = data[:-1] if data.endswith(end) else data
        if b"\0" in data:
            raise ProvisionError(f"the secret for {name} holds a NUL byte, which no variable can: give it as text")
        found[name] = data.decode("utf-8", "surrogateescape")
    bundle = next((found[name] for name in CERTIFICATES if name in names), None)
    if bundle:
        # pip's own goes before uv's and before a pip.conf: see settings.py.
        found["PIP_CERT"] = bundle
    return found, names


def netrc(environ: Mapping[str, str], home: str, layout: Layout) -> Path | None:
    """Find the netrc file that counts: of NETRC, of the USER with this home directory, or mounted for root."""
    if environ.get("NETRC"):
        return layout.find(environ["NETRC"])
    for directory, only_mounted in ((home, False), (ROOT_HOME, True)):
        path = layout.find(directory) / ".netrc"
        if path.is_file() and not (only_mounted and str(path) not in mounted()):
            return path
    return None


def pip_files(home: str, layout: Layout) -> List[str]:
    """Paths of pip.conf files that are mounted for root, where the USER is another one: they count like the USER's."""
    if home == ROOT_HOME:
        return []
    return [path for path in (f"{ROOT_HOME}/{name}" for name in PIP_FILES) if str(layout.find(path)) in mounted()]


def offer(path: Path | None, layout: Layout) -> None:
    """Let git and whatever else looks for `~/.netrc` find it: curl's library does not know the variable NETRC."""
    if path is not None:
        layout.home.mkdir(parents=True, exist_ok=True)
        link = layout.home / ".netrc"
        if not link.is_symlink():
            link.symlink_to(path)


def hosts(environ: Mapping[str, str], home: str, layout: Layout) -> Dict[str, str]:
    """Variables by which ssh, run by git, knows the hosts that the USER with this home directory knows, too.

    ssh looks in the home directory of the step's own user, whatever HOME says (ssh_config(5), UserKnownHostsFile).
    """
    path = layout.find(home) / ".ssh" / "known_hosts"
    if home == ROOT_HOME or not path.is_file() or {"GIT_SSH_COMMAND", "GIT_SSH"} & set(environ):
        return {}
    option = f'UserKnownHostsFile={ROOT_HOME}/.ssh/known_hosts "{path}"'
    return {"GIT_SSH_COMMAND": f"ssh -o {shlex.quote(option)}"}


def mounted() -> FrozenSet[str]:
    """Return the paths that something is mounted on (proc_pid_mountinfo(5): the fifth field, with octal escapes)."""
    try:
        text = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return frozenset()
    fields = (line.split(" ") for line in text.splitlines())
    return frozenset(re.sub(r"\\([0-7]{3})", _octal, field[4]) for field in fields if len(field) > 4)  # noqa: PLR2004


def _octal(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))
