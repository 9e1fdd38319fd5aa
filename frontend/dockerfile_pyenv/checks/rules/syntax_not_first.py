"""PyenvSyntaxNotFirst: a `# syntax` line that BuildKit does not find, or no such line."""

import re
from collections.abc import Iterator

from dockerfile_pyenv import FRONTEND
from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext
from dockerfile_pyenv.checks.rules.typo import misspelled

_SYNTAX = re.compile(rb"[ \t]*#\s*syntax\s*=\s*\S", re.IGNORECASE)
_DIRECTIVE = re.compile(rb"#\s*(?:syntax|escape|check)\s*=\s*\S", re.IGNORECASE)


def _find(context: RuleContext) -> Iterator[Finding]:
    """Look for it as upstream does (parser.DetectSyntax, BuildKit 0.32), which is stricter than for `# escape`."""
    _, end = context.dockerfile.gaps[0]
    lines = context.dockerfile.source[:end].removeprefix(b"\xef\xbb\xbf").split(b"\n")
    directives = True
    for number, line in enumerate(lines, 1):
        if number == 1 and line.startswith(b"#!"):
            continue
        if not _DIRECTIVE.match(line):
            directives = False
        if _SYNTAX.match(line):
            if not directives:
                yield Finding(
                    "BuildKit takes this syntax line for a comment, so a build does not know PYENV: move it above "
                    "every other line, blank lines and comments included, and start it with #",
                    (number, number),
                )
            return
    meant = {item.span for item, _ in misspelled(context.dockerfile)}
    for item in context.dockerfile.instructions:
        if (item.keyword == "PYENV" or item.span in meant) and not context.reached:
            yield Finding(
                f"the file has no syntax line, so a build does not know PYENV: write # syntax={FRONTEND} on "
                f"its first line, or build with --build-arg BUILDKIT_SYNTAX={FRONTEND}",
                item.lines,
            )
            return


RULE = Rule(
    name="PyenvSyntaxNotFirst",
    description="BuildKit reads the syntax line only above all other lines",
    find=_find,
    good=Example("# syntax=dockerfile-pyenv:1\n# our image\nFROM debian\nPYENV 3.13 etl\n"),
    bad=Example("# our image\n# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl\n"),
)
