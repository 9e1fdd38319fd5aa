"""Serves one build in a process of its own, and prints what it asks of the daemon, as a digest.

`PYTHONHASHSEED=N python -m tests.unit.serve_once [--reversed] [--merge]`: what is asked must depend on neither.
"""

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from tests.unit.standin import Build

from buildkit_llb import ops
from dockerfile_pyenv import __main__ as process
from dockerfile_pyenv.engine import named_contexts

DOCKERFILE = (
    b"# syntax=dockerfile-pyenv:1\nFROM debian AS one\nENV X=1 Y=2\n"
    b"PYENV 3.9 a r.txt\nPYENV 3.11 b\nPYENV 3.13 c s.txt\n"
    b'RUN ["x"]\nPYENV 3.9 d\nFROM one\nPYENV 3.10 e-f\nPYENV --no-venv 3.12\n'
)
OPTIONS = {
    "source": "dockerfile-pyenv:1",
    "cmdline": "dockerfile-pyenv:1",
    "build-arg:A": "1",
    "build-arg:B": "2",
    "cache-imports": '[{"Type": "registry", "Attrs": {"ref": "a", "b": "c", "d": "e"}}]',
    "label:x": "y",
    "no-cache": "a,d",
    "platform": "linux/amd64",
}


def main() -> None:
    """Serve the build, and print the digest."""
    options = list(OPTIONS.items())
    if "--reversed" in sys.argv:
        options.reverse()
    for number, (key, value) in enumerate(options):
        os.environ[f"BUILDKIT_FRONTEND_OPT_{number}"] = f"{key}={value}"
    with tempfile.TemporaryDirectory() as directory:
        named_contexts.TOOLS_METADATA = Path(directory, "frontend.bin")
        named_contexts.TOOLS_METADATA.write_bytes(ops.marshal(ops.image("dockerfile-pyenv:1")).to_bytes())
        build = Build(
            {"Dockerfile": DOCKERFILE},
            {"r.txt": b"a==1\n", "s.txt": b"b==1\n"},
            llb_caps=("mergeop", "diffop") if "--merge" in sys.argv else (),
        )
        with build.daemon() as daemon:
            process.serve(daemon.connect(preface_sent=True))
    (returned,) = build.returned
    if returned.HasField("error"):
        raise SystemExit(returned.error.message)
    wire = b"".join(request.SerializeToString(deterministic=True) for request in build.solved)
    sys.stdout.write(hashlib.sha256(wire + returned.SerializeToString(deterministic=True)).hexdigest() + "\n")


if __name__ == "__main__":
    main()
