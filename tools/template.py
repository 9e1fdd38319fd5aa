"""Compiles the Jinja2 template of a PYENV line to Python, emit/instructions.py (`make template`).

Importing Jinja2 and compiling the template took a tenth of the frontend's CPU time, in every build.
"""  # noqa: INP001 - a script, in no package

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from jinja2 import Environment, meta, nodes

EMIT: Final = Path(__file__).resolve().parent.parent / "frontend/dockerfile_pyenv/emit"
TEMPLATE: Final = EMIT / "templates/pyenv.j2"
COMPILED: Final = EMIT / "instructions.py"

HEAD: Final = '''\
"""The instructions that replace one PYENV line: templates/pyenv.j2, compiled by `make template`. DO NOT EDIT."""

from collections.abc import Iterator
from typing import Any


def render(*, {parameters}) -> Iterator[str]:
    """Yield the text in pieces.

    Long: the template has this many lines.
    """
'''


def main() -> None:
    """Write the compiled template."""
    COMPILED.write_text(compiled(TEMPLATE.read_text("utf-8")), "utf-8")


def compiled(template: str) -> str:
    """Return the Python of a template, formatted. Raises SystemExit for what is not supported here."""
    jinja = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - no HTML
    parsed = jinja.parse(template)
    parameters = names(parsed)
    module = ast.fix_missing_locations(ast.Module([*statements(parsed.body, frozenset(parameters))], []))
    body = "".join(f"    {line}\n" for line in ast.unparse(module).splitlines())
    source = HEAD.format(parameters=", ".join(f"{name}: Any" for name in parameters)) + body
    ruff = [str(Path(sys.executable).with_name("ruff")), "format", "--stdin-filename=instructions.py", "-"]
    return subprocess.run(ruff, input=source, capture_output=True, text=True, check=True).stdout


def names(parsed: nodes.Template) -> list[str]:
    """Return the values that a template is given."""
    return sorted(meta.find_undeclared_variables(parsed))


def statements(body: Iterable[nodes.Node], known: frozenset[str]) -> Iterator[ast.stmt]:
    """Compile what stands in a block; `known` are the variables that it has."""
    for node in body:
        match node:
            case nodes.Output():
                yield from (ast.Expr(ast.Yield(line)) for line in lines(node.nodes))
            case nodes.If(elif_=[]):
                yes, no = ([*statements(part, known)] for part in (node.body, node.else_))
                yield ast.If(expression(node.test), yes, no)
            case nodes.For(else_=[], test=None, recursive=False):
                added = {one.name for one in nodes.Tuple([node.target], "store").find_all(nodes.Name)}
                if added & known:
                    # A variable of a loop ends with it in Jinja2, but not in Python.
                    raise SystemExit(f"line {node.lineno}: choose another name than {', '.join(added & known)}")
                inner = [*statements(node.body, known | added)]
                yield ast.For(expression(node.target), expression(node.iter), inner, [])
            case _:
                raise unsupported(node)


def lines(output: Iterable[nodes.Node]) -> Iterator[ast.expr]:
    """Compile what is written, one string for each line."""
    line: list[ast.expr] = []
    for node in output:
        if isinstance(node, nodes.TemplateData):
            for piece in node.data.splitlines(keepends=True):
                line.append(ast.Constant(piece))
                if piece.endswith("\n"):
                    yield string(line)
                    line = []
        else:
            line.append(ast.FormattedValue(expression(node), -1, None))
    if line:
        yield string(line)


def string(parts: list[ast.expr]) -> ast.expr:
    """Join parts of a string; a part alone that is constant needs no f."""
    return parts[0] if len(parts) == 1 and isinstance(parts[0], ast.Constant) else ast.JoinedStr(parts)


def expression(node: nodes.Node) -> ast.expr:
    """Compile a value."""
    match node:
        case nodes.Name():
            return ast.Name(node.name)
        case nodes.Not():
            return ast.UnaryOp(ast.Not(), expression(node.node))
        case nodes.And():
            return ast.BoolOp(ast.And(), [expression(node.left), expression(node.right)])
        case nodes.Tuple():
            return ast.Tuple([*map(expression, node.items)], ast.Load())
        case nodes.Getattr():
            return ast.Attribute(expression(node.node), node.attr, ast.Load())
        case nodes.Call(args=[], kwargs=[], dyn_args=None, dyn_kwargs=None):
            return ast.Call(expression(node.node), [], [])
    raise unsupported(node)


def unsupported(node: nodes.Node) -> SystemExit:
    """Return the error for a part of the language that the template did not have so far."""
    return SystemExit(f"line {node.lineno}: {type(node).__name__} is not supported by tools/template.py")


if __name__ == "__main__":
    main()
