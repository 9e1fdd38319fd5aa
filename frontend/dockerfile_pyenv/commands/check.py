"""`dockerfile-pyenv check`: what the rules have to say about a file, without a build."""

import argparse
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from dockerfile_pyenv import checks, lint, options, requirements
from dockerfile_pyenv.checks import choices
from dockerfile_pyenv.checks.report import Report
from dockerfile_pyenv.checks.rule import Subject
from dockerfile_pyenv.checks.rules import RULES
from dockerfile_pyenv.commands import workspace
from dockerfile_pyenv.commands.workspace import Workspace
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.offline import ANY
from dockerfile_pyenv.plan import Plan
from dockerfile_pyenv.requirements import RequirementsFile

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
    parser.add_argument("--list", action="store_true", help="list the rules instead")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises PyenvError where the file cannot be read."""
    if options.list:
        width = max(len(rule.name) for rule in RULES)
        sys.stdout.write("".join(f"{rule.name:<{width}}  {rule.description}\n" for rule in RULES))
        return 0
    report = check(workspace.read(options))
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
    # Whom an environment will belong to is of no matter here, and not worth a question.
    known = replace(given, given=replace(given.given, users={ANY: "", **given.given.users}))
    dockerfile = known.dockerfile
    today = datetime.now(UTC).date()
    error, plan, wanted = None, Plan((), (), 0), choices.Choices()
    files: dict[str, RequirementsFile] = {}
    try:
        wanted = choices.of_file(dockerfile, known.given.build_args.get(_ARGUMENT))
        plan = known.plan()
        files = _files(known, plan)
    except DockerfileError as caught:
        error = caught
    asked = () if error else lint.asked(plan, files)
    warnings = checks.find(Subject(dockerfile, asked, today, known.given.build_args), wanted)
    return Report(
        known.name, dockerfile.source, warnings, error.placed if error else "", error.lines if error else None
    )


def _files(given: Workspace, plan: Plan) -> dict[str, RequirementsFile]:
    """The requirement files of a plan, by path. Raises DockerfileError at the line that names a wrong one."""
    found: dict[str, RequirementsFile] = {}
    for environment in plan.environments:
        for path in environment.requirement_files:
            lines = environment.line.lines
            try:
                data = Path(given.context, path).read_bytes()
            except OSError as error:
                raise DockerfileError(
                    f"{path} cannot be read in the build context {given.context}: {error.strerror}", lines=lines
                ) from None
            found[path] = requirements.check(data, path=path, lines=lines)
    return found
