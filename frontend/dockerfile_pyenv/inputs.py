"""Graphs that go to the Dockerfile frontend beside its text: the text itself, our tools, interpreters, requirements."""

import posixpath
from collections.abc import Mapping

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.errors import RpcError
from buildkit_llb.ops import State
from dockerfile_pyenv import recipes
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.expand import REQUIREMENTS, TOOLS
from dockerfile_pyenv.options import NAMED_CONTEXT
from dockerfile_pyenv.plan import PYTHON, Plan
from dockerfile_pyenv.providers import Base
from dockerfile_pyenv.requirement_files import Content, Place


def dockerfile(text: bytes, filename: str, ignore: bytes | None, description: str) -> State:
    """A file system that holds a Dockerfile, and its own `.dockerignore`, which is read from where the file is."""
    path = posixpath.join("/", filename)
    folder = posixpath.dirname(path)
    actions = [ops.mkdir(folder, parents=True)] if folder != "/" else []
    actions.append(ops.mkfile(path, text))
    if ignore is not None:
        actions.append(ops.mkfile(path + ".dockerignore", ignore))
    return ops.file(ops.scratch(), actions, description=description)


def requirements(contents: Mapping[str, Content], context: State) -> State:
    """A file system with a directory for each PYENV line: what it reads of the build context, and its heredocs."""
    actions = []
    for directory, content in contents.items():
        for path, place in content.paths.items():
            is_file = place is Place.FILE
            actions.append(
                ops.copy(
                    context,
                    "/" + path,
                    posixpath.join(directory, path),
                    create_dest_path=True,
                    follow_symlink=is_file,
                    dir_copy_contents=not is_file,
                    mode=0o644 if is_file else None,
                    owner=(0, 0),
                )
            )
        if content.bodies:
            actions.append(ops.mkdir(directory, parents=True))
        for body in content.bodies:
            path = posixpath.join(directory, body.name)
            actions.append(ops.mkfile(path, body.text.encode("utf-8", "surrogateescape"), owner=(0, 0)))
    return ops.file(ops.scratch(), actions, description="[internal] requirements of PYENV lines")


def named_contexts(
    plan: Plan, builder: recipes.Builder | None, contents: Mapping[str, Content], context: State | None
) -> tuple[dict[str, str], dict[str, Definition]]:
    """Options and inputs that give the expanded text the build contexts that it mounts from."""
    if builder is None:
        return {}, {}
    opts: dict[str, str] = {NAMED_CONTEXT + TOOLS: "input:" + TOOLS}
    found: dict[str, Definition] = {TOOLS: ops.marshal(builder.tools)}
    for environment in plan.environments:
        for target, recipe in environment.recipes.items():
            if isinstance(recipe, Base):
                continue
            key = f"{environment.context}::{target}" if target else environment.context
            name = f"{PYTHON}-{environment.interpreter.id}-{recipe.platform.replace('/', '-')}"
            opts[NAMED_CONTEXT + key] = "input:" + name
            if name not in found:
                try:
                    found[name] = ops.marshal(builder.build(environment.interpreter, recipe))
                except RpcError as error:
                    raise DockerfileError(
                        f"the interpreter of this line ({environment.interpreter.provider}) is not to be had: {error}",
                        lines=environment.line.lines,
                    ) from error
    if contents and context is not None:
        opts[NAMED_CONTEXT + REQUIREMENTS] = "input:" + REQUIREMENTS
        found[REQUIREMENTS] = ops.marshal(requirements(contents, context))
    return opts, found
