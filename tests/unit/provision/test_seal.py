"""An interpreter out of an image is sealed by itself."""

import os
from pathlib import Path

import pytest
import seal

MAPS = """\
55d4-55d5 r-xp 00000000 fe:00 11 /opt/p/bin/python3.9
7f00-7f01 r-xp 00000000 fe:00 12 /opt/p/lib/libssl.so.3
7f01-7f02 r--p 00000000 fe:00 13 /usr/lib/locale/C.utf8/LC_CTYPE
7f02-7f03 rw-p 00000000 00:00 0
7ffc-7ffd r-xp 00000000 00:00 0  [vdso]
"""


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        pytest.param("/lib/x86_64-linux-gnu/libc.so.6", True, id="glibc"),
        pytest.param("/lib/x86_64-linux-gnu/libpthread-2.31.so", True, id="glibc before 2.34"),
        pytest.param("/usr/lib64/libresolv.so.2", True, id="glibc's resolver"),
        pytest.param("/lib64/ld-linux-x86-64.so.2", True, id="glibc's loader"),
        pytest.param("/lib/ld-musl-aarch64.so.1", True, id="musl"),
        pytest.param("/lib/x86_64-linux-gnu/libz.so.1.2.13", False, id="a library"),
        pytest.param("/opt/p2/lib/libz.so.1", False, id="a directory with the prefix's name in front"),
        pytest.param("/usr/lib/libcrypt.so.1", False, id="a library that was libc's"),
    ],
)
def test_foreign(path: str, *, ours: bool) -> None:
    """Libraries that belong neither to the prefix nor to libc are seen."""
    maps = f"{MAPS}7f03-7f04 r-xp 00000000 fe:00 14 {path}\n"
    assert seal.foreign(Path("/opt/p"), maps) == ([] if ours else [path])


def test_settle(tmp_path: Path) -> None:
    """Everything has one time, links and directories too."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").touch()
    (tmp_path / "a/link").symlink_to("nowhere")
    (tmp_path / "a/directory").symlink_to("b")
    seal.settle(tmp_path)
    assert {os.lstat(path).st_mtime for path in [tmp_path, *tmp_path.rglob("*")]} == {seal.MTIME}
