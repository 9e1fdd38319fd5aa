"""What is known of PYENV lines without an engine."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.planning import GOOD, case, scopes_of

from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.instruction.lines import pyenv_lines
from dockerfile_pyenv.plan import offline
from dockerfile_pyenv.plan.line_scope import LineScope
from dockerfile_pyenv.plan.offline import ANY, BaseImage, OfflineBuild

PLATFORM = "linux/amd64"


RUNTIME = "quay.io/astronomer/astro-runtime:12.7.1"
AIRFLOW = "registry.example.com/airflow:3.1.3"


def scopes(source: str, **given: Any) -> list[LineScope]:  # noqa: ANN401 - fields of OfflineBuild
    """The scopes of a file's PYENV lines."""
    dockerfile = lex(source.encode())
    lines = pyenv_lines(dockerfile)
    return [scope for (scope,) in offline.scopes(dockerfile, lines, OfflineBuild(PLATFORM, **given)).values()]


def test_words_have_the_values_of_arg_and_env() -> None:
    """ENV comes before ARG, a build arg before the default, and what stands above FROM has to be asked for."""
    source = """ARG PYTHON=3.9
ARG BASE=debian:12
FROM $BASE
ARG PYTHON
ARG FILE=reqs-$PYTHON.txt NAME=arg
ENV NAME=env
PYENV $PYTHON ${NAME} "$FILE"
"""
    assert [scope.words for scope in scopes(source)] == [("3.9", "env", "reqs-3.9.txt")]
    (scope,) = scopes(source, build_args={"PYTHON": "3.11", "NAME": "given"})
    assert scope.words == ("3.11", "env", "reqs-3.11.txt")


def test_user_is_that_of_the_stage_or_of_its_base() -> None:
    """A stage made FROM another one has what that has at its end."""
    source = "FROM debian AS one\nUSER astro\nPYENV 3.9 a\nUSER root\nFROM one\nPYENV 3.9 b\nFROM debian\nPYENV 3.9 c\n"
    assert [(scope.user, scope.below) for scope in scopes(source)] == [("astro", ()), ("root", (0,)), ("", ())]


def test_the_user_of_an_image_that_is_not_dockers_own_has_to_be_said() -> None:
    """An environment belongs to it, and only an engine could ask the image; the message says who can."""
    source = f"FROM {AIRFLOW}\nPYENV 3.9 a\n"
    with pytest.raises(
        DockerfileError, match=rf"--user {AIRFLOW}=<user> \(`docker image inspect .* --image-config"
    ) as caught:
        scopes(source)
    assert caught.value.lines == (2, 2)
    assert scopes(source, images={ANY: BaseImage("astro")})[0].user == "astro"
    assert scopes(source, images={AIRFLOW: BaseImage("50000"), ANY: BaseImage("astro")})[0].user == "50000"
    assert scopes(source.replace("PYENV", "USER 5\nPYENV"))[0].user == "5"


def test_a_variable_of_the_base_image_has_to_be_said() -> None:
    """The message names the ways; where the image's whole config is known, a variable that it lacks is empty."""
    source = "FROM debian\nPYENV $PYTHON_VERSION a\n"
    with pytest.raises(
        DockerfileError, match=r"--build-arg PYTHON_VERSION=… .* --env PYTHON_VERSION=… or --image-config"
    ):
        scopes(source)
    assert scopes(source, images={ANY: BaseImage(env={"PYTHON_VERSION": "3.9"})})[0].words == ("3.9", "a")
    assert scopes(source, images={ANY: BaseImage("", config={})})[0].words == ("", "a")


def test_what_is_unknown_matters_only_where_a_pyenv_line_uses_it() -> None:
    """ARG and ENV of unknown values stand above lines that do without."""
    source = "FROM debian\nARG A=$UNKNOWN\nENV B=$A-x C=3.9\nPYENV $C a\n"
    assert scopes(source)[0].words == ("3.9", "a")
    with pytest.raises(DockerfileError, match=r"uses \$B, which has no value in this file"):
        scopes(source.replace("PYENV $C", "PYENV $B"))


def test_an_arg_above_from_may_use_what_has_no_value() -> None:
    """Nothing but the file and the build gives values there, so what they do not give is empty."""
    assert scopes("ARG TAG=3$NONE\nFROM debian:$TAG\nARG TAG\nPYENV $TAG.9 a\n")[0].words == ("3.9", "a")


STAGES = """FROM debian AS one
PYENV 3.9 one
FROM debian AS two
PYENV 3.9 two
FROM one AS three
PYENV 3.9 three
FROM debian
COPY --from=two / /
RUN --mount=type=bind,from=0,target=/x true
PYENV 3.9 four
"""


@pytest.mark.parametrize(
    ("target", "names"),
    [
        (None, ["one", "two", "three", "four"]),
        ("one", ["one"]),
        ("TWO", ["two"]),
        ("2", ["one", "three"]),
        ("3", ["one", "two", "four"]),
    ],
)
def test_a_target_has_the_lines_of_the_stages_that_it_is_made_from(target: str | None, names: list[str]) -> None:
    """By FROM, COPY --from and --mount=from, by name and number."""
    assert [scope.words[1] for scope in scopes(STAGES, target=target)] == names


def test_what_is_wrong_in_a_stage_that_is_not_needed_is_no_error() -> None:
    """As in a build."""
    assert [scope.words for scope in scopes(f"FROM {RUNTIME}\nPYENV $X a\nFROM debian AS b\nPYENV 3.9 b\n", target="b")]


def test_an_unknown_target_is_told_with_the_known_ones() -> None:
    """A typo is found at once."""
    with pytest.raises(PyenvError, match=r"there is no stage thre: the file has 4 \(one, two, three\)"):
        scopes(STAGES, target="thre")


def test_a_stage_of_another_platform_keeps_it() -> None:
    """Arguments of the platform that is built for are there before the first FROM."""
    source = "FROM --platform=linux/arm64 debian\nPYENV 3.9 a\nFROM --platform=$TARGETPLATFORM debian\nPYENV 3.9 b\n"
    assert [scope.platform for scope in scopes(source)] == ["linux/arm64", PLATFORM]


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_every_case_is_understood_as_an_engine_understands_it(folder: Path) -> None:
    """Words, USER and the lines below are those that the case's probe says."""
    source, probe = case(folder)
    dockerfile = lex(source)
    lines = pyenv_lines(dockerfile)
    said = scopes_of(dockerfile, lines, probe)
    user = next((scope.user for (scope, *_) in said.values()), "")
    found = offline.scopes(dockerfile, lines, OfflineBuild(PLATFORM, images={ANY: BaseImage(user, {"d": "$d"})}))
    for number, (scope, *_) in said.items():
        if probe:
            assert (found[number][0].words, found[number][0].below) == (scope.words, scope.below)
