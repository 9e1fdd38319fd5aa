"""Where PYENV lines stand: the stages of a Dockerfile and the groups of lines within them."""

from collections.abc import Iterator
from dataclasses import dataclass

from dockerfile_pyenv import instruction
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.lexer import Dockerfile, Instruction, onbuild_keyword


@dataclass(frozen=True, slots=True)
class Line:
    """One PYENV line at its place."""

    number: int
    """Counts the file's PYENV lines from 0."""
    index: int
    """Index of the instruction in the Dockerfile."""
    lines: tuple[int, int]
    group: int
    """Counts the file's groups from 0: PYENV lines with nothing but comments and blank lines between them."""
    statement: instruction.RawStatement | DockerfileError
    """The line's words, or why it has none; that matters only if its stage is built."""

    @property
    def text(self) -> str:
        """The line as the user reads it in progress and history."""
        return "PYENV" if isinstance(self.statement, DockerfileError) else self.statement.text


def constants(dockerfile: Dockerfile) -> frozenset[str]:
    """Names that ENV and ARG set without the value of another variable, so that no base image or platform matters."""
    items = [item for item in dockerfile.instructions if item.keyword in {"ARG", "ENV"}]
    names = {item.text: {word.partition("=")[0] for word in item.text.split()} for item in items}
    found = {name for text, some in names.items() if "$" not in text for name in some}
    others = {name for text, some in names.items() if "$" in text for name in some}
    return frozenset(name for name in found - others if not name.startswith(("TARGET", "BUILD")))


def pyenv_lines(dockerfile: Dockerfile) -> tuple[Line, ...]:
    """All PYENV lines of a Dockerfile.

    Raises DockerfileError for a line before the first FROM and for `ONBUILD PYENV`.
    """
    return tuple(_lines(dockerfile))


def count_stages(dockerfile: Dockerfile) -> int:
    """How many stages a Dockerfile has."""
    return sum(item.keyword == "FROM" for item in dockerfile.instructions)


def _lines(dockerfile: Dockerfile) -> Iterator[Line]:
    in_stage = False
    number = 0
    group = -1
    previous = ""
    for index, item in enumerate(dockerfile.instructions):
        if item.keyword == "FROM":
            in_stage = True
        elif onbuild_keyword(item, dockerfile.escape) == "PYENV":
            raise DockerfileError(
                "ONBUILD PYENV is not possible: the build that it would run in cannot know the instruction. "
                "Put the PYENV line into the Dockerfile of that build",
                lines=item.lines,
            )
        elif item.keyword == "PYENV":
            if not in_stage:
                raise DockerfileError("PYENV needs a stage to work in: put it after the first FROM", lines=item.lines)
            group += previous != "PYENV"
            yield Line(number, index, item.lines, group, _parse(item, dockerfile))
            number += 1
        previous = item.keyword


def _parse(item: Instruction, dockerfile: Dockerfile) -> instruction.RawStatement | DockerfileError:
    try:
        return instruction.parse(item, dockerfile)
    except DockerfileError as error:
        return error
