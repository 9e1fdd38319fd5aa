"""What rules look at, put together from a plan and its requirement files."""

from collections.abc import Sequence
from datetime import UTC, datetime

from dockerfile_pyenv.checks.rule import CheckedLine, RuleContext
from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.dockerfile.mentions import ASTRO_OPTION, ASTRO_SETTING
from dockerfile_pyenv.plan.astro import NO_ASTRO, AstroEdits
from dockerfile_pyenv.plan.facts import Facts
from dockerfile_pyenv.plan.model import Plan
from dockerfile_pyenv.plan.requirement_files import RequirementFiles


def rule_context(
    dockerfile: Dockerfile,
    facts: Facts,
    lines: Sequence[CheckedLine] = (),
    around: AstroEdits = NO_ASTRO,
    *,
    reached: bool = True,
) -> RuleContext:
    """What all rules look at; `reached` says that a build finds this frontend even without a syntax line."""
    return RuleContext(
        dockerfile,
        tuple(lines),
        datetime.now(UTC).date(),
        facts.build_args,
        reached=reached,
        astro=bool(facts.setting(ASTRO_SETTING)) or ASTRO_OPTION in facts.syntax.split(),
        astro_stages=around.stages,
        images=facts.from_images(dockerfile),
        present=facts.present,
    )


def checked_lines(plan: Plan, files: RequirementFiles) -> tuple[CheckedLine, ...]:
    """The lines of a plan, with the requirement files that each reads."""
    return tuple(
        CheckedLine(
            environment.line,
            environment.statement,
            environment.interpreter.minor,
            tuple(file for file in files.files[environment.line.number] if not file.constraint),
            tuple(file for file in files.files[environment.line.number] if file.constraint),
            locked=environment.line.number in files.locked,
        )
        for environment in plan.environments
    )
