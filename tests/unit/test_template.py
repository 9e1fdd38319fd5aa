"""The compiled template of a PYENV line: it is current, and writes what Jinja2 would write."""

import importlib.util
from itertools import product
from pathlib import Path

import jinja2
import pytest

from dockerfile_pyenv.emit import instructions

SPEC = importlib.util.spec_from_file_location("template", Path(__file__).parents[2] / "tools/template.py")
assert SPEC
assert SPEC.loader
template = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(template)

CHOICES = ("first", "last", "installed", "directory", "context", "plain", "builder", "variables", "flags")
"""What the template tests for, or goes through."""


def test_it_is_current() -> None:
    """`make template` would change nothing."""
    assert template.COMPILED.read_text() == template.compiled(template.TEMPLATE.read_text())


def test_it_writes_what_jinja2_writes() -> None:
    jinja = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - no HTML
    parsed = jinja.from_string(template.TEMPLATE.read_text())
    names = template.names(jinja.parse(template.TEMPLATE.read_text()))
    values = {name: f"<{name}>" for name in names} | {"interpreters": {"3.9.1": "nine", "3.11.2": "eleven"}}
    full = {"variables": [("A", "/a"), ("B", "/b")], "flags": ["--mount=one", "--network=none"]}
    for chosen in product([False, True], repeat=len(CHOICES)):
        some = {
            name: full.get(name, values[name]) if given else "" for name, given in zip(CHOICES, chosen, strict=True)
        }
        assert "".join(instructions.render(**values | some)) == parsed.render(values | some)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ a|upper }}", "Filter is not supported"),
        ("{% for a in b %}{% else %}c{% endfor %}", "For is not supported"),
        ("{% if a %}c{% elif b %}c{% endif %}", "If is not supported"),
        ("{{ a }}{% for a in b %}{% endfor %}", "choose another name than a"),
        ("{% for a in b %}{% for a in a %}{% endfor %}{% endfor %}", "choose another name than a"),
    ],
)
def test_what_it_cannot_compile_is_an_error(text: str, found: str) -> None:
    with pytest.raises(SystemExit, match=found):
        template.compiled(text)


def test_braces_and_quotes_stay() -> None:
    source = template.compiled("a {b} \" ' \\ {{ c }}\n")
    space: dict[str, object] = {}
    exec(source, space)  # noqa: S102 - it was just compiled
    assert "".join(space["render"](c="{d}")) == "a {b} \" ' \\ {d}\n"  # type: ignore[operator]
