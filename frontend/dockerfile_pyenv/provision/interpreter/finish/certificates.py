"""Where a bundled OpenSSL looks for the certificates of authorities: a compiled-in path, by distribution."""

import re
from pathlib import Path

DIRECTORIES = (b"/usr/lib/ssl", b"/etc/pki/tls", b"/usr/local/ssl")
"""Of Debian's libcrypto, Fedora's, and of OpenSSL by default."""

EVERYWHERE = b"/etc/ssl"
"""Debian, Alpine and SUSE have them there, and Fedora, RHEL and UBI have links (ca-certificates.spec)."""


def trust(path: Path) -> None:
    """Make a libcrypto look where every base has certificates. The new path is shorter, so it fits into its place."""
    data = path.read_bytes()
    for directory in DIRECTORIES:
        pattern = rb'(?<=[\0"])' + re.escape(directory) + rb'(?=[/\0"])([^\0]*)'
        data = re.sub(pattern, lambda found: (EVERYWHERE + found[1]).ljust(len(found[0]), b"\0"), data)
    path.write_bytes(data)
