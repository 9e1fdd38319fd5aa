"""What is known of PYENV lines without an engine."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.planning import GOOD, case, sites_of

from dockerfile_pyenv import offline, stages
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.lexer import lex
from dockerfile_pyenv.offline import ANY, Given, Image
from dockerfile_pyenv.probe import Site

PLATFORM = "linux/amd64"


RUNTIME = "quay.io/astronomer/astro-runtime:12.7.1"


def sites(source: str, **given: Any) -> list[Site]:  # noqa: ANN401 - fields of Given
    """The sites of a file's PYENV lines."""
    dockerfile = lex(source.encode())
    lines = stages.pyenv_lines(dockerfile)
    return [site for (site,) in offline.sites(dockerfile, lines, Given(PLATFORM, **given)).values()]


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
    assert [site.words for site in sites(source)] == [("3.9", "env", "reqs-3.9.txt")]
    (site,) = sites(source, build_args={"PYTHON": "3.11", "NAME": "given"})
    assert site.words == ("3.11", "env", "reqs-3.11.txt")


def test_user_is_that_of_the_stage_or_of_its_base() -> None:
    """A stage made FROM another one has what that has at its end."""
    source = "FROM debian AS one\nUSER astro\nPYENV 3.9 a\nUSER root\nFROM one\nPYENV 3.9 b\nFROM debian\nPYENV 3.9 c\n"
    assert [(site.user, site.below) for site in sites(source)] == [("astro", ()), ("root", (0,)), ("", ())]


def test_the_user_of_an_image_that_is_not_dockers_own_has_to_be_said() -> None:
    """An environment belongs to it, and only an engine could ask the image; the message says who can."""
    source = f"FROM {RUNTIME}\nPYENV 3.9 a\n"
    with pytest.raises(
        DockerfileError, match=rf"--user {RUNTIME}=<user> \(`docker image inspect .* --image-config"
    ) as caught:
        sites(source)
    assert caught.value.lines == (2, 2)
    assert sites(source, images={ANY: Image("astro")})[0].user == "astro"
    assert sites(source, images={RUNTIME: Image("50000"), ANY: Image("astro")})[0].user == "50000"
    assert sites(source.replace("PYENV", "USER 5\nPYENV"))[0].user == "5"


def test_a_variable_of_the_base_image_has_to_be_said() -> None:
    """The message names the ways; where the image's whole config is known, a variable that it lacks is empty."""
    source = "FROM debian\nPYENV $PYTHON_VERSION a\n"
    with pytest.raises(
        DockerfileError, match=r"--build-arg PYTHON_VERSION=… .* --env PYTHON_VERSION=… or --image-config"
    ):
        sites(source)
    assert sites(source, images={ANY: Image(env={"PYTHON_VERSION": "3.9"})})[0].words == ("3.9", "a")
    assert sites(source, images={ANY: Image("", config={})})[0].words == ("", "a")


def test_what_is_unknown_matters_only_where_a_pyenv_line_uses_it() -> None:
    """ARG and ENV of unknown values stand above lines that do without."""
    source = "FROM debian\nARG A=$UNKNOWN\nENV B=$A-x C=3.9\nPYENV $C a\n"
    assert sites(source)[0].words == ("3.9", "a")
    with pytest.raises(DockerfileError, match=r"uses \$B, which this file gives no value"):
        sites(source.replace("PYENV $C", "PYENV $B"))


def test_an_arg_above_from_may_use_what_has_no_value() -> None:
    """Nothing but the file and the build gives values there, so what they do not give is empty."""
    assert sites("ARG TAG=3$NONE\nFROM debian:$TAG\nARG TAG\nPYENV $TAG.9 a\n")[0].words == ("3.9", "a")


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
    assert [site.words[1] for site in sites(STAGES, target=target)] == names


def test_what_is_wrong_in_a_stage_that_is_not_needed_is_no_error() -> None:
    """As in a build."""
    assert [site.words for site in sites(f"FROM {RUNTIME}\nPYENV $X a\nFROM debian AS b\nPYENV 3.9 b\n", target="b")]


def test_an_unknown_target_is_told_with_the_known_ones() -> None:
    """A typo is found at once."""
    with pytest.raises(PyenvError, match=r"there is no stage thre: the file has 4 \(one, two, three\)"):
        sites(STAGES, target="thre")


def test_a_stage_of_another_platform_keeps_it() -> None:
    """Arguments of the platform that is built for are there before the first FROM."""
    source = "FROM --platform=linux/arm64 debian\nPYENV 3.9 a\nFROM --platform=$TARGETPLATFORM debian\nPYENV 3.9 b\n"
    assert [site.platform for site in sites(source)] == ["linux/arm64", PLATFORM]


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_every_case_is_understood_as_an_engine_understands_it(folder: Path) -> None:
    """Words, USER and the lines below are those that the case's probe says."""
    source, probe = case(folder)
    dockerfile = lex(source)
    lines = stages.pyenv_lines(dockerfile)
    said = sites_of(dockerfile, lines, probe)
    user = next((site.user for (site, *_) in said.values()), "")
    found = offline.sites(dockerfile, lines, Given(PLATFORM, images={ANY: Image(user, {"d": "$d"})}))
    for number, (site, *_) in said.items():
        if probe:
            assert (found[number][0].words, found[number][0].below) == (site.words, site.below)
