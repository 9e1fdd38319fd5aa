"""The rules: each with its good and its bad example, and what chooses among them."""

from dataclasses import replace
from datetime import date

import pytest
from tests.unit.planning import Files, sites_of

from dockerfile_pyenv import checks, lint, requirement_files, requirements, stages
from dockerfile_pyenv import plan as planning
from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks.choices import Choices
from dockerfile_pyenv.checks.packages import packages
from dockerfile_pyenv.checks.rule import Example, Rule, Subject
from dockerfile_pyenv.checks.rules import RULES
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.interpreters import Table
from dockerfile_pyenv.lexer import lex
from dockerfile_pyenv.providers import choose

TODAY = date(2026, 11, 24)


def subject(example: Example) -> Subject:
    """What the rules see of an example."""
    dockerfile = lex(example.dockerfile.encode())
    lines = stages.pyenv_lines(dockerfile)
    plan = planning.make(
        dockerfile,
        lines,
        sites_of(dockerfile, lines),
        lambda statement, _: choose(statement, lambda: "gnu", ["linux/amd64"], lambda _: "", Table.default),
    )
    read = requirement_files.collect(plan, Files({path: text.encode() for path, text in example.files.items()}))
    return Subject(dockerfile, lint.asked(plan, read), TODAY)


def names(example: Example, wanted: Choices | None = None) -> list[str]:
    """The rules that have something to say about an example."""
    return [warning.rule for warning in checks.find(subject(example), wanted or Choices())]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_finds_its_bad_example_and_nothing_else(rule: Rule) -> None:
    """The bad example is found by this rule alone, and says where; the good one by none."""
    (warning,) = checks.find(subject(rule.bad), Choices())
    assert warning.rule == rule.name
    assert warning.lines
    assert warning.url.endswith(f"reference.md#{rule.name.lower()}")
    assert names(rule.good) == []


def test_names_are_unique_and_in_order() -> None:
    """The list reads as the reference does."""
    assert [rule.name for rule in RULES] == sorted({rule.name for rule in RULES})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Choices()),
        ("skip=all", Choices(frozenset({"all"}))),
        (" skip = A , B ; error = true ", Choices(frozenset({"A", "B"}), error=True)),
        ("error=T;experimental=X", Choices(error=True)),
        ("error=0", Choices()),
    ],
)
def test_choices_are_read_as_upstream_reads_them(text: str, expected: Choices) -> None:
    """Blanks do not matter, and what is experimental is none of these rules."""
    assert Choices.parse(text) == expected


@pytest.mark.parametrize("text", ["skip", "eror=true", "error=yes", "skip=A;what=1"])
def test_choices_that_upstream_refuses(text: str) -> None:
    """A wrong option is told at its line, and for a build arg by its name."""
    dockerfile = lex(f"# syntax=x\n# check={text}\nFROM debian\n".encode())
    with pytest.raises(DockerfileError, match="invalid check option") as caught:
        choices.of_file(dockerfile, None)
    assert caught.value.lines == (2, 2)
    with pytest.raises(DockerfileError, match="BUILDKIT_DOCKERFILE_CHECK: invalid check option"):
        choices.of_file(lex(b"FROM debian\n"), text)


BAD = "FROM debian\n{}PYENV 3.8 one-two\n"


@pytest.mark.parametrize(
    ("head", "above", "expected"),
    [
        ("", "", ["PyenvEndOfLifePython", "PyenvNameNotShell"]),
        ("# check=skip=PyenvEndOfLifePython\n", "", ["PyenvNameNotShell"]),
        ("# check=skip=all\n", "", []),
        ("", "# check=skip=PyenvNameNotShell why: dags read it\n", ["PyenvEndOfLifePython"]),
        ("", "# check=skip=PyenvNameNotShell,PyenvEndOfLifePython\n# another\n\n", []),
        ("", "# check=skip=all\n#\n", ["PyenvEndOfLifePython", "PyenvNameNotShell"]),
        ("", "# check=wrong\n", ["PyenvEndOfLifePython", "PyenvNameNotShell"]),
        ("# check=skip=PyenvEndOfLifePython\n", "# check=skip=PyenvNameNotShell\n", []),
    ],
    ids=[
        "none",
        "the whole file",
        "all of it",
        "one line, with words behind",
        "several, with a comment and a blank line below",
        "an empty comment ends it",
        "what upstream cannot read",
        "both",
    ],
)
def test_rules_are_skipped_for_a_file_or_a_line(head: str, above: str, expected: list[str]) -> None:
    """As upstream has it: the directive is about the file, a comment above an instruction about that one."""
    text = head + BAD.format(above)
    assert names(Example(text), choices.of_file(lex(text.encode()), None)) == expected


def test_a_build_arg_stands_in_for_the_directive() -> None:
    """BUILDKIT_DOCKERFILE_CHECK replaces what the file says."""
    dockerfile = lex(b"# check=skip=all;error=true\nFROM debian\n")
    assert choices.of_file(dockerfile, "skip=A") == Choices(frozenset({"A"}))


def test_packages_of_a_file() -> None:
    """Options, comments, paths and extras are seen through; `==1.*` is no exact version."""
    text = (
        "--index-url=https://x\nA_b.C==1.0 # why\nd[x,y]>=1,<2\ne==1.*\nf @ https://x/f.whl\ng===1\n/tmp/h.whl\n"
        "i==1 --hash=sha256:0\nj==1 ; python_version < '3.9'\nk\n-r other.txt\n"
    )
    found = list(packages(requirements.RequirementsFile("r.txt", text)))
    assert [(one.name, one.pinned, one.line) for one in found] == [
        ("a-b-c", True, 2),
        ("d", False, 3),
        ("e", False, 4),
        ("f", True, 5),
        ("g", True, 6),
        ("i", True, 8),
        ("j", True, 9),
        ("k", False, 10),
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ENV PIP_INDEX_URL=https://me:pa55@host/", True),
        ("ENV PIP_INDEX_URL=https://me:${TOKEN}@host/", True),
        ("ARG PIP_INDEX_URL=https://ghp_0123456789abcdef@host/", True),
        ("ENV PIP_INDEX_URL=https://me@host/", False),
        ("RUN pip install git+https://me:pa55@host/a.git", True),
        ("RUN pip install git+https://${TOKEN}@host/a.git", False),
        ("RUN pip install git+ssh://git@host/a.git", False),
        ("ENV DATABASE=postgresql://airflow:airflow@db/airflow", False),
        ("ENV A=https://host/a:b@c", False),
    ],
)
def test_credentials_of_instructions(line: str, found: bool) -> None:  # noqa: FBT001
    """In ENV and ARG a variable's value is kept, in RUN it is not; a user alone is no secret, a token is one."""
    assert names(Example(f"FROM debian\n{line}\nPYENV 3.13 one\n")) == ["PyenvCredentialsExposed"] * found
    assert names(Example(f"FROM debian\n{line}\n")) == []


def test_credentials_of_requirements() -> None:
    """A password in the file is one for everybody; behind a variable it is not there, and a comment says nothing."""
    text = "# https://me:pa55@host/\n--index-url=https://me:pa55@host/\na @ git+https://me:${TOKEN}@host/a.git\n"
    example = Example("FROM debian\nPYENV 3.13 one r.txt\n", {"r.txt": text})
    (warning,) = checks.find(subject(example), Choices())
    assert warning.message.startswith("r.txt, line 2 has a URL with credentials")


@pytest.mark.parametrize(
    ("dockerfile", "lines"),
    [
        ("FROM debian\nARG PROXY\nPYENV 3.13 one\n", (2, 2)),
        ("FROM debian\nARG A=1 PROXY=x\nPYENV 3.13 one\n", (2, 2)),
        ("FROM debian\nPYENV 3.13 one\n", (2, 2)),
    ],
)
def test_credentials_of_build_arguments(dockerfile: str, lines: tuple[int, int]) -> None:
    """They are told where the file declares the argument; proxies need no declaration."""
    given = replace(subject(Example(dockerfile)), build_args={"PROXY": "http://me:pa55@proxy:3128", "B": "https://h/"})
    (warning,) = checks.find(given, Choices())
    assert (warning.rule, warning.lines) == ("PyenvCredentialsExposed", lines)
    assert "pa55" not in warning.message
    assert "the build argument PROXY holds a URL with credentials" in warning.message


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("# syntax=x\n", False),
        ("#!/bin/sh\n# syntax=x\n", False),
        ("\ufeff# escape=`\n#syntax=x\n", False),
        ("\n# syntax=x\n", True),
        ("# about\n# syntax=x\n", True),
        (" # syntax=x\n", True),
        ("", False),
    ],
)
def test_where_the_syntax_line_may_stand(head: str, found: bool) -> None:  # noqa: FBT001
    """Upstream looks past a byte order mark, a shebang and other directives, and past nothing else."""
    assert names(Example(f"{head}FROM debian\nPYENV 3.13 one\n")) == ["PyenvSyntaxNotFirst"] * found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("COPY . .", True),
        ("COPY --chown=astro:astro . /app", True),
        ("ADD ./ /app", True),
        ("COPY dags /app", False),
        ("COPY --from=build . /app", False),
        ("COPY . .\nFROM debian", False),
    ],
)
def test_what_copies_the_whole_project(line: str, found: bool) -> None:  # noqa: FBT001
    """A part of it is no such copy, nor what comes from another stage."""
    assert names(Example(f"FROM debian\n{line}\nPYENV 3.13 one\n")) == ["PyenvAfterProjectCopy"] * found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("PYVENV 3.13 a", True),
        ("PY_ENV 3.13 a", True),
        ("PYENVS 3.13 a", True),
        ("ENV 3.8 snowpark reqs.txt", True),
        ("ENV A 3.8", False),
        ("ENV A=3.8", False),
        ("EVN A=1", False),
        ("RUM pyenv", False),
    ],
)
def test_what_looks_like_pyenv(line: str, found: bool) -> None:  # noqa: FBT001
    """Another instruction's typo is left to the Dockerfile frontend."""
    assert names(Example(f"FROM debian\n{line}\n")) == ["PyenvTypo"] * found


@pytest.mark.parametrize(
    ("flag", "found"),
    [("", ["PyenvAirflowInstalled"]), ("--airflow=none ", ["PyenvAirflowInstalled"]), ("--airflow=same ", [])],
)
def test_a_provider_beside_an_airflow_that_is_wanted(flag: str, found: list[str]) -> None:
    """A line that asks for the image's own Airflow may have its providers, too."""
    files = {"r.txt": "apache-airflow-providers-snowflake==6.0.0\n"}
    assert names(Example(f"FROM debian\nPYENV {flag}3.13 etl r.txt\n", files)) == found
