"""`dockerfile-pyenv lock --check`: find locks that no longer fit their lines, without an index."""

import sys
from collections.abc import Iterator, Sequence

from dockerfile_pyenv.cli.workspace import Workspace
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.plan import requirement_files
from dockerfile_pyenv.plan.model import Group, Plan
from dockerfile_pyenv.requirements import lock_files
from dockerfile_pyenv.requirements.lock_files import LockKind

_LOCKS = {LockKind.PYLOCK, LockKind.UV_LOCK}


def report(workspace: Workspace, names: Sequence[str]) -> int:
    """Print an error for each line whose lock is missing, outdated, or for another Python or platform.

    Returns the exit status: 1 if there is one. `names` are environments; none means all. Raises PyenvError.
    """
    found = dict(_found(workspace, names))
    for (_, message), error in found.items():
        line, column = error.at or (error.lines[0] if error.lines else 1, 0)
        sys.stderr.write(f"{workspace.name}:{line}{f':{column}' if column else ''}: {message}\n")
    if not found:
        sys.stdout.write(f"{workspace.name}: no outdated locks\n")
    return 1 if found else 0


def _found(workspace: Workspace, names: Sequence[str]) -> Iterator[tuple[tuple[int, str], DockerfileError]]:
    """The errors by line and message: each is told once, however many platforms have it."""
    for platform in workspace.platforms:
        there = workspace.for_any_user().on(platform)
        for environment in there.plan().environments:
            statement = environment.statement
            if (names and statement.name not in names) or not _LOCKS & set(map(lock_files.kind, statement.files)):
                continue
            try:
                requirement_files.collect(Plan((Group((environment,), {}, ""),), (), 0), there.tree)
            except DockerfileError as error:
                yield (environment.line.number, str(error)), error
