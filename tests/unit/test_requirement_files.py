"""Requirement files with what they include: what is read, what the step is given, what is wrong with it."""

import pytest
from tests.unit.planning import Files, plan_of

from dockerfile_pyenv import requirement_files
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.requirement_files import Place, RequirementFiles


def collect(lines: str, files: dict[str, bytes | Place]) -> RequirementFiles:
    """Collect what PYENV lines read; the first of them is line 2."""
    return requirement_files.collect(plan_of(f"FROM debian\n{lines}\n".encode())[1], Files(files))


def test_included_files() -> None:
    """What a file includes is read from its own place, and all that is found by then at once."""
    tree = Files(
        {
            "a.txt": b"-r more/b.txt\n-c more/c.txt\na\n",
            "more/b.txt": b"-r ../d.txt\nb\n",
            "more/c.txt": b"-r ../a.txt\nc<1\n",
            "d.txt": b"d\n",
        }
    )
    _, plan = plan_of(b"FROM debian\nPYENV 3.9 one a.txt\nPYENV 3.9 two d.txt\n")
    found = requirement_files.collect(plan, tree)
    assert tree.rounds == [(["a.txt", "d.txt"], []), (["more/b.txt", "more/c.txt"], [])]
    assert [file.path for file in found.files[0]] == ["a.txt", "more/b.txt", "d.txt", "more/c.txt"]
    assert [list(content.paths) for content in found.contents.values()] == [
        ["a.txt", "d.txt", "more/b.txt", "more/c.txt"],
        ["d.txt"],
    ]


def test_paths_in_files() -> None:
    """Archives, projects and places with archives go to the step, each where it was found."""
    files = {
        "r/a.txt": b"./w/a-1-py3-none-any.whl\n-e ./p[x]\n--find-links w\n-f ../links\n/tmp/i-1-py3-none-any.whl\nhttps://h/x.zip\n",
        "w/a-1-py3-none-any.whl": Place.FILE,
        "p": Place.DIRECTORY,
        "w": Place.DIRECTORY,
        "links": Place.DIRECTORY,
    }
    (content,) = collect("PYENV 3.9 x r/a.txt", files).contents.values()
    assert content.paths == {
        "links": Place.DIRECTORY,
        "p": Place.DIRECTORY,
        "r/a.txt": Place.FILE,
        "w": Place.DIRECTORY,
        "w/a-1-py3-none-any.whl": Place.FILE,
    }


def test_lines_that_say_the_same_share_a_directory() -> None:
    """Names and versions have no part in what a step is given."""
    found = collect(
        "PYENV 3.9 a r.txt\nPYENV 3.11 b ./r.txt\nPYENV 3.9 c <<E\nE\nPYENV 3.9 d <<E\nx\nE\nPYENV 3.9 e x==1",
        {"r.txt": b""},
    )
    assert len(found.contents) == 3
    assert [[file.text for file in files] for files in found.files.values()] == [[""], [""], [""], ["x\n"], ["x==1"]]


def test_a_heredoc_includes_files() -> None:
    """From the top of the build context."""
    (content,) = collect("PYENV 3.9 x <<E\n-r r/a.txt\nE", {"r/a.txt": b"-r b.txt", "r/b.txt": b""}).contents.values()
    assert [*content.paths, content.bodies[0].name] == ["r/a.txt", "r/b.txt", "<<E"]


def test_variables_in_the_names_of_files() -> None:
    """ENV and ARG count; what only the step knows is left to it."""
    _, plan = plan_of(b"FROM a\nPYENV 3.9 x a.txt\n", [{"env": {"TEAM": "t"}}])
    tree = Files({"a.txt": b"-r ${TEAM}.txt\n-r ${UNKNOWN}.txt\n", "t.txt": b""})
    assert [file.path for file in requirement_files.collect(plan, tree).files[0]] == ["a.txt", "t.txt"]


@pytest.mark.parametrize(
    ("line", "files", "lines", "message"),
    [
        pytest.param("a.txt", {}, (2, 2), "a.txt does not exist", id="missing"),
        pytest.param(
            "pandas=2.2",
            {},
            (2, 2),
            "pandas=2.2 does not exist. If the package pandas is meant, write its version, too: pandas==<version>",
            id="a package",
        ),
        pytest.param(
            "a.txt",
            {"a.txt": b"\n-r b.txt"},
            (2, 2),
            "a.txt, line 2: b.txt: b.txt does not exist",
            id="an included file is missing",
        ),
        pytest.param(
            "a.txt",
            {"a.txt": b"-r b", "b": Place.DIRECTORY},
            (2, 2),
            "a.txt, line 1: b: b is a directory",
            id="no file",
        ),
        pytest.param(
            "a.txt",
            {"a.txt": b"-r b.txt", "b.txt": b"x\n-r ../c.txt"},
            (2, 2),
            "b.txt, line 2: -r ../c.txt: ../c.txt lies outside the build context",
            id="outside",
        ),
        pytest.param(
            "a.txt",
            {"a.txt": b"./p"},
            (2, 2),
            "a.txt, line 1: ./p: p does not exist. Relative paths start at the top of the build context",
            id="a project is missing",
        ),
        pytest.param(
            "./x-1-py3-none-any.whl", {}, (2, 2), "x-1-py3-none-any.whl does not exist", id="a wheel is missing"
        ),
        pytest.param("<<E\nx\n-r b.txt\nE", {}, (4, 4), "<<E, line 2: b.txt: b.txt does not", id="in a heredoc"),
        pytest.param(
            "<<E\nx\n\na=1\nE", {}, (5, 5), "<<E, line 3: a=1: = compares no versions", id="wrong in a heredoc"
        ),
    ],
)
def test_what_is_wrong(line: str, files: dict[str, bytes | Place], lines: tuple[int, int], message: str) -> None:
    """The file that names what is not there is named with its line; a heredoc's line is the Dockerfile's own."""
    with pytest.raises(DockerfileError) as caught:
        collect(f"PYENV 3.9 x {line}", files)
    assert caught.value.message.startswith(message)
    assert caught.value.lines == lines
