"""What editors make of PYENV: by the grammar engines of VS Code and of tree-sitter."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.bed import settings
from tests.programs import node

from dockerfile_pyenv.instruction.flags import KNOWN

EDITOR = settings.REPOSITORY / "dockerfile-syntax/editor"
GRAMMAR = EDITOR / "vscode/syntaxes/pyenv.tmLanguage.json"
TEXT = """# syntax=dockerfile-pyenv:1
FROM debian
PYENV --seed --installer=pip --sead 3.9 etl "pandas[sql]==2.2.3" \\
   # why

   requirements.txt $X
pyenv 3.13.1t b <<EOF
numpy>=2,<3  # c
RUN==1
--no-index
EOF
RUN echo hi
PYENV 3.9 c <<-'A' <<B
A
B
ENV PYENV="PYENV 3.9 d"
"""


@pytest.fixture(scope="module")
def scopes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], str]:
    """The innermost scope of each token, by its line and text."""
    file = tmp_path_factory.mktemp("tokens") / "Dockerfile"
    file.write_text(TEXT)
    folder = node.modules("small")
    said = node.run("node", node.FOLDER / "small/tokens.cjs", GRAMMAR, file, cwd=folder)
    tokens = [json.loads(line) for line in said.splitlines()]
    return {(line, text.strip()): (names or [""])[-1] for line, text, names in tokens}


@pytest.mark.parametrize(
    ("line", "text", "scope"),
    [
        (2, "FROM", "keyword.other.special-method.dockerfile"),
        (3, "PYENV", "keyword.other.special-method.dockerfile"),
        (3, "--seed", "keyword.other.flag.pyenv.dockerfile"),
        (3, "--installer", "keyword.other.flag.pyenv.dockerfile"),
        (3, "pip", "string.unquoted.pyenv.dockerfile"),
        (3, "--sead", "invalid.illegal.flag.pyenv.dockerfile"),
        (3, "3.9", "constant.numeric.version.pyenv.dockerfile"),
        (3, "etl", "entity.name.type.environment.pyenv.dockerfile"),
        (3, "pandas[sql]==2.2.3", "string.quoted.double.pyenv.dockerfile"),
        (4, "# why", "comment.line.number-sign.pyenv.dockerfile"),
        (6, "requirements.txt", "string.unquoted.requirement.pyenv.dockerfile"),
        (6, "$X", "variable.other.pyenv.dockerfile"),
        (7, "pyenv", "keyword.other.special-method.dockerfile"),
        (7, "3.13.1t", "constant.numeric.version.pyenv.dockerfile"),
        (7, "EOF", "keyword.control.heredoc.pyenv.dockerfile"),
        (8, "numpy", "entity.name.package.pyenv.dockerfile"),
        (8, ">=2,<3", "constant.numeric.specifier.pyenv.dockerfile"),
        (8, "# c", "comment.line.number-sign.pyenv.dockerfile"),
        (9, "RUN", "entity.name.package.pyenv.dockerfile"),
        (10, "--no-index", "keyword.other.option.pyenv.dockerfile"),
        (11, "EOF", "keyword.control.heredoc.pyenv.dockerfile"),
        (12, "RUN", "keyword.other.special-method.dockerfile"),
        (15, "B", "keyword.control.heredoc.pyenv.dockerfile"),
        (16, "ENV", "keyword.other.special-method.dockerfile"),
        (16, "PYENV 3.9 d", "string.quoted.double.dockerfile"),
    ],
)
def test_vs_code_highlights_a_pyenv_line(scopes: dict[tuple[int, str], str], line: int, text: str, scope: str) -> None:
    assert scopes[line, text] == scope


def test_the_grammar_has_the_flags_that_there_are() -> None:
    (names,) = re.findall(r"\(--\(\?:([a-z|-]+)\)\)", json.loads(GRAMMAR.read_text())["repository"]["instruction"]
                          ["patterns"][6]["match"])  # fmt: skip
    assert names.split("|") == list(KNOWN)


def injected(grammar: str, text: str) -> list[tuple[str, list[str]]]:
    """What tree-sitter injects, and how bash's grammar reads it."""
    program = settings.REPOSITORY / "tests/programs/injected.py"
    command = [sys.executable, str(program), grammar, str(EDITOR / "tree-sitter/injections.scm")]
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)
    return [(one, kinds) for one, kinds in json.loads(done.stdout)]


@pytest.mark.parametrize("grammar", ["tree_sitter_dockerfile", "tree_sitter_containerfile"])
def test_tree_sitter_reads_a_pyenv_line_as_a_command(grammar: str) -> None:
    """Both grammars give an error node; the text of the one that begins with PYENV is injected."""
    text = "PYENV --seed 3.9 b $X <<EOF\nnumpy>=2\nEOF"
    assert injected(grammar, f"FROM debian\n{text}\n") == [(text, ["command", "heredoc_redirect"])]
    assert injected(grammar, "FROM debian\nRUN PYENV\n") == []
    assert injected(grammar, "FROM debian\nRUNN PYENV\n") == []


@pytest.mark.slow
def test_the_extension_packs(tmp_path: Path) -> None:
    """With its grammar and its client; the server is the command."""
    folder = node.modules("vsce")
    source = EDITOR / "vscode"
    work = tmp_path / "vscode"
    work.mkdir()
    for path in sorted(source.rglob("*")):
        if path.is_file() and "node_modules" not in path.parts:
            (work / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (work / path.relative_to(source)).write_bytes(path.read_bytes())
    node.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=work)
    node.run("node", "--check", "extension.js", cwd=work)
    vsce = folder / "node_modules/@vscode/vsce/vsce"
    node.run("node", vsce, "package", "--allow-missing-repository", "--out", "packed.vsix", cwd=work)
    with zipfile.ZipFile(work / "packed.vsix") as packed:
        names = set(packed.namelist())
    assert {"extension/extension.js", "extension/syntaxes/pyenv.tmLanguage.json"} <= names
    assert any(name.startswith("extension/node_modules/vscode-languageclient/") for name in names)


def test_the_extensions_manifest_names_what_there_is() -> None:
    manifest = json.loads((EDITOR / "vscode/package.json").read_text())
    (grammar,) = manifest["contributes"]["grammars"]
    assert (EDITOR / "vscode" / grammar["path"]).is_file()
    assert grammar["scopeName"] == json.loads(GRAMMAR.read_text())["scopeName"]
    default = manifest["contributes"]["configuration"]["properties"]["dockerfile-pyenv.command"]["default"]
    assert default == ["dockerfile-pyenv", "language-server"]
