"""Bases that are odd in one way each, as Dockerfiles; tests add lines to the last stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_DEBIAN: Final = "FROM debian:bookworm-slim\n"


@dataclass(frozen=True, slots=True)
class Base:
    """A base, and what of it matters to tests."""

    text: str
    opt: str = "opt"
    """Where /opt really is."""
    commands: str = "usr/local/bin"
    """Where /usr/local/bin really is."""
    owner: tuple[int, int] = (0, 0)
    """Numbers of its USER."""
    layers: int = 1
    """It has at least so many."""
    slow: bool = False
    """Left to the slow run: it is much like another."""


# As gcr.io/distroless/cc: a C library, a user, and what looks up names; here without /tmp and /run, too.
DISTROLESS: Final = """\
FROM debian:bookworm-slim AS full
RUN mkdir -p /new/etc /new/home/nonroot && chown 65532:65532 /new/home/nonroot && \
    cp --archive --parents $(dpkg -L libc6 | grep '^/lib.*[.]so') /etc/nsswitch.conf /usr/lib/os-release /new && \
    printf '%s:x:%s:%s::/home/%s:/sbin/nologin\\n' root 0 0 root nonroot 65532 65532 nonroot > /new/etc/passwd && \
    printf 'root:x:0:\\nnonroot:x:65532:\\n' > /new/etc/group
FROM scratch
COPY --from=full /new /
USER nonroot
WORKDIR /home/nonroot
"""
# /bin, /sbin and /lib are directories of their own, as in Debian up to 11 and Alpine.
NOT_MERGED: Final = """\
FROM debian:bookworm-slim AS merged
RUN mkdir /new && tar --one-file-system --exclude=./new -cC / . | tar -xC /new && cd /new && \
    for one in bin sbin lib lib64; do rm $one && mv usr/$one $one && mkdir usr/$one; done
FROM scratch
COPY --from=merged /new /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN test -d /lib -a ! -L /lib
"""

BASES: Final = {
    "no user": Base(_DEBIAN),
    "user by number": Base(f"{_DEBIAN}USER 50000\n", owner=(50000, 0)),
    "user by number and group name": Base(f"{_DEBIAN}USER 50000:games\n", owner=(50000, 60), slow=True),
    "user by name and group": Base(f"{_DEBIAN}RUN useradd -u 1234 -m astro\nUSER astro:games\n", owner=(1234, 60)),
    "no passwd": Base(f"{_DEBIAN}RUN rm /etc/passwd /etc/group\nUSER 50000:0\n", owner=(50000, 0)),
    "a shell of its own": Base(f'{_DEBIAN}SHELL ["/bin/bash", "-euxc"]\n'),
    "no shell": Base(f"{_DEBIAN}RUN rm /bin/*sh\n"),
    "distroless: no shell, tar, /tmp and /run": Base(DISTROLESS, owner=(65532, 65532)),
    "/usr is not merged": Base(NOT_MERGED, slow=True),
    "an open /opt of another's": Base(f"{_DEBIAN}RUN chmod 1777 /opt && chown 5:6 /opt\n"),
    "/opt is a link": Base(f"{_DEBIAN}RUN rmdir /opt && mkdir -m 750 /srv/opt && ln -s /srv/opt /opt\n", opt="srv/opt"),
    "/usr/local/bin is a link": Base(
        f"{_DEBIAN}RUN rm -r /usr/local/bin && mkdir /srv/bin && ln -s /srv/bin /usr/local/bin\n",
        commands="srv/bin",
        slow=True,
    ),
    "/run and /tmp are links": Base(
        f"{_DEBIAN}RUN mv /run /srv/run && ln -s /srv/run /run && rm -r /tmp && ln -s /var/tmp /tmp\n", slow=True
    ),
    "no /opt and no /usr/local/bin": Base(f"{_DEBIAN}RUN rm -r /opt /usr/local/bin\n"),
    "no /tmp": Base(f"{_DEBIAN}RUN rm -r /tmp\n", slow=True),
    "/opt, /usr/local/bin, /tmp and /run are volumes": Base(f"{_DEBIAN}VOLUME /opt /usr/local/bin /tmp /run\n"),
    "/opt, /usr/local/bin, /tmp and /run are read-only": Base(
        f"{_DEBIAN}RUN chmod 555 /opt /usr/local/bin /tmp /run\nUSER 50000\n", owner=(50000, 0)
    ),
    "120 layers": Base(
        _DEBIAN + "".join(f"WORKDIR /layers/{number}\n" for number in range(119)), layers=120, slow=True
    ),
    "the same python": Base("FROM python:3.9-slim-bookworm\n"),
    "everything set": Base(
        f'{_DEBIAN}WORKDIR /work\nENTRYPOINT ["/entry"]\nCMD ["a", "b"]\nLABEL a=b\nEXPOSE 80\nVOLUME /data\n'
        "STOPSIGNAL SIGINT\nHEALTHCHECK CMD true\nARG X=1\nONBUILD RUN x\n"
    ),
}
"""Bases that a PYENV line has to work on, by what is odd about them."""
