"""The build contexts that the expanded text mounts from: our tools, interpreters, and what PYENV lines read."""

import posixpath
from collections.abc import Mapping
from pathlib import Path

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.errors import RpcError
from buildkit_llb.ops import State
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.emit.expand import REQUIREMENTS, TOOLS
from dockerfile_pyenv.engine import mirror
from dockerfile_pyenv.engine.build_options import NAMED_CONTEXT, SOURCE
from dockerfile_pyenv.engine.dockerfile_frontend import DockerfileFrontend
from dockerfile_pyenv.errors import DockerfileError, EngineError
from dockerfile_pyenv.interpreters.graphs import InterpreterGraphs
from dockerfile_pyenv.plan.model import PYTHON, Plan
from dockerfile_pyenv.plan.requirement_files import Content, PathKind

TOOLS_METADATA = Path("/run/config/buildkit/metadata/frontend.bin")
"""The graph of this frontend's own image (frontend/gateway/gateway.go, BuildKit ≥ 0.10)."""


def interpreter_graphs(stock: DockerfileFrontend, plan: Plan) -> InterpreterGraphs:
    """What makes the graphs of a plan's interpreters.

    Raises EngineError for an engine that does not give a frontend its own image, and DockerfileError at the line whose
    interpreter a mirror does not have.
    """
    try:
        tools = ops.from_definition(Definition.from_bytes(TOOLS_METADATA.read_bytes()))
    except PermissionError:
        # Only root of the daemon may read it, who is nobody in here if the daemon remaps root: `userns-remap` of Docker
        # (metadataMount in frontend/gateway/gateway.go of BuildKit, v0.25).
        tools = stock.named_context(stock.build.opts[SOURCE])
    except FileNotFoundError:
        raise EngineError(
            "this engine is too old: PYENV requires BuildKit 0.10 or newer, which Docker has since version 23.0. "
            "Upgrade it, or build with docker buildx and a newer builder (docker buildx create --use)"
        ) from None
    platform = Platform.parse(stock.build.platform)
    return InterpreterGraphs(tools, platform, stock.image_environment, mirror.find(stock, plan, tools))


def make(
    plan: Plan, graphs: InterpreterGraphs, contents: Mapping[str, Content], context: State | None
) -> tuple[dict[str, str], dict[str, Definition]]:
    """Options and inputs that give the expanded text its build contexts; `context` holds the files of `contents`.

    Raises DockerfileError at the line whose interpreter an image lacks.
    """
    opts: dict[str, str] = {NAMED_CONTEXT + TOOLS: "input:" + TOOLS}
    found: dict[str, Definition] = {TOOLS: ops.marshal(graphs.tools)}
    for environment in plan.environments:
        for target, recipe in environment.recipes.items():
            key = f"{environment.context}::{target}" if target else environment.context
            name = f"{PYTHON}-{environment.interpreter.id}-{recipe.platform.replace('/', '-')}"
            opts[NAMED_CONTEXT + key] = "input:" + name
            if name not in found:
                try:
                    found[name] = ops.marshal(recipe.graph(graphs, environment.interpreter))
                except RpcError as error:
                    raise DockerfileError(
                        f"cannot download this line's interpreter ({environment.interpreter.provider}): {error}",
                        lines=environment.line.lines,
                    ) from error
    if contents and context is not None:
        opts[NAMED_CONTEXT + REQUIREMENTS] = "input:" + REQUIREMENTS
        found[REQUIREMENTS] = ops.marshal(_requirements(contents, context))
    return opts, found


def _requirements(contents: Mapping[str, Content], context: State) -> State:
    """A file system with a directory for each PYENV line: its files of the build context, and its heredocs."""
    actions = []
    for directory, content in contents.items():
        for path, place in content.paths.items():
            is_file = place is PathKind.FILE
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
