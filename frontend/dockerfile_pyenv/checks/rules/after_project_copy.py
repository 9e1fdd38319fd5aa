"""PyenvAfterProjectCopy: a line that every edit of the project reinstalls."""

from collections.abc import Iterator

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext

_WHOLE = frozenset({".", "./", "/", "*", "./*"})
_FEWEST = 2
"""Words of a COPY: a source and the destination."""


def _find(context: RuleContext) -> Iterator[Finding]:
    copied: int | None = None
    for item in context.dockerfile.instructions:
        if item.keyword == "FROM":
            copied = None
        elif item.keyword in {"COPY", "ADD"}:
            words = item.text.split()
            flags = [word for word in words if word.startswith("--")]
            sources = [word for word in words if not word.startswith("--")][:-1]
            whole = len(words) - len(flags) >= _FEWEST and not _WHOLE.isdisjoint(sources)
            if whole and not any(flag.startswith("--from=") for flag in flags):
                copied = item.lines[0]
        elif item.keyword == "PYENV" and copied is not None:
            yield Finding(
                f"line {copied} copies the whole project, so every edit of it reinstalls this environment: move "
                "the PYENV line above it",
                item.lines,
            )


RULE = Rule(
    name="PyenvAfterProjectCopy",
    description="A PYENV line below a copy of the whole project is reinstalled after every edit",
    find=_find,
    good=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl\nCOPY . .\n"),
    bad=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nCOPY . .\nPYENV 3.13 etl\n"),
)
