"""Passes a file on if it has the checksum that it should have.

    /usr/lib/pyenv-loader /usr/bin/python3.13 -I -S /pyenv/provision/interpreter/verify.py FILE SHA256 TARGET

What BuildKit does for a download by http, for a file out of a directory; and the file gets the mode that a download
has, since the keys of what is made from it are by content and mode. Runs as finish does.
"""

import hashlib
import shutil
import sys
from pathlib import Path


def main(file: str, expected: str, target: str) -> int:
    """Copy the file; return the exit status."""
    found = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    if found != expected:
        print(f"the file's checksum is sha256:{found}, and should be sha256:{expected}: get it anew", file=sys.stderr)
        return 1
    shutil.copyfile(file, target)
    Path(target).chmod(0o600)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
