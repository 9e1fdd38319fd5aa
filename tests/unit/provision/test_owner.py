"""Who an environment belongs to."""

import os
from pathlib import Path

import pytest
from layout import Layout, ProvisionError
from owner import Owner, give, resolve

USERS = """\
root:x:0:0:root:/root:/bin/bash

# a comment
astro:x:50000:50001:Astro:/home/astro:/bin/bash
50003:x:50004:50004::/home/number:/bin/sh
short:x:1
"""
ADVICE = "with this name: create it above this line, or write its number"
GROUPS = "root:x:0:\nastro:x:50001:\nusers:x:100:astro\n"


@pytest.fixture
def users(layout: Layout) -> Layout:
    """An image with users and groups."""
    etc = layout.root / "etc"
    etc.mkdir()
    (etc / "passwd").write_text(USERS)
    (etc / "group").write_text(GROUPS)
    return layout


@pytest.mark.parametrize(
    ("spec", "owner"),
    [
        pytest.param("", Owner(0, 0, "/root"), id="no USER"),
        pytest.param("astro", Owner(50000, 50001, "/home/astro"), id="name"),
        pytest.param("50000", Owner(50000, 50001, "/home/astro"), id="number of a user"),
        pytest.param("50000:0", Owner(50000, 0, "/home/astro"), id="number and group number"),
        pytest.param("astro:users", Owner(50000, 100, "/home/astro"), id="names"),
        pytest.param("astro:7", Owner(50000, 7, "/home/astro"), id="group number that is not there"),
        pytest.param("12345", Owner(12345, 0, "/"), id="number that is not there"),
        pytest.param("50003", Owner(50003, 0, "/"), id="a number is never a name"),
        pytest.param(":users", Owner(0, 100, "/root"), id="group alone"),
    ],
)
def test_resolve(users: Layout, spec: str, owner: Owner) -> None:
    """USER is resolved against /etc/passwd and /etc/group as a container's user is."""
    assert resolve(spec, users) == owner


@pytest.mark.parametrize(
    ("spec", "owner"), [("50000", Owner(50000, 0, "/")), ("7:8", Owner(7, 8, "/")), ("", Owner(0, 0, "/"))]
)
def test_without_passwd(layout: Layout, spec: str, owner: Owner) -> None:
    assert resolve(spec, layout) == owner


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nobody", f"USER is nobody, but /etc/passwd has no user {ADVICE}"),
        ("short", "has no user"),
        ("astro:staff", f"the group of USER is staff, but /etc/group has no group {ADVICE}"),
    ],
)
def test_unknown(users: Layout, spec: str, message: str) -> None:
    """A name that is not known is an error."""
    with pytest.raises(ProvisionError, match=message):
        resolve(spec, users)


def test_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything changes hands, links themselves and never their targets."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/file").touch()
    (tmp_path / "lib64").symlink_to("lib")
    (tmp_path / "python").symlink_to("/nowhere")
    given = []
    monkeypatch.setattr(os, "lchown", lambda path, uid, gid: given.append((Path(path), uid, gid)))
    give(tmp_path, Owner(50000, 7, "/"))
    names = [tmp_path, tmp_path / "lib", tmp_path / "lib64", tmp_path / "python", tmp_path / "lib/file"]
    assert sorted(given) == sorted((name, 50000, 7) for name in names)


@pytest.mark.parametrize(("gid", "modes"), [(0, (0o775, 0o664, 0o775)), (7, (0o755, 0o644, 0o755))])
def test_group_0_may_do_what_the_owner_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gid: int, modes: tuple[int, int, int]
) -> None:
    """Any user of group 0 can add to such an environment; another group's rights stay. Targets of links do, too."""
    top, outside = tmp_path / "top", tmp_path / "outside"
    (top / "bin").mkdir(parents=True)
    for path, mode in ((top / "file", 0o644), (top / "bin/pip", 0o755), (outside, 0o600)):
        path.touch()
        path.chmod(mode)
    top.chmod(0o755)
    (top / "link").symlink_to(outside)
    monkeypatch.setattr(os, "lchown", lambda *_: None)
    give(top, Owner(50000, gid, "/"))
    assert tuple(path.stat().st_mode & 0o777 for path in (top, top / "file", top / "bin/pip")) == modes
    assert outside.stat().st_mode & 0o777 == 0o600
