"""Programs and paths that `--expose` and `--link` give to two lines of one stage."""

from collections.abc import Mapping

from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.plan.line_scope import LineScope
from dockerfile_pyenv.plan.model import Environment


def check(environment: Environment, scopes: tuple[LineScope, ...], earlier: Mapping[int, Environment]) -> None:
    """Refuse a program or a path that an earlier line of the stage has. Raises DockerfileError.

    Whether the image has it already is found out in the build.
    """
    _check_own_links(environment)
    for number in dict.fromkeys(number for scope in scopes for number in scope.below):
        other = earlier[number]
        line = f"{other.statement.name} (line {other.line.lines[0]})"
        for command in environment.commands:
            if command in other.commands:
                raise _error(environment, "expose", f"--expose={command}: {line} exposes this program already")
        for link in environment.links:
            for path in (*other.links, *([other.home_link] if other.home_link else [])):
                if _overlap(link, path):
                    raise _error(environment, "link", f"--link={link}: {line} has the path {path} already")


def _check_own_links(environment: Environment) -> None:
    links = environment.links
    for index, link in enumerate(links):
        for other in links[:index]:
            if _overlap(link, other):
                raise _error(environment, "link", f"--link={link} and --link={other} contain each other: remove one")


def _overlap(one: str, other: str) -> bool:
    """Whether two paths are equal, or one is below the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _error(environment: Environment, flag: str, message: str) -> DockerfileError:
    place = next((word.place for name, word in environment.statement.raw.flags if name == flag and word), None)
    end = "" if "remove one" in message else ". Choose another one"
    return DockerfileError(message + end, lines=environment.line.lines, at=place)
