"""The lexer beside upstream's own Go parser, which PyPI's `dockerfile` carries (BuildKit 0.12.5)."""

import re
from pathlib import Path

import dockerfile as go
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockerfile_pyenv.dockerfile import shell
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.errors import DockerfileError

GOLDEN = sorted((Path(__file__).parent / "lexer").glob("*.Dockerfile"))

# The old parser knows less: `# check=`, younger heredocs.
DIFFERENT = {"directives": "version", "heredocs-today": "version"}

# What only Go says: it parses the words of an instruction too, where `lex` draws boundaries only.
ABOUT_WORDS = re.compile(
    r"(ENV|LABEL) must have two arguments"
    r"|Syntax error - can't find = in"
    r"|when using JSON array syntax, arrays must be comprised of strings only"
    r"|file with no instructions"
)

HEADS = [
    *["FROM a", "RUN a", "run", "RUN", "RUN a", "COPY a b", "ADD", "PYENV 3.9 x", "pyenv", "ENV a=b", "XYZ a", "CMD"],
    *["ONBUILD RUN a", "ONBUILD", "ONBUILD --x COPY", "ONBUILD ONBUILD RUN", "ONBUILD ADD [", "LABEL a=b"],
    *[
        "HEALTHCHECK CMD a",
        "\ufeffRUN",
        "# c",
        "#",
        "",
        "",
        "\\",
        "# c \\",
        "E",
        "F",
        "E F",
        "\tE",
        "$E",
        "ONBU\u0130LD RUN",
    ],
    *["# escape=`", "#escape = `", "# escape=\\", "# syntax=x", "# escape=", "# escape= ", "#!a", "# check=skip=all"],
]
PARTS = [
    *[" ", "\t", "\v", "\f", "\r", "\xa0", "\x85", "\u2003", "\u3000", "\x1c", "\u200b", "à", "…"],
    *["a", "b c", "=", "#", " # c", "\\", "\\\\", "`", "``", "'", '"', "$", "${", "$a", "${a}", "${a:-b}", "${a#b}"],
    *["${a/b/c}", "${}", "${a:b}", "${a:#b}", " '<' ", '"<"'],
    *[
        " <<E",
        " <<E",
        " <<-E",
        " <<'E'",
        ' <<"E"',
        " <<'E F'",
        " 3<<E",
        " <<E<<F",
        " <<<E",
        " a<<E",
        " \\<<E",
        " '<<E'",
    ],
    *[" <<$E", " <<E\\F", " <<F", " <<-'F'", " <<", " <<-", ' <<"E', " <<E''", " <<\\E", " <<''", " << E", " <<-\tE"],
    *[
        ' ["a"]',
        '["a", "<<E"]',
        ' ["a",]',
        ' ["a" "b"]',
        " []",
        "[ ]",
        " ['a']",
        ' ["\\n"]',
        ' ["\\x"]',
        ' ["<<E"] <<E',
    ],
    *[
        " [1]",
        " --x",
        " --x=y",
        " --",
        ' --x="a b"',
        " --x='",
        " --\\ x",
        ' --""',
        " --x=à",
        " --mount=<<E",
        " --x <<E",
    ],
]
ENDS = [
    "\n",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r\r\n",
    "\\\n",
    "\\ \t\n",
    "\\\r\n",
    "`\n",
    "\n\n",
    "\nE\n",
    "\nE\nF\n",
    "\n\tE\n",
    "",
]
LINES = st.builds(
    lambda head, parts, end: "".join([head, *parts, end]),
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(PARTS), max_size=4),
    st.sampled_from(ENDS),
)


def outline(source: str) -> list[tuple[str, str | None, int, int, list[tuple[str, str]]]] | str:
    """What Go finds: command, arguments, first and last line, heredocs; or its complaint."""
    try:
        commands = go.parse_string(source)
    except go.GoParseError as error:
        return str(error)
    return [
        (
            (command.cmd or "").upper().replace("\u0130", "I"),
            None if command.heredocs else arguments(command.original or ""),
            command.start_line,
            command.end_line,
            [(heredoc.name, heredoc.content) for heredoc in command.heredocs],
        )
        for command in commands
    ]


def arguments(original: str) -> str:
    """What follows the command word of a logical line as Go joined it."""
    return (*re.split(r"[\t\v\f\r ]+", original.strip(shell.SPACES), maxsplit=1), "")[1]


def differs_by_version(text: str) -> bool:
    """Whether BuildKit 0.12.5 and 0.32 may find other heredocs, or another end of the directives, in a text.

    Since 0.13 there are `${a#b}` and `${a/b/c}`, and since 0.15 a substitution with a modifier makes the lexer forget
    the word before it; since 0.22 a blank may follow `<<`; text after a JSON array makes it none today; `# check=` is a
    directive since 0.15.
    """
    return bool(re.search(r"<<[\t\r ]|<<[\\`][\t ]*\r*\n|<<.*\$\{|\$\{.*<<|\].*<<|#\s*check\s*=", text, re.DOTALL))


def compare(source: str) -> str:
    """Compare one file; return what came of it. PYENV, which upstream does not know, stands for RUN here."""
    source = re.sub("pyenv", "RUN", source, flags=re.IGNORECASE)
    theirs = outline(source)
    try:
        dockerfile = lex(source.encode())
    except DockerfileError as refused:
        ours = refused.message
        dockerfile = None
    if dockerfile is None:
        if isinstance(theirs, str):
            return "both refuse"
        if "no instruction follows" in ours:
            # Go makes an instruction without a name of it, which is an error one step later.
            assert theirs[-1][0] == ""
            return "no command"
        assert differs_by_version(source), ours
        return "version"
    capable = [item.text for item in dockerfile.instructions if item.keyword in {"ADD", "COPY", "ONBUILD", "RUN"}]
    if "check" in dockerfile.directives or any(differs_by_version(text) for text in capable):
        return "version"
    if isinstance(theirs, str):
        assert ABOUT_WORDS.match(theirs)
        return "words"
    # The Python binding does not hand out the heredocs of an ONBUILD, and joins the others to the instruction's text.
    found = [
        (
            item.keyword.upper(),
            None if item.heredocs and item.keyword != "ONBUILD" else item.text,
            *item.lines,
            [] if item.keyword == "ONBUILD" else [(heredoc.name, heredoc.content) for heredoc in item.heredocs],
        )
        for item in dockerfile.instructions
    ]
    assert found == theirs
    return "same"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name.removesuffix(".Dockerfile"))
def test_golden_files(path: Path) -> None:
    """Golden files have the boundaries that Go draws."""
    outcome = compare(path.read_bytes().decode(errors="replace"))
    assert outcome == DIFFERENT.get(path.stem, "same")


@pytest.mark.thorough
@settings(derandomize=True, max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.lists(LINES, max_size=8).map("".join))
def test_random_files(source: str) -> None:
    """Random files have the boundaries that Go draws."""
    compare(source)
