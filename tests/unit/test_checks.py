"""The rules: each with its good and its bad example, and what chooses among them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from tests.unit.planning import Files, scopes_of

from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks import warnings as checks
from dockerfile_pyenv.checks.choices import Choices
from dockerfile_pyenv.checks.context import checked_lines
from dockerfile_pyenv.checks.packages import packages
from dockerfile_pyenv.checks.registry import RULES
from dockerfile_pyenv.checks.rule import REFERENCE, Example, Rule, RuleContext
from dockerfile_pyenv.dockerfile.lexer import lex
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.lines import pyenv_lines
from dockerfile_pyenv.interpreters.providers import choose
from dockerfile_pyenv.plan import astro, offline, requirement_files
from dockerfile_pyenv.plan.astro import RuntimeConfig
from dockerfile_pyenv.plan.make import plan_lines
from dockerfile_pyenv.plan.offline import OfflineBuild
from dockerfile_pyenv.requirements import requirements_txt

TODAY = date(2026, 11, 24)


def subject(example: Example) -> RuleContext:
    """What the rules see of an example."""
    dockerfile = lex(example.dockerfile.encode())
    lines = pyenv_lines(dockerfile)
    plan = plan_lines(
        dockerfile,
        lines,
        scopes_of(dockerfile, lines),
        lambda statement, _: choose(statement, lambda: "gnu", ["linux/amd64"], lambda _: "", lambda _: b""),
    )
    read = requirement_files.collect(plan, Files({path: text.encode() for path, text in example.files.items()}))
    images = offline.images(dockerfile, OfflineBuild("linux/amd64"))
    around = astro.NO_ASTRO
    for runtime in astro.find(dockerfile, lines, images, astro.mode(dockerfile, "", "")):
        around |= astro.around(dockerfile, lines, runtime, RuntimeConfig(), example.files)

    def present(paths: Sequence[str]) -> list[str]:
        return [path for path in paths if any(f"{file}/".startswith(f"{path}/") for file in example.files)]

    checked = checked_lines(plan, read)
    return RuleContext(dockerfile, checked, TODAY, images=images, astro_stages=around.stages, present=present)


def names(example: Example, wanted: Choices | None = None) -> list[str]:
    """The rules that have something to say about an example."""
    return [warning.rule for warning in checks.find_warnings(subject(example), wanted or Choices())]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_finds_its_bad_example_and_nothing_else(rule: Rule) -> None:
    """The bad example is found by this rule alone, and says where; the good one by none."""
    (warning,) = checks.find_warnings(subject(rule.bad), Choices())
    assert warning.rule == rule.name
    assert warning.lines
    assert warning.url == (f"{REFERENCE}#{rule.name.lower()}" if REFERENCE else "")
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
    found = list(packages(requirements_txt.RequirementsFile("r.txt", text)))
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
    (warning,) = checks.find_warnings(subject(example), Choices())
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
    (warning,) = checks.find_warnings(given, Choices())
    assert (warning.rule, warning.lines) == ("PyenvCredentialsExposed", lines)
    assert "pa55" not in warning.message
    assert "the build argument PROXY has a URL with credentials" in warning.message


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


BASE = "FROM quay.io/astronomer/astro-runtime:9.1.0-base"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{BASE}\nPYENV 3.13 a requirements-a.txt\nCOPY requirements-a.txt /tmp\n", True),
        (f"{BASE}\nPYENV 3.13 a\nRUN python3.13 -m pip install -r /tmp/requirements.txt\n", True),
        (f"{BASE}\nPYENV 3.13 a\nCOPY include/a.whl /tmp\nRUN cd .. && ls\n", True),
        ("ARG V=9.1.0\nFROM quay.io/astronomer/astro-runtime:${V}-base\nPYENV 3.13 a\n", True),
        ("ARG V\nFROM quay.io/astronomer/astro-runtime:${V}-base\n", True),
        ("ARG IMAGE=quay.io/astronomer/astro-runtime:9.1.0-base\nFROM $IMAGE\n", True),
        (f"{BASE} AS base\nFROM base AS other\nRUN true\n", True),
        (f"{BASE} AS base\nFROM debian\nCOPY . .\n", True),
        (f"{BASE} AS base\nFROM base\nCOPY --from=base . .\n", True),
        (f"{BASE} AS base\nRUN make\nFROM apache/airflow:3.1.3\nCOPY --from=base /made /made\n", False),
        (f"{BASE} AS base\nPYENV 3.13 a\nFROM base\nCOPY --chown=astro:0 . .\n", False),
        (f"{BASE} AS base\nFROM base AS prod\nADD . .\nFROM base AS dev\n", False),
        (f"{BASE}\nCOPY dags include plugins ./\n", False),
        (f'{BASE}\nCOPY ["./dags/", "dags/"]\n', False),
        (f"{BASE}\nCOPY ./ /usr/local/airflow/\n", False),
        (f"{BASE}\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n", False),
        (f"{BASE}\nRUN uv pip install --system -r /tmp/requirements.txt\n", False),
        (f"{BASE}\nRUN /usr/local/bin/install-python-dependencies\n", False),
        (f"{BASE}\nRUN <<EOF\napt-get update\nxargs apt-get install -y < packages.txt\nEOF\n", False),
    ],
)
def test_who_does_the_work_of_a_base_image(text: str, found: bool) -> None:  # noqa: FBT001
    """The project's own requirements and DAGs count, in the stage or one built from it; an environment's do not."""
    assert names(Example(text, {"requirements-a.txt": ""})) == ["PyenvAstroBase"] * found


PROJECT = {"dbt/x.yml": "", "dags/one.py": "", "requirements.txt": "", "run.sh": ""}


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("RUN cd dbt && ls", "dbt is missing"),
        ("RUN ls ./dags /usr/local/airflow/dbt/x.yml", "dags, dbt/x.yml are missing"),
        ("RUN pip install -r requirements.txt", "requirements.txt is missing"),
        ("RUN dbt deps --project-dir=dbt", "dbt is missing"),
        ("RUN dbt deps --profiles-dir dbt", "dbt is missing"),
        ('RUN ["bash", "run.sh"]', "run.sh is missing"),
        ("RUN cat $AIRFLOW_HOME/dags/*.py", "dags is missing"),
        ("RUN <<EOF\npython dags/one.py\nEOF", "dags/one.py is missing"),
        ("WORKDIR dbt\nRUN cat ../run.sh", "run.sh is missing"),
        ("RUN ./run.sh", "run.sh is missing"),
        ("RUN pip install dbt", ""),
        ("RUN cd /tmp && ls dbt", ""),
        ("WORKDIR /srv\nRUN ls dbt", ""),
        ("COPY dbt dbt\nRUN cat dbt/x.yml", ""),
        ("COPY run.sh dbt/ ./\nRUN bash run.sh", ""),
        ("COPY run.sh /tmp/\nRUN bash /tmp/run.sh", ""),
        ("RUN --mount=type=bind,source=dbt,target=dbt ls dbt", ""),
        ("RUN mkdir -p dbt && ls dbt", ""),
        ("RUN git clone https://example.com/dbt /srv/dbt", ""),
        ("RUN ls nothing", ""),
    ],
)
def test_lines_that_name_the_project_before_it_is_there(above: str, said: str) -> None:
    """A path counts wherever it stands, a plain name where a path is expected; what lines above it made is there."""
    found = checks.find_warnings(
        subject(Example(f"{BASE[:-5]}\n{above}\nPYENV 3.13 a\nRUN ls dbt\n", PROJECT)), Choices()
    )
    found = tuple(one for one in found if one.rule == "PyenvAstroProjectLater")
    assert [one.message.partition(", so ")[2].partition(": in Astro mode")[0] for one in found] == [said] * bool(said)
    if said:
        assert "last PYENV line, line" in found[0].message


def test_one_line_gets_one_warning_of_a_rule() -> None:
    """Whatever number of packages, files and passwords it is about."""
    files = {
        "a.txt": "apache-airflow==2.9.3\napache-airflow-providers-http==5.0\np @ https://me:pa55@h/p-1.0.tar.gz\nx\nx\ny\ny\n",
        "b.txt": "apache-airflow-providers-ftp\nz\nq @ https://me:pa55@h/q-1.0.tar.gz\n",
    }
    found = checks.find_warnings(subject(Example("FROM debian\nPYENV 3.13 etl a.txt b.txt\n", files)), Choices())
    assert {one.rule: one.message.partition(": ")[0] for one in found} == {
        "PyenvAirflowInstalled": "a.txt installs apache-airflow (line 1), apache-airflow-providers-http (line 2) and "
        "b.txt installs apache-airflow-providers-ftp (line 1)",
        "PyenvCredentialsExposed": "a.txt, line 3; b.txt, line 3 have URLs with credentials, which stay in the "
        "repository and in the build cache",
        "PyenvDuplicateRequirement": "a.txt, line 5 lists x again, after a.txt, line 4; a.txt, line 7 lists y again, "
        "after a.txt, line 6",
        "PyenvUnpinnedRequirement": "a.txt does not pin x (line 4), x (line 5), y (line 6) and 1 more and "
        "b.txt does not pin apache-airflow-providers-ftp (line 1), z (line 2)",
    }
    assert len(found) == 4


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("FROM debian\nRUN curl https://me:pa55@h/\nPYENV 3.13 a\n", "RUN --mount=type=secret"),
        ("FROM debian AS b\nRUN curl https://me:pa55@h/\nFROM debian\nPYENV 3.13 a\n", "RUN --mount=type=secret"),
        ("FROM debian AS b\nENV A=https://me:pa55@h/\nFROM debian\nPYENV 3.13 a\n", "RUN --mount=type=secret"),
        ("FROM debian\nENV A=https://me:pa55@h/\nPYENV 3.13 a\n", "--secret=id=netrc on the PYENV line"),
        ("ARG A=https://me:pa55@h/\nFROM debian\nPYENV 3.13 a\n", "--secret=id=netrc on the PYENV line"),
    ],
)
def test_the_remedy_for_credentials_fits_the_line(text: str, remedy: str) -> None:
    """A secret goes to the RUN that needs it, or to the PYENV line."""
    (found,) = checks.find_warnings(subject(Example(text)), Choices())
    assert f"as a build secret, with {remedy}" in found.message


@pytest.mark.parametrize("line", ["ENV 3.8 snowpark requirements.txt", "PYVENV 3.8 snowpark"])
def test_a_typo_and_a_missing_syntax_line_are_told_together(line: str) -> None:
    """Nobody should have to correct one to hear of the other."""
    unreached = replace(subject(Example(f"FROM debian\n{line}\n")), reached=False)
    found = [warning.rule for warning in checks.find_warnings(unreached, Choices())]
    assert found == ["PyenvSyntaxNotFirst", "PyenvTypo"]
