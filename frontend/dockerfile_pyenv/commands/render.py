"""`dockerfile-pyenv render`: a plain Dockerfile that any builder builds to the same image."""

import argparse
import re
import sys

from dockerfile_pyenv import offline, old_builders, render, requirement_files
from dockerfile_pyenv import plan as planning
from dockerfile_pyenv.commands import runtimes, workspace
from dockerfile_pyenv.commands.workspace import Workspace
from dockerfile_pyenv.lexer import Dockerfile

_OURS = re.compile(r"(?:^|/)dockerfile-pyenv[:@]")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "render",
        help="print a plain Dockerfile, for builders that have no frontends",
        description="Print the Dockerfile with every PYENV line written out, and the stages that it needs in front: "
        "for podman, buildah and other builders that know nothing of `# syntax=`.",
    )
    workspace.add_arguments(parser)
    parser.add_argument(
        "--tools",
        metavar="IMAGE",
        help="the frontend's image, for its tools (default: the syntax line's, else this release's)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, given: Workspace) -> int:
    """Run the command. Raises PyenvError."""
    style = render.Style(
        given.name,
        given.given.platform,
        options.tools or _syntax_image(given.dockerfile) or render.TOOLS_IMAGE,
        given.setting("UV_PYTHON_INSTALL_MIRROR"),
        given.setting("PYENV_SOURCE_MIRROR"),
    )
    around = runtimes.around(given)
    dockerfile, plan, edits = given.dockerfile, planning.linked(given.plan(), around.links), around.edits
    contents = requirement_files.collect(plan, given.tree).contents
    target = offline.target_number(dockerfile, given.given)
    if target is not None:
        dockerfile, plan = render.without_later_stages(dockerfile, plan, target)
        edits = edits.before(len(dockerfile.instructions))
    sys.stdout.buffer.write(render.render(dockerfile, plan, contents, style, edits))
    sys.stdout.flush()
    for line, what in old_builders.unknown(dockerfile):
        sys.stderr.write(f"{given.name}:{line}: {old_builders.NAMES} do not know {what}\n")
    return 0


def _syntax_image(dockerfile: Dockerfile) -> str:
    """The frontend's image that the file itself names; "" where it names another one or none."""
    words = dockerfile.directives.get("syntax", "").split()
    return words[0] if words and _OURS.search(words[0]) else ""
