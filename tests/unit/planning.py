"""Plans of Dockerfiles without an engine: what the probe would find is said by the test."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockerfile_pyenv.dockerfile.lexer import Dockerfile, lex
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.instruction.lines import PyenvLine, pyenv_lines
from dockerfile_pyenv.instruction.statement import Statement
from dockerfile_pyenv.interpreters import libc
from dockerfile_pyenv.interpreters.provider import Interpreter
from dockerfile_pyenv.interpreters.providers import choose
from dockerfile_pyenv.plan.line_scope import LineScope
from dockerfile_pyenv.plan.make import plan_lines
from dockerfile_pyenv.plan.model import Plan
from dockerfile_pyenv.plan.requirement_files import Found, PathKind

SETTINGS = {"UV_PYTHON_DOWNLOADS_JSON_URL": "https://example.org/downloads.json"}
TABLE = {
    f"cpython-3.{minor}.{patch}-{family}": {
        "arch": {"family": family},
        "libc": "gnu",
        "major": 3,
        "minor": minor,
        "patch": patch,
        "url": f"https://example.org/20251014/cpython-3.{minor}.{patch}-{family}-install_only_stripped.tar.gz",
        "sha256": "0" * 64,
        "build": "20251014",
    }
    for minor, patch in ((9, 18), (9, 25), (10, 19), (11, 14), (13, 9))
    for family in ("x86_64", "aarch64")
}
"""A table of interpreters that changes with no release, at the address that the setting names."""


def download(address: str) -> bytes:
    """Fetch the table."""
    assert address == SETTINGS["UV_PYTHON_DOWNLOADS_JSON_URL"]
    return json.dumps(TABLE).encode()


def select(statement: Statement, scope: LineScope) -> Interpreter:
    """Choose an interpreter from the table of the tests."""
    return choose(
        statement,
        lambda: libc.told_by(scope.base, {}) or "gnu",
        ["linux/amd64", "linux/arm64"],
        lambda name: SETTINGS.get(name, ""),
        download,
    )


Probe = list[Any] | None
"""For each PYENV line what its scope differs in, a list of that for several platforms, or None for an unreached one."""


def scopes_of(
    dockerfile: Dockerfile, lines: Sequence[PyenvLine], found: Probe = None
) -> dict[int, tuple[LineScope, ...]]:
    """What the probe finds: by default each line sees those before it in its stage."""
    froms = [item.span[0] for item in dockerfile.instructions if item.keyword == "FROM"]
    result = {}
    for line in lines:
        differs = found[line.number] if found else {}
        if differs is None:
            continue
        stage = max(start for start in froms if start < dockerfile.instructions[line.index].span[0])
        below = tuple(
            other.number
            for other in lines
            if other.number < line.number
            and (not found or found[other.number] is not None)
            and dockerfile.instructions[other.index].span[0] > stage
        )
        words = () if isinstance(line.statement, DockerfileError) else [word.raw for word in line.statement.words]
        default = {
            "target": "",
            "platform": "linux/amd64",
            "user": "",
            "env": {},
            "words": words,
            "below": below,
            "empty": False,
            "in_target": True,
        }
        platforms = differs if isinstance(differs, list) else [differs]
        result[line.number] = tuple(_scope(line.number, {**default, **one}) for one in platforms)
    return result


def _scope(number: int, values: dict[str, Any]) -> LineScope:
    return LineScope(
        number, **{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    )


def plan_of(source: bytes, found: Probe = None, *, label: str = "") -> tuple[Dockerfile, Plan]:
    """Plan a Dockerfile's PYENV lines."""
    dockerfile = lex(source)
    lines = pyenv_lines(dockerfile)
    return dockerfile, plan_lines(dockerfile, lines, scopes_of(dockerfile, lines, found), select, label=lambda _: label)


@dataclass(frozen=True)
class Files:
    """A build context in memory, with an empty file at every other path if that is wanted."""

    files: Mapping[str, bytes | PathKind]
    all_there: bool = False
    rounds: list[tuple[Sequence[str], Sequence[str]]] = field(default_factory=list)
    """What was looked at, round by round."""

    def look(self, read: Sequence[str], find: Sequence[str]) -> dict[str, Found]:
        """Read some files, and find out what other paths are."""
        self.rounds.append((read, find))
        found: dict[str, Found] = {}
        for path in [*read, *find]:
            content = self.files.get(path, b"" if self.all_there else None)
            if content is None:
                found[path] = FileNotFoundError(2, "No such file or directory")
            elif path in find:
                found[path] = content if isinstance(content, PathKind) else PathKind.FILE
            else:
                found[path] = IsADirectoryError(21, "Is a directory") if isinstance(content, PathKind) else content
        return found

    def why_missing(self, path: str) -> str:
        """Say that a path is not there."""
        return f"{path} does not exist"


CASES = Path(__file__).parents[2] / "dockerfile-syntax" / "cases"
GOOD = sorted(path.parent for path in CASES.glob("*/Dockerfile"))
BAD = sorted(path.parent for path in CASES.glob("errors/*/Dockerfile"))


def case(folder: Path) -> tuple[bytes, Probe]:
    """A case's Dockerfile, and what its probe finds."""
    probe = folder / "probe.json"
    return (folder / "Dockerfile").read_bytes(), json.loads(probe.read_text()) if probe.exists() else None
