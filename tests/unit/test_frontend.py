"""The frontend against a stand-in daemon: what it asks, what it returns, and what it says when things go wrong."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bed import settings
from tests.unit.standin import Build
from tests.unit.upstream import convert

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.errors import Status
from buildkit_llb.proto import gateway_pb2
from dockerfile_pyenv import __main__ as process
from dockerfile_pyenv.emit import graph
from dockerfile_pyenv.emit.chains import UnknownShapeError
from dockerfile_pyenv.engine import error_status, named_contexts
from dockerfile_pyenv.interpreters.standalone_table import Table
from dockerfile_pyenv.plan import probe

SYNTAX = b"# syntax=dockerfile-pyenv:1\n"
GUIDE = SYNTAX + b"FROM debian\nPYENV 3.9 epo_pyenv requirements.txt\nPYENV 3.11 two\n"

PYTHON_3_9, PYTHON_3_11 = (
    Table.default().select(version, ["linux/amd64"])["linux/amd64"].version for version in ("3.9", "3.11")
)

Serve = Callable[..., gateway_pb2.ReturnRequest]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Serve:
    """Run the frontend for one build, with these options, and give what it returned."""
    tools = tmp_path / "frontend.bin"
    tools.write_bytes(ops.marshal(ops.image("dockerfile-pyenv:1")).to_bytes())
    monkeypatch.setattr(named_contexts, "TOOLS_METADATA", tools)

    def run(build: Build, **opts: str) -> gateway_pb2.ReturnRequest:
        for number, (key, value) in enumerate(opts.items()):
            monkeypatch.setenv(f"BUILDKIT_FRONTEND_OPT_{number}", f"{key}={value}")
        with build.daemon() as daemon:
            process.serve(daemon.connect(preface_sent=True))
        (returned,) = build.returned
        return returned

    return run


def message(returned: gateway_pb2.ReturnRequest) -> str:
    """The error that was returned."""
    assert returned.HasField("error")
    return returned.error.message


def lines(returned: gateway_pb2.ReturnRequest) -> list[int]:
    """The lines of the user's Dockerfile that an error shows."""
    (source,) = Status.from_pb(returned.error).sources()
    assert source.data.startswith(SYNTAX)
    return [one.start_line for one in source.ranges]


def test_a_build_returns_the_relabelled_graph(serve: Serve) -> None:
    """The result is our own solve of the graph, with the user's names, and a history in the user's words."""
    build = Build({"Dockerfile": GUIDE}, {"requirements.txt": b"a==1\n"})
    returned = serve(build, source="dockerfile-pyenv:1", cmdline="dockerfile-pyenv:1")
    assert returned.result.ref.id == str(len(build.solved))
    definition = Definition.from_pb(build.solved[-1].definition)
    assert list(dict.fromkeys(vertex.name for vertex in definition.vertices() if vertex.name)) == [
        "[1/3] FROM debian",
        f"[2/3] PYENV 3.9 (CPython {PYTHON_3_9}, standalone by default)",
        f"[2/3] PYENV 3.11 (CPython {PYTHON_3_11}, standalone by default)",
        "[2/3] PYENV 3.9 epo_pyenv requirements.txt",
        "[3/3] PYENV 3.11 two",
    ]
    config = json.loads(returned.result.metadata["containerimage.config"])
    assert [entry["created_by"] for entry in config["history"]] == [
        "# debian.sh --arch 'amd64'",
        f"PYENV 3.9 (CPython {PYTHON_3_9}, standalone by default)",
        f"PYENV 3.11 (CPython {PYTHON_3_11}, standalone by default)",
        "PYENV 3.9 epo_pyenv requirements.txt",
        "PYENV 3.11 two",
    ]


def test_options_of_the_hand_over(serve: Serve) -> None:
    """The build's options go on as they came, without what would lead back to us, and with our contexts."""
    build = Build({"Dockerfile": GUIDE}, {"requirements.txt": b""})
    serve(build, source="us", cmdline="us", target="t", platform="linux/amd64", dockerfilekey="dockerfile")
    final = [request for request in build.solved if request.frontend][-1]
    assert final.frontend == "dockerfile.v0"
    opts = dict(final.frontend_opt)
    assert {key: opts[key] for key in ("cmdline", "target", "platform")} == {
        "cmdline": "us",
        "target": "t",
        "platform": "linux/amd64",
    }
    assert not {"source", "dockerfilekey"} & opts.keys()
    assert opts["build-arg:BUILDKIT_DOCKERFILE_CHECK"] == "skip=all"
    named = {key: value.removeprefix("input:") for key, value in opts.items() if key.startswith("context:")}
    assert sorted(named) == [
        f"context:dockerfile-pyenv/python-{PYTHON_3_11}",
        f"context:dockerfile-pyenv/python-{PYTHON_3_9}",
        "context:dockerfile-pyenv/requirements",
        "context:dockerfile-pyenv/tools",
    ]
    assert set(named.values()) <= set(final.frontend_inputs)


def test_without_pyenv_lines_the_build_goes_on_as_it_came(serve: Serve) -> None:
    """One call with the options and inputs as they were; its graph is solved again unchanged, and returned."""
    text = SYNTAX + b'FROM debian\nRUN ["true"]\n# PYENV 3.9 no\n'
    given = {"dockerfile": ops.marshal(ops.file(ops.scratch(), [ops.mkfile("/Dockerfile", text)]))}
    build = Build({"Dockerfile": text}, inputs=given)
    build.handlers = {"ReadFile": lambda _: gateway_pb2.ReadFileResponse(data=text).SerializeToString()}
    returned = serve(build, filename="Dockerfile", source="us", target="t", cmdline="us")
    (request,) = [request for request in build.solved if request.frontend]
    assert dict(request.frontend_opt) == {"filename": "Dockerfile", "target": "t", "cmdline": "us"}
    assert request.frontend_inputs["dockerfile"] == given["dockerfile"].to_pb()
    answered, solved = convert(text, {"target": "t"})[0], build.solved[-1].definition
    assert solved == answered
    assert returned.result.ref.id == str(len(build.solved))


def test_without_pyenv_lines_a_build_costs_one_solve_more_than_upstreams(serve: Serve) -> None:
    """The file, the Dockerfile frontend, and what that answers: provenance names the request that solved it last."""
    build = Build({"Dockerfile": SYNTAX + b'FROM debian\nRUN ["true"]\n'})
    serve(build, source="us", cmdline="us", **{"cache-from": "cache"})
    assert [request.frontend for request in build.solved] == ["", "dockerfile.v0", ""]
    assert [dict(one.attrs) for one in build.solved[-1].cache_imports] == [{"ref": "cache"}]


def test_every_graph_of_a_result_is_solved_again(serve: Serve) -> None:
    """Each platform's and each attestation's; what is no graph stays."""
    build = Build({"Dockerfile": SYNTAX + b"FROM debian\n"})

    def answer(data: bytes) -> bytes | Status:
        request = gateway_pb2.SolveRequest.FromString(data)
        if not request.frontend:
            return build._solve(data)  # noqa: SLF001 - the rest is as ever
        result = gateway_pb2.Result()
        for name in ("linux/amd64", "linux/arm64"):
            definition = convert(f"FROM debian\nRUN {name}\n".encode())[0]
            result.refs.refs[name].CopyFrom(gateway_pb2.Ref(id=f"inner {name}", definition=definition))
        result.refs.refs["linux/s390x"].SetInParent()
        scanned = result.attestations["linux/amd64"].attestation
        scanned.add(path="/sbom").ref.CopyFrom(
            gateway_pb2.Ref(id="inner scan", definition=convert(b"FROM debian\nRUN scan\n")[0])
        )
        scanned.add(path="/inline")
        return gateway_pb2.SolveResponse(result=result).SerializeToString()

    build.handlers = {"Solve": answer}
    returned = serve(build, cmdline="us")
    ids = [ref.id for _, ref in sorted(returned.result.refs.refs.items())]
    assert len(set(ids)) == len(ids)
    assert ids[-1] == ""
    scan, inline = returned.result.attestations["linux/amd64"].attestation
    assert not [one for one in [*ids, scan.ref.id] if one.startswith("inner")]
    assert not inline.HasField("ref")


@pytest.mark.parametrize(
    ("text", "opts"),
    [
        (b"# syntax=another:1\nFROM debian\n", {}),
        (b"#!/usr/bin/env docker\n# escape=`\n#SYNTAX = another:1\nFROM debian\n", {}),
        (b"// syntax=another:1\nFROM debian\n", {}),
        (b"# syntax=another:1\nFROM debian\n# no PYENV\n", {}),
        (b"FROM debian\n", {"build-arg:BUILDKIT_SYNTAX": "another:1"}),
        (b"# syntax=another:1\nFROM debian\n", {"requestid": "frontend.lint"}),
    ],
    ids=["syntax", "after a shebang and escape", "slashes", "PYENV in a comment", "build argument", "a request"],
)
def test_a_client_that_chooses_this_frontend_by_itself_follows_the_syntax_line(
    serve: Serve, text: bytes, opts: dict[str, str]
) -> None:
    """As upstream's image: without `cmdline`, the Dockerfile frontend finds the line, and the result stays its own."""
    build = Build({"Dockerfile": text})
    returned = serve(build, source="us", **opts)
    assert [request.frontend for request in build.solved] == ["", "dockerfile.v0"]
    assert dict(build.solved[-1].frontend_opt) == opts
    assert not returned.HasField("error")


@pytest.mark.parametrize(
    ("text", "opts"),
    [
        (b"# syntax=another:1\nFROM debian\n", {"cmdline": "us"}),
        (b"FROM debian\n", {}),
        (b" # syntax=another:1\nFROM debian\n", {}),
        (b"# syntax=another:1\nFROM debian\nPYENV 3.9 a\n", {}),
    ],
    ids=["the line led here", "no line", "not the first column", "a PYENV line"],
)
def test_a_syntax_line_is_not_followed(serve: Serve, text: bytes, opts: dict[str, str]) -> None:
    """After it led here, where BuildKit finds none, and in a file that only this frontend understands."""
    build = Build({"Dockerfile": text})
    serve(build, source="us", **opts)
    assert all(request.frontend_opt["cmdline"] for request in build.solved if request.frontend)
    assert not build.solved[-1].frontend


@pytest.mark.parametrize("name", ["context", "dockerfile"])
def test_an_input_that_is_nil_is_refused_in_upstreams_words(serve: Serve, name: str) -> None:
    """A graph without an op, as an API client sends nil."""
    for text in (GUIDE, b"FROM debian\n"):
        build = Build({"Dockerfile": text}, inputs={name: Definition()})
        assert message(serve(build)) == (
            f"failed to get frontend inputs: invalid nil input definition to definition op: the input {name} is empty"
        )
        assert not build.solved


def test_an_empty_named_context_is_left_to_the_dockerfile_frontend(serve: Serve) -> None:
    """Its version decides what that means."""
    build = Build({"Dockerfile": b"FROM debian\n"}, inputs={"other": Definition()})
    assert serve(build).HasField("result")
    assert not build.solved[1].frontend_inputs["other"].ops


@pytest.mark.parametrize(
    ("context", "ignore", "words"),
    [
        ({}, None, "requirements.txt does not exist in the build context"),
        ({"requirements.txt/": b""}, None, "requirements.txt is a directory"),
        (
            {"requirements.txt": b""},
            b"*.txt\n",
            "but Dockerfile.dockerignore excludes it: add the line !requirements.txt",
        ),
        ({"requirements.txt": b"a=1"}, None, "requirements.txt, line 1"),
    ],
    ids=["missing", "a directory", "kept back", "not readable for pip"],
)
def test_a_requirements_file_that_cannot_be_used(
    serve: Serve, context: dict[str, bytes], ignore: bytes | None, words: str
) -> None:
    """The error says what is wrong with the file and shows the PYENV line."""
    files = {"Dockerfile": GUIDE} | ({"Dockerfile.dockerignore": ignore} if ignore else {})
    returned = serve(Build(files, context))
    assert words in message(returned)
    assert lines(returned) == [3]


def test_the_contexts_own_ignore_file_counts(serve: Serve) -> None:
    """`.dockerignore` of the context counts where the Dockerfile has none of its own."""
    build = Build({"Dockerfile": GUIDE}, {"requirements.txt": b"", ".dockerignore": b"# c\n\n requirements.txt \n"})
    assert "but .dockerignore excludes it" in message(serve(build))


def test_an_error_of_the_dockerfile_frontend_is_pointed_at_the_users_line(serve: Serve) -> None:
    """Its source becomes the user's file, its lines theirs, and the number in its words too."""
    build = Build({"Dockerfile": SYNTAX + b"FROM debian\nPYENV 3.9 a\nRUM x\n"})

    def fail(data: bytes) -> bytes | Status:
        request = gateway_pb2.SolveRequest.FromString(data)
        if not request.frontend:
            return build._solve(data)  # noqa: SLF001 - the rest is as ever
        text = next(
            action.mkfile.data
            for vertex in Definition.from_pb(request.frontend_inputs["dockerfile"]).vertices()
            for action in vertex.op.file.actions
        )
        line = text.split(b"\n").index(b"RUM x") + 1
        from buildkit_llb.errors import Range, SourceDetail  # noqa: PLC0415

        status = Status(2, f"dockerfile parse error on line {line}: unknown instruction: RUM")
        return status.with_source(SourceDetail("Dockerfile", text, ranges=(Range(line, line),)))

    build.handlers = {"Solve": fail}
    returned = serve(build)
    assert message(returned) == "dockerfile parse error on line 4: unknown instruction: RUM"
    assert lines(returned) == [4]


def test_warnings_are_given_with_the_users_file(serve: Serve) -> None:
    """What lint finds becomes warnings about the user's file."""
    place = {"sourceIndex": 0, "ranges": [{"start": {"line": 2}, "end": {"line": 2}}]}
    warning = {"ruleName": "Rule", "description": "d", "url": "u", "detail": "words", "location": place}
    build = Build({"Dockerfile": GUIDE}, {"requirements.txt": b""}, warnings=(warning,))
    serve(build)
    (warned,) = [one for one in build.warned if one.short.startswith(b"Rule")]
    assert warned.short == b"Rule: words (line 2)"
    assert warned.info.data == GUIDE
    assert [one.start.line for one in warned.ranges] == [2]


NOTED = SYNTAX + b"# check=error=true\nFROM debian\nENV 3.8 a b\n"
"""The head of a file with something to warn of."""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NOTED + b"PYENV 3.9\n", "PYENV 3.9 is missing a name"),
        (NOTED + b"PYENV 3.9 a\nRUM x\n", "unknown instruction: RUM"),
        (NOTED + b"PYENV 3.9 a missing.txt\n", "missing.txt does not exist"),
        (NOTED + b"PYVENV 3.9 a\n", "unknown instruction: PYVENV"),
        (NOTED + b"ONBUILD PYENV 3.9 a\n", "ONBUILD PYENV is not supported"),
        (NOTED.replace(b"FROM", b"ENV") + b"PYENV 3.9 a\n", "PYENV requires a build stage"),
    ],
    ids=["a PYENV line", "another line", "a file", "a typo", "ONBUILD", "no stage"],
)
def test_an_error_comes_after_the_warnings_before_it(serve: Serve, text: bytes, words: str) -> None:
    """Upstream warns while it reads, and so up to the error; the warnings do not become the error."""
    place = {"ranges": [{"start": {"line": 3}, "end": {"line": 3}}]}
    build = Build({"Dockerfile": text}, warnings=({"ruleName": "Rule", "detail": "words", "location": place},))

    def fail(data: bytes) -> bytes | Status:
        request = gateway_pb2.SolveRequest.FromString(data)
        if request.frontend and "requestid" not in request.frontend_opt and b"RUM" in text:
            return Status(2, "dockerfile parse error on line 6: unknown instruction: RUM")
        return build._solve(data)  # noqa: SLF001 - the rest is as ever

    build.handlers = {"Solve": fail}
    assert words in message(serve(build, cmdline="us"))
    assert [one.short.decode().partition(":")[0] for one in build.warned] == ["Rule", "PyenvTypo"]
    assert {one.info.data for one in build.warned} == {text}


@pytest.mark.parametrize("request_id", ["frontend.lint", "frontend.outline", "frontend.targets", "frontend.other"])
def test_a_request_about_a_file_without_pyenv_lines_goes_on_as_it_came(serve: Serve, request_id: str) -> None:
    """Also where it mentions PYENV: the answer is upstream's, byte for byte."""
    build = Build({"Dockerfile": SYNTAX + b"FROM debian\n# PYENV 3.9 a\n"}, warnings=({"ruleName": "Rule", "x": 1},))
    answer = serve(build, cmdline="us", requestid=request_id).result.metadata["result.json"]
    assert json.loads(answer) == {"warnings": [{"ruleName": "Rule", "x": 1}], "sources": []}
    assert not build.solved[-1].frontend_inputs
    assert len(build.solved) == 2


def test_what_our_rules_find_in_a_file_without_pyenv_lines_is_part_of_the_answer(serve: Serve) -> None:
    """A typo is no PYENV line."""
    returned = serve(Build({"Dockerfile": NOTED}), cmdline="us", requestid="frontend.lint")
    answer = json.loads(returned.result.metadata["result.json"])
    assert [one["ruleName"] for one in answer["warnings"]] == ["PyenvTypo"]


def test_the_name_of_a_stage_may_be_any_bytes(serve: Serve) -> None:
    """An option is UTF-8, so lint is then asked about all stages."""
    build = Build({"Dockerfile": NOTED.replace(b"debian", b"debian AS \x80a") + b"PYENV 3.9 a\nPYENV 3.9\n"})
    assert "PYENV 3.9 is missing a name" in message(serve(build, cmdline="us"))
    build = Build({"Dockerfile": SYNTAX + b"FROM debian AS \x80a\nPYENV 3.9 a\n"})
    assert serve(build, cmdline="us").HasField("result")


def test_a_request_that_fails_warns_of_nothing(serve: Serve) -> None:
    """As upstream's own: only a build has a progress to warn in."""
    build = Build({"Dockerfile": NOTED + b"ONBUILD PYENV 3.9 a\n"})
    assert message(serve(build, cmdline="us", requestid="frontend.outline")).startswith("ONBUILD PYENV")
    assert not build.warned


def test_warnings_become_an_error_where_the_file_says_so(serve: Serve) -> None:
    """`# check=error=true` fails the build, at the first warning's line."""
    place = {"ranges": [{"start": {"line": 3}, "end": {"line": 3}}]}
    text = GUIDE.replace(SYNTAX, SYNTAX + b"# check=skip=PyenvEndOfLifePython;error=true\n")
    build = Build({"Dockerfile": text}, {"requirements.txt": b""}, warnings=({"ruleName": "Rule", "location": place},))
    returned = serve(build)
    assert message(returned) == "lint violation found for rules: Rule"
    assert lines(returned) == [3]


def test_an_engine_without_our_own_image_is_too_old(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """BuildKit before 0.10 gets one clear sentence."""
    monkeypatch.setattr(named_contexts, "TOOLS_METADATA", Path("/nowhere"))
    returned = serve(Build({"Dockerfile": GUIDE}, {"requirements.txt": b""}))
    assert message(returned).startswith("this engine is too old: PYENV requires BuildKit 0.10 or newer, which Docker")


def test_an_engine_with_a_remapped_root_finds_our_own_image_by_its_name(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its root may not read the file that BuildKit writes: the graph is the same as with it."""
    readable = Build({"Dockerfile": GUIDE}, {"requirements.txt": b""})
    serve(readable, source="dockerfile-pyenv:1")

    class Unreadable:
        def read_bytes(self) -> bytes:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(named_contexts, "TOOLS_METADATA", Unreadable())
    unreadable = Build({"Dockerfile": GUIDE}, {"requirements.txt": b""})
    serve(unreadable, source="dockerfile-pyenv:1")
    assert unreadable.texts()[1:-1] == [*readable.texts()[1:-1], "FROM dockerfile-pyenv:1\n"]
    assert unreadable.solved[-1].definition == readable.solved[-1].definition


def test_a_fault_of_ours_says_so(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expected becomes an error with its place, and where to report it."""

    def fault(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(probe, "text", fault)
    words = message(serve(Build({"Dockerfile": GUIDE})))
    assert words.startswith("dockerfile-pyenv: internal error: ZeroDivisionError: division by zero\n  at fault (")
    assert "report" in words


def test_lint_is_about_the_users_lines(serve: Serve) -> None:
    """The Dockerfile frontend sees a text in which every line keeps its number; its words become the user's."""
    text = SYNTAX + b'FROM debian\nPYENV 3.9 \\\n a-b\nRUN ["x"]\n'
    place = {"ranges": [{"start": {"line": 4}, "end": {"line": 4}}]}
    found = (
        {"ruleName": "UndefinedVar", "detail": "words", "location": place},
        {"ruleName": "SecretsUsedInArgOrEnv", "detail": "about our ENV", "location": place},
    )
    returned = serve(Build({"Dockerfile": text}, warnings=found), requestid="frontend.lint")
    answer = json.loads(returned.result.metadata["result.json"])
    assert [one["ruleName"] for one in answer["warnings"]] == [
        "UndefinedVar",
        "PyenvEndOfLifePython",
        "PyenvNameNotShell",
    ]
    assert answer["warnings"][0]["location"]["ranges"] == [{"start": {"line": n}, "end": {"line": n}} for n in (3, 4)]
    (shown,) = answer["sources"]
    assert base64.b64decode(shown["data"]) == text
    assert returned.result.metadata["result.statuscode"] == b"1"


def test_lint_sees_the_words_of_pyenv_lines(serve: Serve) -> None:
    """What a line reads and sets stands in the blanked text, on the line's last line."""
    build = Build({"Dockerfile": SYNTAX + b'FROM debian\nPYENV 3.9 \\\n a $B\nRUN ["x"]\n'})
    serve(build, requestid="frontend.outline")
    (text,) = build.texts()
    assert text == (
        "# syntax=dockerfile-pyenv:1\nFROM debian\n#\n"
        'ENV ASTRO_PYENV_a=/ PYENV_0_0=3.9 PYENV_0_1=a PYENV_0_2=$B\nRUN ["x"]\n'
    )


def test_lint_tells_of_a_line_that_cannot_be_built(serve: Serve) -> None:
    """The error is part of the answer, as upstream's own are, and outline and targets are answered all the same."""
    build = Build({"Dockerfile": SYNTAX + b"FROM debian\nPYENV 3.9\n"})
    returned = serve(build, requestid="frontend.lint")
    error = json.loads(returned.result.metadata["result.json"])["buildError"]
    assert error["message"].startswith("PYENV 3.9 is missing a name")
    assert error["location"]["ranges"] == [{"start": {"line": 3}, "end": {"line": 3}}]
    assert serve(Build({"Dockerfile": SYNTAX + b"FROM debian\nPYENV 3.9\n"}), requestid="frontend.targets").HasField(
        "result"
    )


def test_a_typo_of_the_instruction_is_told_before_anything_else(serve: Serve) -> None:
    """No build can come of PYVENV, so it is an error; ENV 3.8 can be meant, so it is a warning."""
    returned = serve(Build({"Dockerfile": SYNTAX + b"FROM debian\nPYVENV 3.9 a\n"}), cmdline="us")
    assert message(returned) == "unknown instruction: PYVENV (did you mean PYENV?)"
    assert lines(returned) == [3]
    build = Build({"Dockerfile": SYNTAX + b"FROM debian\nENV 3.8 name reqs.txt\n"})
    serve(build, cmdline="us")
    assert [one.short for one in build.warned] == [
        (
            b"PyenvTypo: ENV 3.8 name reqs.txt sets a variable named 3.8 and creates no environment: "
            b"write PYENV 3.8 name reqs.txt (line 3)"
        )
    ]


def test_a_sites_own_table_of_interpreters(serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """UV_PYTHON_DOWNLOADS_JSON_URL names the table; the interpreter comes from where it says."""
    entry = {
        "name": "cpython",
        "arch": {"family": "x86_64", "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": 3,
        "minor": 9,
        "patch": 77,
        "prerelease": "",
        "url": "http://site/cpython-3.9.77-install_only_stripped.tar.gz",
        "sha256": "0" * 64,
        "variant": None,
    }
    table = tmp_path / "table.json"
    table.write_text(json.dumps({"x": entry}))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", f"file://{table}")
    build = Build({"Dockerfile": SYNTAX + b"FROM debian\nPYENV 3.9 a\n"})
    serve(build)
    assert "/opt/astro-pyenv/python/3.9.77/bin/python3.9" in build.texts()[-1]
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", "/nowhere/table.json")
    assert "cannot read /nowhere/table.json" in message(serve(Build({"Dockerfile": GUIDE})))


def test_the_same_build_asks_the_same_of_the_daemon() -> None:
    """Byte by byte, whatever the hash seed of the process and the order in which the daemon gives the options."""
    environ = {**os.environ, "PYTHONPATH": f"{settings.REPOSITORY}:{settings.PYTHONPATH}"}
    for caps in ([], ["--merge"]):
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.unit.serve_once", *caps, *order],
                env={**environ, "PYTHONHASHSEED": seed},
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed, order in (("0", []), ("1", ["--reversed"]), ("2", []))
        ]
        answers = {one.communicate()[0] for one in processes}
        assert [one.returncode for one in processes] == [0, 0, 0]
        assert len(answers) == 1


@pytest.mark.parametrize(
    ("caps", "kind"), [(("mergeop", "diffop"), "merge"), (("mergeop",), "exec"), ((), "exec")], ids=str
)
def test_layers_are_merged_where_the_engine_can(serve: Serve, caps: tuple[str, ...], kind: str) -> None:
    """Only an engine with both caps is given the ops of which they tell."""
    build = Build({"Dockerfile": GUIDE}, {"requirements.txt": b""}, llb_caps=caps)
    serve(build)
    definition = Definition.from_pb(build.solved[-1].definition)
    assert definition.vertices()[-1].op.WhichOneof("op") == kind
    assert build.warned_of("PYENV lines are built") == []


def test_parallel_steps_are_turned_off_by_a_build_arg(serve: Serve) -> None:
    """`--build-arg PYENV_PARALLEL=0` leaves the graph as the Dockerfile frontend made it: one step on the other."""
    build = Build({"Dockerfile": GUIDE}, {"requirements.txt": b""}, llb_caps=("mergeop", "diffop"))
    serve(build, **{"build-arg:PYENV_PARALLEL": "0"})
    definition = Definition.from_pb(build.solved[-1].definition)
    first, second = [one for one in definition.vertices() if one.op.WhichOneof("op") == "exec"][-2:]
    assert (first.digest, 0) in second.inputs
    assert not {one.op.WhichOneof("op") for one in definition.vertices()} & {"merge", "diff"}


def test_a_shape_that_is_not_known_is_built_in_turn_and_told(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build goes on with the graph as it was, and a warning names the shape and where to report it."""

    def unknown(*_: object, **__: object) -> Definition:
        raise UnknownShapeError("a step stands on its head")

    monkeypatch.setattr(graph, "parallel", unknown)
    build = Build({"Dockerfile": GUIDE}, {"requirements.txt": b""})
    returned = serve(build)
    assert returned.result.ref.id == str(len(build.solved))
    (warned,) = build.warned_of("PYENV lines are built")
    assert warned.short == b"PYENV lines are built one after another: a step stands on its head"
    assert warned.url == error_status.ISSUES


def test_no_cache_filter_names_an_environment(serve: Serve) -> None:
    """`--no-cache-filter=<name>` keeps that environment's two steps from the cache, and no other."""
    build = Build({"Dockerfile": GUIDE}, {"requirements.txt": b""})
    serve(build, **{"no-cache": "other,EPO_pyenv"})
    definition = Definition.from_pb(build.solved[-1].definition)
    ignored = [one for one in definition.vertices() if one.metadata.ignore_cache]
    assert [(one.name, one.op.WhichOneof("op")) for one in ignored] == [
        ("[2/3] PYENV 3.9 epo_pyenv requirements.txt", "exec")
    ] * 2
    assert {one.op.exec.meta.args[0] for one in ignored} == {"PYENV"}


@pytest.fixture(autouse=True)
def _no_other_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("BUILDKIT_", "UV_")):
            monkeypatch.delenv(name)
