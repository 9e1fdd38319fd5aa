"""`dockerfile-pyenv lock`: a lock for each PYENV line, so that every build installs the same versions."""

import argparse
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dockerfile_pyenv.cli import outdated_locks
from dockerfile_pyenv.cli.workspace import STDIN, Workspace, add_arguments
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.instruction import secrets
from dockerfile_pyenv.plan import requirement_files
from dockerfile_pyenv.plan.model import Environment, Group, Plan
from dockerfile_pyenv.provision.environment import requirement_lines
from dockerfile_pyenv.requirements import lock_files, pylock_writer
from dockerfile_pyenv.requirements.pylock_writer import LockTarget

IMAGE_UV = Path("/pyenv/uv")
"""uv in the frontend image."""
PROGRAM = Path(__file__).parents[1] / "provision" / "lock.py"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "lock",
        help="write a lock for each PYENV line, so that every build installs the same versions",
        description="Resolve the packages of each PYENV line, as a build would today, and write their versions and "
        "hashes to pylock.<name>.toml, next to the line's first requirements file. A line that also names this "
        "file is installed from it alone. Versions that are already locked are kept if they still fit.",
    )
    add_arguments(parser)
    parser.set_defaults(run=run, several_platforms=True)
    parser.add_argument(
        "--name",
        metavar="NAME",
        action="append",
        default=[],
        help="lock only this environment; can be given more than once",
    )
    parser.add_argument("--write", action="store_true", help="add the locks to the PYENV lines of the Dockerfile")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing, and report the locks that do not fit their lines; the exit status is 1 if there are any",
    )
    parser.add_argument("-U", "--upgrade", action="store_true", help="upgrade all packages, ignoring locked versions")
    parser.add_argument(
        "-P",
        "--upgrade-package",
        metavar="PACKAGE",
        action="append",
        default=[],
        help="upgrade this package, ignoring its locked version; can be given more than once",
    )


@dataclass(frozen=True, slots=True)
class Target:
    """A PYENV line to lock."""

    environment: Environment
    """The environment, without its lock among the files."""
    platforms: tuple[str, ...]
    python: str
    """Version of the interpreter: the oldest among the platforms."""
    path: str
    """Path of the lock in the build context."""
    named: bool
    """The line already names the lock."""

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.environment.statement.name


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    """Run the command. Raises PyenvError."""
    if options.check:
        return outdated_locks.report(workspace, options.name)
    if options.write and options.file == STDIN:
        raise PyenvError("--write cannot change a Dockerfile that is read from stdin: pass its path with --file")
    uv = _uv()
    targets = list(_targets(workspace, options.name))
    _check_paths(targets)
    for target in targets:
        _lock(target, workspace, options, uv)
    unnamed = [target for target in targets if not target.named]
    if options.write and unnamed:
        written = _name_locks(Path(workspace.name), workspace.dockerfile.source, unnamed)
    for target in unnamed:
        place = f"{workspace.name}:{target.environment.line.lines[0]}"
        what = "add the lock to the line"
        if options.write:
            done = target.environment.line.number in written
            what = "added the lock to the line" if done else "add the lock by hand, since the name is split over lines"
        sys.stdout.write(f"{place}: {what}: {_with_lock(target)}\n")
    if not targets:
        sys.stdout.write(f"{workspace.name}: nothing to lock\n")
    return 0


def _targets(workspace: Workspace, names: Sequence[str]) -> Iterator[Target]:
    """The lines to lock, in the order of the file. Raises PyenvError."""
    plans = [workspace.for_any_user().on(platform).plan() for platform in workspace.platforms]
    lines: dict[int, list[Environment]] = {}
    for environment in (item for plan in plans for item in plan.environments):
        lines.setdefault(environment.line.number, []).append(environment)
    known = {item.statement.name for found in lines.values() for item in found if item.statement.name}
    for name in names:
        if name not in known:
            raise PyenvError(f"--name={name}: no such environment, the file has {', '.join(sorted(known)) or 'none'}")
    for _, found in sorted(lines.items()):
        if not names or any(item.statement.name in names for item in found):
            _check_words(found)
            platforms = tuple(dict.fromkeys(platform for item in found for platform in item.platforms))
            python = _oldest(item.interpreter.version for item in found)
            yield from _target(found[0], workspace, platforms=platforms, python=python)


def _oldest(versions: Iterable[str]) -> str:
    from packaging.version import Version  # noqa: PLC0415 - costs 20 ms, for this command only

    return min((version.removesuffix("t") for version in versions), key=Version)


def _target(
    environment: Environment, workspace: Workspace, *, platforms: tuple[str, ...], python: str
) -> Iterator[Target]:
    """The target of a line, if it has something to lock. Raises DockerfileError."""
    statement = environment.statement
    own, others = _locks(environment, workspace)
    rest = tuple(path for path in statement.files if path not in own)
    if others:
        sys.stderr.write(f"{statement.name}: skipped, since {others[0]} is a lock of another tool\n")
    elif not rest and not statement.inline and not statement.bodies:
        if own:
            sys.stderr.write(
                f"{statement.name}: skipped, since the line has only its lock: to lock again, add the requirements\n"
            )
    elif statement.flags.installer == "pip":
        raise DockerfileError(
            "pip cannot install a lock: write --installer=uv, or lock the other lines with --name",
            lines=environment.line.lines,
        )
    elif statement.flags.airflow:
        raise DockerfileError(
            f"--airflow={statement.flags.airflow} takes versions from the base image, which lock does not read: lock "
            "the other lines with --name, or replace the flag by a requirement of Airflow",
            lines=environment.line.lines,
        )
    else:
        default = posixpath.join(posixpath.dirname(rest[0]) if rest else "", pylock_writer.name(statement.name))
        there = None if own else _text(workspace, default, environment)
        if there is not None and not requirement_lines.is_ours(there):
            raise DockerfileError(
                f"the lock of this line would overwrite {default}, a lock of another tool: name another file on "
                f"this line, such as {pylock_writer.name(statement.name + '-2')}, and lock again",
                lines=environment.line.lines,
            )
        bare = replace(environment, statement=replace(statement, files=rest))
        yield Target(bare, platforms, python, own[0] if own else default, named=bool(own))


def _check_words(found: Sequence[Environment]) -> None:
    """Refuse a line whose words differ between platforms. Raises DockerfileError."""
    platforms = [environment.platforms[0] for environment in found]
    words = [_words(environment) for environment in found]
    for other, platform in zip(words, platforms, strict=True):
        if other != words[0]:
            raise DockerfileError(
                f"this line expands to {words[0]} for {platforms[0]} and to {other} for {platform}: its words must be "
                "the same on every platform",
                lines=found[0].line.lines,
            )


def _words(environment: Environment) -> str:
    statement = environment.statement
    bodies = (body.text for body in statement.bodies)
    return " ".join([environment.interpreter.minor, statement.name, *statement.files, *statement.inline, *bodies])


def _locks(environment: Environment, workspace: Workspace) -> tuple[list[str], list[str]]:
    """Locks that a line names: those of this command, whether or not they exist yet, and all others."""
    own: list[str] = []
    others: list[str] = []
    for path in environment.statement.files:
        kind = lock_files.kind(path)
        if kind is lock_files.LockKind.UV_LOCK:
            others.append(path)
        elif kind is lock_files.LockKind.PYLOCK:
            text = _text(workspace, path, environment)
            (own if text is None or requirement_lines.is_ours(text) else others).append(path)
    return own, others


def _check_paths(targets: Sequence[Target]) -> None:
    """Refuse two lines with the same lock file. Raises DockerfileError."""
    seen: dict[str, Target] = {}
    for target in targets:
        other = seen.setdefault(target.path, target)
        if other is not target:
            raise DockerfileError(
                f"this line and line {other.environment.line.lines[0]} would share the lock {target.path}: "
                f"name another file on this line, such as {pylock_writer.name(target.name + '-2')}, and lock again",
                lines=target.environment.line.lines,
            )


def _lock(target: Target, workspace: Workspace, options: argparse.Namespace, uv: str) -> None:
    """Write the lock of a line, and print a summary. Raises DockerfileError."""
    environment = target.environment
    plan = Plan((Group((environment,), {}, ""),), (), 0)
    files = requirement_files.collect(plan, workspace.tree)
    _check_links(environment, workspace, [*files.of(environment), target.path])
    fingerprint = files.fingerprints[environment.line.number]
    subject = LockTarget(target.python, target.platforms, fingerprint)
    path = workspace.context / target.path
    before = _text(workspace, target.path, environment) or ""
    with TemporaryDirectory(prefix="dockerfile-pyenv-") as tmp:
        output = Path(tmp, path.name)
        if before:
            output.write_text(before, encoding="utf-8")
        question = {**_question(target, subject, options), "uv": uv, "tmp": tmp, "output": str(output)}
        if uv == str(IMAGE_UV):  # a container may have no home directory, and does not keep it
            question["options"] += [f"--cache-dir={tmp}/cache"]
        _ask(question, environment, workspace.context)
        after = pylock_writer.finish(output.read_text("utf-8"), subject, path.parent)
    found = pylock_writer.packages(after)
    if missing := next(pylock_writer.not_installable(found, subject), ""):
        raise DockerfileError(
            f"not writing the lock: it would have neither a wheel nor a source distribution of {missing}. If one of "
            "several indexes has them, leave out the others, or use another version",
            lines=environment.line.lines,
        )
    if after != before:
        _write(path, after)
    count = "1 package" if len(found) == 1 else f"{len(found)} packages"
    same = ", as before" if after == before else ""
    sys.stdout.write(f"{target.path}: {count} for Python {subject.minor} on {', '.join(target.platforms)}{same}\n")
    if before:
        sys.stdout.writelines(f"  {change}\n" for change in pylock_writer.changes(before, after))
    if built := pylock_writer.without_wheels(found):
        sys.stdout.write(f"  built from source in every build, since there are no wheels: {', '.join(built)}\n")


def _question(target: Target, subject: LockTarget, options: argparse.Namespace) -> dict[str, Any]:
    """Input of provision/lock.py, without its paths."""
    environment, statement = target.environment, target.environment.statement
    flags = statement.flags
    bodies = (
        requirement_lines.expand(line, environment.env)
        for body in statement.bodies
        for _, line in requirement_lines.logical_lines(body.text)
    )
    return {
        "names": list(statement.files),
        "lines": [*statement.inline, *bodies],
        "choice": [*(f"--extra={one}" for one in flags.extra), *(f"--group={one}" for one in flags.group)],
        "env": dict(environment.env),
        "build_constraints": list(flags.build_constraint),
        "secrets": [
            *(secret.variable for secret in flags.secret if secret.variable),
            *(variable for mount in flags.mount for variable in secrets.variables(mount)),
        ],
        # A heredoc already has values instead of names.
        "used": [*environment.env] if statement.bodies else re.findall(r"\$\{?(\w+)", statement.raw.text),
        "python": subject.python,
        "environments": subject.resolved_for,
        "options": [
            *(["--no-deps"] if flags.no_deps else []),
            *([f"--exclude-newer={flags.exclude_newer}"] if flags.exclude_newer else []),
            *(["--upgrade"] if options.upgrade else []),
            *(f"--upgrade-package={package}" for package in options.upgrade_package),
        ],
        "title": " ".join([*statement.files, *statement.inline, *(body.name for body in statement.bodies)]),
    }


def _ask(question: Mapping[str, Any], environment: Environment, context: Path) -> None:
    """Let uv write a lock; its output is shown. Raises DockerfileError at the line if uv fails."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(PROGRAM)],
        input=json.dumps(question),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="surrogateescape",
        cwd=context,
        check=False,
    )
    if done.returncode:
        raise DockerfileError(done.stdout.strip() or "uv failed without a message", lines=environment.line.lines)


def _uv() -> str:
    """Path of uv: in the frontend image, next to this Python, or on PATH. Raises PyenvError."""
    programs = Path(sys.executable).parent
    found = str(IMAGE_UV) if IMAGE_UV.is_file() else shutil.which("uv", path=str(programs)) or shutil.which("uv")
    if not found:
        raise PyenvError(
            "lock requires uv: install it with pip install 'dockerfile-pyenv[lock]', or run this command in the "
            'frontend image, which has it: docker run --rm -v "$PWD":/src … lock'
        )
    return found


def _text(workspace: Workspace, path: str, environment: Environment) -> str | None:
    """A lock's text; None where there is none. Raises DockerfileError for what cannot be read, or written later."""
    tree, lines = workspace.tree, environment.line.lines
    try:
        return tree.read(path).decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        _check_links(environment, workspace, [path])
        return None
    except OSError as error:
        raise DockerfileError(f"cannot read {path}: {error.strerror}", lines=lines) from None


def _check_links(environment: Environment, workspace: Workspace, paths: Iterable[str]) -> None:
    """Refuse paths that uv, or this command as it writes, would find outside the build context.

    Raises DockerfileError.
    """
    for path in paths:
        if not path.startswith("<<") and not workspace.tree.is_plain(path):
            raise DockerfileError(
                f"{path} is a symbolic link that leads out of the build context: lock reads and writes only files in "
                "it",
                lines=environment.line.lines,
            )


def _write(path: Path, text: str) -> None:
    """Write a file. Written by root, as in a container, it gets the owner of its directory.

    Raises PyenvError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", "surrogateescape", newline="")
        if getattr(os, "geteuid", int)() == 0 and hasattr(os, "chown"):  # Windows has neither
            owner = path.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise PyenvError(f"cannot write {path}: {error.strerror}") from None


def _with_lock(target: Target) -> str:
    """The text of the line with the lock added."""
    raw = target.environment.statement.raw
    name = raw.name.raw if raw.name else ""
    return raw.text.replace(f"{raw.version.raw} {name}", f"{raw.version.raw} {name} {_word(target.path)}", 1)


def _word(path: str) -> str:
    return f'"{path}"' if set(path) & set(" \t$\\'") else path


def _name_locks(path: Path, source: bytes, targets: Sequence[Target]) -> set[int]:
    """Insert the paths of locks after the names of their environments, except a name that is split over lines.

    Returns the numbers of the changed lines. Raises PyenvError.
    """
    written: set[int] = set()
    lines = source.decode("utf-8", "surrogateescape").split("\n")
    for target in targets:
        if word := target.environment.statement.raw.name:
            line, at = lines[word.line - 1], word.column - 1 + len(word.raw)
            if line[word.column - 1 : at] == word.raw:
                lines[word.line - 1] = f"{line[:at]} {_word(target.path)}{line[at:]}"
                written.add(target.environment.line.number)
    if written:
        _write(path, "\n".join(lines))
    return written
