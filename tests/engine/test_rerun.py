"""What a change of a Dockerfile makes run again: the table in dockerfile-syntax/reference.md.

`REGENERATE=1 pytest tests/engine/test_rerun.py` writes it again.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest
from tests.bed import settings
from tests.engine import bases, progress
from tests.engine.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bed.engine import Engine
    from tests.bed.index import Index
    from tests.engine.conftest import Project

TABLE = settings.REPOSITORY / "dockerfile-syntax" / "reference.md"
BEGIN = "| Change | Reinstalled | Copied into the image again |\n|---|---|---|\n"
GROUP = ("PYENV 3.9 one one.txt", "PYENV 3.11 two", "PYENV 3.9 three")


@dataclass(frozen=True)
class Sources:
    """A project: a stage, another that takes a file of it, and a group of three lines."""

    base: str = ""
    """Another base image than that of this run, whose builds have one tag."""
    build: str = "1"
    other: str = "RUN echo other > /other"
    before: str = "RUN echo before > /before"
    group: tuple[str, ...] = GROUP
    after: str = "RUN ls /opt/astro-pyenv/envs > /after"
    one: str = "# one\n"
    syntax: str = "dockerfile-pyenv:dev"
    words: tuple[str, ...] = ()
    salt: str = ""
    """A word of this run alone: nothing is in the cache that another run has built, or installed."""

    @property
    def tag(self) -> str:
        """The base image of this run."""
        return f"rerun:{self.salt}"

    def write(self, folder: Path) -> Path:
        """Write the files."""
        lines = (
            f"# syntax={self.syntax}",
            "FROM debian:bookworm-slim AS other",
            f"RUN echo {self.salt} > /salt",
            self.other,
            f"FROM {self.base or self.tag}",
            f"RUN echo '# {self.salt}' >> /etc/ssl/certs/ca-certificates.crt",
            self.before,
            *self.group,
            "COPY --from=other /other /other",
            self.after,
        )
        (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
        (folder / "one.txt").write_text(self.one)
        return folder


def lines(*names: str) -> tuple[str, ...]:
    """Lines of the group by the names of their environments, or themselves."""
    known = {line.split()[2]: line for line in GROUP}
    return tuple(known.get(name, name) for name in names)


START = Sources()


def add(*instructions: str) -> str:
    """What stands before the group, with more instructions."""
    return "\n".join((START.before, *instructions))


def pip_conf(line: str) -> str:
    """The same with a setting of pip."""
    return add(f"RUN printf '[global]\\n{line}\\n' > /etc/pip.conf")


def user(entry: str) -> str:
    """The same with another user, by its line in /etc/passwd, who becomes the stage's."""
    return add(f"RUN echo '{entry}' >> /etc/passwd", f"USER {entry.partition(':')[0]}")


CHANGES: dict[str, Sources] = {
    "nothing": START,
    "the requirements of `one`": replace(START, one="# one, another\n"),
    "a line added first": replace(START, group=lines("PYENV 3.11 first", "one", "two", "three")),
    "a line added last": replace(START, group=lines("one", "two", "three", "PYENV 3.11 last")),
    "a line with another Python added first": replace(START, group=lines("PYENV 3.13 newer", "one", "two", "three")),
    "`two` renamed to `deux`": replace(START, group=lines("one", "PYENV 3.11 deux", "three")),
    "`three` moved to the front": replace(START, group=lines("three", "one", "two")),
    "`one` removed": replace(START, group=lines("two", "three")),
    "an instruction before the group": replace(START, before="RUN echo changed > /before"),
    "a new build of the base image under the same tag": replace(START, build="2"),
    "the base image, to another with the same C library": replace(START, base="python:3.13-slim-bookworm"),
    "only `one`, in another Dockerfile with another base image": replace(
        START, base="python:3.11-slim-bookworm", before="RUN echo another > /image", group=lines("one")
    ),
    "an `ENV` or `ARG` before the group that installers do not read": replace(START, before=add("ARG A=b", "ENV C=d")),
    "a setting in pip.conf that installers do not read": replace(START, before=pip_conf("progress-bar = off")),
    "the index in pip.conf": replace(START, before=pip_conf("index-url = https://pypi.example.com/simple/")),
    "`PIP_INDEX_URL`": replace(START, before=add("ENV PIP_INDEX_URL=https://pypi.example.com/simple/")),
    "the CA bundle of the base image": replace(START, before=add("RUN echo >> /etc/ssl/certs/ca-certificates.crt")),
    "the C library of the base image": replace(START, before=add("RUN echo >> /lib/x86_64-linux-gnu/libresolv.so.2")),
    "`USER`, to another name with the same uid and gid": replace(START, before=user("second:x:0:0::/root:/bin/sh")),
    "`USER`, to another uid": replace(START, before=user("astro:x:50000:0::/root:/bin/sh"), after="RUN true"),
    "an instruction inserted between `one` and `two`": replace(START, group=lines("one", "ENV A=b", "two", "three")),
    "an instruction after the group": replace(START, after="RUN ls /opt > /after"),
    "another stage": replace(START, other="RUN echo changed > /other"),
    "this frontend, to a release with the same uv and provisioning": replace(START, syntax="dockerfile-pyenv:next"),
    "`--no-cache-filter=two`": replace(START, words=("--no-cache-filter=two",)),
}
ASKED = {title for title, sources in CHANGES.items() if (sources.before, sources.build) != (START.before, START.build)}
NOT_ASKED = {
    "nothing",
    "an instruction after the group",
    "another stage",
    "this frontend, to a release with the same uv and provisioning",
}
NEXT = {
    "next/Dockerfile": "FROM dockerfile-pyenv:dev\nCOPY new.py /pyenv/lib/dockerfile_pyenv/new.py\n",
    "next/new.py": "released = 'later'\n",
}


def rerun(engine: Engine, folder: Path, sources: Sources) -> progress.Progress:
    """Build, and see what ran."""
    bases.push(sources.tag, sources.build)
    return progress.parse(
        engine.build(*sources.words, "--output=type=cacheonly", sources.write(folder), progress="rawjson").log
    )


@pytest.mark.parametrize("kind", ["28", pytest.param("28-containerd", marks=pytest.mark.slow)])
def test_what_runs_again(engines: Callable[[str], Engine], project: Project, kind: str, regenerate: bool) -> None:  # noqa: FBT001
    """Each change reinstalls what the table says, on both image stores; copies are those of the classic one."""
    engine = engines(kind)
    folder = project(NEXT)
    engine.build("--load", "-t", "dockerfile-pyenv:next", folder / "next")
    salt = uuid.uuid4().hex
    rerun(engine, folder, replace(START, salt=salt))
    found = {title: rerun(engine, folder, replace(sources, salt=salt)) for title, sources in CHANGES.items()}
    assert {title: one.asked() for title, one in found.items() if title in ASKED | NOT_ASKED} == {
        **dict.fromkeys(ASKED, True),
        **dict.fromkeys(NOT_ASKED, False),
    }
    rows = {title: [_names(one.installed()), _names(sorted(_laid(one)))] for title, one in found.items()}
    made = [f"| {' | '.join([title, *row])} |\n" for title, row in rows.items()]
    head, _, rest = TABLE.read_text().partition(BEGIN)
    expected = list(takewhile(lambda line: line.startswith("|"), rest.splitlines(keepends=True)))
    if regenerate and kind == "28":
        TABLE.write_text(head + BEGIN + "".join(made) + rest.removeprefix("".join(expected)))
        expected = made
    if kind == "28":
        assert made == expected
    assert [row.split(" | ")[:2] for row in made] == [row.split(" | ")[:2] for row in expected]


def _laid(made: progress.Progress) -> set[str]:
    """Names of the environments whose files are copied into the image again, and of interpreters."""
    return {" ".join(line.split()[1:3]) if "(" in line else line.split()[2] for line in made.laid()}


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" if " " not in name else f"Python {name.split()[0]}" for name in names) or "nothing"


def test_a_newer_package_comes_with_no_cache_filter(
    engines: Callable[[str], Engine], project: Project, index: Index
) -> None:
    """`--no-cache-filter=<name>` installs what the index has by now in that environment, and in no other."""
    engine = engines("28")
    context = project(
        {
            "Dockerfile": "# syntax=dockerfile-pyenv:dev\nFROM debian:bookworm-slim\n"
            f"ENV PIP_INDEX_URL={index.url} PIP_TRUSTED_HOST={index.host}\n"
            "PYENV 3.9 one r.txt\nPYENV 3.9 two r.txt\nPYENV 3.11 three\n",
            "r.txt": "given\n",
        }
    )
    code = "import given; print(given.__version__)"

    def versions(*words: str) -> list[str]:
        image = engine.build(*words, context).image
        return [engine.run(image, f"/opt/astro-pyenv/envs/{name}/bin/python", "-c", code) for name in ("one", "two")]

    index.add(*wheel("given", "1.0"))
    assert versions() == ["1.0", "1.0"]
    index.add(*wheel("given", "2.0"))
    assert versions() == ["1.0", "1.0"]
    assert versions("--no-cache-filter=ONE") == ["2.0", "1.0"]
    assert versions("--build-arg=PYENV_PARALLEL=0", "--no-cache-filter=one") == ["2.0", "2.0"]
    assert versions() == ["2.0", "1.0"]
