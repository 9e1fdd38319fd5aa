"""The image's history."""

import json

from tests.unit.planning import plan_of

from dockerfile_pyenv.emit import commands, history

SOURCE = b"FROM a\nPYENV 3.9 one one.txt\nPYENV 3.9 two\nRUN x\n"


def entry(text: str, *, layer: bool = False) -> dict[str, object]:
    """A history entry as upstream writes it."""
    return {"created_by": text, "comment": "buildkit.dockerfile.v0", "empty_layer": not layer}


def generated(source: bytes, *, args: str = "") -> list[dict[str, object]]:
    """The entries of the instructions made from the PYENV lines of a Dockerfile with one group."""
    _, plan = plan_of(source)
    (group,) = plan.groups
    return [
        entry("USER 0:0"),
        *(entry(f"COPY / /opt/astro-pyenv/python/{item}/ # buildkit", layer=True) for item in group.interpreters),
        *(entry(f"RUN {args}{' '.join(commands.command(item))} # buildkit", layer=True) for item in group.environments),
        entry("ENV ASTRO_PYENV_one=/opt/astro-pyenv/envs/one/bin/python ASTRO_PYENV_two=/x"),
        entry("LABEL dockerfile-pyenv.environments=[]"),
        entry("USER "),
    ]


def rewritten(source: bytes, entries: list[dict[str, object]]) -> list[tuple[object, object]]:
    """What is left of a history, as (text, has a layer)."""
    _, plan = plan_of(source)
    config = json.loads(history.rewrite(json.dumps({"architecture": "amd64", "history": entries}).encode(), plan))
    assert config["architecture"] == "amd64"
    return [(item["created_by"], not item.get("empty_layer")) for item in config["history"]]


def test_a_group_leaves_one_entry_for_each_layer() -> None:
    """The instructions without a layer go; those with one read as the user's lines."""
    entries = [entry("base", layer=True), *generated(SOURCE), entry("RUN x # buildkit", layer=True)]
    assert rewritten(SOURCE, entries) == [
        ("base", True),
        ("PYENV 3.9 (CPython 3.9.25, standalone by default)", True),
        ("PYENV 3.9 one one.txt", True),
        ("PYENV 3.9 two", True),
        ("RUN x # buildkit", True),
    ]


def test_values_of_build_args_do_not_hide_a_step() -> None:
    """Upstream writes the values of ARG before a step's arguments."""
    entries = generated(SOURCE, args="|2 A=b c C=RUN x ")
    assert rewritten(SOURCE, entries)[1] == ("PYENV 3.9 one one.txt", True)


def test_the_same_line_in_the_base_image_is_left_alone() -> None:
    """Of two runs of equal entries the last one is this build's."""
    base = generated(SOURCE)
    assert len(rewritten(SOURCE, [*base, *generated(SOURCE)])) == len(base) + 3


def test_a_history_that_is_not_recognised_stays() -> None:
    """Another engine's texts, and an image without history, are left as they are."""
    entries = [entry("RUN something else", layer=True)]
    assert rewritten(SOURCE, entries) == [("RUN something else", True)]
    _, plan = plan_of(SOURCE)
    assert history.rewrite(b'{"config": {}}', plan) == b'{"config": {}}'
