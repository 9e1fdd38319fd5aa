"""Copies a file if it has the expected checksum.

    /usr/lib/pyenv-loader /usr/bin/python3.13 -I -S /pyenv/provision/interpreter/verify.py FILE SHA256 TARGET

BuildKit does this for a download by http; here it is a file from a directory. The file gets the mode of a download,
because the cache keys of the next steps depend on content and mode. Runs as finish does.
"""

import hashlib
import shutil
import sys
from pathlib import Path


def main(file: str, expected: str, target: str) -> int:
    """Copy the file; return the exit status."""
    found = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    if found != expected:
        print(
            f"checksum mismatch: expected sha256:{expected}, got sha256:{found}: download the file again",
            file=sys.stderr,
        )
        return 1
    shutil.copyfile(file, target)
    Path(target).chmod(0o600)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
