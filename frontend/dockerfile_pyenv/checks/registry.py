"""All rules. To add one, write a module in rules/ and add a line below."""

from typing import Final

from dockerfile_pyenv.checks.rule import Rule
from dockerfile_pyenv.checks.rules import (
    after_project_copy,
    airflow_installed,
    astro_base,
    astro_project_later,
    credentials_exposed,
    duplicate_requirement,
    end_of_life_python,
    name_not_shell,
    syntax_not_first,
    typo,
    unpinned_requirement,
)

RULES: Final[tuple[Rule, ...]] = (
    after_project_copy.RULE,
    airflow_installed.RULE,
    astro_base.RULE,
    astro_project_later.RULE,
    credentials_exposed.RULE,
    duplicate_requirement.RULE,
    end_of_life_python.RULE,
    name_not_shell.RULE,
    syntax_not_first.RULE,
    typo.RULE,
    unpinned_requirement.RULE,
)
