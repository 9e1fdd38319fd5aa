"""Plans: what the lines' places add to their words."""

import json

import pytest
from tests.unit.planning import plan_of

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.plan.model import Environment

BASE = {"name": "base", "version": "3.12.1", "interpreter": "3.12.1", "path": "/opt/astro-pyenv/envs/base"}


def test_lines_that_stand_together_form_a_group() -> None:
    """Comments and blank lines do not part lines; any other instruction does."""
    _, plan = plan_of(b"FROM a\nPYENV 3.9 a\n# c\n\nPYENV 3.9 b\nRUN x\nPYENV 3.9 c\nFROM b\nPYENV 3.9 d\n")
    assert [[item.statement.name for item in group.environments] for group in plan.groups] == [["a", "b"], ["c"], ["d"]]


def test_an_interpreter_is_added_once() -> None:
    """A group adds the interpreters that no line below it has added, each once."""
    _, plan = plan_of(b"FROM a\nPYENV 3.9 a\nPYENV 3.9 b\nPYENV 3.11 c\nRUN x\nPYENV 3.9 d\nPYENV 3.13 e\n")
    assert [list(group.interpreters) for group in plan.groups] == [["3.9.25", "3.11.14"], ["3.13.9"]]


def test_the_label_lists_what_the_image_holds() -> None:
    """The base image's environments come first, then those of stages below, then the group's own."""
    base = json.dumps([BASE])
    source = b"FROM a AS t\nPYENV 3.9 one\nFROM b\nPYENV 3.9 other\nFROM t\nPYENV 3.11 two\n"
    _, plan = plan_of(source, [{}, {}, {"below": [0]}], label=base)
    assert json.loads(plan.groups[-1].label) == [
        BASE,
        {"name": "one", "version": "3.9.25", "interpreter": "3.9.25", "path": "/opt/astro-pyenv/envs/one"},
        {"name": "two", "version": "3.11.14", "interpreter": "3.11.14", "path": "/opt/astro-pyenv/envs/two"},
    ]


@pytest.mark.parametrize("label", ["not json", '"text"', "[1]", '[{"name": "x"}]'])
def test_a_foreign_label_does_no_harm(label: str) -> None:
    """A label of that name that is not ours counts as none."""
    _, plan = plan_of(b"FROM a\nPYENV 3.9 one\n", label=label)
    assert [entry["name"] for entry in json.loads(plan.groups[0].label)] == ["one"]


def test_another_build_of_the_version_in_the_base_image_is_refused() -> None:
    """An image made with PYENV brings interpreters along, which count as the stage's own."""
    base = json.dumps([{**BASE, "version": "3.9.18", "interpreter": "3.9.18"}])
    with pytest.raises(DockerfileError, match=r"requires 3\.9\.25.*base image has 3\.9\.18"):
        plan_of(b"FROM a\nPYENV 3.9 one\n", label=base)


def test_a_name_from_a_stage_below_is_taken() -> None:
    """FROM of another stage brings its environments along."""
    with pytest.raises(DockerfileError, match="taken by the environment of line 2"):
        plan_of(b"FROM a AS t\nPYENV 3.9 one\nFROM t\nPYENV 3.11 one\n", [{}, {"below": [0]}])


def test_the_same_name_in_stages_apart_is_fine() -> None:
    """A stage that is only copied from shares no names."""
    _, plan = plan_of(b"FROM a AS t\nPYENV 3.9 one\nFROM b\nPYENV 3.11 one\n")
    assert len(plan.environments) == 2


def test_a_version_and_its_newest_release_are_the_same_build() -> None:
    """`3.9` and the release that it stands for do not contradict each other."""
    _, plan = plan_of(b"FROM a\nPYENV 3.9 one\nPYENV 3.9.25 two\n")
    assert list(plan.groups[0].interpreters) == ["3.9.25"]


def test_lines_that_are_not_reached_are_not_planned() -> None:
    """A broken line in a stage that isn't built is no error."""
    _, plan = plan_of(b"FROM a\nPYENV latest x\nPYENV 3.9 one\n", [None, {}])
    assert [line.number for line in plan.unreached] == [0]
    assert [item.statement.name for item in plan.environments] == ["one"]


def test_stages_of_another_platform_have_interpreters_of_their_own() -> None:
    """Upstream looks contexts up by the platform that is built for: a stage of the builder's needs another name."""
    own = [{"target": name, "platform": name} for name in ("linux/amd64", "linux/arm64")]
    cross = [{**one, "platform": "linux/amd64"} for one in own]
    _, plan = plan_of(b"FROM a\nPYENV 3.9 one\nFROM b\nPYENV 3.9 two\n", [own, cross])
    one, two = plan.environments
    assert (one.context, two.context) == (
        "dockerfile-pyenv/python-3.9.25",
        "dockerfile-pyenv/python-3.9.25-linux-amd64",
    )
    assert [platforms_of(item) for item in (one, two)] == [
        {"linux/amd64": "linux/amd64", "linux/arm64": "linux/arm64"},
        {"linux/amd64": "linux/amd64", "linux/arm64": "linux/amd64"},
    ]


def platforms_of(environment: Environment) -> dict[str, str]:
    """Platforms of an environment's interpreters, by what is built for."""
    return {target: recipe.platform for target, recipe in environment.recipes.items()}


def test_an_interpreter_of_the_base_image_is_not_added_again() -> None:
    """An image made with PYENV, used as a base, has its interpreters already."""
    base = json.dumps([{**BASE, "version": "3.9.25", "interpreter": "3.9.25"}])
    _, plan = plan_of(b"FROM a\nPYENV 3.9 one\nPYENV 3.11 two\n", label=base)
    assert list(plan.groups[0].interpreters) == ["3.11.14"]
