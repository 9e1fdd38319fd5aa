"""The golden cases of dockerfile-syntax/cases: Dockerfiles, and what becomes of them.

`REGENERATE=1 pytest tests/unit/test_cases.py` rewrites the expectations.
"""

import itertools
from pathlib import Path

import pytest
from tests.unit.planning import BAD, GOOD, Files, case, plan_of

from dockerfile_pyenv.dockerfile.excerpt import excerpt
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.emit import expand, plain
from dockerfile_pyenv.emit.commands import SHARED_CACHE
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.plan import requirement_files


def compare(path: Path, actual: bytes, *, regenerate: bool) -> None:
    """Compare with a golden file, or write it."""
    if regenerate:
        path.write_bytes(actual)
    assert path.read_bytes() == actual


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_a_dockerfile_becomes_its_expanded_text(folder: Path, regenerate: bool) -> None:  # noqa: FBT001
    """Each case's Dockerfile expands to the text beside it, with the line map beside that."""
    dockerfile, plan = plan_of(*case(folder))
    expansion = expand.expand(dockerfile, plan)
    lines = "".join(f"{number:3} <- {first}-{last}\n" for number, (first, last) in enumerate(expansion.lines, 1))
    compare(folder / "expanded", expansion.text, regenerate=regenerate)
    compare(folder / "lines", lines.encode(), regenerate=regenerate)


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_a_dockerfile_is_rendered_for_other_builders(folder: Path, regenerate: bool) -> None:  # noqa: FBT001
    """Each case's Dockerfile becomes the plain text beside it."""
    dockerfile, plan = plan_of(*case(folder))
    style = plain.Style("Dockerfile", "linux/amd64", "dockerfile-pyenv:1")
    files = requirement_files.collect(plan, Files({}, all_there=True))
    compare(folder / "rendered", plain.render(dockerfile, plan, files, style), regenerate=regenerate)


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_what_is_rendered_asks_no_more_of_a_builder_than_the_users_lines(folder: Path) -> None:
    """The heredocs are the user's, and no flag is there that podman 4.3 and buildah 1.28 do not know."""
    own, rendered = (lex((folder / name).read_bytes()).instructions for name in ("Dockerfile", "rendered"))
    theirs = [body.content for item in own if item.keyword != "PYENV" for body in item.heredocs]
    assert [body.content for item in rendered for body in item.heredocs] == theirs
    flags = {
        word.partition("=")[0]
        for item in rendered
        for word in itertools.takewhile(lambda word: word.startswith("--"), item.text.split())
    }
    known = {"--from", "--mount", "--platform"}
    assert flags - known <= {word.partition("=")[0] for item in own for word in item.text.split()}


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_the_shared_cache_is_where_no_packages_code_runs(folder: Path) -> None:
    """In a text, steps that install in the user's stage have a cache of their own."""
    expanded, rendered = ((folder / name).read_text() for name in ("expanded", "rendered"))
    assert f"id={SHARED_CACHE}," not in expanded
    runs = [item.text for item in lex(rendered.encode()).instructions if f"id={SHARED_CACHE}," in item.text]
    assert all("--step=install" in text for text in runs)
    assert len(runs) == rendered.count(f"id={SHARED_CACHE},")


@pytest.mark.parametrize("folder", BAD, ids=lambda folder: folder.name)
def test_a_wrong_dockerfile_gets_its_error(folder: Path, regenerate: bool) -> None:  # noqa: FBT001
    """Each wrong case's Dockerfile is refused with the text beside it, which is what buildx prints."""
    source, probe = case(folder)
    with pytest.raises(DockerfileError) as caught:
        plan_of(source, probe)
    shown = excerpt(source, "Dockerfile", caught.value.lines) + f"ERROR: failed to solve: {caught.value.placed}\n"
    compare(folder / "error", shown.encode(), regenerate=regenerate)


@pytest.mark.parametrize("folder", GOOD, ids=lambda folder: folder.name)
def test_every_line_of_the_users_stays_verbatim(folder: Path) -> None:
    """The lines of an expansion that were not generated are the user's, in their order, without the PYENV lines."""
    source, probe = case(folder)
    dockerfile, plan = plan_of(source, probe)
    expansion = expand.expand(dockerfile, plan)
    kept = [
        line
        for number, line in enumerate(expansion.text.split(b"\n"), 1)
        if number not in expansion.generated and number <= len(expansion.lines)
    ]
    pyenv = {
        number
        for item in dockerfile.instructions
        if item.keyword == "PYENV"
        for number in range(item.lines[0], item.lines[1] + 1)
    }
    assert (
        kept
        == [line for number, line in enumerate(source.split(b"\n"), 1) if number not in pyenv and line + b"x"][
            : len(kept)
        ]
    )
