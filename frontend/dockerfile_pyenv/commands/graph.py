"""`dockerfile-pyenv graph`: what is made from what, as a Mermaid flowchart."""

import argparse
import sys
from collections.abc import Iterator

from dockerfile_pyenv.commands import workspace
from dockerfile_pyenv.commands.workspace import Workspace
from dockerfile_pyenv.interpreters import Build
from dockerfile_pyenv.plan import Group, Plan
from dockerfile_pyenv.providers import Image, Recipe, Tarball


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "graph",
        help="print the build graph of the PYENV lines as a Mermaid flowchart",
        description="Print what the PYENV lines add to the build graph as a Mermaid flowchart: interpreters, "
        "requirement files and environments, and the groups that they join.",
    )
    workspace.add_arguments(parser)
    parser.set_defaults(run=run)


def run(_: argparse.Namespace, given: Workspace) -> int:
    """Run the command. Raises PyenvError."""
    sys.stdout.write(graph(given))
    return 0


def graph(given: Workspace) -> str:
    """A file's part of the build graph in Mermaid's language. Raises PyenvError."""
    return "".join(f"{line}\n" for line in _lines(given.plan()))


def _lines(plan: Plan) -> Iterator[str]:
    yield "flowchart LR"
    interpreters: dict[str, str] = {}
    files: dict[str, str] = {}
    for environment in plan.environments:
        if environment.context not in interpreters and not environment.interpreter.is_base:
            node = interpreters[environment.context] = f"python{len(interpreters)}"
            yield f"  {node}[({_quoted(environment.interpreter.title)})]"
            yield f"  {node}-source([{_quoted(_origin(next(iter(environment.recipes.values()))))}]) --> {node}"
        for path in environment.requirement_files:
            if path not in files:
                files[path] = f"file{len(files)}"
                yield f"  {files[path]}>{_quoted(path)}]"
    for number, group in enumerate(plan.groups):
        yield from _group(number, group, interpreters, files)


def _group(number: int, group: Group, interpreters: dict[str, str], files: dict[str, str]) -> Iterator[str]:
    before, after = f"before{number}", f"after{number}"
    first, last = group.environments[0].line.lines[0], group.environments[-1].line.lines[1]
    yield f"  {before}[{_quoted(f'the stage before line {first}')}]"
    yield f"  {after}[{_quoted(f'the stage after line {last}')}]"
    for environment in group.environments:
        node = f"line{environment.line.lines[0]}"
        yield f"  {node}[{_quoted(environment.line.text)}]"
        yield f"  {before} --> {node} --> {after}"
        if environment.context in interpreters:
            yield f"  {interpreters[environment.context]} --> {node}"
        for path in environment.requirement_files:
            yield f"  {files[path]} --> {node}"
    for context in group.interpreters.values():
        yield f"  {interpreters[context]} --> {after}"


def _origin(recipe: Recipe) -> str:
    match recipe:
        case Build() | Tarball():
            return recipe.url.rpartition("/")[2].replace("%2B", "+")
        case Image():
            return f"image {recipe.reference}"
        case _:
            return "the base image"


def _quoted(text: str) -> str:
    """A label in quotes; Mermaid reads entities in it (mermaid.js.org, "Entity codes to escape characters")."""
    return '"' + text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;") + '"'
