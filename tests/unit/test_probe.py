"""Reading the graph of a probe."""

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.ops import State
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.instruction.lines import pyenv_lines
from dockerfile_pyenv.plan import probe
from dockerfile_pyenv.plan.line_scope import LineScope

AMD64 = Platform.parse("linux/amd64")


def marker(number: int, root: State, *, user: str = "", env: tuple[str, ...] = (), platform: Platform = AMD64) -> State:
    """The exec that stands for a PYENV line."""
    return ops.run(["dockerfile-pyenv-probe", str(number)], root=root, user=user, env=env, platform=platform).root


def read(*states: State) -> dict[int, tuple[LineScope, ...]]:
    """Read the graphs of some states, one for each platform that is built for where there are several."""
    targets = [""] if len(states) == 1 else ["linux/amd64", "linux/arm64"]
    return probe.read(dict(zip(targets, map(ops.marshal, states), strict=True)))


def test_the_text_asks_for_every_line() -> None:
    """Each PYENV line becomes an ENV of its raw words and an exec that bears its number."""
    dockerfile = lex(b'FROM a\nPYENV 3.9 "$X"\nRUN y\nPYENV 3.9\n')
    expansion = probe.text(dockerfile, pyenv_lines(dockerfile))
    assert expansion.text.decode() == (
        "FROM a\n"
        'ENV PYENV_PROBE_0_0=3.9 PYENV_PROBE_0_1="$X"\n'
        'RUN ["dockerfile-pyenv-probe", "0"]\n'
        "RUN y\n"
        'RUN ["dockerfile-pyenv-probe", "1"]\n'
    )


def test_a_site_has_what_the_exec_has() -> None:
    """Words, USER, ENV and platform are those of the exec; our own variables are not part of ENV."""
    env = ("PATH=/bin", "A=b=c", "PYENV_PROBE_0_0=3.9", "PYENV_PROBE_0_1=name")
    (scope,) = read(marker(0, ops.image("debian"), user="astro", env=env))[0]
    assert scope == LineScope(
        number=0,
        target="",
        platform="linux/amd64",
        user="astro",
        env={"PATH": "/bin", "A": "b=c"},
        words=("3.9", "name"),
        below=(),
        empty=False,
        in_target=True,
        base="docker-image://docker.io/library/debian:latest",
    )


def test_lines_below_are_found_through_every_kind_of_op() -> None:
    """Execs, file operations, merges and other stages in between do not hide the lines that came before."""
    base = marker(0, ops.image("debian"))
    copied = ops.file(base, [ops.mkdir("/x"), ops.copy(marker(3, ops.image("alpine")), "/y", "/y")])
    second = marker(1, ops.run(["true"], root=copied).root)
    merged = ops.merge([second, ops.file(ops.scratch(), [ops.mkdir("/z")])])
    scopes = read(marker(2, merged))
    assert scopes[2][0].below == (0, 1)
    assert scopes[1][0].below == (0,)
    assert scopes[3][0].below == ()


def test_a_stage_from_scratch_is_empty_until_something_is_copied_into_it() -> None:
    """WORKDIR alone brings no C library; a root file system does."""
    made = ops.file(ops.scratch(), [ops.mkdir("/app")])
    filled = ops.file(ops.scratch(), [ops.copy(ops.local("context"), "/rootfs", "/")])
    assert read(marker(0, ops.scratch()))[0][0].empty
    assert read(marker(0, made))[0][0].empty
    assert not read(marker(0, filled))[0][0].empty
    assert not read(marker(1, marker(0, filled)))[1][0].empty


def test_a_line_is_found_once_for_each_platform() -> None:
    """A scope has the platform that is built for, and the stage's own in the normal form of named contexts."""
    arm = marker(0, ops.image("debian"), platform=Platform("linux", "arm64", "v8"))
    amd = marker(0, ops.image("debian"), platform=Platform("linux", "amd64"))
    found = [(scope.target, scope.platform) for scope in read(amd, arm)[0]]
    assert found == [("linux/amd64", "linux/amd64"), ("linux/arm64", "linux/arm64")]
    crossed = [(scope.target, scope.platform) for scope in read(amd, amd)[0]]
    assert crossed == [("linux/amd64", "linux/amd64"), ("linux/arm64", "linux/amd64")]


def test_a_graph_without_probes_reaches_nothing() -> None:
    """An empty graph, and one with other execs only, have no scopes."""
    assert read(ops.run(["true"], root=ops.image("debian")).root) == {}
    assert probe.read({"": Definition()}) == {}
