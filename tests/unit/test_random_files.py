"""Random Dockerfiles: whatever is in a file, the frontend answers, in time, and in words for users.

`make fuzz` tries a hundred thousand.
"""

import json
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.mutants import CONTEXT, GIVEN, MUTANTS, Given, parts, profile, time_limit
from tests.unit.standin import Build, text_of

from buildkit_llb import ops
from buildkit_llb.errors import Status
from buildkit_llb.proto import gateway_pb2
from dockerfile_pyenv import __main__ as process
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.engine import named_contexts

pytestmark = pytest.mark.thorough

REQUESTS = st.sampled_from(["", "", "", "frontend.lint", "frontend.outline", "frontend.targets"])
KNOWN = frozenset(
    ["ADD", "ARG", "CMD", "COPY", "ENV", "FROM", "LABEL", "ONBUILD", "RUN", "SHELL", "USER", "WORKDIR", "MAINTAINER"]
)
CONFIG = "containerimage.config"

Answer = Callable[[bytes, str, Given], gateway_pb2.ReturnRequest]


class _Upstream(Build):
    """A stand-in whose Dockerfile frontend refuses what it does not understand, with the file, as the real one does."""

    image: Given

    def solve(self, data: bytes) -> bytes | Status:
        """Answer one Solve."""
        try:
            request = gateway_pb2.SolveRequest.FromString(data)
            for item in lex(text_of(request)).instructions if request.frontend else ():
                if item.keyword not in KNOWN:
                    return Status(2, f"dockerfile parse error on line {item.lines[0]}: unknown instruction")
            answer = self._solve(data)
            return self._of_image(answer) if request.frontend and isinstance(answer, bytes) else answer
        except Exception as error:  # noqa: BLE001 - it is no part of what is tested
            return Status(2, f"dockerfile parse error on line 1: {type(error).__name__}")

    def _of_image(self, answer: bytes) -> bytes:
        """An answer with what the base image's config has."""
        answered = gateway_pb2.SolveResponse.FromString(answer)
        if CONFIG in answered.result.metadata:
            config = json.loads(answered.result.metadata[CONFIG])
            config["config"]["Labels"] = {"dockerfile-pyenv.environments": self.image.label}
            env = self.image.env.encode(errors="replace").decode()  # as Go writes JSON
            config["config"]["Env"] = [f"A={env}", *config["config"]["Env"]]
            answered.result.metadata[CONFIG] = json.dumps(config).encode()
        return answered.SerializeToString()


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    """Give the frontend a file and a request; what it returns."""
    tools = tmp_path_factory.mktemp("tools") / "frontend.bin"
    tools.write_bytes(ops.marshal(ops.image("dockerfile-pyenv:1")).to_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(named_contexts, "TOOLS_METADATA", tools)

        def run(text: bytes, request: str, about: Given) -> gateway_pb2.ReturnRequest:
            build = _Upstream({"Dockerfile": text}, CONTEXT)
            build.image = about
            build.handlers = {"Solve": build.solve}
            value = about.value.encode(errors="replace").decode()  # no other text reaches an engine
            options = {f"build-arg:{about.name}": value, "platform": about.platform, "requestid": request}
            for number, (key, value) in enumerate(options.items()):
                if value:
                    patch.setenv(f"BUILDKIT_FRONTEND_OPT_{number}", f"{key}={value}")
                else:
                    patch.delenv(f"BUILDKIT_FRONTEND_OPT_{number}", raising=False)
            with time_limit(), build.daemon() as daemon:
                process.serve(daemon.connect(preface_sent=True))
            (returned,) = build.returned
            return returned

        yield run


@parts(0.45)
@profile(0.5)
@given(MUTANTS, REQUESTS, GIVEN)
def test_the_frontend_answers(
    answer: Answer,
    part: int,  # noqa: ARG001 - there are several
    text: bytes,
    request: str,
    about: Given,
) -> None:
    """An answer is a result, or an error in words for users that shows lines which the file has."""
    returned = answer(text, request, about)
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
