"""`dockerfile-pyenv lock`: a lock for each PYENV line, so that the next build installs exactly the same."""

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

from dockerfile_pyenv import locks, mounts, pylock, requirement_files
from dockerfile_pyenv.commands import workspace
from dockerfile_pyenv.commands.workspace import Workspace
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.plan import Environment, Group, Plan
from dockerfile_pyenv.provision.environment import requirement_lines
from dockerfile_pyenv.pylock import Subject

IMAGE_UV = Path("/pyenv/uv")
"""The installer in the frontend's image."""
PROGRAM = Path(__file__).parents[1] / "provision" / "lock.py"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "lock",
        help="write a lock for each PYENV line, so that every build installs exactly the same",
        description="Choose the versions of all packages of each PYENV line, as a build of now would, and write them "
        "with their hashes into pylock.<name>.toml beside the line's first requirements file. A line that names this "
        "file, too, is installed from it alone. Versions that are locked already are kept as far as they fit.",
    )
    workspace.add_arguments(parser)
    parser.set_defaults(run=run, several_platforms=True)
    parser.add_argument(
        "--name", metavar="NAME", action="append", default=[], help="lock this environment; can be given several times"
    )
    parser.add_argument("--write", action="store_true", help="name the locks on the PYENV lines of the Dockerfile")
    parser.add_argument("-U", "--upgrade", action="store_true", help="take the newest versions, whatever is locked")
    parser.add_argument(
        "-P",
        "--upgrade-package",
        metavar="PACKAGE",
        action="append",
        default=[],
        help="take the newest version of this package, whatever is locked; can be given several times",
    )


@dataclass(frozen=True, slots=True)
class Target:
    """A PYENV line that is to be locked."""

    environment: Environment
    """Its statement names no lock."""
    platforms: tuple[str, ...]
    python: str
    """Version of the interpreter: the oldest of the platforms'."""
    path: str
    """Path of the lock in the build context."""
    named: bool
    """The line names the lock already."""

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.environment.statement.name


def run(options: argparse.Namespace, given: Workspace) -> int:
    """Run the command. Raises PyenvError."""
    if options.write and options.file == workspace.STDIN:
        raise PyenvError("--write changes a file, and the Dockerfile is read from stdin: leave one of them out")
    uv = _uv()
    targets = list(_targets(given, options.name))
    _check_paths(targets)
    for target in targets:
        _lock(target, given, options, uv)
    unnamed = [target for target in targets if not target.named]
    if options.write and unnamed:
        written = _name_locks(Path(given.name), given.dockerfile.source, unnamed)
    for target in unnamed:
        place = f"{given.name}:{target.environment.line.lines[0]}"
        what = "name the lock on the line"
        if options.write:
            done = target.environment.line.number in written
            what = "the line names its lock now" if done else "name the lock by hand, for the name is split over lines"
        sys.stdout.write(f"{place}: {what}: {_with_lock(target)}\n")
    if not targets:
        sys.stdout.write(f"{given.name}: nothing to lock\n")
    return 0


def _targets(given: Workspace, names: Sequence[str]) -> Iterator[Target]:
    """The lines to lock, in the order of the file. Raises PyenvError."""
    plans = [given.of_whomever().on(platform).plan() for platform in given.platforms]
    lines: dict[int, list[Environment]] = {}
    for environment in (item for plan in plans for item in plan.environments):
        lines.setdefault(environment.line.number, []).append(environment)
    known = {item.statement.name for found in lines.values() for item in found if item.statement.name}
    for name in names:
        if name not in known:
            raise PyenvError(f"--name={name}: there is no such environment, but {', '.join(sorted(known)) or 'none'}")
    for _, found in sorted(lines.items()):
        if not names or any(item.statement.name in names for item in found):
            _check_words(found)
            platforms = tuple(dict.fromkeys(platform for item in found for platform in item.platforms))
            python = _oldest(item.interpreter.version for item in found)
            yield from _target(found[0], given, platforms=platforms, python=python)


def _oldest(versions: Iterable[str]) -> str:
    from packaging.version import Version  # noqa: PLC0415 - costs 20 ms, for this command only

    return min((version.removesuffix("t") for version in versions), key=Version)


def _target(environment: Environment, given: Workspace, *, platforms: tuple[str, ...], python: str) -> Iterator[Target]:
    """A line, if there is something in it to lock. Raises DockerfileError."""
    statement = environment.statement
    own, others = _locks(environment, given)
    rest = tuple(path for path in statement.files if path not in own)
    if others:
        sys.stderr.write(f"{statement.name}: {others[0]} is a lock already, of another tool\n")
    elif not rest and not statement.inline and not statement.bodies:
        if own:
            sys.stderr.write(
                f"{statement.name}: the line names its lock alone: name what it is made from, too, to lock anew\n"
            )
    elif statement.flags.installer == "pip":
        raise DockerfileError(
            "pip installs no locks: write --installer=uv, or lock the other lines with --name",
            lines=environment.line.lines,
        )
    elif statement.flags.airflow:
        raise DockerfileError(
            f"--airflow={statement.flags.airflow} takes versions from the base image, which nobody asks here: lock the "
            "other lines with --name, or name Airflow among the requirements in place of the flag",
            lines=environment.line.lines,
        )
    else:
        default = posixpath.join(posixpath.dirname(rest[0]) if rest else "", pylock.name(statement.name))
        there = None if own else _text(given.context / default)
        if there is not None and not locks.is_ours(there):
            raise DockerfileError(
                f"the lock of this line would be {default}, which is there and of another tool: name another file on "
                f"this line, such as {pylock.name(statement.name + '-2')}, and lock again",
                lines=environment.line.lines,
            )
        bare = replace(environment, statement=replace(statement, files=rest))
        yield Target(bare, platforms, python, own[0] if own else default, named=bool(own))


def _check_words(found: Sequence[Environment]) -> None:
    """Refuse a line that says something else on another platform. Raises DockerfileError."""
    platforms = [environment.platforms[0] for environment in found]
    words = [_words(environment) for environment in found]
    for other, platform in zip(words, platforms, strict=True):
        if other != words[0]:
            raise DockerfileError(
                f"this line reads {words[0]} for {platforms[0]} and {other} for {platform}: its words must be the same "
                "on every platform",
                lines=found[0].line.lines,
            )


def _words(environment: Environment) -> str:
    statement = environment.statement
    bodies = (body.text for body in statement.bodies)
    return " ".join([environment.interpreter.minor, statement.name, *statement.files, *statement.inline, *bodies])


def _locks(environment: Environment, given: Workspace) -> tuple[list[str], list[str]]:
    """Locks that a line names: those of this command, written or still to be, and all others."""
    own: list[str] = []
    others: list[str] = []
    for path in environment.statement.files:
        kind = locks.kind(path)
        if kind is locks.Kind.UV_LOCK:
            others.append(path)
        elif kind is locks.Kind.PYLOCK:
            text = _text(given.context / path)
            (own if text is None or locks.is_ours(text) else others).append(path)
    return own, others


def _check_paths(targets: Sequence[Target]) -> None:
    """Refuse one file for two lines. Raises DockerfileError."""
    seen: dict[str, Target] = {}
    for target in targets:
        other = seen.setdefault(target.path, target)
        if other is not target:
            raise DockerfileError(
                f"the lock of this line would be {target.path}, as that of line {other.environment.line.lines[0]}: "
                f"name another file on this line, such as {pylock.name(target.name + '-2')}, and lock again",
                lines=target.environment.line.lines,
            )


def _lock(target: Target, given: Workspace, options: argparse.Namespace, uv: str) -> None:
    """Write a line's lock, and say what is in it. Raises DockerfileError."""
    environment = target.environment
    plan = Plan((Group((environment,), {}, ""),), (), 0)
    fingerprint = requirement_files.collect(plan, given.tree).fingerprints[environment.line.number]
    subject = Subject(target.python, target.platforms, fingerprint)
    path = given.context / target.path
    before = _text(path) or ""
    with TemporaryDirectory(prefix="dockerfile-pyenv-") as tmp:
        output = Path(tmp, path.name)
        if before:
            output.write_text(before, encoding="utf-8")
        question = {**_question(target, subject, options), "uv": uv, "tmp": tmp, "output": str(output)}
        if uv == str(IMAGE_UV):  # in a container there may be no home directory, and none that stays
            question["options"] += [f"--cache-dir={tmp}/cache"]
        _ask(question, environment, given.context)
        after = pylock.finish(output.read_text("utf-8"), subject, path.parent)
    if after != before:
        _write(path, after)
    found = pylock.packages(after)
    count = "1 package" if len(found) == 1 else f"{len(found)} packages"
    same = ", as before" if after == before else ""
    sys.stdout.write(f"{target.path}: {count} for Python {subject.minor} on {', '.join(target.platforms)}{same}\n")
    if before:
        sys.stdout.writelines(f"  {change}\n" for change in pylock.changes(before, after))
    if built := pylock.without_wheels(found):
        sys.stdout.write(f"  built from source by each build, since there are no wheels: {', '.join(built)}\n")


def _question(target: Target, subject: Subject, options: argparse.Namespace) -> dict[str, Any]:
    """What provision/lock.py is asked, but for its paths."""
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
        "secrets": [
            *(secret.variable for secret in flags.secret if secret.variable),
            *(variable for mount in flags.mount for variable in mounts.variables(mount)),
        ],
        # A heredoc has values in place of their names already.
        "used": [*environment.env] if statement.bodies else re.findall(r"\$\{?(\w+)", statement.raw.text),
        "python": subject.python,
        "environments": subject.resolved_for,
        "options": [
            *(["--no-deps"] if flags.no_deps else []),
            *(["--upgrade"] if options.upgrade else []),
            *(f"--upgrade-package={package}" for package in options.upgrade_package),
        ],
        "title": " ".join([*statement.files, *statement.inline, *(body.name for body in statement.bodies)]),
    }


def _ask(question: Mapping[str, Any], environment: Environment, context: Path) -> None:
    """Have uv write a lock; what it says is shown. Raises DockerfileError at the line, if there is none."""
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
        raise DockerfileError(done.stdout.strip() or "uv ended without a word", lines=environment.line.lines)


def _uv() -> str:
    """Where the installer is: in the frontend's image, beside this Python, or on PATH. Raises PyenvError."""
    beside = Path(sys.executable).parent
    found = str(IMAGE_UV) if IMAGE_UV.is_file() else shutil.which("uv", path=str(beside)) or shutil.which("uv")
    if not found:
        raise PyenvError(
            "lock needs uv: install it with pip install 'dockerfile-pyenv[lock]', or run this command from the "
            'frontend\'s image, which has it: docker run --rm -v "$PWD":/src … lock'
        )
    return found


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    """Write a file. Where root does it, as in a container, it belongs to whom its directory belongs to.

    Raises PyenvError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", "surrogateescape", newline="")
        if getattr(os, "geteuid", int)() == 0 and hasattr(os, "chown"):  # Windows has neither
            owner = path.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise PyenvError(f"{path} cannot be written: {error.strerror}") from None


def _with_lock(target: Target) -> str:
    """The line as the user reads it, with the lock on it."""
    raw = target.environment.statement.raw
    name = raw.name.raw if raw.name else ""
    return raw.text.replace(f"{raw.version.raw} {name}", f"{raw.version.raw} {name} {_word(target.path)}", 1)


def _word(path: str) -> str:
    return f'"{path}"' if set(path) & set(" \t$\\'") else path


def _name_locks(path: Path, source: bytes, targets: Sequence[Target]) -> set[int]:
    """Put the paths of locks behind the names of their environments, but for a name that is split over lines.

    Returns the numbers of the lines that name their locks now. Raises PyenvError.
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
