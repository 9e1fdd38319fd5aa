"""What graphs that make interpreters share: small ones, the same in every image that needs them.

The steps' command lines and mounts are those that the scripts in provision/interpreter/ describe at their heads.
"""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from buildkit_llb import ops
from buildkit_llb.ops import Mount, State
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.interpreters.provider import Download, Interpreter, Recipe, path_of

LOADER = "/usr/lib/pyenv-loader"
PYTHON = "/usr/bin/python3.13"
SCRIPTS = "/pyenv/provision/interpreter"
PATCHELF = "/pyenv/patchelf"
"""Where things are in the tools: their own Python, and the scripts of provision/interpreter/."""


def step_prefix(interpreter: str) -> str:
    """What the names of the steps that provide an interpreter begin with."""
    return f"[python {interpreter}] "


def finish_command(interpreter: Interpreter, recipe: Recipe, options: Mapping[str, str]) -> list[str]:
    """Command of the step that makes an interpreter's prefix ready, in /out."""
    arguments = [f"--{key}={value}" for key, value in options.items()]
    arguments += [f"--origin={key}={value}" for key, value in recipe.origin.items()]
    arguments += ["--output=/out", f"--prefix={interpreter.prefix}"]
    return [LOADER, PYTHON, "-I", "-S", f"{SCRIPTS}/finish", *arguments]


def verify_command(download: Download, file: str, target: str) -> list[str]:
    """Command of the step that takes a file over whose checksum is right."""
    return [LOADER, PYTHON, "-I", "-S", f"{SCRIPTS}/verify.py", file, download.sha256, target]


class File(NamedTuple):
    """A file that stands in for a download."""

    state: State
    path: str


@dataclass(frozen=True, slots=True)
class InterpreterGraphs:
    """Makes the steps of one build's recipes.

    Our own steps run on the daemon's own platform, whatever platform the interpreter is for. They mount no more of
    the tools image than they require: another release of this frontend rebuilds nothing.
    """

    tools: State
    """File system of this frontend's image."""
    platform: Platform
    """The daemon's own platform."""
    environment: Callable[[str, Platform], Sequence[str]]
    """ENV of an image, by its reference: entries "name=value"."""
    files: Mapping[str, File] = field(default_factory=dict)
    """What stands in for downloads, by their addresses."""

    def download(self, interpreter: Interpreter, download: Download, name: str) -> State:
        """A file system that holds what a recipe downloads, its checksum verified, under a name."""
        step, base = step_prefix(interpreter.id), posixpath.basename(path_of(download.url))
        file = self.files.get(download.url)
        if file is None:
            checksum = f"sha256:{download.sha256}"
            return ops.http(download.url, checksum=checksum, filename=name, description=f"{step}download {base}")
        verified = ops.run(
            verify_command(download, "/file", f"/out/{name}"),
            root=ops.scratch(),
            mounts=[
                Mount("/usr", self.tools, selector="/usr"),
                self.script("verify.py"),
                Mount("/file", file.state, selector=file.path),
                Mount("/out", readonly=False, output=True),
            ],
            network="none",
            platform=self.platform,
            description=f"{step}copy {base} from the mirror",
        )
        return verified.mounts["/out"]

    def finish(
        self,
        interpreter: Interpreter,
        recipe: Recipe,
        options: Mapping[str, str],
        mounts: Sequence[Mount],
        what: str,
    ) -> State:
        """Run `finish` under the tools' own Python, in a root that holds nothing else; `what` names the step."""
        script = f"{SCRIPTS}/finish"
        step = ops.run(
            finish_command(interpreter, recipe, options),
            root=ops.scratch(),
            mounts=[
                Mount("/usr", self.tools, selector="/usr"),
                Mount(script, self.tools, selector=script),
                Mount("/out", readonly=False, output=True),
                *mounts,
            ],
            network="none",
            platform=self.platform,
            description=f"{step_prefix(interpreter.id)}{what}",
        )
        return step.mounts["/out"]

    def script(self, name: str) -> Mount:
        """Mount a script of provision/interpreter/ from the tools."""
        return Mount(f"{SCRIPTS}/{name}", self.tools, selector=f"{SCRIPTS}/{name}")
