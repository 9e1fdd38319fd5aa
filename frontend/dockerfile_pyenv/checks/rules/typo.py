"""PyenvTypo: a misspelled PYENV."""

import re
from collections.abc import Iterator
from typing import Final

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction

_DOCKERS: Final = (
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
    "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
)  # fmt: skip
_VERSION: Final = re.compile(r"[23]\.[0-9]+(?:\.[0-9]+)?\s+\S")


def unknown(dockerfile: Dockerfile) -> Iterator[tuple[Instruction, str]]:
    """Yield unknown instructions that resemble PYENV, each with a message.

    A build with one of them fails, whether its stage is reached or not.
    """
    for item in dockerfile.instructions:
        if item.keyword not in _DOCKERS and item.keyword != "PYENV":
            from difflib import get_close_matches  # noqa: PLC0415 - costs 1 ms, for an error only

            plain = item.keyword.replace("_", "").replace("-", "").rstrip(":")
            if get_close_matches(plain, ("PYENV", *_DOCKERS), 1) == ["PYENV"]:
                yield item, f"unknown instruction: {item.keyword} (did you mean PYENV?)"


def _find(context: RuleContext) -> Iterator[Finding]:
    for item, message in misspelled(context.dockerfile):
        yield Finding(message, item.lines)


def misspelled(dockerfile: Dockerfile) -> Iterator[tuple[Instruction, str]]:
    """Yield all instructions that are meant as PYENV, each with a message."""
    yield from unknown(dockerfile)
    for item in dockerfile.instructions:
        if item.keyword == "ENV" and _VERSION.match(item.text):
            text = " ".join(item.text.split())
            message = (
                f"ENV {text} sets a variable named {text.split()[0]} and creates no environment: write PYENV {text}"
            )
            yield item, message


RULE = Rule(
    name="PyenvTypo",
    description="An instruction looks like a misspelled PYENV",
    find=_find,
    good=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl\nENV A=3.8\n"),
    bad=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nENV 3.8 snowpark requirements.txt\n"),
)
