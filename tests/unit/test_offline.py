"""What is known of PYENV lines without an engine."""

from pathlib import Path

import pytest
from tests.unit.planning import GOOD, case, sites_of

from dockerfile_pyenv import offline, stages
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.lexer import lex
from dockerfile_pyenv.offline import Given
from dockerfile_pyenv.probe import Site

PLATFORM = "linux/amd64"


def sites(source: str, **given: dict[str, str]) -> list[Site]:
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
    """An environment belongs to it, and only an engine could ask the image."""
    source = "FROM quay.io/astronomer/astro-runtime:12.7.1\nPYENV 3.9 a\n"
    with pytest.raises(DockerfileError, match=r"--user quay\.io/astronomer/astro-runtime:12\.7\.1=<user>") as caught:
        sites(source)
    assert caught.value.lines == (2, 2)
    assert sites(source, users={"": "astro"})[0].user == "astro"
    assert sites(source, users={"quay.io/astronomer/astro-runtime:12.7.1": "50000"})[0].user == "50000"


def test_a_variable_of_the_base_image_has_to_be_said() -> None:
    """The message names both ways."""
    source = "FROM debian\nPYENV $PYTHON_VERSION a\n"
    with pytest.raises(DockerfileError, match=r"--build-arg PYTHON_VERSION=… .* --env PYTHON_VERSION=…"):
        sites(source)
    assert sites(source, env={"PYTHON_VERSION": "3.9"})[0].words == ("3.9", "a")


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
    users = {"": next((site.user for (site, *_) in said.values()), "")}
    found = offline.sites(dockerfile, lines, Given(PLATFORM, users=users, env={"d": "$d"}))
    for number, (site, *_) in said.items():
        if probe:
            assert (found[number][0].words, found[number][0].below) == (site.words, site.below)
