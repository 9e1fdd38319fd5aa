"""Links of pages, rewritten for the site and for PyPI."""

import importlib.util
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("links", ROOT / "tools/links.py")
assert SPEC
assert SPEC.loader
links = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(links)


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("see [this](reference.md)", "see [this](<docs/reference.md>)"),
        ("see [this](../README.md#first-steps)", "see [this](<README.md#first-steps>)"),
        ("see [`--seed`\nof it](reference.md#pyenv---seed)", "see [`--seed`\nof it](<docs/reference.md#pyenv---seed>)"),
        ("![a chart](chart.svg)", "![a chart](!<docs/chart.svg>)"),
        ("[a [b] c](d.md)", "[a [b] c](<docs/d.md>)"),
        ("[a](https://example.com/a.md), [b](#here), [c](mailto:a@example.com)", None),
        ("`[code](a.md)` and ``[`code`](a.md)``", None),
        ("```\n[code](a.md)\n```\n", None),
        ("~~~text\n```\n[code](a.md)\n~~~\n", None),
        ("````\n```\n[code](a.md)\n```\n````\n", None),
        ("one ` alone\n\n[a](b.md) and ` another", "one ` alone\n\n[a](<docs/b.md>) and ` another"),
        ("[a](b.md)[c](d.md)", "[a](<docs/b.md>)[c](<docs/d.md>)"),
    ],
)
def test_links_to_files_are_rewritten(text: str, rewritten: str | None) -> None:
    """On a page in `docs/`; what is code, leads elsewhere or to the page itself stays."""

    def address(link: "links.Link") -> str:  # type: ignore[name-defined]
        return f"{'!' * link.is_image}<{link.path}{link.anchor}>"

    assert links.rewrite(text, "docs/page.md", address) == (text if rewritten is None else rewritten)


def test_a_link_that_leads_nowhere_becomes_its_text() -> None:
    text = "see [the [b] `code`](a.md) and ![a chart](chart.svg)"
    assert links.rewrite(text, "README.md", lambda _: "") == "see the [b] `code` and a chart"


def test_files_are_in_the_published_source_once_there_is_one(tmp_path: Path) -> None:
    package = tmp_path / links.PACKAGE
    package.parent.mkdir(parents=True)
    package.write_text('REPOSITORY = ""\n')
    address = partial(links.in_source, tmp_path)
    assert links.rewrite("[a](b.md)", "README.md", address) == "a"
    package.write_text('IMAGE = ""\nREPOSITORY = "https://git.example.com/team/x"\n')
    assert links.rewrite("[a](b.md#c) ![d](e.svg)", "README.md", address) == (
        "[a](https://git.example.com/team/x/blob/main/b.md#c) ![d](https://git.example.com/team/x/raw/main/e.svg)"
    )
