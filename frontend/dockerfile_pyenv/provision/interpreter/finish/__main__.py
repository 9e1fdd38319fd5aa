"""Prepares the prefix of an interpreter for images.

Runs natively with the frontend image's own Python, in a build step without network whose root holds only these mounts:

    /usr/lib/pyenv-loader /usr/bin/python3.13 -I -S /pyenv/provision/interpreter/finish
        (--archive=FILE | --tree=DIRECTORY | --image=DIRECTORY --version=X.Y [--path=PATH] [--library-path=PATH])
        [--origin=KEY=VALUE …] --output=/out --prefix=/opt/astro-pyenv/python/<id>

Mounts, all read-only but /out: /usr and /pyenv/provision/interpreter/finish of the tools, at these paths, and with
--image /pyenv/patchelf; the input at any path. /out gets the prefix as it will be at --prefix.

--archive
    A standalone archive.
--tree
    The output of compile.sh: the directory that was its prefix.
--image
    The root file system of an image that has Python X.Y (3.14t for a free-threaded one). --path is PATH of that image's
    config, which is searched for the interpreter, and --library-path its LD_LIBRARY_PATH. The step runs nothing of the
    image: seal.py does what requires its own Python, in the next step.

Every prefix gets a `.pyenv-interpreter.json`: an object with "provider" ("standalone", "source" or "image"), "version"
("3.9.25"), "libc" ("gnu" or "musl"), "glibc" (the minimum version, "2.28"; null with musl) and "origin", an object of
the values of --origin: "url" and "sha256" of the archive or tarball, "builder" or "image".
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
        what = "archive" if options.archive else "image" if options.image else "build"
        print(f"cannot use the interpreter {what}: {error}", file=sys.stderr)
        return 1
    return 0


def finish(options: argparse.Namespace) -> None:
    """Write the prefix. Raises FinishError, and what tarfile and the file system raise."""
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
