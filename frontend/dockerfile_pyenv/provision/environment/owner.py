"""Who an environment belongs to: USER of the stage, resolved as a container's user is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, NamedTuple

from layout import Layout, ProvisionError

HIGHEST_ID = 2**31 - 1


class Owner(NamedTuple):
    """A user, by numbers."""

    uid: int
    gid: int
    home: str
    """Path of the home directory in the image; "/" where /etc/passwd does not know the user."""


def resolve(spec: str, layout: Layout) -> Owner:
    """Resolve what USER says: "", "name", "uid", or either with ":group" or ":gid".

    Follows GetExecUser of moby/sys/user: a number need not be in /etc/passwd, a name must; a user that is not there
    has group 0. Raises ProvisionError for a name that is not known.
    """
    user, _, group = spec.partition(":")
    number = _number(user or "0")
    uid, gid, home = number, 0, "/"
    for name, _, own, primary, _, directory, *_ in _records(layout.find("/etc/passwd"), 6):
        if (name == user) if number is None else (_number(own) == number):
            uid, gid, home = _number(own), _number(primary) or 0, directory or "/"
            break
    if uid is None:
        raise ProvisionError(f"USER is {user} here, and /etc/passwd knows no user of that name")
    return Owner(uid, _group(group, layout) if group else gid, home)


def give(path: Path, owner: Owner) -> None:
    """Give a directory and everything below it to its owner; links themselves, never what they point to."""
    if (owner.uid, owner.gid) == (os.geteuid(), os.getegid()):
        return
    os.lchown(path, owner.uid, owner.gid)
    for directory, directories, files in os.walk(path):
        for name in directories + files:
            os.lchown(Path(directory, name), owner.uid, owner.gid)


def _group(group: str, layout: Layout) -> int:
    number = _number(group)
    for name, _, gid, *_ in _records(layout.find("/etc/group"), 3):
        if number is None and name == group:
            number = _number(gid)
    if number is None:
        raise ProvisionError(f"USER names the group {group} here, and /etc/group knows no group of that name")
    return number


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) <= HIGHEST_ID else None


def _records(path: Path, fields: int) -> Iterator[list[str]]:
    """Yield the lines that have at least so many fields; a file that is missing has none."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for line in text.splitlines():
        record = line.strip().split(":")
        if len(record) >= fields:
            yield record
