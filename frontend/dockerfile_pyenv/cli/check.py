"""`dockerfile-pyenv check`: run the rules on files, without a build."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks.context import checked_lines, rule_context
from dockerfile_pyenv.checks.registry import RULES
from dockerfile_pyenv.checks.report import Report
from dockerfile_pyenv.checks.sarif import sarif
from dockerfile_pyenv.checks.warnings import find_warnings
from dockerfile_pyenv.cli import workspace as files
from dockerfile_pyenv.cli.workspace import Workspace, add_build_arguments
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.plan import requirement_files

_SYNTAX = "BUILDKIT_SYNTAX"
"""The build argument that names a frontend in place of the syntax line (frontend/dockerui/config.go)."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="check the PYENV lines of Dockerfiles; the exit status is 1 if there are warnings",
        description="Check the PYENV lines of Dockerfiles and their requirements files, by the rules that a build "
        "applies. `docker build --check` also checks all other instructions. The exit status is 0 without warnings, 1 "
        "if there are warnings or an error in a Dockerfile, and 2 if a file cannot be read.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="a build context, whose Dockerfile is checked, or a Dockerfile, whose directory is the build context "
        "(default: .)",
    )
    parser.add_argument(
        "-f",
        "--file",
        metavar="PATH",
        action="append",
        default=[],
        help=f"a Dockerfile of the build context that PATH names; repeatable; {files.STDIN}: stdin",
    )
    parser.add_argument("--context", type=Path, help="the build context of all Dockerfiles")
    add_build_arguments(parser)
    parser.add_argument(
        "--format", choices=("text", "json", "sarif"), default="text", help="output format (default: %(default)s)"
    )
    parser.add_argument("--list", action=_List, nargs=0, help="list the rules and exit")
    parser.set_defaults(run=run, reads_itself=True)


class _List(argparse.Action):
    """Lists the rules, whatever else the command line says."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        width = max(len(rule.name) for rule in RULES)
        sys.stdout.write("".join(f"{rule.name:<{width}}  {rule.description}\n" for rule in RULES))
        parser.exit()


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises PyenvError for a command line that does not fit together."""
    reports, status = [], 0
    for one in list(_places(options)):
        try:
            name, data = files.load(one)
            reports.append(report(one, name, data))
        except PyenvError as error:
            sys.stderr.write(f"dockerfile-pyenv: {error}\n")
            status = 2
    _write(options.format, reports, several=len(options.paths) + len(options.file) > 1)
    return max(status, *(0 if one.is_clean else 1 for one in reports), 0)


def _places(options: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """What each file would be on a command line of its own. Raises PyenvError."""
    if options.file:
        if len(options.paths) + (options.context is not None) > 1:
            raise PyenvError("--file takes one build context: name each Dockerfile with --file")
        context = options.context or next(iter(options.paths), Path())
        yield from (argparse.Namespace(**{**vars(options), "context": context, "file": file}) for file in options.file)
        return
    for path in options.paths or [options.context or Path()]:
        if path.is_dir():
            place = {"context": options.context or path, "file": str(path / "Dockerfile") if options.context else None}
        else:
            place = {"context": options.context or path.parent, "file": str(path)}
        yield argparse.Namespace(**{**vars(options), **place})


def report(options: argparse.Namespace, name: str, data: bytes) -> Report:
    """The report about a file, one that cannot be read as a Dockerfile too. Raises PyenvError."""
    try:
        return check(files.read(options, name, data))
    except PyenvError as error:
        if not error.lines:
            raise
        return Report(name, data, (), error.placed, error.lines)


def _write(form: str, reports: Sequence[Report], *, several: bool) -> None:
    if form == "sarif":
        sys.stdout.write(json.dumps(sarif(reports), indent=2) + "\n")
    elif form == "json":
        found = [one.to_json() for one in reports]
        if several or found:
            sys.stdout.write(json.dumps(found if several else found[0], indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(map(_text, reports)))


def _text(report: Report) -> str:
    count = len(report.warnings)
    said = f"{count} warning{'s' * (count != 1)}" if count else "no warnings"
    findings = (report.warnings_text() + report.error_text()).lstrip("\n")
    return f"{findings}{report.filename}: {said}{' and an error' if report.error else ''}\n"


def check(workspace: Workspace) -> Report:
    """Check a file."""
    workspace = workspace.for_any_user()
    dockerfile = workspace.dockerfile
    reached = bool(workspace.build_args.get(_SYNTAX))
    context = rule_context(dockerfile, workspace, reached=reached)
    error, wanted = None, choices.Choices()
    try:
        wanted = choices.of_file(dockerfile, workspace.build_args.get(choices.SETTING))
        around = workspace.around()
        plan = workspace.plan(around)
        lines = checked_lines(plan, requirement_files.collect(plan, workspace.tree))
        context = rule_context(dockerfile, workspace, lines, around, reached=reached)
    except DockerfileError as caught:
        error = caught
    return Report(
        workspace.name,
        dockerfile.source,
        find_warnings(context, wanted),
        error.placed if error else "",
        error.lines if error else None,
    )
