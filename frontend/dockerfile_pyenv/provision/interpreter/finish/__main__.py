"""Makes the prefix of an interpreter ready for images.

Runs under the frontend image's own Python, natively, in a build step without network whose root holds nothing but the
mounts that it names:

    /usr/lib/pyenv-loader /usr/bin/python3.13 -I -S /pyenv/provision/interpreter/finish
        (--archive=FILE | --tree=DIRECTORY | --image=DIRECTORY --version=X.Y [--path=PATH] [--library-path=PATH])
        [--origin=KEY=VALUE …] --output=/out --prefix=/opt/astro-pyenv/python/<id>

Mounts, all read-only but /out: /usr and /pyenv/provision/interpreter/finish of the tools, at these paths, and with
--image /pyenv/patchelf; the input at any path. What comes out in /out is the prefix as it will be found at --prefix.

--archive
    A standalone archive.
--tree
    What compile.sh made: the directory that was its prefix.
--image
    The root file system of an image that has Python X.Y (3.14t for a free-threaded one). --path is PATH in that image's
    config, where the interpreter is looked for, and --library-path its LD_LIBRARY_PATH. The step runs nothing of the
    image. What its own Python must do, seal.py does in the step that follows.

Every prefix gets a `.pyenv-interpreter.json`: an object with "provider" ("standalone", "source" or "image"), "version"
("3.9.25"), "libc" ("gnu" or "musl"), "glibc" (the version that it needs at least, "2.28"; null with musl) and "origin",
an object of what --origin says: "url" and "sha256" of the archive or tarball, "builder" or "image".
"""

import argparse
import os
import sys
import tarfile
from pathlib import Path

import archive
import certificates
import collect
import summary
import tree
import variables


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="finish", allow_abbrev=False)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--archive", type=Path)
    source.add_argument("--tree", type=Path)
    source.add_argument("--image", type=Path)
    parser.add_argument("--version", default="")
    parser.add_argument("--path", default="")
    parser.add_argument("--library-path", default="")
    parser.add_argument("--origin", action="append", default=[])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--prefix", required=True)
    options = parser.parse_args(arguments)
    try:
        finish(options)
    except (tree.FinishError, tarfile.TarError, OSError, EOFError, ValueError) as error:
        what = "archive " if options.archive else "image " if options.image else ""
        print(f"the interpreter {what}cannot be used: {error}", file=sys.stderr)
        return 1
    return 0


def finish(options: argparse.Namespace) -> None:
    """Do what the command line asks for. Raises FinishError, and what tarfile and the file system raise."""
    os.umask(0o022)
    output, prefix = options.output, options.prefix
    output.mkdir(parents=True, exist_ok=True)
    if options.archive:
        provider = "standalone"
        archive.extract(options.archive, output)
    elif options.tree:
        provider = "source"
        tree.copy(options.tree, output)
    else:
        provider = "image"
        root = collect.Root(options.image, options.path, options.library_path)
        collect.collect(root, options.version, output)
    if not options.archive:
        for path in output.glob("lib/libcrypto.so*"):
            certificates.trust(path)
    python = tree.executable(output)
    tree.rewrite_scripts(output / "bin", f"{prefix}/bin/{python.name}")
    tree.drop_tcl(output)
    tree.resolve_links(output)
    variables.rewrite(output, prefix)
    tree.drop_bytecode(output)
    for path in output.rglob("*.pyc"):
        tree.rewrite_bytecode(path)
    summary.write(output, provider, dict(one.split("=", 1) for one in options.origin))
    tree.settle(output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
