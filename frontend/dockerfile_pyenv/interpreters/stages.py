"""What stages of a plain Dockerfile that make interpreters share: the steps of graphs.py, as text."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dockerfile_pyenv.dockerfile import generated
from dockerfile_pyenv.interpreters.graphs import SCRIPTS, finish_command, verify_command
from dockerfile_pyenv.interpreters.provider import Download, Interpreter, Recipe, Setting, is_address, path_of

IN_IMAGE: Final = "file://"
"""What a mirror begins with that is a directory of the frontend's image."""


@dataclass(frozen=True, slots=True)
class InterpreterStages:
    """Makes the stages of one recipe."""

    name: str
    """Name of the last stage; the ones before it have this and a suffix."""
    tools: str
    """Name of the stage that is this frontend's image."""
    platform: str
    """What the file is for."""
    setting: Setting
    escape: str = "\\"
    """The file's escape character."""

    def start(self, suffix: str, image: str = "", platform: str = "") -> str:
        """FROM of an image, or of a stage: by default from the tools, for the platform of the build."""
        flag = ""
        if platform and platform != self.platform:
            flag = f"--platform={generated.platform(platform, 'the platform of an interpreter')} "
        base = generated.image(image or self.tools, "the image of an interpreter")
        return f"FROM {flag}{base} AS {self.name}-{suffix}\n"

    def download(self, download: Download, target: str) -> Iterator[str]:
        """Bring a file of a recipe into the stage, its checksum verified."""
        path = path_of(download.url)
        file = f"/download/{posixpath.basename(path)}"
        mirror = self.setting(download.mirror)
        if not mirror or is_address(mirror):
            yield generated.add(download.url, file, self.escape)
        elif mirror.startswith(IN_IMAGE):
            file = posixpath.join(mirror.removeprefix(IN_IMAGE), path)
        else:
            yield generated.copy(posixpath.join(posixpath.normpath(mirror.lstrip("/")), path), file, self.escape)
        yield run(verify_command(download, file, target))

    def finish(
        self, interpreter: Interpreter, recipe: Recipe, options: Mapping[str, str], mounts: Sequence[str] = ()
    ) -> str:
        """Run `finish`, which makes the interpreter's prefix ready in /out."""
        return run(finish_command(interpreter, recipe, options), mounts)

    def run(self, command: Sequence[str], mounts: Sequence[str] = ()) -> str:
        """Run a command without a shell."""
        return run(command, mounts)

    def script(self, name: str) -> str:
        """Mount a script of provision/interpreter/ from the tools."""
        path = f"{SCRIPTS}/{name}"
        return f"type=bind,from={self.tools},source={path},target={path}"

    def result(self, suffix: str, directory: str) -> str:
        """The last stage, which holds a directory of an earlier one as its root and nothing else."""
        return f"FROM scratch AS {self.name}\nCOPY --from={self.name}-{suffix} {directory} /\n"


def run(command: Sequence[str], mounts: Sequence[str] = ()) -> str:
    """Run a command without a shell."""
    flags = "".join(f"--mount={mount} " for mount in mounts)
    return f"RUN {flags}{generated.command(command)}\n"
