"""What a graph would build, in symbols: each file's content is a word that tells how it came about.

Ops do what BuildKit's do, a PYENV line's steps what provision/environment does, and any other command writes one file
whose content depends on everything that the command can see. So two graphs that differ in what any step sees, or in
what the image holds, differ here.
"""

from __future__ import annotations

import fnmatch
import json
import posixpath
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from buildkit_llb.proto import ops_pb2

if TYPE_CHECKING:
    from buildkit_llb.definition import Definition, Vertex

PREFIX = "/opt/astro-pyenv"
COMMANDS = "/usr/local/bin"
RUN = "/run/dockerfile-pyenv"
PLACING = "/dev/.dockerfile-pyenv"
NEEDS_A_BUILD = "s.txt"
"""A requirements file with something that has to be built: it is installed in its stage."""
Files = Mapping[str, str | None]
"""Content by path; None for what a layer removes."""


def evaluate(definition: Definition) -> Files:
    """The files of the head of a graph. Fails where a step does not find what it needs."""
    digest, index = definition.head_output
    return _outputs(definition)[digest][index]


def steps(definition: Definition) -> dict[tuple[str, ...], set[str]]:
    """Cache keys of the steps of a graph's PYENV lines, by their arguments."""
    found: dict[tuple[str, ...], set[str]] = {}
    keys = cache_keys(definition)
    for vertex in definition.vertices():
        if _is_step(vertex) or _is_placing(vertex):
            found.setdefault(tuple(vertex.op.exec.meta.args), set()).add(keys[vertex.digest])
    return found


def cache_keys(definition: Definition) -> dict[str, str]:
    """Cache keys of a graph's ops as BuildKit makes them, by digest.

    What a file op copies, and what a mount shows that is read-only, is in a key by its content (solver/llbsolver/ops,
    exec.go and file.go); all else by the key of the op that it comes from.
    """
    outputs = _outputs(definition)
    keys: dict[str, str] = {}
    for vertex in definition.vertices():
        by_content = _by_content(vertex)
        inputs: list[object] = []
        for number, (digest, index) in enumerate(vertex.inputs):
            if number in by_content:
                files = outputs[digest][index]
                inputs.append([_below(files, path) for path in by_content[number]])
            else:
                inputs.append((keys[digest], index))
        op = ops_pb2.Op()
        op.CopyFrom(vertex.op)
        del op.inputs[:]
        keys[vertex.digest] = _hash([op.SerializeToString(deterministic=True), inputs])
    return keys


def _by_content(vertex: Vertex) -> dict[int, list[str]]:
    """The inputs of an op that are in its key by content, and the paths below which it is."""
    found: dict[int, list[str]] = {}
    others = set()
    for mount in vertex.op.exec.mounts:
        if mount.dest == "/" or (not mount.readonly and mount.output >= 0):
            others.add(mount.input)
        else:
            found.setdefault(mount.input, []).append(mount.selector)
    for action in vertex.op.file.actions:
        others.add(action.input)
        found.setdefault(action.secondary_input, []).append(action.copy.src)
    return {number: paths for number, paths in found.items() if number not in others}


def _below(files: Files, path: str) -> list[tuple[str, str | None]]:
    """The files below a path, by their paths from there."""
    prefix = path.rstrip("/")
    return sorted(
        (name.removeprefix(prefix), content)
        for name, content in files.items()
        if name == prefix or name.startswith(prefix + "/")
    )


def _outputs(definition: Definition) -> dict[str, list[Files]]:
    """The outputs of all ops of a graph."""
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
    return outputs


def _is_step(vertex: Vertex) -> bool:
    return f"{RUN}/provision" in vertex.op.exec.meta.args


def _is_placing(vertex: Vertex) -> bool:
    return f"{PLACING}/place.sh" in vertex.op.exec.meta.args


def _source(identifier: str) -> Files:
    if identifier.startswith("docker-image://"):
        files: dict[str, str | None] = {"/etc/os-release": identifier}
        if "python:3.9" in identifier:
            files[f"{COMMANDS}/python3.9"] = "the base's own"
        return files
    return {"/content": identifier, "/bin/python": identifier}


def _exec(vertex: Vertex, inputs: list[Files]) -> list[Files]:  # noqa: PLR0911 - one for each kind of step
    mounts = vertex.op.exec.mounts
    root: Files = next(inputs[one.input] if one.input >= 0 else {} for one in mounts if one.dest == "/")
    mounted = {
        one.dest: dict(_below(inputs[one.input], one.selector)) for one in mounts if one.dest != "/" and one.input >= 0
    }
    meta = vertex.op.exec.meta
    options = dict(one[2:].partition("=")[::2] for one in meta.args if one.startswith("--"))
    outputs = [one.dest for one in mounts if one.output >= 0]
    if _is_placing(vertex):
        assert outputs == ["/"]
        return [{**root, **_placed(options, root, mounted)}]
    if f"{PLACING}/outline.sh" in meta.args:
        assert outputs == ["/", f"{PLACING}/outline"]
        return [root, {path: "taken" for path in root if path.startswith((PREFIX, f"{COMMANDS}/python"))}]
    if _is_step(vertex):
        step = options.pop("step", "")
        assert (
            outputs
            == {
                "": ["/"],
                "ask": ["/", f"{RUN}/answers"],
                "install": ["/", f"{PREFIX}/envs"],
                "stage": ["/", f"{PREFIX}/envs"],
                "check": ["/", f"{RUN}/checked"],
            }[step]
        )
        match step:
            case "ask":
                return [root, _answers(json.loads(meta.args[-1]), meta.env, root)]
            case "install":
                return [root, _apart(options, root, mounted)]
            case "stage" if f"{RUN}/apart" in mounted and "/.in-stage" not in mounted[f"{RUN}/apart"]:
                return [root, {}]
            case "check":
                return [root, {}]
            case "stage":
                return [root, _environment(options, meta.env, root, mounted)]
            case _:
                made = _environment(options, meta.env, root, mounted)
                placed = {f"{PREFIX}/envs{path}": content for path, content in made.items()}
                assert not placed.keys() & root.keys(), "an environment of that name is there already"
                return [{**root, **placed, **_links(options["version"], options["interpreter"], root)}]
    seen = _hash([meta.args, meta.env, sorted(root.items()), sorted(mounted.items(), key=str)])
    return [{**root, f"/made-by-{_hash(list(meta.args))}": seen}]


def _answers(questions: Sequence[Mapping[str, Any]], env: Sequence[str], root: Files) -> Files:
    """What a stage says when it is asked: what its C library is, the settings of installers, and who its USER is."""
    answers: dict[str, str | None] = {"/root/lib/libc.so.6": root["/etc/os-release"]}
    for one in questions:
        answers[f"/lines/{one['name']}/answer"] = _answer(env, one["owner"])
    return answers


def _answer(env: Sequence[str], owner: str) -> str:
    return _hash([[one for one in env if one.startswith(("PIP_", "UV_"))], owner])


def _needs_stage(options: Mapping[str, str]) -> bool:
    return options["interpreter"] == "base" or options.get("requirement") == NEEDS_A_BUILD


def _apart(options: Mapping[str, str], root: Files, mounted: Mapping[str, Files]) -> Files:
    if _needs_stage(options):
        return {"/.in-stage": "it has to be built"}
    assert root.keys() == {"/lib/libc.so.6"}
    facts = [root["/lib/libc.so.6"], mounted[f"{RUN}/answers"]["/answer"]]
    return {f"/{options['name']}/bin/python": _content(options, facts, root, mounted)}


def _environment(
    options: Mapping[str, str], env: Sequence[str], root: Files, mounted: Mapping[str, Files]
) -> dict[str, str | None]:
    """What a step makes of an environment in its stage, where it sees all of that."""
    facts: list[object] = [root["/etc/os-release"], _answer(env, options["owner"])]
    if _needs_stage(options):
        # What a step sees of its own group depends on its place; all else has to be the same.
        outside = [
            (path, content) for path, content in root.items() if not path.startswith((PREFIX, COMMANDS + "/python"))
        ]
        others = [(path, files) for path, files in mounted.items() if not path.startswith((PREFIX, f"{RUN}/apart"))]
        facts += [sorted(outside), sorted(others, key=str), env, options.get("home-link")]
    content = _content(options, facts, root, mounted)
    return {} if "no-venv" in options else {f"/{options['name']}/bin/python": content}


_OF_THE_STAGE = {"owner", "home-link", "expose", "link", "check-imports"}


def _content(options: Mapping[str, str], facts: list[Any], root: Files, mounted: Mapping[str, Files]) -> str:
    prefix = options["interpreter"]
    if prefix == "base":
        python = "the base's own"
    else:
        found = mounted.get(prefix) or {path.removeprefix(prefix): content for path, content in root.items()}
        python = str(found["/bin/python"])
    told = {
        name: value
        for name, value in options.items()
        if name not in {"owner", "home-link", "expose", "link", "check-imports"}
    }
    return _hash([told, python, mounted.get(f"{RUN}/context"), facts])


def _links(version: str, prefix: str, root: Files) -> Files:
    """The link of an interpreter, unless something of its name is there."""
    link = f"{COMMANDS}/python{version}"
    return {} if prefix == "base" or link in root else {link: f"-> {prefix}"}


def _placed(options: Mapping[str, str], root: Files, mounted: Mapping[str, Files]) -> Files:
    if interpreter := options.get("interpreter"):
        return {f"{interpreter}{path}": content for path, content in mounted[f"{PLACING}/interpreter"].items()}
    made: dict[str, str | None] = {}
    if path := options.get("path"):
        name = posixpath.basename(path)
        assert not any(other.startswith(path + "/") for other in root), f"{path} is there already"
        both = [_below(mounted.get(f"{PLACING}/{one}", {}), f"/{name}") for one in ("apart", "stage")]
        (files,) = [one for one in both if one]
        made |= {path + below: content for below, content in files}
    if command := options.get("command"):
        prefix, _, program = command.rpartition("/bin/python")
        made |= _links(program, prefix, root)
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
