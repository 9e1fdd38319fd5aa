"""Select rules: `# check=` at the head of a file and above instructions, and BUILDKIT_DOCKERFILE_CHECK."""

import re
from typing import Final, NamedTuple, Self

from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.errors import DockerfileError

SETTING: Final = "BUILDKIT_DOCKERFILE_CHECK"
"""The build argument that goes before a file's own choices (frontend/dockerui/config.go)."""

_COMMENT: Final = re.compile(r"check\s*=\s*(\S+)", re.IGNORECASE)
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class Choices(NamedTuple):
    """The value of a check option (ParseLintOptions, frontend/dockerfile/linter/linter.go, BuildKit 0.32)."""

    skip: frozenset[str] = frozenset()
    error: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `skip=A,B;error=true`. Raises ValueError for what upstream also refuses."""
        found: dict[str, str] = {}
        for part in filter(None, text.strip().split(";", 2)):
            key, equals, value = part.partition("=")
            if not equals or key.strip() not in {"skip", "error", "experimental"}:
                raise ValueError(f"invalid check option {part!r}: write skip=…, error=… or experimental=…")
            found[key.strip()] = value.strip()
        error = found.get("error", "false")
        if error not in _TRUE | _FALSE:
            raise ValueError(f"invalid check option 'error={error}': write error=true or error=false")
        return cls(frozenset(name.strip() for name in found.get("skip", "").split(",")) - {""}, error in _TRUE)

    def skips(self, rule: str) -> bool:
        """Whether a rule is skipped."""
        return rule in self.skip or "all" in self.skip


def of_file(dockerfile: Dockerfile, build_arg: str | None) -> Choices:
    """The choices for a whole file: BUILDKIT_DOCKERFILE_CHECK if it is given, else the file's own directive.

    Raises DockerfileError at the file's directive.
    """
    if build_arg:
        try:
            return Choices.parse(build_arg)
        except ValueError as error:
            raise DockerfileError(f"BUILDKIT_DOCKERFILE_CHECK: {error}", lines=(1, 1)) from None
    try:
        return Choices.parse(dockerfile.directives.get("check", ""))
    except ValueError as error:
        head = dockerfile.source.split(b"\n")
        line = next((n for n, text in enumerate(head, 1) if re.match(rb"\W*check\s*=", text, re.IGNORECASE)), 1)
        raise DockerfileError(str(error), lines=(line, line)) from None


def of_line(dockerfile: Dockerfile, line: int) -> Choices:
    """The choices in the comments above the instruction that starts on a line.

    The first `# check=` counts, blank lines are ignored, and an empty comment ends them. Upstream supports this since
    BuildKit 0.27 (PrevComment, parser.go); for the rules here it works on every engine.
    """
    for (start, end), item in zip(dockerfile.gaps, dockerfile.instructions, strict=False):
        if item.lines[0] == line:
            text = dockerfile.source[start:end].decode(errors="surrogateescape")
            break
    else:
        return Choices()
    comments: list[str] = []
    for raw in text.split("\n"):
        if raw.lstrip().startswith("#"):
            comment = raw.lstrip()[1:].strip()
            comments = [*comments, comment] if comment else []
    # Comments at the head of the file are directives, for the whole file.
    own = comments if start else comments[_directives(text) :]
    for comment in own:
        if match := _COMMENT.match(comment):
            try:
                return Choices.parse(match[1])
            except ValueError:
                return Choices()
    return Choices()


def _directives(text: str) -> int:
    """How many comments at the head of a file are directives."""
    count = 0
    for line in text.removeprefix("\ufeff").split("\n"):
        if not re.match(r"\s*#\s*(?:syntax|escape|check)\s*=", line, re.IGNORECASE):
            break
        count += 1
    return count
