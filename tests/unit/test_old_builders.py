"""What old builders do not know: tests/engine/test_render.py gives each of these lines to one."""

import pytest

from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.emit.old_builders import unknown

BASE = "FROM debian:bookworm-slim\nARG A=xa\n"
UNKNOWN = {
    "COPY --link a /b": "COPY --link",
    "COPY --parents a /b/": "COPY --parents",
    "COPY --chmod=u+x a /b": "COPY --chmod with letters",
    f"ADD --checksum=sha256:{'0' * 64} a /b": "ADD --checksum",
    "ADD git@git.example.com:a/b.git /b": "ADD of a git repository",
    "RUN --network=none true": "RUN --network",
    "RUN --mount=type=secret,id=s,env=S true": "secret mounts with env=",
    "RUN --mount=type=tmpfs,target=/t,size=4096 true": "tmpfs mounts with size=",
    "RUN --mount=type=cache,target=/c,sharing=private true": "mounts with sharing=private",
    "RUN --mount=target=t true": "mounts with a relative target",
    "RUN <<EOF\ntrue\nEOF": "heredocs",
    "COPY <<EOF /b\ntext\nEOF": "heredocs",
    "HEALTHCHECK --start-interval=1s CMD true": "HEALTHCHECK --start-interval",
    "ENV B=${A-b}": "${…-…}",
    "ENV B=${A:?none}": "${…:?…}",
    "COPY ${A#x} /b": "${…#…}",
}
"""Instructions for a context with a file `a` and a build with a secret `s`, and what of each is not known."""
KNOWN = (
    BASE
    + """\
COPY --chown=1:2 --chmod=0644 a /b
ADD --chown=1:2 --chmod=0644 a /c
RUN --mount=type=bind,source=a,target=/t/a --mount=type=secret,id=s,required=true,mode=0400,uid=1,gid=1 cat /t/a
RUN --mount=type=cache,id=x,target=/c1,sharing=locked --mount=type=tmpfs,target=/d --mount=type=ssh echo "${A#x}"
HEALTHCHECK --interval=1s --timeout=1s --start-period=1s --retries=1 CMD true
ENV B=${A:-b} C=${A:+c} D='${A#x}'
FROM --platform=$TARGETPLATFORM debian:bookworm-slim
COPY --from=0 /b /b
"""
)


@pytest.mark.parametrize(("line", "what"), UNKNOWN.items())
def test_what_is_not_known_is_named(line: str, what: str) -> None:
    """Once for an instruction, by the line that it begins in."""
    assert list(unknown(lex(f"{BASE}{line}\n".encode()))) == [(3, what)]


@pytest.mark.parametrize(
    ("line", "what"), [("COPY --link a /b", "COPY --link"), ("run --network=none x", "RUN --network")]
)
def test_what_is_put_off_is_looked_at_too(line: str, what: str) -> None:
    """An ONBUILD line fails in the build that starts from the image."""
    assert list(unknown(lex(f"{BASE}ONBUILD {line}\n".encode()))) == [(3, what)]


def test_a_pyenv_line_is_what_it_is_rendered_as() -> None:
    """Its network and its mounts are RUN's, and a heredoc of its own is written out."""
    text = "PYENV --network=none --mount=type=tmpfs,target=/t,size=1 3.9 one <<EOF\nsix==1.17.0\nEOF\n"
    assert list(unknown(lex(f"{BASE}{text}".encode()))) == [
        (3, "--network, which becomes RUN --network"),
        (3, "tmpfs mounts with size="),
    ]


def test_of_what_is_known_nothing_is_said() -> None:
    """Not of these either, which look a little like it."""
    assert list(unknown(lex(KNOWN.encode()))) == []
