"""Both installers get the same small requirements files; each difference is a row of "uv and pip" in the reference."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import bytecode
import pytest
from layout import Layout
from served import served
from steps import Build, packages
from tests.engine.wheels import wheel

REFERENCE = Path(__file__).parents[3] / "dockerfile-syntax/reference.md"

PACKAGES = (
    ("spam", "1.0", "", ()),
    ("spam", "1.1", "", ()),
    ("spam", "2.0", "", ()),
    ("spam", "3.0rc1", "", ()),
    ("eggs", "1.0", "", ("spam>=1",)),
    ("ham", "1.0", "", ("eggs ; extra=='fancy'", "spam<2 ; extra=='plain'")),
    ("beta", "1.0b1", "", ()),
    ("beta", "1.0b2", "", ()),
    ("toast", "1.0", "", ()),
    ("toast", "1.1", "", ()),  # yanked
    ("older", "0.9", "", ()),
    ("older", "1.0", "<3.8", ()),
    ("newer", "1.0", "", ()),
    ("newer", "2.0", ">=4", ()),
    ("early", "1.0", "", ("spam>=3.0rc1",)),
    ("either", "1.0", "", ("spam>=2.0rc1",)),
    ("post", "1.0", "", ()),
    ("post", "1.0.post1", "", ()),
    ("build", "1.0", "", ()),
    ("build", "1.0+cpu", "", ()),
    ("Foo_Bar", "1.0", "", ("Spam",)),
    ("marked", "1.0", "", ("eggs ; python_version<'3'", "toast ; sys_platform=='linux'")),
    ("low", "1.0", "", ("spam<2",)),
    ("high", "1.0", "", ("spam>=2",)),
    ("high", "0.5", "", ("spam",)),
    ("setuptools", "81.0", "", ()),
    ("setuptools", "82.0", "", ()),
    ("uses", "1.0", "", ("setuptools",)),
    ("circle", "1.0", "", ("round",)),
    ("round", "1.0", "", ("circle",)),
)

EXTRA = "--extra-index-url {url}/more/\n"
CASES = {
    "a name": "spam\n",
    "a version": "spam==1.0\n",
    "a wildcard": "spam==1.*\n",
    "a range": "spam>=1,<2\n",
    "compatible": "spam~=1.0\n",
    "compatible, three parts": "spam~=1.0.0\n",
    "excluded": "spam!=2.0\n",
    "arbitrary equality": "spam===1.1\n",
    "a pre-release": "spam==3.0rc1\n",
    "a pre-release as a bound": "spam>=3.0rc1\n",
    "all pre-releases": "--pre\nspam\n",
    "only pre-releases exist": "beta\n",
    "only pre-releases exist, as a bound": "beta>=1.0b1\n",
    "a package requires a pre-release": "early\n",
    "a package allows a pre-release": "either\n",
    "a yanked version": "toast\n",
    "a yanked version, pinned": "toast==1.1\n",
    "an older Python": "older\n",
    "a newer Python": "newer\n",
    "a newer Python, pinned": "newer==2.0\n",
    "a post release": "post\n",
    "a post release is not the release": "post==1.0\n",
    "a local version": "build\n",
    "a local version, pinned": "build==1.0+cpu\n",
    "any local version": "build==1.0\n",
    "another spelling": "foo.bar\n",
    "capitals": "SPAM==2.0\n",
    "an extra": "ham[fancy]\n",
    "another extra": "ham[plain]\n",
    "two extras": "ham[fancy,plain]\n",
    "an unknown extra": "ham[none]\n",
    "an extra's marker": "ham\n",
    "markers of a package": "marked\n",
    "a marker that excludes": "spam ; python_version<'3'\n",
    "a marker that includes": "spam ; python_version>'3'\n",
    "a dependency": "eggs\n",
    "a dependency, limited": "eggs\nspam<2\n",
    "a dependency, pinned before": "spam==1.0\neggs\n",
    "packages that agree on an older one": "high\nlow\n",
    "packages that disagree": "high==1.0\nlow\n",
    "a circle": "circle\n",
    "named twice": "spam\nspam>=1\n",
    "named twice, in conflict": "spam==1.0\nspam==2.0\n",
    "a constraint": "-c constraints.txt\neggs\n",
    "a constraint on another": "-c constraints.txt\ntoast\n",
    "an included file": "-r included.txt\n",
    "a comment and blanks": "# all\n\n  spam  # the newest\n",
    "a continued line": "spam \\\n  ==1.0\n",
    "setuptools of a dependency": "uses\n",
    "setuptools by name": "uses\nsetuptools\n",
    "a missing package": "absent\n",
    "a missing version": "spam==9.9\n",
    "an additional index": EXTRA + "spam\n",
    "an additional index that is missing": "--extra-index-url {url}/404/\nspam\n",
    "an additional index that fails": "--extra-index-url {url}/503/\nspam\n",
    "no index": "--no-index\n--find-links {url}/links.html\nspam\n",
    "a URL": "spam @ {url}/files/spam-1.0-py3-none-any.whl\n",
    "a URL without a name": "{url}/files/spam-1.0-py3-none-any.whl\n",
    "only binary": "--only-binary :all:\neggs\n",
    "a variable": "spam==${{VERSION}}\n",
    "an empty file": "\n",
    "prefer binary": "--prefer-binary\nspam\n",
}

DIFFERENCES = {
    "a package allows a pre-release": "a package, not a file, requires a pre-release",
    "an older Python": "a package is for older Pythons only",
}
"""Cases in which the installers differ, and the start of the row that says so."""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """An index of the packages, and another one with a newer spam."""
    pages: dict[str, list[str]] = {}
    (tmp_path / "index/files").mkdir(parents=True)
    for name, version, python, requires in (*PACKAGES, ("spam", "2.5", "", ())):
        file, data = wheel(name, version, requires=requires, python=python)
        (tmp_path / "index/files" / file).write_bytes(data)
        place = "more" if version == "2.5" else "simple"
        attributes = f' data-requires-python="{html.escape(python)}"' if python else ""
        attributes += ' data-yanked="broken"' if (name, version) == ("toast", "1.1") else ""
        key = f"{place}/{name.lower().replace('_', '-')}"
        pages.setdefault(key, []).append(f'<a href="/files/{file}"{attributes}>{file}</a>\n')
    for key, links in pages.items():
        (tmp_path / "index" / key).mkdir(parents=True)
        (tmp_path / "index" / key / "index.html").write_text("".join(links))
    (tmp_path / "index/links.html").write_text("".join(pages["simple/spam"]))

    with served(tmp_path / "index") as address:
        yield address


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_same_packages(build: Build, layout: Layout, url: str, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name for name and version for version, or the reference has a row about it."""
    monkeypatch.setattr(bytecode, "write", lambda *_: bytecode.Summary(0, 0))
    (layout.context / "constraints.txt").write_text("spam<2\n")
    (layout.context / "included.txt").write_text("eggs\n-c constraints.txt\n")
    settings = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": f"{url}/simple/", "VERSION": "1.1"}
    settings.update(UV_HTTP_RETRIES="0", PIP_RETRIES="0")
    found = []
    for name in ("uv", "pip"):
        status = build(CASES[case].format(url=url), f"--installer={name}", name=name, **settings)
        installed = sorted(path.name.lower() for path in packages(layout, name).glob("*.dist-info"))
        found.append(installed if status == 0 else "it fails")
    if case in DIFFERENCES:
        assert found[0] != found[1]
    else:
        assert found[0] == found[1]


def test_each_difference_is_in_the_reference() -> None:
    """By the first column of the table."""
    section = REFERENCE.read_text().partition("### uv and pip\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    for row in DIFFERENCES.values():
        assert any(one.startswith(row) for one in rows), row
