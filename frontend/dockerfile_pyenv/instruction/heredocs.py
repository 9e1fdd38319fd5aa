r"""Heredocs of a PYENV line: requirements files inside the Dockerfile.

The lexer finds the bodies. With a quoted word, `<<'EOF'`, a body is taken verbatim. Otherwise its variables are
expanded as in a heredoc of COPY, and a backslash works as in a shell: it escapes `$` and another backslash, and is
literal before anything else, so that it still continues a line. Upstream expands for us, as it does for the words of a
line: each line of a body that has a `$` becomes one word of an ENV.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from dockerfile_pyenv.dockerfile.lexer import Heredoc
from dockerfile_pyenv.errors import DockerfileError, brief

_LONGEST: Final = 253
"""Bytes of a file's name on Linux (NAME_MAX, limits.h), without the <<."""
_NAME: Final = re.compile(r"[^/\x00-\x1f]+")
_VARIABLE: Final = re.compile(r"(?<!\\)(?:\\\\)*\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
"""A variable that is used without a default."""


@dataclass(frozen=True, slots=True)
class RawBody:
    """A heredoc before its variables are expanded."""

    name: str
    """As on the line: "<<EOF"."""
    lines: tuple[str, ...]
    first: int
    """Line of the Dockerfile that the body begins on, 1-based."""
    expand: bool
    escape: str
    """The Dockerfile's escape character."""

    @property
    def words(self) -> Iterator[tuple[int, str]]:
        """The lines that have variables, each with its number and as one raw word of an ENV."""
        for number, line in enumerate(self.lines, self.first):
            if self._varies(line):
                yield number, _word(line, self.escape)

    def _varies(self, line: str) -> bool:
        return self.expand and "$" in line

    def text(self, values: Iterator[str]) -> str:
        """The body, with the next of the expanded `values` for each line that has variables."""
        lines = (next(values) if self._varies(line) else _plain(line) if self.expand else line for line in self.lines)
        return "".join(line + "\n" for line in lines)


class Body(NamedTuple):
    """A requirements file inside the Dockerfile."""

    name: str
    """As on the line, and the name of the file in the step: "<<EOF"."""
    text: str
    first: int
    """Line of the Dockerfile that the body begins on, 1-based."""


def raw(heredoc: Heredoc, lines: tuple[int, int], escape: str) -> RawBody:
    """Split a heredoc into lines. Raises DockerfileError for a word that cannot be a file name."""
    if not _NAME.fullmatch(heredoc.name):
        raise DockerfileError(f"<<{heredoc.name!r} is not a valid heredoc name for PYENV: write <<EOF", lines=lines)
    if len(heredoc.name.encode("utf-8", "surrogateescape")) > _LONGEST:
        raise DockerfileError(
            f"the heredoc <<{brief(heredoc.name)} becomes a file of that name, which can have {_LONGEST} bytes: "
            "write <<EOF",
            lines=lines,
        )
    body = [line.rstrip("\r") for line in heredoc.content.split("\n")[:-1]]
    if heredoc.strip_tabs:
        body = [line.lstrip("\t") for line in body]
    return RawBody(f"<<{heredoc.name}", tuple(body), heredoc.lines[0], heredoc.expand, escape)


def resolve(body: RawBody, values: Iterator[str], env: Mapping[str, str] | None) -> Body:
    """The body with its variables expanded: takes one of `values` for each of the body's words.

    Raises DockerfileError for a variable that `env` does not have.
    """
    if env is not None and body.expand:
        for number, line in enumerate(body.lines, body.first):
            for match in _VARIABLE.finditer(line):
                if (name := match[1] or match[2]) not in env:
                    raise DockerfileError(
                        f"${name} has no value here: set it with ENV or ARG above this line, in the same stage. If it "
                        f"is set only during the install, such as a secret, write <<'{body.name[2:]}' and ${{{name}}}: "
                        "the installer then expands it",
                        lines=(number, number),
                    )
    return Body(body.name, body.text(values), body.first)


def _word(line: str, escape: str) -> str:
    """A line as a word of ENV in double quotes, where the same is expanded."""
    found = []
    characters = iter(range(len(line)))
    for at in characters:
        char = line[at]
        if char == "\\" and line[at + 1 : at + 2] in {"$", "\\"}:
            char = line[next(characters)]
            found.append(escape + char if char in {"$", escape} else char)
        else:
            found.append(escape + char if char in {'"', escape} else char)
    return f'"{"".join(found)}"'


def _plain(line: str) -> str:
    """A line without variables: two backslashes become one."""
    return line.replace("\\\\", "\\")
