"""PyenvCredentialsExposed: a password that anyone who has the image can read."""

import re
from collections.abc import Iterator

from dockerfile_pyenv.checks.packages import listed
from dockerfile_pyenv.checks.rule import Example, Finding, Rule, RuleContext
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, Instruction

_URL = re.compile(
    r"(?i)(?<![a-z0-9])(?:git\+)?https?://(?P<user>[^/@:\s\"']*)(?::(?P<password>[^/@\s\"']*))?@(?=[^\s@]*)"
)
_TOKEN = re.compile(r"(?:gh[a-z]|glpat|github_pat|pypi|dckr_pat)[_-]\w+|\w{30,}")
"""A user name that is a password: a token with a known prefix, or a long one."""
_VARIABLE = re.compile(r"\$\{?\w+")

_WHERE = "stay in the image's history and provenance: remove them, and pass them as a build secret, with "
_ON_PYENV = "--secret=id=netrc on the PYENV line"
_ON_RUN = (
    "RUN --mount=type=secret,id=netrc,target=/run/secrets/netrc and NETRC=/run/secrets/netrc in front of the command"
)


def has_credentials(text: str, *, variables: bool) -> bool:
    """Whether a text has a URL with a password or token; `variables` says whether one from a variable counts."""
    for match in _URL.finditer(text):
        password = match["password"] or (match["user"] if _TOKEN.fullmatch(match["user"]) else "")
        if password and (variables or not _VARIABLE.match(password)):
            return True
    return False


def _find(context: RuleContext) -> Iterator[Finding]:
    if not context.lines:
        return
    for remedy, item in _with_remedies(context.dockerfile):
        text = _text(context.dockerfile, item)
        # In ENV a variable's value is what is kept; pip and uv look up those of requirements when they install.
        if has_credentials(text, variables=item.keyword in {"ARG", "ENV", "LABEL"}):
            yield Finding(f"this line has a URL with credentials, which {_WHERE}{remedy}", item.lines)
    for checked in context.lines:
        found = [
            f"{file.title}, line {number}"
            for file in (*checked.files, *checked.constraints)
            for number, line in enumerate(file.text.splitlines(), 1)
            if not line.lstrip().startswith("#") and has_credentials(line, variables=False)
        ]
        if found:
            yield Finding(
                f"{listed(found, '; ')} {'has a URL' if len(found) == 1 else 'have URLs'} with credentials, which stay "
                "in the repository and in the build cache: remove them, and pass them as a build secret, with "
                f"{_ON_PYENV}",
                checked.line.lines,
            )
    for name, value in context.build_args.items():
        if has_credentials(value, variables=True):
            yield Finding(
                f"the build argument {name} has a URL with credentials, which {_WHERE}{_ON_PYENV}",
                _place(name, context),
            )


def _with_remedies(dockerfile: Dockerfile) -> Iterator[tuple[str, Instruction]]:
    """Each instruction, and where a secret would be passed to what needs it there.

    That is a RUN itself; what a stage without PYENV lines sets is for its RUN instructions.
    """
    starts = [index for index, item in enumerate(dockerfile.instructions) if item.keyword == "FROM"]
    for start, end in zip([0, *starts], [*starts, len(dockerfile.instructions)], strict=True):
        stage = dockerfile.instructions[start:end]
        # What stands above the first FROM is for all stages.
        has_lines = not starts or end == starts[0] or any(item.keyword == "PYENV" for item in stage)
        for item in stage:
            yield (_ON_PYENV if has_lines and item.keyword != "RUN" else _ON_RUN), item


def _text(dockerfile: Dockerfile, item: Instruction) -> str:
    start, end = item.span
    return dockerfile.source[start:end].decode("utf-8", "replace")


def _place(argument: str, context: RuleContext) -> tuple[int, int]:
    """Lines of the ARG instruction of a build argument, or of a PYENV line without one, as for proxies."""
    for item in context.dockerfile.instructions:
        if item.keyword == "ARG" and argument in re.split(r"[\s=]+", item.text):
            return item.lines
    return context.lines[0].line.lines


RULE = Rule(
    name="PyenvCredentialsExposed",
    description="Credentials in a build argument, an instruction or a requirements file can be read by anyone who "
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
