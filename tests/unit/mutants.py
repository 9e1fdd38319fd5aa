"""Random files for the frontend and its commands: real ones in which bytes were changed, and pieces in a row.

`make test` tries the same few thousand each time, `make fuzz` a hundred thousand others.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from tests.unit.planning import CASES

SECONDS = 1.0
"""CPU time that one file may take, without that of the stand-in for the engine, which runs in another thread."""
LONGEST = 10.0
"""CPU time after which the process is stopped."""
HANGS = 300.0
"""Seconds after which a file that takes no CPU time hangs, however busy the machine is."""
FUZZ = int(os.environ.get("FUZZ", "0"))
"""How many files `make fuzz` wants."""
PART = 2500
"""How many of them one test tries: pytest-xdist shares tests among processes."""

DIGITS = b"9" * 5000
"""More than Python reads as one number (docs.python.org, "Integer string conversion length limitation")."""
DEEP = 3000
"""More levels than Python's own stack has."""
MARKER = b"%spython_version<'3'%s" % (b"(" * DEEP, b")" * DEEP)
CONTEXT = {
    "requirements.txt": b"pandas==2.2.3\n",
    "empty.txt": b"",
    "digits.txt": b"a==1.%s\n./a-1-%s-py3-none-any.whl\n" % (DIGITS, DIGITS),
    "wheel.txt": b"./a-1-%s-py3-none-any.whl\n./a-%s-py3-none-any.whl\n" % (DIGITS, DIGITS),
    "marker.txt": b"a; %s\n./a.zip; %s\n" % (MARKER, MARKER),
    "ends.txt": "a\u2028RUN b\x0b\x0c\x85\nb==1\rRUN c\n-r a\tb.txt\n".encode(),
    "long.txt": b"a==1 " + b"# " * 500_000 + b"\n" + b"\\\n" * 5000 + b"-r " * 5000 + b"\n",
    "options.txt": b"--index-url https://u:p@h/\n--extra-index-url\n-i\n-c\n-r\n--hash\n--find-links ../x\n-e .\n-e\n",
    "urls.txt": b"a @ https://" + b"u:p@" * 2000 + b"h\nb @ git+ssh://h/x@y#z\nc @ file:///etc/passwd\nd @ \n@ e\n",
    "secrets.txt": b"--index-url https://${TOKEN}@h/\n${A}==1\n${" + b"A" * 5000 + b"}\n$A\n${A\n",
    "pylock.deep.toml": b"a = %s%s\n" % (b"[" * DEEP, b"]" * DEEP),
    "pylock.digits.toml": b"requires-python = '>=3.%s'\n" % DIGITS,
    "pylock.number.toml": b"requires-python = %s\n" % DIGITS,
    "pylock.marker.toml": b'lock-version = "1.0"\nenvironments = ["%s"]\n' % MARKER,
    "pylock.kinds.toml": b'lock-version = 1\nrequires-python = []\nenvironments = 3\npackages = {}\ntool = "x"\n',
    "pylock.packages.toml": b'packages = [{}, {name = 3}, {name = "a", wheels = 3, sdist = [], archive = {path = 3}}]',
    "pylock.one.toml": b'lock-version = "1.0"\npackages = []\n[tool.dockerfile-pyenv]\nrequirements = "sha256:0"\n',
    "uv.lock": b"version = 1\nrequires-python = 3\n",
    "pyproject.toml": b"project = 3\ntool = 3\n",
    "bytes.txt": b"\xff\xfe\0",
    "utf16.txt": "pandas==2.2.3\n".encode("utf-16"),
    **{f"include-{number}.txt": b"-r include-%d.txt\n" % (number + 1) for number in range(300)},
    "circle.txt": b"-r circle.txt\n-c circle.txt\n",
    **{f"wide-{number}.txt": b"".join(b"-r wide-%d.txt\n" % other for other in range(20)) for number in range(20)},
}
"""Files of the build context."""
NAMES = [name for name in CONTEXT if not name.startswith(("include-", "wide-"))] + ["include-0.txt", "wide-0.txt"]

HEREDOCS = [f"E{number}".encode() for number in range(500)]
MANY_HEREDOCS = (
    b"PYENV 3.13 many "
    + b" ".join(b"<<" + name for name in HEREDOCS)
    + b"\n"
    + b"".join(b"pandas==2.2.3\n%s\n" % name for name in HEREDOCS)
)
"""A package named once too often in each of them: more warnings than one message of gRPC could hold."""

SEEDS = [path.read_bytes() for path in sorted(CASES.glob("**/Dockerfile"))]
SEEDS += [path.read_bytes() for path in sorted(CASES.parent.glob("examples/**/Dockerfile"))]
SEEDS += [path.read_bytes() for path in sorted((Path(__file__).parent / "lexer").glob("*.Dockerfile"))]
SEEDS = [seed for seed in SEEDS if len(seed) < 4000]
SEEDS += [
    b"FROM debian\nPYENV 3.13 one " + rest + b"\n"
    for rest in (
        *(name.encode() for name in NAMES),
        b"./a-1-%s-py3-none-any.whl" % DIGITS,
        b"'a; %s'" % MARKER,
        b"<<EOF\na; %s\nb==1.%s\nEOF" % (MARKER, DIGITS),
        b"<<EOF <<EOF\n-r empty.txt\nEOF\n-c digits.txt\nEOF",
        b"<<%s\n%s" % (b"a" * 256, b"a" * 256),
        b"requirements/*.txt [a].txt ?.txt",
        b"a" * 5000 + b".txt",
        b"${A:-" * DEEP + b"x==1" + b"}" * DEEP,
    )
]
SEEDS += [
    b"",
    b"\xef\xbb\xbf",
    b"ARG A\n",
    b"FROM debian\n" + MANY_HEREDOCS,
    b"FROM debian\nPYENV 3.13 " + b"a" * 256 + b"\n",
    b"FROM debian\nPYENV 3.13 " + b"a" * 255 + b"\n",
    b"FROM debian\nPYENV 3." + DIGITS + b" one\n",
    b"FROM debian\nPYENV " + DIGITS + b" one\n",
    b"FROM debian\n" + b"".join(b"PYENV 3.13 e%d\n" % number for number in range(60)),
    b"FROM debian AS a\n" + b"".join(b"FROM a AS s%d\nPYENV 3.13 one\n" % number for number in range(40)),
    b"FROM debian\nPYENV --secret=id=A,mode=\xef\xbc\x90,uid=\xef\xbc\x91 3.13 one\n",
    b"FROM debian\nPYENV --secret=id=A,mode=" + DIGITS + b" 3.13 one\n",
    b'FROM debian\nENV A="a\\\nb"\nUSER "a\\\nRUN b"\nPYENV 3.13 one ${A}.txt\n',
    b"FROM debian\nPYENV 3.13 one " + b"a" * 70_000 + b"==1\nFROM debian AS not_reached\nRUN " + b"b" * 70_000 + b"\n",
    b"FROM --platform=$A ${A:-debian} AS ${A}\nARG A\nPYENV --builder=$A --interpreter=source 3.13 one\n",
    b"FROM debian\nPYENV --mount=type=bind,from=$A,source=$A,target=/x --network=$A 3.13 one\n",
]

PIECES = [
    *[b"PYENV 3.9 one\n", b"PYENV 3.13 two requirements.txt\n", b"PYENV ", b"pyenv\t", b"PYVENV 3.9 x\n", b"ONBUILD "],
    *[
        b"\nFROM debian AS a\n",
        b"FROM scratch\n",
        b"FROM a\n",
        b"ARG A=3.9\n",
        b"ENV A=b\n",
        b"USER 1000\n",
        b"RUN x\n",
    ],
    *[
        b"COPY --from=0 / /\n",
        b"COPY . .\n",
        b"RUN <<EOF\n",
        b"EOF\n",
        b" <<EOF",
        b" <<-'EOF'",
        b"\nEOF\n",
        b'RUN ["a"]\n',
    ],
    *[b"# syntax=x\n", b"# escape=`\n", b"# check=skip=all\n", b"# check=error=true\n", b"# check=", b"# ", b"#"],
    *[
        b"\\\n",
        b"\\",
        b"`\n",
        b"`",
        b'"',
        b"'",
        b"$",
        b"${",
        b"}",
        b"$A",
        b"${A:-3.9}",
        b"${A:?",
        b"=",
        b"==2",
        b"[",
        b"]",
    ],
    *[
        b"--interpreter=",
        b"--no-venv ",
        b"--libc=gnu ",
        b"--",
        b"-r ",
        b"\r\n",
        b"\n",
        b" ",
        b"\t",
        b"\0",
        b"\xff",
        b"\xc3",
    ],
    *[DIGITS, b"3." + DIGITS, b"a==" + DIGITS, b"./a-1-" + DIGITS + b"-py3-none-any.whl", b"a;" + b"(" * DEEP],
    *[
        b"${A:-" * DEEP + b"}" * DEEP,
        b"ONBUILD " * 2000,
        b"COPY --from=" + DIGITS + b" / /\n",
        b"a" * 256,
        b"b" * 70_000,
    ],
    *[name.encode() for name in NAMES],
    *[
        b"req*.txt",
        b"[a].txt",
        b"--secret=id=A,mode=\xef\xbc\x90 ",
        b"--mount=",
        b"--interpreter=source ",
        b"--airflow=same ",
    ],
    *[b"--secret=id=netrc ", b"--secret=id=A,env=PIP_INDEX_URL ", b"--installer=pip ", b"--extra=a ", b"--group=b "],
    *[
        "é".encode(),
        "\u2028".encode(),
        "\u00a0".encode(),
        "\u0660".encode(),
        b"\xef\xbb\xbf",
        b"\x0b",
        b"\x0c",
        b"\x85",
        b"\x1b[2J",
    ],
    *[
        b"3.9",
        b"3.",
        b"3.14t",
        b"99999999999",
        b"..",
        b"/",
        b"https://u:p@h/x.whl",
        b"a @ git+https://h/x",
        b"a[b]==1; x",
    ],
    MANY_HEREDOCS,
]


def _edited(seed: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """A file in which bytes at some places gave way to others."""
    for place, length, new in edits:
        start = place % (len(seed) + 1)
        seed = seed[:start] + new + seed[start + length :]
    return seed


LINES = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)), max_size=12).map(b"".join)
FILES = st.builds(
    lambda head, body: head + body, st.sampled_from([b"FROM debian\n", b"# syntax=x\nFROM debian\n", b""]), LINES
)
EDITS = st.tuples(
    st.integers(0, 4000), st.integers(0, 40), st.one_of(st.just(b""), st.sampled_from(PIECES), st.binary(max_size=3))
)
MUTANTS = st.one_of(st.builds(_edited, st.sampled_from(SEEDS), st.lists(EDITS, min_size=1, max_size=4)), FILES)
"""Dockerfiles."""

_LABELS = [
    *[json.dumps([{"name": "a", "version": one, "path": "/a"}]) for one in ("", "latest", "3.9", "3." + "9" * 5000)],
    *[r'[{"name": "\ud800", "version": "3.9", "interpreter": "\udcff", "path": "\ud800"}]'],
    *["[" * 5000, "{}", "[3]", "9" * 5000, '[{"name": 3}]', "\x00", json.dumps([{"name": "one", "version": "3.13"}])],
]
_SETTING_NAMES = [
    *["A", "PYENV_ASTRO", "PYENV_BUILDER", "PYENV_INSTALLER", "PYENV_INTERPRETER", "PYENV_LIBC", "PYENV_PARALLEL"],
    *["PYENV_SOURCE_MIRROR", "PYENV_SOURCE_SHA256", "UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL"],
    *["BUILDKIT_DOCKERFILE_CHECK", "HTTPS_PROXY", "SOURCE_DATE_EPOCH", "BUILDKIT_SYNTAX"],
]
_VALUES = [
    *["", "glibc", "gnu", "on", "source", "base", "pip", "image:debian", "image:a b", "http://a b", "mirror", "./a"],
    *["a\nRUN b", "a\rRUN b", "a\u2028RUN b", "a\\", "a\\\nRUN b", '"a', "'a", "$A", "${A", "a\tb", "<<EOF", "\uff10"],
    *["9" * 5000, "a" * 70_000, "\udcff", "https://u:p@h/x", "skip=all;error=true", "https://h/" + "a" * 5000, "é"],
]


class Given(NamedTuple):
    """What a build has beyond its files."""

    name: str
    """Of a build argument."""
    value: str
    label: str
    """Of the base image."""
    user: str
    env: str
    """A variable of the base image."""
    platform: str


GIVEN = st.builds(
    Given,
    st.sampled_from(_SETTING_NAMES),
    st.sampled_from(_VALUES),
    st.sampled_from(_LABELS),
    st.sampled_from(["", "", "50000", "a:b", *(one for one in _VALUES if len(one) < 5000)]),
    st.sampled_from(_VALUES),
    st.sampled_from(["linux/amd64", "linux/arm64", "linux/amd64", "linux/s390x", "windows/amd64", "a\nRUN b"]),
)


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise TimeoutError in what takes too long, or afterwards."""

    def late(*_: object) -> None:
        raise TimeoutError("no answer in time")

    timers = {signal.ITIMER_PROF: (signal.SIGPROF, LONGEST), signal.ITIMER_REAL: (signal.SIGALRM, HANGS)}
    before = {number: signal.signal(number, late) for number, _ in timers.values()}
    for timer, (_, seconds) in timers.items():
        signal.setitimer(timer, seconds)
    start = time.thread_time()
    try:
        yield
        if (taken := time.thread_time() - start) > SECONDS:
            raise TimeoutError(f"{taken:.2f} s of CPU time")
    finally:
        for timer, (number, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def profile(share: float) -> settings:
    """How many files a test tries: the same ones each time in `make test`, others in `make fuzz`."""
    return settings(
        max_examples=PART if FUZZ else int(2000 * share),
        derandomize=not FUZZ,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # Explaining a failure traces each call, and takes more time than a file may.
        phases=(Phase.generate, Phase.shrink),
        database=None,
    )


def parts(share: float) -> pytest.MarkDecorator:
    """Parametrize a test so that together its parts try this share of the files."""
    return pytest.mark.parametrize("part", range(max(1, round(FUZZ * share / PART))))
