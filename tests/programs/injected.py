"""Prints as JSON what a tree-sitter query injects into a Dockerfile, and how bash's grammar reads it.

Arguments: the module of a Dockerfile grammar, the query; the Dockerfile is standard input. It is a process of its own,
since freed grammars of different bindings have brought down the interpreter.
"""

import importlib
import json
import os
import sys
from pathlib import Path

import tree_sitter
import tree_sitter_bash


def main(module: str, path: str) -> None:
    """Print the texts that are injected, each with the kinds of bash's nodes; "ERROR" among them where it fails."""
    language = tree_sitter.Language(importlib.import_module(module).language())
    bash = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
    query = tree_sitter.Query(language, Path(path).read_text())
    tree = tree_sitter.Parser(language).parse(sys.stdin.buffer.read())
    texts = []
    for node in tree_sitter.QueryCursor(query).captures(tree.root_node).get("injection.content", []):
        inside = bash.parse(node.text or b"")
        kinds = sorted({child.type for top in inside.root_node.children for child in top.children})
        texts.append([(node.text or b"").decode(), ["ERROR"] if inside.root_node.has_error else kinds])
    sys.stdout.write(json.dumps(texts))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
