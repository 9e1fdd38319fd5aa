"""The owner of an environment: the stage's USER, resolved as for a container."""

from __future__ import annotations

import os
import stat
from itertools import chain
from pathlib import Path
from typing import Iterator, NamedTuple

from layout import Layout, ProvisionError

HIGHEST_ID = 2**31 - 1


class Owner(NamedTuple):
    """A user, by numbers."""

    uid: int
    gid: int
    home: str
    """Path of the home directory in the image; "/" if the user is not in /etc/passwd."""


def resolve(spec: str, layout: Layout) -> Owner:
    """Resolve the value of USER: "", "name", "uid", or either with ":group" or ":gid".

    Follows GetExecUser of moby/sys/user: a name must be in /etc/passwd, a number need not; a user that is not has group
    0. Raises ProvisionError for an unknown name.
    """
    user, _, group = spec.partition(":")
    number = _number(user or "0")
    uid, gid, home = number, 0, "/"
    for name, _, own, primary, _, directory, *_ in _records(layout.find("/etc/passwd"), 6):
        if (name == user) if number is None else (_number(own) == number):
            uid, gid, home = _number(own), _number(primary) or 0, directory or "/"
            break
    if uid is None:
        raise ProvisionError(
            f"USER is {user}, but /etc/passwd has no user with this name: create it above this line, or write its "
            "number"
        )
    return Owner(uid, _group(group, layout) if group else gid, home)


def give(path: Path, owner: Owner) -> None:
    """Change the owner of a directory and everything in it; of links themselves, never of their targets.

    If the owner's group is 0, the group gets the owner's permissions (`g=u`): OpenShift runs containers as any user of
    that group, and images that follow its guidelines, such as apache/airflow, have their files so.
    """
    changes = (owner.uid, owner.gid) != (os.geteuid(), os.getegid())
    if not changes and owner.gid != 0:
        return
    names = ([Path(top, name) for name in below + files] for top, below, files in os.walk(path))
    for entry in chain([path], *names):
        if changes:
            os.lchown(entry, owner.uid, owner.gid)
        if owner.gid == 0:
            _share(entry)


def _share(path: Path) -> None:
    mode = path.lstat().st_mode
    shared = (mode & ~stat.S_IRWXG) | (mode & stat.S_IRWXU) >> 3
    if not stat.S_ISLNK(mode) and shared != mode:
        path.chmod(stat.S_IMODE(shared))


def _group(group: str, layout: Layout) -> int:
    number = _number(group)
    for name, _, gid, *_ in _records(layout.find("/etc/group"), 3):
        if number is None and name == group:
            number = _number(gid)
    if number is None:
        raise ProvisionError(
            f"the group of USER is {group}, but /etc/group has no group with this name: create it above this line, or "
            "write its number"
        )
    return number


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) <= HIGHEST_ID else None


def _records(path: Path, fields: int) -> Iterator[list[str]]:
    """Yield the lines with at least this many fields; nothing for a missing file."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for line in text.splitlines():
        record = line.strip().split(":")
        if len(record) >= fields:
            yield record
