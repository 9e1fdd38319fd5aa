"""The `image` provider: Python, with its libraries that are not libc's, out of an image that the user names."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from buildkit_llb import ops
from buildkit_llb.ops import Mount, Platform, State
from dockerfile_pyenv.interpreters.graphs import PATCHELF, SCRIPTS, step_prefix
from dockerfile_pyenv.interpreters.provider import SETTING, Download, Interpreter, Request, image_of, short

if TYPE_CHECKING:
    from dockerfile_pyenv.interpreters.graphs import InterpreterGraphs
    from dockerfile_pyenv.interpreters.stages import InterpreterStages

_START: Final = "image:"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of images in a rendered Dockerfile: only an engine could ask them."""


class ImageProvider:
    """`--interpreter=image:<reference>`."""

    word: Final = f"{_START}<reference>"
    flags: Final[Mapping[str, str]] = MappingProxyType({})

    def accepts(self, word: str) -> bool:
        """Whether a value of `--interpreter` means it."""
        return word.startswith(_START) and len(word) > len(_START)

    def choose(self, request: Request) -> Interpreter:
        """The image's own release of that version, whichever it is: the step finds out. Raises FlagError."""
        given = bool(request.flags.interpreter)
        reference = image_of(
            request.word.removeprefix(_START),
            "--interpreter" if given else SETTING,
            "interpreter" if given else "",
        )
        recipes = {platform: ImageRecipe(reference, platform) for platform in request.platforms}
        return Interpreter(f"{request.version}-{short(reference)}", request.version, f"image {reference}", recipes)


class ImageRecipe(NamedTuple):
    """An image to take Python out of: a Recipe."""

    reference: str
    platform: str

    @property
    def downloads(self) -> tuple[Download, ...]:
        """None: the engine pulls the image."""
        return ()

    @property
    def label(self) -> str:
        """The image."""
        return f"image {self.reference}"

    @property
    def description(self) -> dict[str, str]:
        """What `explain` says."""
        return {"platform": self.platform, "from": self.reference}

    @property
    def origin(self) -> dict[str, str]:
        """What the interpreter's record says."""
        return {"image": self.reference}

    def graph(self, graphs: "InterpreterGraphs", interpreter: Interpreter) -> State:
        """Two steps: the files out of the image, and what only the interpreter itself can do with them."""
        platform = Platform.parse(self.platform)
        step = step_prefix(interpreter.id)
        root = ops.image(self.reference, platform=platform, description=f"{step}image {self.reference}")
        env = dict(entry.partition("=")[::2] for entry in graphs.environment(self.reference, platform))
        collected = graphs.finish(
            interpreter,
            self,
            {
                "image": "/image",
                "version": interpreter.minor,
                "path": env.get("PATH", ""),
                "library-path": env.get("LD_LIBRARY_PATH", ""),
            },
            [Mount("/image", root), Mount(PATCHELF, graphs.tools, selector=PATCHELF)],
            f"collect from {self.reference}",
        )
        prefix = interpreter.prefix
        sealed = ops.run(
            _seal(interpreter),
            root=root,
            mounts=[graphs.script("seal.py"), Mount(prefix, collected, readonly=False, output=True)],
            env=["PYTHONHASHSEED=0"],
            network="none",
            platform=platform,
            description=f"{step}seal",
        )
        return sealed.mounts[prefix]

    def stages(self, stages: "InterpreterStages", interpreter: Interpreter) -> Iterator[str]:
        """The same in a Dockerfile."""
        name, prefix = stages.name, interpreter.prefix
        yield stages.start("image", self.reference, self.platform)
        yield stages.start("finish")
        yield stages.finish(
            interpreter,
            self,
            {"image": "/image", "version": interpreter.minor, "path": _PATH, "library-path": ""},
            mounts=[f"type=bind,from={name}-image,target=/image"],
        )
        yield stages.start("seal", f"{name}-image")
        yield f"USER 0:0\nENV PYTHONHASHSEED=0\nCOPY --from={name}-finish /out {prefix}/\n"
        yield stages.run(_seal(interpreter), mounts=[stages.script("seal.py")])
        yield stages.result("seal", prefix)


def _seal(interpreter: Interpreter) -> list[str]:
    return [f"{interpreter.prefix}/bin/python{interpreter.minor}", "-s", "-B", f"{SCRIPTS}/seal.py"]
