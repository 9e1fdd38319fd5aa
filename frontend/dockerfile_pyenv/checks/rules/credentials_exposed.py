"""PyenvCredentialsExposed: a password where everybody who has the image can read it."""

import re
from collections.abc import Iterator

from dockerfile_pyenv.checks.rule import Example, Finding, Rule, Subject
from dockerfile_pyenv.lexer import Dockerfile, Instruction

_URL = re.compile(
    r"(?i)(?<![a-z0-9])(?:git\+)?https?://(?P<user>[^/@:\s\"']*)(?::(?P<password>[^/@\s\"']*))?@(?=[^\s@]*)"
)
_TOKEN = re.compile(r"(?:gh[a-z]|glpat|github_pat|pypi|dckr_pat)[_-]\w+|\w{30,}")
"""What stands in the place of a user and is a password: tokens by the beginnings that services give them, or long."""
_VARIABLE = re.compile(r"\$\{?\w+")

_WHERE = "is kept in the image's history and provenance. Take it out of there, and give it as a secret of the build: "
_HOW = _WHERE + "--secret=id=netrc on the PYENV line"


def has_credentials(text: str, *, variables: bool) -> bool:
    """Whether a text has a URL with a password or token; `variables` says whether one behind a variable counts."""
    for match in _URL.finditer(text):
        password = match["password"] or (match["user"] if _TOKEN.fullmatch(match["user"]) else "")
        if password and (variables or not _VARIABLE.match(password)):
            return True
    return False


def _find(subject: Subject) -> Iterator[Finding]:
    if not subject.asked:
        return
    for item in subject.dockerfile.instructions:
        text = _text(subject.dockerfile, item)
        # In ENV a variable's value is what is kept; pip and uv look up those of requirements when they install.
        if has_credentials(text, variables=item.keyword in {"ARG", "ENV", "LABEL"}):
            yield Finding(f"a URL of this line has credentials, and what it holds {_HOW}", item.lines)
    for asked in subject.asked:
        for file in (*asked.files, *asked.constraints):
            for number, line in enumerate(file.text.splitlines(), 1):
                if not line.lstrip().startswith("#") and has_credentials(line, variables=False):
                    yield Finding(
                        f"{file.title}, line {number} has a URL with credentials, which end where the file does: in "
                        "the repository and in the build's cache. Take them out of there, and give them as a secret of "
                        "the build: --secret=id=netrc on the PYENV line",
                        asked.line.lines,
                    )
    for name, value in subject.build_args.items():
        if has_credentials(value, variables=True):
            yield Finding(f"the build argument {name} holds a URL with credentials, and {_HOW}", _place(name, subject))


def _text(dockerfile: Dockerfile, item: Instruction) -> str:
    start, end = item.span
    return dockerfile.source[start:end].decode("utf-8", "replace")


def _place(argument: str, subject: Subject) -> tuple[int, int]:
    """The ARG instruction of a build argument; a PYENV line where there is none, as for proxies."""
    for item in subject.dockerfile.instructions:
        if item.keyword == "ARG" and argument in re.split(r"[\s=]+", item.text):
            return item.lines
    return subject.asked[0].line.lines


RULE = Rule(
    name="PyenvCredentialsExposed",
    description="Credentials in a build argument, an instruction or a requirements file can be read by everybody who "
    "has the image",
    find=_find,
    good=Example(
        "# syntax=dockerfile-pyenv:1\nFROM debian\nENV PIP_INDEX_URL=https://pypi.example.com/simple/\n"
        "PYENV 3.13 etl requirements.txt\n",
        {"requirements.txt": "ours @ git+https://${TOKEN}@git.example.com/ours.git\n"},
    ),
    bad=Example(
        "# syntax=dockerfile-pyenv:1\nFROM debian\n"
        "ENV PIP_INDEX_URL=https://robot:pa55word@pypi.example.com/simple/\nPYENV 3.13 etl\n",
    ),
)
