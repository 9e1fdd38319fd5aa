"""Secrets of the build reach uv, pip and git where they look for them."""

import shlex
from pathlib import Path

import credentials
import pytest
from layout import Layout, ProvisionError


@pytest.fixture
def mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The list of what is mounted, empty at first."""
    path = tmp_path / "mountinfo"
    monkeypatch.setattr(credentials, "MOUNTS", path)
    return path


def test_secrets_that_stand_for_variables(layout: Layout) -> None:
    """A variable holds its secret without the file's newline; one that names a file holds the path."""
    layout.secrets.mkdir(parents=True)
    for name, data in {"TOKEN": b"t0k\n", "OTHER": b"two\nlines\r\n", "PIP_CERT": b"pem\n", "EMPTY": b""}.items():
        (layout.secrets / name).write_bytes(data)
    found, names = credentials.variables({"TOKEN": "from the stage", "A": "b"}, layout)
    assert names == ["EMPTY", "OTHER", "PIP_CERT", "TOKEN"]
    assert found == {
        "A": "b",
        "EMPTY": "",
        "OTHER": "two\nlines",
        "PIP_CERT": str(layout.secrets / "PIP_CERT"),
        "TOKEN": "t0k",
    }


def test_a_ca_bundle_goes_before_those_of_the_stage(layout: Layout) -> None:
    """Whichever variable it is for: pip's goes before all others, so that one is set."""
    layout.secrets.mkdir(parents=True)
    path = layout.secrets / "SSL_CERT_FILE"
    path.touch()
    found, _ = credentials.variables({"PIP_CERT": "/a", "REQUESTS_CA_BUNDLE": "/b"}, layout)
    assert (found["SSL_CERT_FILE"], found["PIP_CERT"]) == (str(path), str(path))


def test_hosts_that_the_user_knows(layout: Layout) -> None:
    """Ssh knows them beside root's own, unless the stage has its own command for ssh."""
    home = layout.root / "home/me too"
    assert credentials.hosts({}, "/home/me too", layout) == {}
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/known_hosts").touch()
    found = credentials.hosts({"PATH": "/bin"}, "/home/me too", layout)["GIT_SSH_COMMAND"]
    assert shlex.split(found) == ["ssh", "-o", f'UserKnownHostsFile=/root/.ssh/known_hosts "{home}/.ssh/known_hosts"']
    assert credentials.hosts({"GIT_SSH_COMMAND": "ssh -4"}, "/home/me too", layout) == {}
    assert credentials.hosts({}, "/root", layout) == {}


def test_without_secrets(layout: Layout) -> None:
    """The environment is the stage's."""
    assert credentials.variables({"A": "b"}, layout) == ({"A": "b"}, [])


def test_a_secret_that_is_no_text(layout: Layout) -> None:
    """What cannot be a variable's value is told by its name."""
    layout.secrets.mkdir(parents=True)
    (layout.secrets / "TOKEN").write_bytes(b"a\0b")
    with pytest.raises(ProvisionError, match="the build secret for TOKEN contains a NUL byte"):
        credentials.variables({}, layout)


@pytest.mark.parametrize(
    ("environ", "files", "found"),
    [
        ({}, ["home/me/.netrc"], "home/me/.netrc"),
        ({}, [], None),
        ({}, ["root/.netrc"], None),
        ({}, ["mounted root/.netrc"], "root/.netrc"),
        ({}, ["mounted root/.netrc", "home/me/.netrc"], "home/me/.netrc"),
        ({"NETRC": "/etc/netrc"}, ["home/me/.netrc"], "etc/netrc"),
    ],
    ids=["the USER's", "none", "root's own", "mounted for root", "the USER's first", "the variable's first"],
)
def test_which_netrc_counts(
    layout: Layout, mounts: Path, environ: dict[str, str], files: list[str], found: str | None
) -> None:
    """The step runs as root, so a secret may be mounted for root; what root has otherwise is not the USER's."""
    for mounted, _, name in (file.rpartition(" ") for file in files):
        (layout.root / name).parent.mkdir(parents=True, exist_ok=True)
        (layout.root / name).touch()
        if mounted:
            mounts.write_text(f"1 1 0:1 / {layout.root / name} ro - tmpfs t rw\n")
    assert credentials.netrc(environ, "/home/me", layout) == (layout.root / found if found else None)


def test_pip_conf_mounted_for_root(layout: Layout, mounts: Path) -> None:
    """A pip.conf that is mounted for root counts for other users too; blanks in a path are written as numbers."""
    mounts.write_text(f"1 1 0:1 / {layout.root}/root/.config/pip/pip.conf ro - tmpfs t rw\nodd\n1 1 0:1 / /a\\040b r\n")
    assert credentials.pip_files("/home/me", layout) == ["/root/.config/pip/pip.conf"]
    assert credentials.pip_files("/root", layout) == []
    assert "/a b" in credentials.mounted()


def test_without_a_list_of_mounts(layout: Layout, mounts: Path) -> None:
    """Where /proc is hidden nothing is known to be mounted."""
    assert not mounts.exists()
    assert credentials.pip_files("/home/me", layout) == []


def test_git_finds_the_netrc(layout: Layout) -> None:
    """The home directory of the step links to it, once."""
    for _ in range(2):
        credentials.offer(Path("/run/x"), layout)
    credentials.offer(None, layout)
    assert (layout.home / ".netrc").readlink() == Path("/run/x")
