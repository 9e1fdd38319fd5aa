"""Requirement files with what they include: what is read, what the step is given, what is wrong with it."""

import pytest
from tests.unit.planning import Files, plan_of

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.plan import requirement_files
from dockerfile_pyenv.plan.requirement_files import PathKind, RequirementFiles


def collect(lines: str, files: dict[str, bytes | PathKind]) -> RequirementFiles:
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


def test_constraints_for_builds() -> None:
    """The step gets the file with what it includes; it says nothing about what is installed."""
    files: dict[str, bytes | PathKind] = {"r.txt": b"six\n", "b.txt": b"-c c.txt\n", "c.txt": b"setuptools==81.0\n"}
    found = collect(
        "PYENV --build-constraint=b.txt --build-constraint=wheel<1 3.9 one r.txt\nPYENV 3.9 two r.txt", files
    )
    with_constraints, without = found.contents.values()
    assert list(with_constraints.paths) == ["b.txt", "c.txt", "r.txt"]
    assert list(without.paths) == ["r.txt"]
    assert [file.path for file in found.files[0]] == ["r.txt"]
    assert found.fingerprints[0] == found.fingerprints[1]


def test_a_file_of_constraints_for_builds_that_does_not_exist() -> None:
    """The error is at the line."""
    with pytest.raises(DockerfileError, match=r"b\.txt does not exist"):
        collect("PYENV --build-constraint=b.txt 3.9 one", {})


def test_a_lock_depends_on_the_date_of_its_line() -> None:
    """Another date, another fingerprint."""
    found = collect(
        "PYENV 3.9 a r.txt\nPYENV --exclude-newer=2024-05-01 3.9 b r.txt\nPYENV --exclude-newer=2024-05-02 3.9 c r.txt",
        {"r.txt": b"six\n"},
    )
    assert len(set(found.fingerprints.values())) == 3


@pytest.mark.parametrize(
    ("marker", "needed"),
    [
        ("sys_platform == 'win32'", False),
        ("platform_machine == 'aarch64'", False),
        ("python_version < '3.9'", False),
        ("python_version >= '3.9' and sys_platform == 'linux'", True),
    ],
)
def test_a_package_that_its_marker_excludes(marker: str, needed: bool) -> None:  # noqa: FBT001 - a case
    """It need not exist, as with pip."""
    files: dict[str, bytes | PathKind] = {"r.txt": f"./w/a-1-py3-none-any.whl ; {marker}\n".encode()}
    if needed:
        with pytest.raises(DockerfileError, match="does not exist"):
            collect("PYENV 3.9 x r.txt", files)
    else:
        (content,) = collect("PYENV 3.9 x r.txt", files).contents.values()
        assert list(content.paths) == ["r.txt"]


def test_paths_in_files() -> None:
    """Archives, projects and places with archives go to the step, each where it was found."""
    files = {
        "r/a.txt": b"./w/a-1-py3-none-any.whl\n-e ./p[x]\n--find-links w\n-f ../links\n/tmp/i-1-py3-none-any.whl\nhttps://h/x.zip\n",
        "w/a-1-py3-none-any.whl": PathKind.FILE,
        "p": PathKind.DIRECTORY,
        "w": PathKind.DIRECTORY,
        "links": PathKind.DIRECTORY,
    }
    (content,) = collect("PYENV 3.9 x r/a.txt", files).contents.values()
    assert content.paths == {
        "links": PathKind.DIRECTORY,
        "p": PathKind.DIRECTORY,
        "r/a.txt": PathKind.FILE,
        "w": PathKind.DIRECTORY,
        "w/a-1-py3-none-any.whl": PathKind.FILE,
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
            "pandas=2.2 does not exist. To install the package pandas, add its version: pandas==<version>",
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
            {"a.txt": b"-r b", "b": PathKind.DIRECTORY},
            (2, 2),
            "a.txt, line 1: b: b is a directory",
            id="no file",
        ),
        pytest.param(
            "a.txt",
            {"a.txt": b"-r b.txt", "b.txt": b"x\n-r ../c.txt"},
            (2, 2),
            "b.txt, line 2: -r ../c.txt: ../c.txt is outside the build context",
            id="outside",
        ),
        pytest.param(
            "a.txt",
            {"a.txt": b"./p"},
            (2, 2),
            "a.txt, line 1: ./p: p does not exist. Relative paths start at the root of the build context",
            id="a project is missing",
        ),
        pytest.param(
            "./x-1-py3-none-any.whl", {}, (2, 2), "x-1-py3-none-any.whl does not exist", id="a wheel is missing"
        ),
        pytest.param("<<E\nx\n-r b.txt\nE", {}, (4, 4), "<<E, line 2: b.txt: b.txt does not", id="in a heredoc"),
        pytest.param(
            "<<E\nx\n\na=1\nE", {}, (5, 5), "<<E, line 3: a=1: = is not a version operator", id="wrong in a heredoc"
        ),
    ],
)
def test_what_is_wrong(line: str, files: dict[str, bytes | PathKind], lines: tuple[int, int], message: str) -> None:
    """The file that names what is not there is named with its line; a heredoc's line is the Dockerfile's own."""
    with pytest.raises(DockerfileError) as caught:
        collect(f"PYENV 3.9 x {line}", files)
    assert caught.value.message.startswith(message)
    assert caught.value.lines == lines


def test_lines_that_install_the_same_have_one_digest() -> None:
    """Of the content of all that they read: requirements files, what these include, locks, and build constraints."""
    lines = (
        "PYENV 3.9 a r.txt\nPYENV 3.9 b r.txt\nPYENV 3.9 c p/pylock.toml\nPYENV --build-constraint=b.txt 3.9 d x==1\n"
    )
    lock = b"lock-version='1.0'\n"
    files: dict[str, bytes | PathKind] = {
        "r.txt": b"-c c.txt\n",
        "c.txt": b"a<2\n",
        "p/pylock.toml": lock,
        "b.txt": b"a\n",
    }
    before = collect(lines, files).digests
    assert before[0] == before[1] != before[2]
    assert len(set(before.values())) == 3
    constrained = collect(lines, {**files, "b.txt": b"a<1\n"}).digests
    assert [number for number in before if before[number] != constrained[number]] == [3]
    changed = collect(lines, {**files, "c.txt": b"a<3\n"}).digests
    assert [number for number in before if before[number] != changed[number]] == [0, 1]
    locked = collect(lines, {**files, "p/pylock.toml": lock + b"\n"}).digests
    assert [number for number in before if before[number] != locked[number]] == [2]
