"""The build context of commands: what an engine would not read is not read, and named."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerfile_pyenv.cli.directory import Directory
from dockerfile_pyenv.plan.requirement_files import PathKind

Run = Callable[..., tuple[int, str, str]]
OUTSIDE = "secret-of-another-place"


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context whose neighbour is none of its business."""
    (tmp_path / "netrc").write_text(f"machine a password {OUTSIDE}\n")
    (tmp_path / "elsewhere").mkdir()
    found = tmp_path / "context"
    (found / "sub").mkdir(parents=True)
    (found / "real.txt").write_text("pandas==2.2.3\n")
    (found / "Dockerfile").write_text("FROM debian\nPYENV 3.13 etl requirements.txt\n")
    return found


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Make a socket at a path, which has to be a short one."""
    opened = []

    def make(path: Path) -> None:
        monkeypatch.chdir(path.parent)
        opened.append(socket.socket(socket.AF_UNIX))
        opened[-1].bind(path.name)

    yield make
    for one in opened:
        one.close()


OUTWARDS = {
    "relative": "../netrc",
    "through a directory": "sub/../../netrc",
    "more dots than there are directories": "../" * 40 + "etc/hostname",
}
COMMANDS = ["check", "explain", "render", "lock"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("target", OUTWARDS.values(), ids=list(OUTWARDS))
def test_a_link_that_leads_out_of_the_context_is_refused(run: Run, context: Path, command: str, target: str) -> None:
    """By name, without a word of what is there."""
    (context / "requirements.txt").symlink_to(target)
    status, out, err = run(command, context)
    assert status == 1
    assert f"cannot read requirements.txt: it is a symbolic link to {target}, outside the build context" in out + err
    assert OUTSIDE not in out + err


@pytest.mark.parametrize("command", COMMANDS)
def test_an_absolute_link_out_of_the_context_is_refused(run: Run, context: Path, command: str) -> None:
    """As in `requirements.txt -> ~/.netrc`."""
    (context / "requirements.txt").symlink_to(context.parent / "netrc")
    status, out, err = run(command, context)
    assert status == 1
    assert "outside the build context" in out + err
    assert OUTSIDE not in out + err


@pytest.mark.parametrize("option", ["-r", "-c"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_included_file_is_held_to_the_same(run: Run, context: Path, command: str, option: str) -> None:
    """And its line is named."""
    (context / "requirements.txt").write_text(f"{option} more.txt\n")
    (context / "more.txt").symlink_to("../netrc")
    status, out, err = run(command, context)
    assert status == 1
    assert "requirements.txt, line 1: more.txt: cannot read more.txt: it is a symbolic link" in out + err
    assert OUTSIDE not in out + err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_directory_that_is_a_link_out_of_the_context_is_refused(run: Run, context: Path, command: str) -> None:
    """The file in it is outside too."""
    (context.parent / "elsewhere" / "a.txt").write_text(OUTSIDE)
    (context / "linked").symlink_to("../elsewhere")
    (context / "Dockerfile").write_text("FROM debian\nPYENV 3.13 etl linked/a.txt\n")
    status, out, err = run(command, context)
    assert status == 1
    assert "cannot read linked/" in out + err
    assert ": it is a symbolic link to ../elsewhere, outside the build context" in out + err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["a named pipe", "a socket", "a device"])
def test_what_is_not_a_file_is_refused(
    run: Run, context: Path, bound: Callable[[Path], None], command: str, kind: str
) -> None:
    """Without opening it: a pipe would hang, and a device never end."""
    path = context / "requirements.txt"
    if kind == "a named pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        bound(path)
    else:
        try:
            os.mknod(path, 0o20666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root makes devices")
    status, out, err = run(command, context)
    assert status == 1
    assert f"cannot read requirements.txt: it is {kind}, not a file" in out + err


@pytest.mark.parametrize(
    ("links", "path"),
    [
        ({"a": "real.txt"}, "a"),
        ({"sub/a": "../real.txt"}, "sub/a"),
        ({"a": "b", "b": "sub/c", "sub/c": "../real.txt"}, "a"),
        ({"d": "sub", "sub/a": "../real.txt"}, "d/a"),
        ({"a": "/real.txt"}, "a"),
        ({"sub/a": "/sub/../real.txt"}, "sub/a"),
        ({"a": "../../real.txt"}, "a"),
    ],
)
def test_links_inside_the_context_are_followed_as_an_engine_does(
    context: Path, links: dict[str, str], path: str
) -> None:
    """The context is the root of its file system."""
    for link, target in links.items():
        (context / link).symlink_to(target)
    tree = Directory(context)
    assert tree.look([path], []) == {path: b"pandas==2.2.3\n"}
    assert tree.look([], [path]) == {path: PathKind.FILE}
    assert tree.has(path)


def test_links_in_a_circle_are_an_error(context: Path) -> None:
    """As for every program."""
    (context / "a").symlink_to("b")
    (context / "b").symlink_to("a")
    found = Directory(context).look(["a"], [])["a"]
    assert isinstance(found, OSError)
    assert "symbolic links" in found.strerror


def test_the_context_itself_may_be_a_link(context: Path) -> None:
    """It is what the user names."""
    (context.parent / "link").symlink_to("context")
    assert Directory(context.parent / "link").look(["real.txt"], [])["real.txt"] == b"pandas==2.2.3\n"


def test_a_dockerfile_of_the_context_is_held_to_the_same(run: Run, context: Path) -> None:
    """Unless the command line names it."""
    (context / "Dockerfile").unlink()
    (context / "Dockerfile").symlink_to("../netrc")
    status, out, err = run("check", context)
    assert status == 2
    assert "Dockerfile: it is a symbolic link to ../netrc, outside the build context" in err
    assert OUTSIDE not in out + err


@pytest.mark.parametrize("target", ["../netrc", "../new"])
def test_lock_writes_through_no_link_that_leads_out(run: Run, context: Path, target: str) -> None:
    """Nor does it read the versions of such a lock."""
    (context / "requirements.txt").write_text("pandas==2.2.3\n")
    (context / "pylock.etl.toml").symlink_to(target)
    before = (context.parent / "netrc").read_text()
    status, out, err = run("lock", "--write", context)
    assert status == 1
    assert "pylock.etl.toml" in err
    assert "symbolic link" in err
    assert OUTSIDE not in out + err
    assert (context.parent / "netrc").read_text() == before
    assert not (context.parent / "new").exists()


def test_lock_refuses_a_link_that_means_another_file_to_uv(run: Run, context: Path) -> None:
    """An engine finds /real.txt in the context, and uv on the machine."""
    (context / "requirements.txt").symlink_to("/real.txt")
    assert run("explain", context)[0] == 0
    status, _, err = run("lock", context)
    assert status == 1
    assert "requirements.txt is a symbolic link that leads out of the build context: lock reads" in err
