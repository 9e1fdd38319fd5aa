"""Find the PYENV lines of a Dockerfile, their build stages and their groups."""

from collections.abc import Iterator
from dataclasses import dataclass

from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction, onbuild_keyword
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.statement import RawStatement, parse


@dataclass(frozen=True, slots=True)
class PyenvLine:
    """One PYENV line at its place."""

    number: int
    """Counts the file's PYENV lines from 0."""
    index: int
    """Index of the instruction in the Dockerfile."""
    lines: tuple[int, int]
    group: int
    """Counts the file's groups from 0: PYENV lines with nothing but comments and blank lines between them."""
    statement: RawStatement | DockerfileError
    """The parsed line, or its error, which matters only if the stage is built."""

    @property
    def text(self) -> str:
        """The line as the user reads it in progress and history."""
        return "PYENV" if isinstance(self.statement, DockerfileError) else self.statement.text


def constants(dockerfile: Dockerfile) -> frozenset[str]:
    """Names that ENV and ARG set to constants, which depend on no base image and no platform."""
    items = [item for item in dockerfile.instructions if item.keyword in {"ARG", "ENV"}]
    names = {item.text: {word.partition("=")[0] for word in item.text.split()} for item in items}
    found = {name for text, some in names.items() if "$" not in text for name in some}
    others = {name for text, some in names.items() if "$" in text for name in some}
    return frozenset(name for name in found - others if not name.startswith(("TARGET", "BUILD")))


def pyenv_lines(dockerfile: Dockerfile) -> tuple[PyenvLine, ...]:
    """All PYENV lines of a Dockerfile.

    Raises DockerfileError for a line before the first FROM and for `ONBUILD PYENV`.
    """
    return tuple(_lines(dockerfile))


def count_stages(dockerfile: Dockerfile) -> int:
    """How many stages a Dockerfile has."""
    return sum(item.keyword == "FROM" for item in dockerfile.instructions)


def _lines(dockerfile: Dockerfile) -> Iterator[PyenvLine]:
    in_stage = False
    number = 0
    group = -1
    previous = ""
    for index, item in enumerate(dockerfile.instructions):
        if item.keyword == "FROM":
            in_stage = True
        elif onbuild_keyword(item, dockerfile.escape) == "PYENV":
            raise DockerfileError(
                "ONBUILD PYENV is not supported: the build that it would run in does not know the instruction. "
                "Move the PYENV line to the Dockerfile of that build",
                lines=item.lines,
            )
        elif item.keyword == "PYENV":
            if not in_stage:
                raise DockerfileError("PYENV requires a build stage: move it below the first FROM", lines=item.lines)
            group += previous != "PYENV"
            yield PyenvLine(number, index, item.lines, group, _parse(item, dockerfile))
            number += 1
        previous = item.keyword


def _parse(item: Instruction, dockerfile: Dockerfile) -> RawStatement | DockerfileError:
    try:
        return parse(item, dockerfile)
    except DockerfileError as error:
        return error
