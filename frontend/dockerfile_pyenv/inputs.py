"""Graphs that go to the Dockerfile frontend beside its text: the text itself, our tools, interpreters, requirements."""

import posixpath
from collections.abc import Iterable

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.ops import Mount, State
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.expand import REQUIREMENTS, TOOLS, requirements_directory
from dockerfile_pyenv.interpreters import Build
from dockerfile_pyenv.options import NAMED_CONTEXT
from dockerfile_pyenv.plan import PREFIX, PYTHON, Plan

LOADER = "/usr/lib/pyenv-loader"
PYTHON_OF_TOOLS = "/usr/bin/python3.13"
_UNPACK = "/pyenv/provision/interpreter"


def dockerfile(text: bytes, filename: str, ignore: bytes | None, description: str) -> State:
    """A file system that holds a Dockerfile, and its own `.dockerignore`, which is read from where the file is."""
    path = posixpath.join("/", filename)
    folder = posixpath.dirname(path)
    actions = [ops.mkdir(folder, parents=True)] if folder != "/" else []
    actions.append(ops.mkfile(path, text))
    if ignore is not None:
        actions.append(ops.mkfile(path + ".dockerignore", ignore))
    return ops.file(ops.scratch(), actions, description=description)


def step_prefix(interpreter: str) -> str:
    """What the names of the steps that provide an interpreter begin with."""
    return f"[python {interpreter}] "


def interpreter(build: Build, tools: State, platform: str) -> State:
    """A file system that holds an interpreter's prefix: downloaded by checksum, unpacked by our tools.

    The step runs on the daemon's own platform, `platform`, whatever platform the interpreter is for. It mounts
    no more of the tools' image than it needs: another release of this frontend does not unpack anew.
    """
    name = posixpath.basename(build.url)
    archive = ops.http(
        build.url,
        checksum=f"sha256:{build.sha256}",
        filename="archive.tar.gz",
        description=f"{step_prefix(build.id)}download {name.replace('%2B', '+')}",
    )
    step = ops.run(
        [
            LOADER,
            PYTHON_OF_TOOLS,
            "-I",
            "-S",
            f"{_UNPACK}/unpack.py",
            "--archive=/archive/archive.tar.gz",
            "--output=/out",
            f"--prefix={PREFIX}/python/{build.id}",
        ],
        root=ops.scratch(),
        mounts=[
            Mount("/usr", tools, selector="/usr"),
            Mount(_UNPACK, tools, selector=_UNPACK),
            Mount("/archive", archive),
            Mount("/out", None, readonly=False, output=True),
        ],
        network="none",
        platform=Platform.parse(platform),
        description=f"{step_prefix(build.id)}unpack",
    )
    return step.mounts["/out"]


def requirements(paths: Iterable[str], context: State) -> State:
    """A file system that holds requirement files of the build context, each in a directory of its own."""
    return ops.file(
        ops.scratch(),
        [
            ops.copy(
                context,
                "/" + path,
                posixpath.join(requirements_directory(path), path),
                create_dest_path=True,
                follow_symlink=True,
                mode=0o644,
                owner=(0, 0),
            )
            for path in paths
        ],
        description="[internal] requirements of PYENV lines",
    )


def named_contexts(
    plan: Plan, tools: Definition | None, context: State | None, platform: str
) -> tuple[dict[str, str], dict[str, Definition]]:
    """Options and inputs that give the expanded text the build contexts that it mounts from."""
    if tools is None:
        return {}, {}
    opts: dict[str, str] = {NAMED_CONTEXT + TOOLS: "input:" + TOOLS}
    found: dict[str, Definition] = {TOOLS: tools}
    tools_state = ops.from_definition(tools)
    for environment in plan.environments:
        for target, build in environment.builds.items():
            key = f"{environment.context}::{target}" if target else environment.context
            name = f"{PYTHON}-{build.id}-{build.platform.replace('/', '-')}"
            opts[NAMED_CONTEXT + key] = "input:" + name
            if name not in found:
                found[name] = ops.marshal(interpreter(build, tools_state, platform))
    paths = dict.fromkeys(item.statement.requirement for item in plan.environments if item.statement.requirement)
    if paths and context is not None:
        opts[NAMED_CONTEXT + REQUIREMENTS] = "input:" + REQUIREMENTS
        found[REQUIREMENTS] = ops.marshal(requirements(paths, context))
    return opts, found
