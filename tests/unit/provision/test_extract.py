"""The root file system of an install apart from its stage."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import extract
import pytest
from layout import Layout
from steps import VERSION, wheel

UV = Path(sys.executable).with_name("uv")
LIBRARIES = "/usr/lib/x86_64-linux-gnu"


def files(layout: Layout, names: str) -> None:
    """Put files into an image."""
    for name in names.split():
        path = layout.find(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def found(layout: Layout) -> dict[str, str]:
    """What was extracted: links with their targets, files with their contents."""
    top = layout.answers / "root"
    return {
        f"/{path.relative_to(top)}": f"-> {os.readlink(path)}" if path.is_symlink() else path.read_text()  # noqa: PTH115
        for path in sorted(top.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_glibc(layout: Layout, tmp_path: Path) -> None:
    """Loader, C library and what it loads itself, with the links to them; nothing that is there for other programs."""
    names = ("libc.so.6", "libm.so.6", "libnss_dns.so.2", "libresolv.so.2", "libpthread.so.0", "libgcc_s.so.1")
    files(layout, " ".join(f"{LIBRARIES}/{name}" for name in names))
    files(layout, f"{LIBRARIES}/libssl.so.3 {LIBRARIES}/libm.so {LIBRARIES}/libc.a {LIBRARIES}/ld-linux-x86-64.so.2")
    files(layout, f"{LIBRARIES}/libz.so.1.2.13 /etc/nsswitch.conf /etc/os-release /etc/passwd /etc/ssl/cert.pem")
    files(layout, "/etc/ssl/certs/0a1b2c3d.0 /etc/ssl/certs/Some_CA.pem")
    for link, target in (
        ("/lib", "usr/lib"),
        ("/lib64", "usr/lib64"),
        ("/usr/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
        (f"{LIBRARIES}/libz.so.1", "libz.so.1.2.13"),
        (f"{LIBRARIES}/libz.so", "libz.so.1.2.13"),
    ):
        layout.find(link).parent.mkdir(parents=True, exist_ok=True)
        layout.find(link).symlink_to(target)
    maps = tmp_path / "maps"
    mapped = ("ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libz.so.1.2.13")
    lines = [f"7f00-7f01 r-xp 0000 08:01 12   {LIBRARIES}/{name}\n" for name in mapped]
    lines += [
        "7f00-7f01 rw-p 0 0 0 [heap]\n",
        f"7f 0 0 {sys.base_prefix}/lib/libpython3.so.1\n",
        "7f 0 0 /usr/lib/locale/x\n",
    ]
    maps.write_text("".join(lines))
    layout.answers.mkdir(parents=True)
    extract.write(layout, maps=maps, program=elf(tmp_path, "/lib64/ld-linux-x86-64.so.2"))
    expected = [f"{LIBRARIES}/{name}" for name in (*names, *mapped, "libz.so.1")]
    got = found(layout)
    assert {name: text for name, text in got.items() if text.startswith("->")} == {
        "/lib": "-> usr/lib",
        "/lib64": "-> usr/lib64",
        "/usr/lib64/ld-linux-x86-64.so.2": "-> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        f"{LIBRARIES}/libz.so.1": "-> libz.so.1.2.13",
    }
    others = ["/lib", "/lib64", "/usr/lib64/ld-linux-x86-64.so.2"]
    others += ["/etc/nsswitch.conf", "/etc/ssl/cert.pem", "/etc/ssl/certs/0a1b2c3d.0"]
    assert sorted(got) == sorted({*expected, *others})
    assert got["/etc/nsswitch.conf"] == "hosts: files dns\n"
    assert stat.S_IMODE((layout.answers / "root/tmp").stat().st_mode) == 0o1777


def test_musl(layout: Layout, tmp_path: Path) -> None:
    """There the loader is the C library."""
    files(layout, "/lib/ld-musl-x86_64.so.1 /lib/libz.so.1.3")
    layout.find("/lib/libc.musl-x86_64.so.1").symlink_to("ld-musl-x86_64.so.1")
    maps = tmp_path / "maps"
    maps.write_text("7f00-7f01 r-xp 0 0 0  /lib/ld-musl-x86_64.so.1\n")
    layout.answers.mkdir(parents=True)
    extract.write(layout, maps=maps, program=elf(tmp_path, "/lib/ld-musl-x86_64.so.1"))
    assert found(layout) == {
        "/etc/nsswitch.conf": "hosts: files dns\n",
        "/lib/ld-musl-x86_64.so.1": "/lib/ld-musl-x86_64.so.1",
        "/lib/libc.musl-x86_64.so.1": "-> ld-musl-x86_64.so.1",
    }


def elf(directory: Path, loader: str) -> str:
    """Write the head of a program for 64 bits that names a loader."""
    name = loader.encode() + b"\0"
    entry = (3).to_bytes(4, "little") + b"\0\0\0\0" + (120).to_bytes(8, "little") + bytes(16)
    entry += len(name).to_bytes(8, "little") + bytes(16)
    head = b"\x7fELF\x02\x01\x01" + bytes(25) + (64).to_bytes(8, "little") + bytes(14)
    head += (56).to_bytes(2, "little") + (1).to_bytes(2, "little") + bytes(6)
    path = directory / "program"
    path.write_bytes(head + entry + name)
    return str(path)


def test_a_program_without_a_loader(layout: Layout, tmp_path: Path) -> None:
    """A script, and a static program."""
    (tmp_path / "maps").touch()
    (tmp_path / "script").write_text("#!/bin/sh\n")
    layout.answers.mkdir(parents=True)
    extract.write(layout, maps=tmp_path / "maps", program=str(tmp_path / "script"))
    assert list(found(layout)) == ["/etc/nsswitch.conf"]


MOUNTS = """
set -eu
cd {directory}
mount -t tmpfs none /run
mkdir -p /run/dockerfile-pyenv/answers
mount --bind answers /run/dockerfile-pyenv/answers
mkdir -p /run/dockerfile-pyenv/contexts/0 /run/dockerfile-pyenv/home /run/dockerfile-pyenv/tmp
mount --bind context /run/dockerfile-pyenv/contexts/0
export PIP_NO_INDEX=1 PIP_FIND_LINKS={directory}/wheels
sh {provision}/start.sh {python} -I -B {provision} --step=ask -- '{line}'
root=answers/root
mkdir -p $root/dev $root/proc $root/opt/astro-pyenv/envs $root{prefix}
for part in uv provision context answers home tmp cache; do mkdir -p $root/run/dockerfile-pyenv/$part; done
rmdir $root/run/dockerfile-pyenv/uv
cp {uv} $root/run/dockerfile-pyenv/uv
cp -r {provision}/. $root/run/dockerfile-pyenv/provision
cp -r context/. $root/run/dockerfile-pyenv/context
cp -r answers/lines/epo/. $root/run/dockerfile-pyenv/answers
mount --bind {prefix} $root{prefix}
mount --rbind /dev $root/dev
mount -t proc none $root/proc
mount --bind envs $root/opt/astro-pyenv/envs
exec env -i PATH=/usr/bin $(command -v chroot) $root \\
    {python} -I -B /run/dockerfile-pyenv/provision --step=install --name=epo \\
    --version={version} --interpreter={prefix} {options} --requirement=req.txt
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.parametrize("options", ["", "--installer=pip"], ids=["uv", "pip"])
def test_an_install_in_it(tmp_path: Path, provision: Path, options: str) -> None:
    """With this machine as the stage: interpreter, uv and pip run in what was extracted, and nothing else is there."""
    for name in ("answers", "context", "envs"):
        (tmp_path / name).mkdir()
    wheel(tmp_path / "wheels", "spam", "1.0", {"spam.py": ""})
    (tmp_path / "context/req.txt").write_text("spam\n")
    line = {"name": "epo", "version": VERSION, "context": "/run/dockerfile-pyenv/contexts/0", "owner": "7:8"}
    line |= {"airflow": "", "installer": "uv", "extra": [], "group": [], "requirements": ["req.txt"], "inline": []}
    prefix = os.path.realpath(sys.base_prefix)
    script = MOUNTS.format(
        directory=tmp_path,
        provision=provision / "environment",
        python=f"{prefix}/bin/python{VERSION}",
        prefix=prefix,
        line=json.dumps({**line, "secrets": []}).join("[]"),
        uv=UV,
        version=VERSION,
        options=options,
    )
    command = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in (tmp_path / "envs").iterdir()] == ["epo"], done.stdout + done.stderr
    installed = tmp_path / f"envs/epo/lib/python{VERSION}/site-packages/spam.py"
    assert (installed.stat().st_uid, installed.stat().st_gid, installed.stat().st_mtime) == (7, 8, 315532800)
