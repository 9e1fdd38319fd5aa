"""A plan to a Dockerfile that needs no frontend of ours: for builders that know nothing of `# syntax=`.

It is the expanded text, with stages in front that make what a build of ours gets as build contexts: the tools, the
interpreters and the requirement files. What stands in it is understood by Docker's stock frontend, by podman 4.3 and by
buildah 1.28: no `COPY --link`, no `ADD --checksum`, no heredoc but the user's own.
"""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from dockerfile_pyenv import __version__, expand, references
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.interpreters import Build, is_address
from dockerfile_pyenv.lexer import Dockerfile, lex
from dockerfile_pyenv.plan import Environment, Plan
from dockerfile_pyenv.providers import Base, Image, Recipe, Tarball
from dockerfile_pyenv.recipes import FINISH, LOADER, PYTHON, SCRIPTS, origin, path_of
from dockerfile_pyenv.requirement_files import Content, Place
from dockerfile_pyenv.text import Edits, substitute

TOOLS_IMAGE = f"dockerfile-pyenv:{__version__}"
"""The published frontend image of this release, where the tools are."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of the images that Python is taken out of: only an engine could ask them."""

_NO_EDITS = Edits()

_SYNTAX = re.compile(rb"(?im)^#[\t ]*syntax[\t ]*=[^\n]*\n?")

_IN_IMAGE = "file://"
"""What a mirror begins with that is a directory of the frontend's image (mirror.py)."""


_WRITE = (
    "import os, sys; os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True); "
    "open(sys.argv[1], 'wb').write(os.fsencode(sys.argv[2]))"
)
"""A program that writes a file: its path, its text."""


@dataclass(frozen=True, slots=True)
class Style:
    """What the text says beside the plan."""

    name: str
    """What the file is called in the comment at the head."""
    platform: str
    """What the plan is for."""
    tools: str = TOOLS_IMAGE
    """Reference of the frontend's image."""
    archives: str = ""
    """Mirror of interpreters, as UV_PYTHON_INSTALL_MIRROR names one."""
    sources: str = ""
    """Mirror of release tarballs, as PYENV_SOURCE_MIRROR names one."""


def render(
    dockerfile: Dockerfile, plan: Plan, contents: Mapping[str, Content], style: Style, edits: Edits = _NO_EDITS
) -> bytes:
    """The user's Dockerfile as a plain one that builds the same image, with what Astro mode edits.

    Raises DockerfileError for a stage that has a name of ours.
    """
    expanded = lex(expand.expand(dockerfile, plan, edits, rename=stage_name).text)
    stages = "".join(_stages(plan, contents, style))
    names = re.findall(r"^FROM .* AS (\S+)$", stages, re.MULTILINE)
    _refuse_names(dockerfile, names)
    items = list(enumerate(expanded.instructions))
    froms = [index for index, item in items if item.keyword == "FROM"]
    replacements = {
        index: changed
        for index, item in items
        if (changed := references.replace(expanded, item, lambda stage: _shifted(stage, len(names)))) is not None
    }
    head = (
        f"# Made by dockerfile-pyenv {__version__} from {style.name} for {style.platform}, for builders that have no "
        "PYENV instruction: change that file, not this one.\n"
    )
    start, end = expanded.instructions[froms[0]].span
    replacements[froms[0]] = f"{head}{stages}{_text(expanded.source[start:end])}"
    text = substitute(expanded, replacements).text
    return _SYNTAX.sub(b"", text, count=1) if "syntax" in expanded.directives else text


def without_later_stages(dockerfile: Dockerfile, plan: Plan, target: int) -> tuple[Dockerfile, Plan]:
    """A file that ends with the stage of that number, and its plan."""
    froms = [item.span[0] for item in dockerfile.instructions if item.keyword == "FROM"]
    kept = lex(dockerfile.source[: [*froms, len(dockerfile.source)][target + 1]])
    unreached = tuple(line for line in plan.unreached if line.index < len(kept.instructions))
    return kept, replace(plan, unreached=unreached)


def stage_name(context: str) -> str:
    """Name of the stage that stands for a build context: stage names have no slash."""
    return context.replace("/", "-").lower()


def _refuse_names(dockerfile: Dockerfile, names: list[str]) -> None:
    for item in dockerfile.instructions:
        words = item.text.lower().split()
        if item.keyword == "FROM" and words[-2:-1] == ["as"] and words[-1] in names:
            raise DockerfileError(
                f"the stage name {words[-1]} is that of a stage which rendering adds: choose another", lines=item.lines
            )


def _stages(plan: Plan, contents: Mapping[str, Content], style: Style) -> Iterator[str]:
    if not plan.environments:
        return
    yield f"FROM {style.tools} AS {stage_name(expand.TOOLS)}\n"
    yield from _requirements({item.requirements_directory for item in plan.environments}, contents)
    seen: set[str] = set()
    for environment in plan.environments:
        recipe = next(iter(environment.recipes.values()))
        if environment.context not in seen and not isinstance(recipe, Base):
            seen.add(environment.context)
            yield f"# {plan.title(environment.interpreter.id)}\n"
            yield from _interpreter(environment, recipe, style)


def _requirements(wanted: set[str], contents: Mapping[str, Content]) -> Iterator[str]:
    """The stage that holds what PYENV lines read. Our tools write heredocs: not every builder knows them."""
    name = stage_name(expand.REQUIREMENTS)
    found = {directory: content for directory, content in contents.items() if directory in wanted}
    bodies = [(directory, body) for directory, content in found.items() for body in content.bodies]
    if bodies:
        yield f"FROM {stage_name(expand.TOOLS)} AS {name}-heredocs\n"
    for directory, body in bodies:
        command = [LOADER, PYTHON, "-I", "-S", "-c", _WRITE, f"/heredocs{directory}/{body.name}", body.text]
        yield _run(command, mounts=[])
    if found:
        yield f"FROM scratch AS {name}\n"
    if bodies:
        yield f"COPY --from={name}-heredocs /heredocs /\n"
    for directory, content in found.items():
        for path, place in content.paths.items():
            yield _copy(path, posixpath.join(directory, path) + ("/" if place is Place.DIRECTORY else ""))


def _interpreter(environment: Environment, recipe: Recipe, style: Style) -> Iterator[str]:
    """The stages that make an interpreter; the last one holds nothing but its prefix, as its root."""
    name = stage_name(environment.context)
    match recipe:
        case Build():
            yield from _standalone(environment, recipe, name, style)
        case Tarball():
            yield from _compiled(environment, recipe, name, style)
        case Image():
            yield from _collected(environment, recipe, name, style)
            return
    yield f"FROM scratch AS {name}\nCOPY --from={name}-finish /out /\n"


def _standalone(environment: Environment, build: Build, name: str, style: Style) -> Iterator[str]:
    archive = "/archive.tar.gz"
    yield f"FROM {stage_name(expand.TOOLS)} AS {name}-finish\n"
    yield from _download(build, style.archives, archive)
    yield _finish(environment, build, {"archive": archive})


def _compiled(environment: Environment, tarball: Tarball, name: str, style: Style) -> Iterator[str]:
    prefix = environment.prefix
    source = f"/{posixpath.basename(tarball.url)}"
    options = ["--optimize"] if tarball.optimize else []
    options += ["--free-threaded"] if tarball.free_threaded else []
    yield f"FROM {stage_name(expand.TOOLS)} AS {name}-source\n"
    yield from _download(tarball, style.sources, source)
    yield f"FROM {_platform(tarball, style)}{tarball.builder} AS {name}-compile\nUSER 0:0\n"
    yield _run(["/bin/sh", f"{SCRIPTS}/builder.sh"], mounts=[_script("builder.sh")])
    yield f"COPY --from={name}-source {source} /source/\nWORKDIR {prefix}\n"
    yield _run(
        ["/bin/sh", f"{SCRIPTS}/compile.sh", *options, "/source", prefix],
        mounts=[_script("compile.sh"), "type=tmpfs,target=/tmp"],
    )
    yield f"FROM {stage_name(expand.TOOLS)} AS {name}-finish\nCOPY --from={name}-compile {prefix} /tree\n"
    yield _finish(environment, tarball, {"tree": "/tree"})


def _collected(environment: Environment, image: Image, name: str, style: Style) -> Iterator[str]:
    prefix, minor = environment.prefix, environment.interpreter.minor
    yield f"FROM {_platform(image, style)}{image.reference} AS {name}-image\n"
    yield f"FROM {stage_name(expand.TOOLS)} AS {name}-finish\n"
    yield _finish(
        environment,
        image,
        {"image": "/image", "version": minor, "path": _PATH, "library-path": ""},
        mounts=[f"type=bind,from={name}-image,target=/image"],
    )
    yield f"FROM {name}-image AS {name}-seal\nUSER 0:0\nENV PYTHONHASHSEED=0\n"
    yield f"COPY --from={name}-finish /out {prefix}/\n"
    yield _run([f"{prefix}/bin/python{minor}", "-s", "-B", f"{SCRIPTS}/seal.py"], mounts=[_script("seal.py")])
    yield f"FROM scratch AS {name}\nCOPY --from={name}-seal {prefix} /\n"


def _platform(recipe: Tarball | Image, style: Style) -> str:
    """The flag of FROM for a stage of another platform than the build's; "" for the build's own."""
    return f"--platform={recipe.platform} " if recipe.platform != style.platform else ""


def _finish(
    environment: Environment, recipe: Recipe, options: Mapping[str, str], mounts: list[str] | None = None
) -> str:
    arguments = [*(f"--{key}={value}" for key, value in options.items()), *origin(recipe)]
    return _run([*FINISH, *arguments, "--output=/out", f"--prefix={environment.prefix}"], mounts=mounts or [])


def _download(recipe: Build | Tarball, mirror: str, target: str) -> Iterator[str]:
    """Bring a file of a recipe into the stage, its checksum verified."""
    file = f"/download/{posixpath.basename(path_of(recipe.url))}"
    if not mirror or is_address(mirror):
        yield f"ADD {recipe.url} {file}\n"
    elif mirror.startswith(_IN_IMAGE):
        file = posixpath.join(mirror.removeprefix(_IN_IMAGE), path_of(recipe.url))
    else:
        yield _copy(posixpath.join(posixpath.normpath(mirror.lstrip("/")), path_of(recipe.url)), file)
    yield _run([LOADER, PYTHON, "-I", "-S", f"{SCRIPTS}/verify.py", file, recipe.sha256, target], mounts=[])


def _run(command: list[str], *, mounts: list[str]) -> str:
    flags = "".join(f"--mount={mount} " for mount in mounts)
    return f"RUN {flags}{json.dumps(command)}\n"


def _script(name: str) -> str:
    path = f"{SCRIPTS}/{name}"
    return f"type=bind,from={stage_name(expand.TOOLS)},source={path},target={path}"


def _copy(path: str, target: str) -> str:
    """Copy a file of the build context, by a path that COPY is to find neither patterns nor variables in."""
    quoted = re.sub(r"[*?\[\\]", lambda match: f"[{match[0]}]" if match[0] != "\\" else r"\\", path)
    quoted = quoted.replace("$", r"\$")
    return f"COPY {json.dumps([quoted, target], ensure_ascii=False)}\n"


def _shifted(stage: str, count: int) -> str:
    """What a flag names, with so many stages in front: a number is another one then."""
    return str(int(stage) + count) if stage.isdecimal() and stage.isascii() else stage


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
