"""`dockerfile-pyenv render`: a plain Dockerfile from which any builder makes the same image."""

import argparse
import re
import sys

from dockerfile_pyenv.cli import astro_images
from dockerfile_pyenv.cli.workspace import Workspace, add_arguments
from dockerfile_pyenv.dockerfile.lexer import Dockerfile
from dockerfile_pyenv.emit import old_builders, plain
from dockerfile_pyenv.plan import offline, requirement_files

_OURS = re.compile(r"(?:^|/)dockerfile-pyenv[:@]")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "render",
        help="print a plain Dockerfile, for builders without frontends",
        description="Print the Dockerfile with every PYENV line expanded, after the build stages that it requires: "
        "for podman, buildah and other builders that ignore `# syntax=`.",
    )
    add_arguments(parser)
    parser.add_argument(
        "--tools",
        metavar="IMAGE",
        help="frontend image to take the tools from (default: that of the syntax line, else this release's)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    """Run the command. Raises PyenvError."""
    style = plain.Style(
        workspace.name,
        workspace.build.platform,
        options.tools or _syntax_image(workspace.dockerfile) or plain.TOOLS_IMAGE,
        workspace.setting,
    )
    around = workspace.around()
    dockerfile, plan, edits = workspace.dockerfile, workspace.plan(around), around.edits
    files = requirement_files.collect(plan, workspace.tree)
    target = offline.target_number(dockerfile, workspace.build)
    if target is not None:
        dockerfile, plan = plain.without_later_stages(dockerfile, plan, target)
        edits = edits.before(len(dockerfile.instructions))
    sys.stdout.buffer.write(plain.render(dockerfile, plan, files, style, edits))
    sys.stdout.flush()
    for line, image in astro_images.assumed(workspace.build, workspace.dockerfile, around.stages):
        sys.stderr.write(
            f"{workspace.name}:{line}: the ONBUILD lines of {image} are assumed to be the usual ones of that version: "
            f"pass its config with --image-config {image}=<file> to use its own\n"
        )
    for line, what in old_builders.unknown(dockerfile):
        sys.stderr.write(f"{workspace.name}:{line}: {old_builders.NAMES} do not support {what}\n")
    return 0


def _syntax_image(dockerfile: Dockerfile) -> str:
    """The frontend image on the syntax line; "" if it names another image or there is none."""
    words = dockerfile.directives.get("syntax", "").split()
    return words[0] if words and _OURS.search(words[0]) else ""
