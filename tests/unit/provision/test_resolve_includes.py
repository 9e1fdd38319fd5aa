"""What requirement files ask for, once includes are followed, variables expanded and paths found."""

import tomllib
from collections.abc import Callable, Mapping

import pytest
import requirement_lines
from layout import Layout, ProvisionError
from resolve_includes import LineRequirements, RequirementSet, resolve

from dockerfile_pyenv.requirements import lock_files

Ask = Callable[..., RequirementSet]


@pytest.fixture
def ask(layout: Layout) -> Ask:
    """Read a.txt of a build context with these files, and requirements of the line."""

    def run(files: Mapping[str, str], *inline: str, **environ: str) -> RequirementSet:
        for name, text in files.items():
            path = layout.context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        line = LineRequirements(["a.txt"] if "a.txt" in files else [], inline)
        return resolve(line, environ, layout, notes.append)

    notes: list[str] = []
    return run


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("six\n", ["six"], id="a requirement"),
        pytest.param("six;python_version<'4'  # why\n", ["six;python_version<'4'"], id="a marker and a comment"),
        pytest.param("\ufeffsix \\\n  --hash=sha256:a\\\n --hash sha256:b\r\n", 1, id="hashes, BOM and CRLF"),
        pytest.param("--index-url https://i\n", ["--index-url https://i"], id="an index"),
        pytest.param("-ihttps://i\n--index-url=https://j\n", ["--index-url https://j"], id="the last index counts"),
        pytest.param("-i https://i\n--no-index\nsix\n", ["--no-index", "six"], id="no index"),
        pytest.param("# -i https://i\nsix # -i https://i\n", ["six"], id="comments"),
        pytest.param("--extra-index-url https://i\n", ["--extra-index-url https://i"], id="another index"),
        pytest.param("--only-binary=:all:\n", ["--only-binary :all:"], id="a rule about archives"),
        pytest.param("-r https://h/r.txt\n", ["--requirement https://h/r.txt"], id="a file of another host"),
        pytest.param("x @ https://h/x.zip#sha256=a\n", ["x @ https://h/x.zip#sha256=a"], id="a URL"),
        pytest.param(
            "git+https://h/x.git@v1#egg=x[a,b]&subdirectory=d ; python_version > '3'\n",
            ["x[a,b] @ git+https://h/x.git@v1#subdirectory=d ; python_version > '3'"],
            id="extras of a repository",
        ),
        pytest.param(
            "https://h/x.zip#sha256=00&egg=x[a]\n", ["x[a] @ https://h/x.zip#sha256=00"], id="extras of an archive"
        ),
        pytest.param("git+https://h/x.git#egg=x\n", ["git+https://h/x.git#egg=x"], id="no extras"),
        pytest.param("-e git+https://h/x.git@v1#egg=x\n", ["x @ git+https://h/x.git@v1#egg=x"], id="a repository"),
    ],
)
def test_lines(ask: Ask, text: str, lines: list[str] | int) -> None:
    """What a line says is said to the installer in one way, however it is written."""
    found = ask({"a.txt": text}).lines()
    assert found == (["six --hash=sha256:a --hash=sha256:b"] if isinstance(lines, int) else lines)


def test_options(ask: Ask) -> None:
    """Options that installers take in different places are kept apart."""
    text = "--trusted-host a\n--trusted-host=b:80\n--pre\n--prefer-binary\n--use-feature=x\nx --config-settings=a=b\n"
    asked = ask({"a.txt": text})
    assert asked.hosts == ["a", "b:80"]
    assert asked.flags == ["--pre", "--prefer-binary"]
    assert asked.config_settings == [("x", "a=b")]


def test_included(ask: Ask, layout: Layout) -> None:
    """Files are included from their includer, once; what a constraints file holds constrains."""
    files = {
        "a.txt": "-r more/b.txt\n-c more/c.txt\na\n",
        "more/b.txt": "-r ../a.txt\n-r ../more/../a.txt\nb\n",
        "more/c.txt": "-r d.txt\nc<1\n",
        "more/d.txt": "d<1\n",
    }
    asked = ask(files)
    assert asked.requirements == ["b", "a"]
    assert asked.constraints == ["d<1", "c<1"]
    names = ("a.txt", "more/b.txt", "more/c.txt", "more/d.txt")
    assert asked.files == {name: layout.context / name for name in names}


def test_variables(ask: Ask) -> None:
    """`${NAME}` is expanded wherever it stands, as with pip; what is not set stays as it is written."""
    asked = ask({"a.txt": "x==${V}\n-i https://${TOKEN}@h/\n$V ${v} ${UNSET}\n"}, V="1", TOKEN="t")  # noqa: S106 - none
    assert asked.lines() == ["--index-url https://t@h/", "x==1", "$V ${v} ${UNSET}"]


def test_paths(ask: Ask, layout: Layout) -> None:
    """Relative paths are of the build context, absolute ones of the image; projects are copied to be built."""
    files = {
        "a.txt": "-r r/b.txt\n",
        "r/b.txt": "./w/x-1-py3-none-any.whl ; python_version > '3'\n/tmp/y-1-py3-none-any.whl\n-e ./p[all]\n./p\n"
        "-e /src\nfile:///z.whl\n--find-links links\n--find-links ../w\n",
        "r/links/x": "",
        "w/x-1-py3-none-any.whl": "",
        "p/pyproject.toml": "[project]",
    }
    asked = ask(files)
    project = layout.tmp / "projects/0/p"
    assert asked.requirements == [
        f"{layout.context}/w/x-1-py3-none-any.whl ; python_version > '3'",
        f"{layout.root}/tmp/y-1-py3-none-any.whl",
        f"{project}[all]",
        f"{project}",
        f"-e {layout.root}/src",
        "file:///z.whl",
    ]
    assert (project / "pyproject.toml").read_text() == "[project]"
    assert asked.sources == [
        ("--find-links", f"{layout.context}/r/links"),
        ("--find-links", f"{layout.context}/w"),
    ]


def test_the_line_itself(ask: Ask, layout: Layout) -> None:
    """Requirements of the line stand beside those of files."""
    asked = ask({"a.txt": "x\n"}, "y==1", "./w/z-1-py3-none-any.whl")
    assert asked.requirements == ["x", "y==1", f"{layout.context}/w/z-1-py3-none-any.whl"]


def test_a_file_of_the_image(ask: Ask, layout: Layout) -> None:
    """A file of the image that cannot be read, or that pip would refuse, is named with its line."""
    (layout.root / "tmp").mkdir()
    (layout.root / "tmp/r.txt").write_text("x\n--y\n")
    with pytest.raises(ProvisionError, match=r"tmp/r\.txt, line 2: no such option: --y"):
        ask({"a.txt": "-r /tmp/r.txt\n"})
    with pytest.raises(
        ProvisionError, match=r"cannot read the requirements file .*tmp/missing\.txt: No such file or directory"
    ):
        ask({"a.txt": "-r /tmp/missing.txt\n"})


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ('[tool.dockerfile-pyenv]\nrequirements = "sha256:00"\n', True),
        ('[ tool . "dockerfile-pyenv" ] # a comment\nrequirements = "sha256:00"\n', True),
        ('tool.dockerfile-pyenv.requirements = "sha256:00"\n', True),
        ('[tool]\ndockerfile-pyenv = { requirements = "sha256:00" }\n', True),
        ('[tool]\ndockerfile-pyenv.requirements = "sha256:00"\n', True),
        ('created-by = "uv"\n[[packages]]\nname = "dockerfile-pyenv"\n', False),
    ],
)
def test_whose_a_lock_is(text: str, ours: bool) -> None:  # noqa: FBT001 - a case
    """The frontend and the step, whose Python may be too old for TOML, tell it alike, whatever a formatter has done."""
    text = f'lock-version = "1.0"\n{text}'
    assert (lock_files.made_from(tomllib.loads(text)) != "") is ours
    assert requirement_lines.is_ours(text) is ours


def test_extras_of_a_project_in_a_fragment(ask: Ask, layout: Layout) -> None:
    """They are those of the project."""
    asked = ask({"a.txt": "./p.zip#egg=p[all]\n./q.zip#egg=q\n"})
    assert asked.requirements == [f"{layout.context}/p.zip[all]", f"{layout.context}/q.zip#egg=q"]


def test_a_file_of_the_image_in_another_encoding(ask: Ask, layout: Layout) -> None:
    """It is read as pip reads it."""
    (layout.root / "tmp").mkdir()
    (layout.root / "tmp/utf16.txt").write_bytes("x==1\n".encode("utf-16"))
    (layout.root / "tmp/latin.txt").write_bytes(b"# coding: latin-1\n# \xe9\ny==1\n")
    (layout.root / "tmp/none.txt").write_bytes(b"# coding: klingon\n")
    assert ask({"a.txt": "-r /tmp/utf16.txt\n-r /tmp/latin.txt\n"}).requirements == ["x==1", "y==1"]
    with pytest.raises(ProvisionError, match=r"none\.txt: unknown encoding: klingon"):
        ask({"a.txt": "-r /tmp/none.txt\n"})
