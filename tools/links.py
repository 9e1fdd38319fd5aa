"""Links of this repository's pages, rewritten for other places than the repository: the site, and PyPI."""  # noqa: INP001

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

PACKAGE: Final = "frontend/dockerfile_pyenv/__init__.py"

_LINES: Final = re.MULTILINE | re.DOTALL
_FENCE: Final = re.compile(r"^ {0,3}(?P<mark>`{3,}|~{3,})[^\n]*\n.*?^ {0,3}(?P=mark)[`~]*[ \t]*$", _LINES)
_CODE_OR_LINK: Final = re.compile(
    r"(?P<ticks>`+)(?!`)(?:(?!\n\n).)+?(?<!`)(?P=ticks)(?!`)"
    r"|(?P<bang>!?)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)",
    re.DOTALL,
)
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)


class Link(NamedTuple):
    """A link from one of the repository's pages to a file or folder of it."""

    path: str
    """Path in the repository."""
    anchor: str
    """With its `#`; "" if there is none."""
    is_image: bool


def rewrite(text: str, page: str, address: Callable[[Link], str]) -> str:
    """A page whose links to files of the repository lead to other addresses.

    Args:
        text: the page, in Markdown. Links in code, to other places and to the page itself stay as they are.
        page: path of the page in the repository.
        address: the new address of a link; "" if only its text is to stay.

    """

    def change(match: re.Match[str]) -> str:
        target = match["target"]
        if target is None or _ELSEWHERE.match(target):
            return match[0]
        path, mark, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        link = Link(path, mark + anchor, bool(match["bang"]))
        found = address(link)
        label = rewrite(match["text"], page, address)
        return f"{match['bang']}[{label}]({found})" if found else label

    return "".join(part if is_code else _CODE_OR_LINK.sub(change, part) for part, is_code in parts(text))


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text of a page in pieces, and whether each is a fenced block."""
    end = 0
    for match in _FENCE.finditer(text):
        yield text[end : match.start()], False
        yield match[0], True
        end = match.end()
    yield text[end:], False


def in_source(root: Path, link: Link) -> str:
    """Where a file is in the published source; "" as long as `REPOSITORY` is not set (RELEASING.md)."""
    found = re.search(r'^REPOSITORY = "(.+)"$', (root / PACKAGE).read_text(encoding="utf-8"), re.MULTILINE)
    kind = "raw" if link.is_image else "blob"
    return f"{found[1]}/{kind}/main/{link.path}{link.anchor}" if found else ""
