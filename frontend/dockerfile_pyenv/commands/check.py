"""`dockerfile-pyenv check`: what the rules have to say about a file, without a build."""

import argparse
import json
import sys
from datetime import UTC, datetime

from dockerfile_pyenv import astro, checks, lint, options, requirement_files
from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks.report import Report
from dockerfile_pyenv.checks.rule import Asked, Subject
from dockerfile_pyenv.checks.rules import RULES
from dockerfile_pyenv.commands import workspace
from dockerfile_pyenv.commands.workspace import Workspace
from dockerfile_pyenv.errors import DockerfileError

_SYNTAX = "BUILDKIT_SYNTAX"
"""The build argument that names a frontend in place of the syntax line (frontend/dockerui/config.go)."""
_ARGUMENT = options.CHECK.removeprefix(options.BUILD_ARG)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="check the PYENV lines of a Dockerfile; exit status 1 where there is something to say",
        description="Check the PYENV lines of a Dockerfile and their requirement files, with the rules that a build "
        "warns by. `docker build --check` knows the rules for all other instructions too. The exit status is 1 where "
        "there is something to say.",
    )
    workspace.add_arguments(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="for people, or for programs")
    parser.add_argument("--list", action=_List, nargs=0, help="list the rules, and exit")
    parser.set_defaults(run=run)


class _List(argparse.Action):
    """Lists the rules, whatever else the command line says."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        width = max(len(rule.name) for rule in RULES)
        sys.stdout.write("".join(f"{rule.name:<{width}}  {rule.description}\n" for rule in RULES))
        parser.exit()


def run(options: argparse.Namespace, given: Workspace) -> int:
    """Run the command."""
    report = check(given)
    if options.format == "json":
        sys.stdout.write(json.dumps(report.to_json(), indent=2) + "\n")
    else:
        count = len(report.warnings)
        said = f"{count} warning{'s' * (count != 1)}" if count else "no warnings"
        sys.stdout.write((report.warnings_text() + report.error_text()).lstrip("\n"))
        sys.stdout.write(f"{report.filename}: {said}{' and an error' if report.error else ''}\n")
    return 0 if report.is_clean else 1


def check(given: Workspace) -> Report:
    """What there is to say about a file."""
    known = given.of_whomever()
    dockerfile = known.dockerfile
    today = datetime.now(UTC).date()
    error, wanted = None, choices.Choices()
    asked: tuple[Asked, ...] = ()
    try:
        wanted = choices.of_file(dockerfile, known.given.build_args.get(_ARGUMENT))
        plan = known.plan()
        asked = lint.asked(plan, requirement_files.collect(plan, known.tree))
    except DockerfileError as caught:
        error = caught
    settled = bool(known.setting(astro.SETTING))
    reached = bool(known.given.build_args.get(_SYNTAX))
    subject = Subject(dockerfile, asked, today, known.given.build_args, reached=reached, astro=settled)
    warnings = checks.find(subject, wanted)
    return Report(
        known.name, dockerfile.source, warnings, error.placed if error else "", error.lines if error else None
    )
