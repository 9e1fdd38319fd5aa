"""Nothing of a base image changes but what a PYENV line promises."""

import pytest
from tests.bed.engine import Engine, File
from tests.engine.additions import assert_only_additions
from tests.engine.conftest import Project

SYNTAX = "# syntax=dockerfile-pyenv:dev\n"
LINE = "PYENV 3.9 one\n"

BASES = {
    "no user": "FROM debian:bookworm-slim\n",
    "user by number": "FROM debian:bookworm-slim\nUSER 50000\n",
    "user by name and group": "FROM debian:bookworm-slim\nRUN useradd -u 1234 -m astro\nUSER astro:games\n",
    "no passwd": "FROM debian:bookworm-slim\nRUN rm /etc/passwd /etc/group\nUSER 50000:0\n",
    "a shell of its own": 'FROM debian:bookworm-slim\nSHELL ["/bin/bash", "-euxc"]\n',
    "no shell": "FROM debian:bookworm-slim\nRUN rm /bin/*sh\n",
    "an open /opt of another's": "FROM debian:bookworm-slim\nRUN chmod 1777 /opt && chown 5:6 /opt\n",
    "/opt is a link": "FROM debian:bookworm-slim\nRUN rmdir /opt && mkdir -m 750 /srv/opt && ln -s /srv/opt /opt\n",
    "no /opt and no /usr/local/bin": "FROM debian:bookworm-slim\nRUN rm -r /opt /usr/local/bin\n",
    "/usr/local/bin is a link": "FROM debian:bookworm-slim\n"
    "RUN rm -r /usr/local/bin && mkdir /srv/bin && ln -s /srv/bin /usr/local/bin\n",
    "/run and /tmp are links": "FROM debian:bookworm-slim\n"
    "RUN mv /run /srv/run && ln -s /srv/run /run && rm -r /tmp && ln -s /var/tmp /tmp\n",
    "no /tmp": "FROM debian:bookworm-slim\nRUN rm -r /tmp\n",
    "the same python": "FROM python:3.9-slim-bookworm\n",
    "everything set": 'FROM debian:bookworm-slim\nWORKDIR /work\nENTRYPOINT ["/entry"]\nCMD ["a", "b"]\n'
    "LABEL a=b\nEXPOSE 80\nVOLUME /data\nSTOPSIGNAL SIGINT\nHEALTHCHECK CMD true\nARG X=1\nONBUILD RUN x\n",
}


ODD = {"/usr/local/bin is a link", "/run and /tmp are links", "no /tmp"}
"""Left to the slow run."""


@pytest.mark.parametrize(
    "base", [pytest.param(base, marks=[pytest.mark.slow] if base in ODD else []) for base in BASES]
)
def test_nothing_differs_but_the_promised_additions(engine: Engine, project: Project, base: str) -> None:
    """Config and files are those of the same file without its PYENV line, and the additions are those promised."""
    context = project({"with": SYNTAX + BASES[base] + LINE, "without": BASES[base]})
    ours = engine.build("-f", context / "with", context).image
    plain = engine.build("-f", context / "without", context).image

    opt = "srv/opt" if base == "/opt is a link" else "opt"
    commands = "srv/bin" if base == "/usr/local/bin is a link" else "usr/local/bin"
    assert_only_additions(engine, ours, plain, ["one"], opt=opt, commands=commands)
    files = engine.files(ours)
    _check_environment(files, opt, commands, base)
    run = [
        "run",
        "--rm",
        "--entrypoint",
        "/opt/astro-pyenv/envs/one/bin/python",
        ours,
        "-c",
        "import ssl, sqlite3; print(1)",
    ]
    assert engine.docker(*run).stdout == "1\n"


def _check_environment(files: dict[str, File], opt: str, commands: str, base: str) -> None:
    owners = {
        "user by number": (50000, 0),
        "user by name and group": (1234, 60),
        "no passwd": (50000, 0),
    }
    owner = owners.get(base, (0, 0))
    inside = [file for name, file in files.items() if name.startswith(f"{opt}/astro-pyenv/envs/one")]
    assert {(file.uid, file.gid) for file in inside} == {owner}
    python = [file for name, file in files.items() if name.startswith(f"{opt}/astro-pyenv/python/")]
    assert python
    assert {(file.uid, file.gid) for file in python} == {(0, 0)}
    link = files[f"{commands}/python3.9"]
    if base == "the same python":
        assert link.kind in {"file", "hardlink"}
    else:
        assert link.link == "/opt/astro-pyenv/python/3.9.2/bin/python3.9"


def test_a_path_without_the_directory_of_links_is_told(engine: Engine, project: Project) -> None:
    """The environment works all the same; `python3.9` is not found by name."""
    base = "FROM debian:bookworm-slim\nENV PATH=/usr/bin:/bin\n"
    context = project({"Dockerfile": SYNTAX + base + LINE + "PYENV --no-venv 3.11\n"})
    told = "is linked in /usr/local/bin, which is not on PATH in this image: add it with ENV PATH=/usr/local/bin:$PATH"
    for words in ((), ("--build-arg=PYENV_PARALLEL=0",)):
        log = engine.build(context, "--no-cache", *words).log
        assert f"one: python3.9 {told}" in log
        assert f"python3.11: python3.11 {told}" in log


def test_what_stands_in_the_way_is_named(engine: Engine, project: Project) -> None:
    """The failing step reads as the user's line, and says what to remove."""
    base = "FROM debian:bookworm-slim\nRUN rmdir /opt && ln -s /nowhere/else /opt\n"
    failed = engine.build(project({"Dockerfile": SYNTAX + base + LINE}), check=False)
    assert failed.returncode
    assert "python3.9.2: /opt in the image is a file, or a link to nothing, where a directory is required" in failed.log
    assert 'process "PYENV 3.9.2" did not complete successfully' in failed.log
    assert f">>> {LINE}" in failed.log

    base = "FROM debian:bookworm-slim\nRUN touch /srv/file\n"
    linked = "PYENV --link=/srv/file/link 3.9 one\n"
    failed = engine.build(project({"Dockerfile": SYNTAX + base + linked}), check=False)
    assert "one: --link: /srv/file in the image is not a directory. Choose another path" in failed.log
