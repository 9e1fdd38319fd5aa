"""The examples of pages, as the comment at the head of dockerfile-syntax/reference.md describes them."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LANGUAGE = Path(__file__).parents[1] / "dockerfile-syntax"
REFERENCE = LANGUAGE / "reference.md"
TUTORIAL = LANGUAGE / "tutorial.md"
GUIDES = [TUTORIAL, LANGUAGE / "how-it-works.md", *sorted((LANGUAGE / "how-to").glob("*.md"))]
"""Pages whose Dockerfiles have no mistakes, and are whole or stand in a stage of Debian's."""
STAGE = "# syntax=dockerfile-pyenv:1\nFROM debian:bookworm-slim\n"
"""What an example without a FROM instruction stands in."""

_BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FROM = re.compile(r"^FROM ", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    line: int
    """Line of the page that its text begins on."""
    language: str
    attributes: Mapping[str, str]
    text: str

    @property
    def commands(self) -> Iterator[tuple[list[str], str]]:
        """Words of each command of a `console` block, and what it prints."""
        for one in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, shown = one.partition("\n")
            yield shlex.split(command), shown


@dataclass(slots=True)
class Example:
    """A Dockerfile, and what is said about it."""

    block: Block
    files: dict[str, str] = field(default_factory=dict)
    """Its build context, by path."""
    says: str = ""
    """The words of the `text` block that follows."""
    commands: list[Block] = field(default_factory=list)

    @property
    def id(self) -> str:
        """What a test calls it."""
        return f"line {self.block.line}"

    @property
    def kind(self) -> str:
        """`build`, or the first word behind the language."""
        return next(iter(self.block.attributes), "build")

    @property
    def dockerfile(self) -> str:
        """The whole file."""
        return self.block.text if _FROM.search(self.block.text) else STAGE + self.block.text

    def write(self, directory: Path) -> None:
        """Write the build context."""
        for path, text in {"Dockerfile": self.dockerfile, **self.files}.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text)


def blocks(page: Path = REFERENCE) -> Iterator[Block]:
    """All fenced blocks of a page."""
    text = page.read_text()
    for match in _BLOCK.finditer(text):
        language, *words = shlex.split(match["info"]) or [""]
        attributes = dict(word.partition("=")[::2] for word in words)
        yield Block(text.count("\n", 0, match.start("text")) + 1, language, attributes, match["text"])


def examples(page: Path = REFERENCE) -> list[Example]:
    """All Dockerfiles of a page, each with its files."""
    found: list[Example] = []
    shared: dict[str, str] = {}
    for block in blocks(page):
        if path := block.attributes.get("file"):
            shared.setdefault(path, block.text)
            if found:
                found[-1].files[path] = block.text
            continue
        match block.language:
            case "dockerfile":
                found.append(Example(block))
            case "text" if found:
                found[-1].says = block.text
            case "console" if found:
                found[-1].commands.append(block)
    for example in found:
        example.files = {**shared, **example.files}
    return found
