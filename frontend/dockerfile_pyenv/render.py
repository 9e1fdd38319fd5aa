"""A plan to a Dockerfile that needs no frontend of ours: for builders that know nothing of `# syntax=`.

It is the expanded text, with stages in front that make what a build of ours gets as build contexts: the tools, the
interpreters and the requirement files. What stands in it is understood by Docker's stock frontend, by podman 4.3 and by
buildah 1.28: no `COPY --link`, no `ADD --checksum`, no heredoc but the user's own.
"""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping

from dockerfile_pyenv import __version__, expand
from dockerfile_pyenv.interpreters import Build
from dockerfile_pyenv.lexer import Dockerfile, Instruction, lex
from dockerfile_pyenv.plan import Environment, Plan
from dockerfile_pyenv.providers import Base, Image, Recipe, Tarball
from dockerfile_pyenv.recipes import FINISH, LOADER, PYTHON, SCRIPTS
from dockerfile_pyenv.text import substitute

TOOLS_IMAGE = f"dockerfile-pyenv:{__version__}"
"""The published frontend image of this release, where the tools are."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of the images that Python is taken out of: only an engine could ask them."""

_SYNTAX = re.compile(rb"(?im)^#[\t ]*syntax[\t ]*=[^\n]*\n?")

_CHECKSUM = (
    "import hashlib, sys; found = hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest(); "
    "sys.exit(found != sys.argv[2] and f'the checksum of the download is {found}, and should be {sys.argv[2]}')"
)


def render(dockerfile: Dockerfile, plan: Plan, *, tools: str = TOOLS_IMAGE, name: str = "Dockerfile") -> bytes:
    """The user's Dockerfile as a plain one that builds the same image.

    `tools` is the reference of the frontend's image, `name` what the file is called in the comment at its head.
    """
    expanded = lex(expand.expand(dockerfile, plan, rename=stage_name).text)
    stages = "".join(_stages(plan, tools))
    first = next(index for index, item in enumerate(expanded.instructions) if item.keyword == "FROM")
    count = len(re.findall(r"^FROM ", stages, re.MULTILINE))
    replacements = {
        index: shifted
        for index, item in enumerate(expanded.instructions)
        if (shifted := _shifted(expanded, item, count)) is not None
    }
    head = (
        f"# Made by dockerfile-pyenv {__version__} from {name}, for builders that have no PYENV instruction: "
        "change that file, not this one.\n"
    )
    start, end = expanded.instructions[first].span
    replacements[first] = f"{head}{stages}{_text(expanded.source[start:end])}"
    text = substitute(expanded, replacements).text
    return _SYNTAX.sub(b"", text, count=1) if "syntax" in expanded.directives else text


def stage_name(context: str) -> str:
    """Name of the stage that stands for a build context: stage names have no slash."""
    return context.replace("/", "-").lower()


def _stages(plan: Plan, tools: str) -> Iterator[str]:
    if not plan.environments:
        return
    yield f"FROM {tools} AS {stage_name(expand.TOOLS)}\n"
    if files := list(dict.fromkeys(path for item in plan.environments for path in item.requirement_files)):
        yield f"FROM scratch AS {stage_name(expand.REQUIREMENTS)}\n"
        for path in files:
            target = posixpath.join(expand.requirements_directory(path), path)
            yield f"COPY {json.dumps([_literal(path), target], ensure_ascii=False)}\n"
    seen: set[str] = set()
    for environment in plan.environments:
        recipe = next(iter(environment.recipes.values()))
        if environment.context not in seen and not isinstance(recipe, Base):
            seen.add(environment.context)
            yield f"# {plan.title(environment.interpreter.id)}\n"
            yield from _interpreter(environment, recipe)


def _interpreter(environment: Environment, recipe: Recipe) -> Iterator[str]:
    """The stages that make an interpreter; the last one holds nothing but its prefix, as its root."""
    name = stage_name(environment.context)
    match recipe:
        case Build():
            yield from _standalone(environment, recipe, name)
        case Tarball():
            yield from _compiled(environment, recipe, name)
        case Image():
            yield from _collected(environment, recipe, name)
            return
    yield f"FROM scratch AS {name}\nCOPY --from={name}-finish /out /\n"


def _standalone(environment: Environment, build: Build, name: str) -> Iterator[str]:
    archive = "/archive/archive.tar.gz"
    yield f"FROM {stage_name(expand.TOOLS)} AS {name}-finish\nADD {build.url} {archive}\n"
    yield _checked(archive, build.sha256)
    yield _finish(environment, {"archive": archive})


def _compiled(environment: Environment, tarball: Tarball, name: str) -> Iterator[str]:
    prefix = environment.prefix
    source = f"/source/{posixpath.basename(tarball.url)}"
    options = ["--optimize"] if tarball.optimize else []
    options += ["--free-threaded"] if tarball.free_threaded else []
    yield f"FROM {stage_name(expand.TOOLS)} AS {name}-source\nADD {tarball.url} {source}\n"
    yield _checked(source, tarball.sha256)
    yield f"FROM --platform={tarball.platform} {tarball.builder} AS {name}-compile\nUSER 0:0\n"
    yield _run(["/bin/sh", f"{SCRIPTS}/builder.sh"], mounts=[_script("builder.sh")])
    yield f"COPY --from={name}-source /source /source\nWORKDIR {prefix}\n"
    yield _run(
        ["/bin/sh", f"{SCRIPTS}/compile.sh", *options, "/source", prefix],
        mounts=[_script("compile.sh"), "type=tmpfs,target=/tmp"],
    )
    yield f"FROM {stage_name(expand.TOOLS)} AS {name}-finish\nCOPY --from={name}-compile {prefix} /tree\n"
    yield _finish(environment, {"tree": "/tree"})


def _collected(environment: Environment, image: Image, name: str) -> Iterator[str]:
    prefix, minor = environment.prefix, environment.interpreter.minor
    yield f"FROM --platform={image.platform} {image.reference} AS {name}-image\n"
    yield f"FROM {stage_name(expand.TOOLS)} AS {name}-finish\n"
    yield _finish(
        environment,
        {"image": "/image", "version": minor, "path": _PATH, "library-path": ""},
        mounts=[f"type=bind,from={name}-image,target=/image"],
    )
    yield f"FROM {name}-image AS {name}-seal\nUSER 0:0\nENV PYTHONHASHSEED=0\n"
    yield f"COPY --from={name}-finish /out {prefix}/\n"
    yield _run([f"{prefix}/bin/python{minor}", "-s", "-B", f"{SCRIPTS}/seal.py"], mounts=[_script("seal.py")])
    yield f"FROM scratch AS {name}\nCOPY --from={name}-seal {prefix} /\n"


def _finish(environment: Environment, options: Mapping[str, str], mounts: list[str] | None = None) -> str:
    arguments = [f"--{key}={value}" for key, value in options.items()]
    return _run([*FINISH, *arguments, "--output=/out", f"--prefix={environment.prefix}"], mounts=mounts or [])


def _checked(path: str, sha256: str) -> str:
    return _run([LOADER, PYTHON, "-I", "-S", "-c", _CHECKSUM, path, sha256], mounts=[])


def _run(command: list[str], *, mounts: list[str]) -> str:
    flags = "".join(f"--mount={mount} " for mount in mounts)
    return f"RUN {flags}{json.dumps(command)}\n"


def _script(name: str) -> str:
    path = f"{SCRIPTS}/{name}"
    return f"type=bind,from={stage_name(expand.TOOLS)},source={path},target={path}"


def _literal(path: str) -> str:
    """A path as COPY reads it: no pattern, no variable."""
    quoted = re.sub(r"[*?\[\\]", lambda match: f"[{match[0]}]" if match[0] != "\\" else r"\\", path)
    return quoted.replace("$", r"\$")


def _shifted(dockerfile: Dockerfile, item: Instruction, count: int) -> str | None:
    """An instruction whose flags name stages by number, with the number that the stage has now; None without any."""
    if item.keyword not in {"ADD", "COPY", "RUN"} or not count:
        return None
    text = _text(dockerfile.source[item.span[0] : item.span[1]])
    escape = re.escape(dockerfile.escape)
    blank = rf"(?:[ \t]|{escape}[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\n)*)"
    head = re.match(rf"{blank}*[A-Za-z]+(?:{blank}+--\S+)*", text)
    if head is None:
        return None
    pattern = r"(--from=|--mount=(?:\S*,)?from=)([0-9]+)(?=[\s,]|$)"
    shifted = re.sub(pattern, lambda match: match[1] + str(int(match[2]) + count), head[0])
    return shifted + text[head.end() :] if shifted != head[0] else None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
