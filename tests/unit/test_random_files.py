"""Random Dockerfiles: whatever is in a file, the frontend answers, in time, and in words for users.

`make fuzz` tries ten times as many, and others every time.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.planning import CASES
from tests.unit.standin import Build, text_of

from buildkit_llb import ops
from buildkit_llb.errors import Status
from buildkit_llb.proto import gateway_pb2
from dockerfile_pyenv import __main__ as process
from dockerfile_pyenv import frontend
from dockerfile_pyenv.lexer import lex

SECONDS = 10.0
"""CPU time that one file may take: hundreds of times what it does take, and less than anybody's patience."""
HANGS = 300.0
"""Seconds after which a file that takes no CPU time hangs, however busy the machine is."""
FUZZ = int(os.environ.get("FUZZ", "0"))
"""How many files `make fuzz` wants."""

CONTEXT = {"requirements.txt": b"pandas==2.2.3\n", "empty.txt": b""}
SEEDS = [path.read_bytes() for path in sorted(CASES.glob("**/Dockerfile"))]
SEEDS += [path.read_bytes() for path in sorted(CASES.parent.glob("examples/**/Dockerfile"))]
SEEDS += [path.read_bytes() for path in sorted((Path(__file__).parent / "lexer").glob("*.Dockerfile"))]
SEEDS = [seed for seed in SEEDS if len(seed) < 4000]
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
    *["é".encode(), "\u2028".encode(), "\u00a0".encode(), b"\xef\xbb\xbf", b"3.9", b"3.", b"99999999999", b"..", b"/"],
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
MUTANTS = st.builds(_edited, st.sampled_from(SEEDS), st.lists(EDITS, min_size=1, max_size=4))
REQUESTS = st.sampled_from(["", "", "", "frontend.lint", "frontend.outline", "frontend.targets"])

KNOWN = {
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENV",
    "FROM",
    "LABEL",
    "ONBUILD",
    "RUN",
    "SHELL",
    "USER",
    "WORKDIR",
    "MAINTAINER",
}

Answer = Callable[[bytes, str], gateway_pb2.ReturnRequest]


class _Upstream(Build):
    """A stand-in whose Dockerfile frontend refuses what it does not understand, with the file, as the real one does."""

    def solve(self, data: bytes) -> bytes | Status:
        """Answer one Solve."""
        try:
            request = gateway_pb2.SolveRequest.FromString(data)
            for item in lex(text_of(request)).instructions if request.frontend else ():
                if item.keyword not in KNOWN:
                    return Status(2, f"dockerfile parse error on line {item.lines[0]}: unknown instruction")
            return self._solve(data)
        except Exception as error:  # noqa: BLE001 - it is no part of what is tested
            return Status(2, f"dockerfile parse error on line 1: {type(error).__name__}")


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise TimeoutError in what takes too long."""

    def late(*_: object) -> None:
        raise TimeoutError("no answer in time")

    timers = {signal.ITIMER_PROF: (signal.SIGPROF, SECONDS), signal.ITIMER_REAL: (signal.SIGALRM, HANGS)}
    before = {number: signal.signal(number, late) for number, _ in timers.values()}
    for timer, (_, seconds) in timers.items():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for timer, (number, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    """Give the frontend a file and a request; what it returns."""
    tools = tmp_path_factory.mktemp("tools") / "frontend.bin"
    tools.write_bytes(ops.marshal(ops.image("dockerfile-pyenv:1")).to_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frontend, "TOOLS_METADATA", tools)

        def run(text: bytes, request: str) -> gateway_pb2.ReturnRequest:
            build = _Upstream({"Dockerfile": text}, CONTEXT)
            build.handlers = {"Solve": build.solve}
            if request:
                patch.setenv("BUILDKIT_FRONTEND_OPT_0", f"requestid={request}")
            else:
                patch.delenv("BUILDKIT_FRONTEND_OPT_0", raising=False)
            with time_limit(), build.daemon() as daemon:
                process.serve(daemon.connect(greeted=True))
            (returned,) = build.returned
            return returned

        yield run


def check(text: bytes, returned: gateway_pb2.ReturnRequest) -> None:
    """An answer is a result, or an error in words for users that shows lines which the file has."""
    if not returned.HasField("error"):
        return
    status = Status.from_pb(returned.error)
    assert "internal error" not in status.message
    assert "Traceback" not in status.message
    assert status.message
    assert len(status.message) < 2000
    (source,) = status.sources()
    assert source.data == text
    count = text.count(b"\n") + 1
    assert all(1 <= one.start_line <= one.end_line <= count for one in source.ranges)


def profile(share: float) -> settings:
    """How many files are tried: the same ones each time in `make test`, others in `make fuzz`."""
    return settings(
        max_examples=int((FUZZ or 2000) * share),
        derandomize=not FUZZ,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


@profile(0.5)
@given(MUTANTS, REQUESTS)
def test_files_with_some_bytes_changed(answer: Answer, text: bytes, request: str) -> None:
    """Real files in which bytes were changed get a result or an error of theirs."""
    check(text, answer(text, request))


@profile(0.5)
@given(FILES, REQUESTS)
def test_files_out_of_pieces(answer: Answer, text: bytes, request: str) -> None:
    """Files that were put together at random get a result or an error of theirs."""
    check(text, answer(text, request))
