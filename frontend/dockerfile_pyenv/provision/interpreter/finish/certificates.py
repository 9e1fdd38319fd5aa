"""Makes a bundled OpenSSL find the CA certificates of every base image: distributions compile in different paths."""

import re
from pathlib import Path

DIRECTORIES = (b"/usr/lib/ssl", b"/etc/pki/tls", b"/usr/local/ssl")
"""Of Debian's libcrypto, of Fedora's, and OpenSSL's default."""

EVERYWHERE = b"/etc/ssl"
"""Debian, Alpine and SUSE have them there; Fedora, RHEL and UBI have links (ca-certificates.spec)."""


def trust(path: Path) -> None:
    """Make a libcrypto look where every base image has certificates. The new path fits because it is shorter."""
    data = path.read_bytes()
    for directory in DIRECTORIES:
        pattern = rb'(?<=[\0"])' + re.escape(directory) + rb'(?=[/\0"])([^\0]*)'
        data = re.sub(pattern, lambda found: (EVERYWHERE + found[1]).ljust(len(found[0]), b"\0"), data)
    path.write_bytes(data)
