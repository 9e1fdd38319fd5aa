"""What a graph would build, in symbols: each file's content is a word that tells how it came about.

Ops do what BuildKit's do, a PYENV line's step what provision/environment does, and any other command writes one file
whose content depends on everything that the command can see. So two graphs that differ in what any step sees, or in
what the image holds, differ here.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buildkit_llb.definition import Definition, Vertex
    from buildkit_llb.proto import ops_pb2

PREFIX = "/opt/astro-pyenv"
COMMANDS = "/usr/local/bin"
Files = Mapping[str, str | None]
"""Content by path; None for what a layer removes."""


def evaluate(definition: Definition) -> Files:
    """The files of the head of a graph. Fails where a step does not find what it needs."""
    outputs: dict[str, list[Files]] = {"": [{}]}
    for vertex in definition.vertices():
        inputs = [outputs[digest][index] for digest, index in vertex.inputs]
        match vertex.op.WhichOneof("op"):
            case "source":
                made = [_source(vertex.op.source.identifier)]
            case "exec":
                made = _exec(vertex, inputs)
            case "file":
                made = _file(vertex, inputs)
            case "merge":
                layers = [inputs[one.input] for one in vertex.op.merge.inputs]
                made = [{path: content for layer in layers for path, content in layer.items()}]
            case "diff":
                lower, upper = inputs[vertex.op.diff.lower.input], inputs[vertex.op.diff.upper.input]
                made = [_changes(lower, upper)]
            case kind:
                raise AssertionError(f"an op of kind {kind}")
        outputs[vertex.digest] = made
    digest, index = definition.head_output
    return outputs[digest][index]


def steps(definition: Definition) -> dict[tuple[str, ...], set[str]]:
    """Digests of the PYENV steps of a graph, by their arguments."""
    found: dict[tuple[str, ...], set[str]] = {}
    for vertex in definition.vertices():
        if _is_step(vertex):
            found.setdefault(tuple(vertex.op.exec.meta.args), set()).add(vertex.digest)
    return found


def _is_step(vertex: Vertex) -> bool:
    return "/run/dockerfile-pyenv/provision" in vertex.op.exec.meta.args


def _source(identifier: str) -> Files:
    if identifier.startswith("docker-image://"):
        files: dict[str, str | None] = {"/etc/os-release": identifier}
        if "python:3.9" in identifier:
            files[f"{COMMANDS}/python3.9"] = "the base's own"
        return files
    return {"/content": identifier, "/bin/python": identifier}


def _exec(vertex: Vertex, inputs: list[Files]) -> list[Files]:
    mounts = vertex.op.exec.mounts
    root = next(inputs[one.input] for one in mounts if one.dest == "/")
    mounted = {one.dest: inputs[one.input] for one in mounts if one.dest != "/" and one.input >= 0}
    if _is_step(vertex):
        made = _environment(vertex, root, mounted)
        links = {path.removeprefix(COMMANDS): content for path, content in made.items() if path.startswith(COMMANDS)}
        assert all(one.dest in {"/", "/run/dockerfile-pyenv/links"} for one in mounts if one.output >= 0)
        return [{**root, **made}, links]
    meta = vertex.op.exec.meta
    seen = _hash([meta.args, meta.env, sorted(root.items()), sorted(mounted.items(), key=str)])
    return [{**root, f"/made-by-{_hash(list(meta.args))}": seen}]


def _environment(vertex: Vertex, root: Files, mounted: Mapping[str, Files]) -> Files:
    meta = vertex.op.exec.meta
    options = dict(one[2:].partition("=")[::2] for one in meta.args if one.startswith("--"))
    prefix = options["interpreter"]
    if prefix == "base":
        python = "the base's own"
    else:
        found = mounted.get(prefix, {path.removeprefix(prefix): content for path, content in root.items()})
        python = str(found["/bin/python"])
    # What a step sees of its own group depends on its place; all else has to be the same.
    outside = {path: content for path, content in root.items() if not path.startswith((PREFIX, COMMANDS + "/python"))}
    others = {path: files for path, files in mounted.items() if not path.startswith(PREFIX)}
    content = _hash(
        [options, python, sorted(outside.items()), sorted(others.items(), key=str), vertex.op.exec.meta.env]
    )
    made: dict[str, str | None] = {}
    if "no-venv" not in options:
        directory = f"{PREFIX}/envs/{options['name']}"
        assert not any(path.startswith(directory + "/") for path in root), f"{directory} is there already"
        made[f"{directory}/bin/python"] = content
    link = f"{COMMANDS}/python{options['version']}"
    if prefix != "base" and link not in root:
        made[link] = f"-> {prefix}"
    return made


def _file(vertex: Vertex, inputs: list[Files]) -> list[Files]:
    made: list[Files] = []
    outputs: dict[int, Files] = {}
    for action in vertex.op.file.actions:
        everything = [*inputs, *made]
        base = {} if action.input < 0 else everything[action.input]
        result = dict(base)
        if action.WhichOneof("action") == "copy":
            result.update(_copy(action.copy, {} if action.secondary_input < 0 else everything[action.secondary_input]))
        made.append(result)
        if action.output >= 0:
            outputs[action.output] = result
    return [outputs[index] for index in sorted(outputs)]


def _copy(copy: ops_pb2.FileActionCopy, source: Files) -> Files:
    pattern = copy.src.rstrip("/")
    roots = {
        "/".join(path.split("/")[: pattern.count("/") + 1])
        for path in source
        if fnmatch.fnmatchcase("/".join(path.split("/")[: pattern.count("/") + 1]), pattern)
    }
    assert roots or not pattern or copy.allow_empty_wildcard, f"{copy.src} is not there"
    result: dict[str, str | None] = {}
    for root in roots:
        target = copy.dest.rstrip("/")
        if copy.dest.endswith("/") and root and not copy.dir_copy_contents:
            target = posixpath.join(copy.dest, posixpath.basename(root))
        for path, content in source.items():
            if path == root or path.startswith(root + "/"):
                result[target + path.removeprefix(root)] = content
    return result


def _changes(lower: Files, upper: Files) -> Files:
    removed = dict.fromkeys(path for path in lower if path not in upper)
    return {**removed, **{path: content for path, content in upper.items() if lower.get(path) != content}}


def _hash(value: object) -> str:
    return sha256(repr(value).encode()).hexdigest()[:12]
