"""PyenvSyntaxNotFirst: a `# syntax` line that BuildKit does not find, or none at all."""

import re
from collections.abc import Iterator

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, Subject

_SYNTAX = re.compile(rb"[ \t]*#\s*syntax\s*=\s*\S", re.IGNORECASE)
_DIRECTIVE = re.compile(rb"#\s*(?:syntax|escape|check)\s*=\s*\S", re.IGNORECASE)


def _find(subject: Subject) -> Iterator[Finding]:
    """Look for it as upstream does (parser.DetectSyntax, BuildKit 0.32), which is stricter than for `# escape`."""
    _, end = subject.dockerfile.gaps[0]
    lines = subject.dockerfile.source[:end].removeprefix(b"\xef\xbb\xbf").split(b"\n")
    directives = True
    for number, line in enumerate(lines, 1):
        if number == 1 and line.startswith(b"#!"):
            continue
        if not _DIRECTIVE.match(line):
            directives = False
        if _SYNTAX.match(line):
            if not directives:
                yield Finding(
                    "this is a plain comment to BuildKit, and a build does not know PYENV: the syntax line comes "
                    "before every other line, blank lines and comments included, and begins with #",
                    (number, number),
                )
            return
    for item in subject.dockerfile.instructions:
        if item.keyword == "PYENV" and not subject.reached:
            yield Finding(
                "the file has no syntax line, and a build does not know PYENV: write # syntax=dockerfile-pyenv:1 on "
                "its first line, or build with --build-arg BUILDKIT_SYNTAX=dockerfile-pyenv:1",
                item.lines,
            )
            return


RULE = Rule(
    name="PyenvSyntaxNotFirst",
    description="BuildKit takes the syntax line only before all other lines",
    find=_find,
    good=Example("# syntax=dockerfile-pyenv:1\n# our image\nFROM debian\nPYENV 3.13 etl\n"),
    bad=Example("# our image\n# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl\n"),
)
