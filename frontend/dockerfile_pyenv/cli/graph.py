"""`dockerfile-pyenv graph`: the build graph of PYENV lines, for Mermaid and Graphviz or as a picture."""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from dockerfile_pyenv.cli.workspace import Workspace, add_arguments
from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.errors import PyenvError
from dockerfile_pyenv.plan.model import Group, Plan

_MERMAID: Final = {"box": "[{}]", "cylinder": "[({})]", "note": ">{}]", "pill": "([{}])"}
"""How Mermaid writes a node of each shape."""
_DOT: Final = {"box": "box", "cylinder": "cylinder", "note": "note", "pill": 'box, style="rounded"'}
"""How Graphviz does."""
_WIDTH: Final = 36
"""Characters of a line in Graphviz's nodes. Mermaid wraps lines itself."""
_BREAK: Final = re.compile(r"(?<=[^\s-]-)(?=[^\s-])|(?<=\s)(?=\S)")
"""Where a line can end: after blanks, and after a hyphen inside a word."""


class Box(NamedTuple):
    """A node: an interpreter, where it comes from, a file, a stage or a line."""

    id: str
    shape: str
    label: str
    leads_to: str = ""
    """The id of the node that it is made for."""


class Arrows(NamedTuple):
    """Edges from each of these nodes, by their ids, to the next."""

    ids: tuple[str, ...]


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "graph",
        help="print the build graph of the PYENV lines, for Mermaid or Graphviz or as SVG",
        description="Print what the PYENV lines add to the build graph: interpreters, requirements files and "
        "environments, and the groups that these form.",
    )
    add_arguments(parser)
    parser.add_argument(
        "--format",
        choices=("mermaid", "dot", "svg"),
        default="mermaid",
        help="output format (default: %(default)s); svg requires Graphviz",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    """Run the command. Raises PyenvError."""
    items = list(graph(workspace.plan()))
    match options.format:
        case "mermaid":
            sys.stdout.write(mermaid(items))
        case "dot":
            sys.stdout.write(dot(items))
        case _:
            sys.stdout.write(svg(items))
    return 0


def graph(plan: Plan) -> Iterator[Box | Arrows]:
    """A file's part of the build graph."""
    interpreters: dict[str, str] = {}
    files: dict[str, str] = {}
    for environment in plan.environments:
        if environment.context not in interpreters and not environment.interpreter.is_base:
            node = interpreters[environment.context] = f"python{len(interpreters)}"
            yield Box(node, "cylinder", environment.interpreter.title)
            yield Box(f"{node}-source", "pill", next(iter(environment.recipes.values())).label, leads_to=node)
        for path in environment.requirement_files:
            if path not in files:
                files[path] = f"file{len(files)}"
                yield Box(files[path], "note", path)
    for number, group in enumerate(plan.groups):
        yield from _group(number, group, interpreters, files)


def mermaid(items: Iterable[Box | Arrows]) -> str:
    """The graph as a Mermaid flowchart."""
    lines = ["flowchart LR"]
    for item in items:
        if isinstance(item, Arrows):
            lines.append(f"  {' --> '.join(item.ids)}")
        else:
            node = item.id + _MERMAID[item.shape].format(_for_mermaid(item.label))
            lines.append(f"  {node} --> {item.leads_to}" if item.leads_to else f"  {node}")
    return "".join(f"{line}\n" for line in lines)


def dot(items: Iterable[Box | Arrows]) -> str:
    """The graph in Graphviz's language."""
    # Text of fixed width fits its box, whatever font a reader has.
    lines = ["digraph pyenv {", "  rankdir=LR", '  node [fontname="Courier", fontsize=11, shape=box]']
    for item in items:
        if isinstance(item, Arrows):
            lines.append(f"  {' -> '.join(map(_for_dot, item.ids))}")
        else:
            lines.append(f"  {_for_dot(item.id)} [label={_for_dot(item.label, _WIDTH)}, shape={_DOT[item.shape]}]")
            if item.leads_to:
                lines.append(f"  {_for_dot(item.id)} -> {_for_dot(item.leads_to)}")
    return "".join(f"{line}\n" for line in [*lines, "}"])


def svg(items: Iterable[Box | Arrows]) -> str:
    """The graph as a picture. Raises PyenvError if Graphviz is missing or fails."""
    program = shutil.which("dot")
    if program is None:
        raise PyenvError(
            "--format=svg requires Graphviz, whose program dot is not on PATH: install Graphviz, or draw the output of "
            "--format=dot or --format=mermaid elsewhere"
        )
    done = subprocess.run([program, "-Tsvg"], input=dot(items), capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise PyenvError(f"Graphviz cannot draw the graph: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout


def _group(number: int, group: Group, interpreters: dict[str, str], files: dict[str, str]) -> Iterator[Box | Arrows]:
    before, after = f"before{number}", f"after{number}"
    first, last = group.environments[0].line.lines[0], group.environments[-1].line.lines[1]
    yield Box(before, "box", f"the stage before line {first}")
    yield Box(after, "box", f"the stage after line {last}")
    for environment in group.environments:
        node = f"line{environment.line.lines[0]}"
        yield Box(node, "box", environment.line.text)
        yield Arrows((before, node, after))
        if environment.context in interpreters:
            yield Arrows((interpreters[environment.context], node))
        for path in environment.requirement_files:
            yield Arrows((files[path], node))
        if environment.builder:
            yield Box(f"{node}-builder", "box", f"builder {environment.builder}", node)
    for context in group.interpreters.values():
        yield Arrows((interpreters[context], after))


def _for_mermaid(text: str) -> str:
    """A label in quotes; Mermaid reads entities in it (mermaid.js.org, "Entity codes to escape characters")."""
    text = generated.comment(text)
    return '"' + text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;") + '"'


def _for_dot(text: str, width: int = 0) -> str:
    r"""A string in quotes, in lines of at most a width unless a word is longer.

    Graphviz reads `\N` and the like, and entities (graphviz.org/doc/info/lang.html).
    """
    text = generated.comment(text)
    if width:
        text = _wrapped(text, width)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", "\\n") + '"'


def _wrapped(text: str, width: int) -> str:
    """Text in lines of at most a width, unless a word is longer."""
    lines = [""]
    for piece in _BREAK.split(text):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)
