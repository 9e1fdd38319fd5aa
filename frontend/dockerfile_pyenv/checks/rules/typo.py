"""PyenvTypo: an instruction that was meant to be PYENV."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, Subject
from dockerfile_pyenv.lexer import Dockerfile, Instruction

_DOCKERS: Final = (
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
    "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
)  # fmt: skip
_VERSION: Final = re.compile(r"[23]\.[0-9]+(?:\.[0-9]+)?\s+\S")


def unknown(dockerfile: Dockerfile) -> Iterator[tuple[Instruction, str]]:
    """Yield instructions whose words are nobody's, but near PYENV, and what to say about each.

    No build can come of them, be their stage reached or not.
    """
    for item in dockerfile.instructions:
        if item.keyword not in _DOCKERS and item.keyword != "PYENV":
            plain = item.keyword.replace("_", "").replace("-", "").rstrip(":")
            if get_close_matches(plain, ("PYENV", *_DOCKERS), 1) == ["PYENV"]:
                yield item, f"unknown instruction: {item.keyword} (did you mean PYENV?)"


def _find(subject: Subject) -> Iterator[Finding]:
    for item, message in unknown(subject.dockerfile):
        yield Finding(message, item.lines)
    for item in subject.dockerfile.instructions:
        if item.keyword == "ENV" and _VERSION.match(item.text):
            text = " ".join(item.text.split())
            yield Finding(
                f"ENV {text} sets a variable of the name {text.split()[0]} and makes no environment: "
                f"write PYENV {text}",
                item.lines,
            )


RULE = Rule(
    name="PyenvTypo",
    description="An instruction looks like PYENV and is not",
    find=_find,
    good=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nPYENV 3.13 etl\nENV A=3.8\n"),
    bad=Example("# syntax=dockerfile-pyenv:1\nFROM debian\nENV 3.8 snowpark requirements.txt\n"),
)
