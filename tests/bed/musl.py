"""What builds for musl: Debian's musl-gcc, and the libraries of CPython's modules compiled with it.

Alpine's packages cannot be had from Debian; what they are made of can. The toolchain stands in for an Alpine with
`build-base` and the `-dev` packages, though its compiler itself is a program for glibc: as a root to compile CPython
in, and as an image for `--builder`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bed import rootfs, settings, sources
from tests.bed.host import BedError, run, timed, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCRIPT: Final = Path(__file__).with_name("musl.sh")
_RECIPE: Final = "1"  # another number builds the toolchain again
_AT_ONCE: Final = 2
_ROOT: Final = rootfs.Root(
    settings.BUILDER_SUITE,
    ("gcc", "linux-libc-dev", "make", "musl-dev", "musl-tools", "perl", "pkg-config", "tcl", "xz-utils"),
)
_DIRECTORIES: Final = ("usr/include/x86_64-linux-musl", "usr/lib/x86_64-linux-musl")

# Of bullseye, whose packages change no more, but for readline of bookworm. By path below Debian's pool; those that
# others are linked against come first.
_LIBRARIES: Final = (
    {
        "o/openssl/openssl_1.1.1w.orig.tar.gz": "cf3098950cb4d853ad95c0841f1f9c6d3dc102dccfcacd521d93925208b76ac8",
        "n/ncurses/ncurses_6.2+20201114.orig.tar.gz": (
            "aa3f8cfaff2a2b78f184274ec43d9da910c864e4b4d80fc47b5b48cba9154cd2"
        ),
        "s/sqlite3/sqlite3_3.34.1.orig.tar.xz": "082f583440c662cb484ae1c124ffe285b587bbb7837e095e693026e6df50334d",
        "u/util-linux/util-linux_2.36.1.orig.tar.xz": (
            "09fac242172cd8ec27f0739d8d192402c69417617091d8c6e974841568f37eed"
        ),
        "x/xz-utils/xz-utils_5.2.5.orig.tar.xz": "3e1e518ffc912f86608a8cb35e4bd41ad1aec210df2a47aaa1f95e7f5576ef56",
        "libf/libffi/libffi_3.3.orig.tar.gz": "72fba7922703ddfa7a028d513ac15a85c8d54c8d67f55fa5a4802885dc652056",
        "z/zlib/zlib_1.2.11.dfsg.orig.tar.gz": "80c481411a4fe8463aeb8270149a0e80bb9eaf7da44132b6e16f2b5af01bc899",
        "b/bzip2/bzip2_1.0.8.orig.tar.gz": "ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269",
    },
    {"r/readline/readline_8.2.orig.tar.gz": "3feb7171f16a84ee82ca18a36d7b9be109a52c04f492a053331d7d1095007c35"},
)

_PROGRAMS: Final = {
    # musl-gcc by the name that everybody calls. `configure` and setup.py ask for the directories of libraries.
    "usr/local/bin/cc": """\
#!/bin/sh
case " $* " in
  *-print-multiarch*) echo x86_64-linux-musl ;;
  *) REALGCC=/usr/bin/gcc exec musl-gcc "$@" ;;
esac
""",
    "usr/local/bin/pkg-config": """\
#!/bin/sh
PKG_CONFIG_LIBDIR=/usr/lib/x86_64-linux-musl/pkgconfig exec /usr/bin/pkg-config "$@"
""",
}
_LINKS: Final = {
    "usr/local/bin/gcc": "cc",
    # musl's dynamic loader, which is ldd where it is called so.
    "usr/local/bin/ldd": "/usr/bin/musl-ldd",
    # The kernel's headers, which musl-gcc does not look for where Debian has them.
    "usr/include/x86_64-linux-musl/asm": "../x86_64-linux-gnu/asm",
    "usr/include/x86_64-linux-musl/asm-generic": "../asm-generic",
    "usr/include/x86_64-linux-musl/linux": "../linux",
}


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Debian root whose `cc` compiles for musl, with all that CPython's modules require."""

    @property
    def key(self) -> str:
        """A name for exactly this content, as far as the bed decides it."""
        words = (_RECIPE, _ROOT.key, _SCRIPT.read_text(), str(_PROGRAMS), str(_LINKS), str(_LIBRARIES))
        return f"musl-{hashlib.sha256(' '.join(words).encode()).hexdigest()[:12]}"

    @property
    def path(self) -> Path:
        """Where the cache has it, or will have it."""
        return settings.CACHE / "roots" / self.key

    def ensure(self) -> Path:
        """The path of the finished root; makes it first if the cache has none.

        Raises:
            BedError: a library cannot be fetched or compiled.
        """
        if not self.path.is_dir():
            tarballs = [[sources.library(*one) for one in group.items()] for group in _LIBRARIES]
            debian = _ROOT.ensure()
            with (
                timed("compiling the libraries that CPython for musl requires (about two minutes on two cores)"),
                whole(self.path) as new,
            ):
                run("cp", "-a", debian, new)  # with its devices as they are: to read /dev/zero never ends
                for program, text in _PROGRAMS.items():
                    (new / program).write_text(text)
                    (new / program).chmod(0o755)
                for link, target in _LINKS.items():
                    (new / link).symlink_to(target)
                for group in tarballs:
                    _compile(new, group)
        os.utime(self.path)
        return self.path


TOOLCHAIN: Final = Toolchain()


def _compile(root: Path, tarballs: Sequence[Path]) -> None:
    """Compile libraries, some at a time, into the root's own directories for musl."""

    def compile_one(tarball: Path) -> None:
        name = tarball.name.partition("_")[0]
        with tempfile.TemporaryDirectory(dir=root.parent) as directory:
            log = Path(directory, "log")
            build = Path(directory, "build")
            build.mkdir()
            binds = {
                **{root / path: f"/{path}" for path in _DIRECTORIES},
                _SCRIPT: f"/srv/{_SCRIPT.name}",
                tarball: f"/srv/{tarball.name}",
                build: "/home",
            }
            words = ["sh", f"/srv/{_SCRIPT.name}", name, f"/srv/{tarball.name}", "/home"]
            if rootfs.run_inside(root, binds, words, {"SOURCE_DATE_EPOCH": str(settings.EPOCH)}, log):
                raise BedError(f"compiling {name} for musl failed:\n{log.read_text(errors='replace')[-4000:]}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(compile_one, tarballs))
