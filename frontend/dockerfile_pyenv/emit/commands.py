"""Command lines of the steps that build environments: what their programs in provision/environment/ are given."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from dockerfile_pyenv.interpreters.provider import PREFIX
from dockerfile_pyenv.plan.model import Environment

RUN: Final = "/run/dockerfile-pyenv"
"""Where a step finds its mounts; nothing of it stays in the image."""
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What a step has whose stage has no PATH (util/system/path.go)."""
BUSYBOX: Final = f"{RUN}/busybox"
PROVISION: Final = f"{RUN}/provision"
CACHE: Final = f"{RUN}/cache"
SHARED_CACHE: Final = "dockerfile-pyenv"
"""Id of the cache that all installs apart from a stage share: no package's code runs where it is mounted."""
ANSWERS: Final = f"{RUN}/answers"
"""What `ask` writes, and what an install reads of it."""
CONTEXT: Final = f"{RUN}/context"
"""Where a line's requirement files are."""
CONTEXTS: Final = f"{RUN}/contexts"
"""Where those of several lines are, in directories of their own."""
APART: Final = f"{RUN}/apart"
"""What was installed apart from the stage, or nothing but a note."""
BUILT: Final = f"{RUN}/built"
"""What was installed in the stage or the builder, where that is checked."""
CHECKED: Final = f"{RUN}/checked"
"""An empty directory, which a check leaves."""
BUILDER: Final = f"{RUN}/builder"
"""The file system of a line's builder, in the expanded text."""
ENVIRONMENTS: Final = f"{PREFIX}/envs"

PLACING: Final = "/dev/.dockerfile-pyenv"
"""Where the step that lays files into the image finds its mounts: in /dev, which is a file system of each step's own.

Elsewhere the mounts would change the times of directories of the image, which are in its layer (executor/stubs.go).
BuildKit puts its emulator there too (solver/llbsolver/ops/exec_binfmt.go).
"""
PLACE: Final = f"{PLACING}/place.sh"
NAMED: Final = f"{PLACING}/PYENV"
"""The program by whose name a failing step reads as the user's line (error_lines.py)."""
SKETCH: Final = f"{PLACING}/outline.sh"
OUTLINE: Final = f"{PLACING}/outline"
"""What stands in for a stage where files are laid into it."""

_STARTED = (BUSYBOX, "sh", f"{PROVISION}/start.sh")


def command(environment: Environment) -> list[str]:
    """Arguments of the RUN that builds an environment in its stage, all at once."""
    first = [*_links(environment), *_imports(environment)]
    return _provision(environment, first, {"owner": environment.user})


def fall_back(environment: Environment) -> list[str]:
    """Arguments of the step that installs in the stage what was not installed apart from it."""
    return _provision(environment, ["--step=stage"], {"owner": environment.user})


def finish(environment: Environment) -> list[str]:
    """Arguments of the RUN that links an environment copied into its stage, or installs it there if it is missing."""
    first = ["--step=finish", *_links(environment), *_imports(environment)]
    return _provision(environment, first, {"owner": environment.user})


def build(environment: Environment) -> list[str]:
    """Arguments of the step that installs in the line's builder what was not installed apart from its stage."""
    return _provision(environment, ["--step=build"], {})


def check(environment: Environment) -> list[str]:
    """Arguments of the step that checks, in the stage, what was installed elsewhere."""
    libraries = ["--check-libraries"] if environment.builder else []
    first = ["--step=check", *libraries, *_imports(environment)]
    return _provision(environment, first, {"owner": environment.user})


def install(environment: Environment) -> list[str]:
    """Arguments of the step that installs apart from the stage.

    They name no USER: an install depends on the numbers that the stage has for it.
    """
    return _provision(environment, ["--step=install", *(["--has-builder"] if environment.builder else [])], {})


def own_cache(environment: Environment, content: str) -> str:
    """Id of the cache of a step in which packages' code may run; `content` is the digest of the files that it reads.

    That code can write there what it likes, and fool those who read it: so only lines that install the same share it.
    """
    statement = environment.statement
    flags = statement.flags.of_install
    bodies = [(body.name, body.text) for body in statement.bodies]
    own = [flags, environment.interpreter.minor, statement.files, statement.inline, bodies, content]
    words = json.dumps(own, default=repr)
    return f"{SHARED_CACHE}-{sha256(words.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def ask(environments: Sequence[Environment]) -> list[str]:
    """Arguments of the step that asks the stage what the installs of these environments need to know of it.

    It runs under the interpreter of the first of them.
    """
    questions = [_question(number, one) for number, one in enumerate(environments)]
    return [*_started(environments[0]), "--step=ask", "--", json.dumps(questions, separators=(",", ":"))]


def outline(environments: Sequence[Environment]) -> list[str]:
    """Arguments of the step that writes down what of the stage matters where environments are laid into it."""
    links = dict.fromkeys(link for one in environments for link in (one.home_link, *one.links) if link)
    exposed = dict.fromkeys(name for one in environments for name in one.commands)
    return [f"{PLACING}/busybox", "sh", SKETCH, *(f"--expose={name}" for name in exposed), *links]


def place(environment: Environment) -> list[str]:
    """Arguments of the step that lays an environment into the image, with its links."""
    interpreter = environment.interpreter
    options = {
        "path": "" if environment.statement.flags.no_venv else environment.path,
        "command": "" if interpreter.is_base else f"{environment.prefix}/bin/python{interpreter.minor}",
    }
    return [*_place(options), *_links(environment)]


def place_interpreter(interpreter: str) -> list[str]:
    """Arguments of the step that lays an interpreter into the image, by its id."""
    return _place({"interpreter": f"{PREFIX}/python/{interpreter}"})


def placed_interpreter(arguments: Sequence[str]) -> str:
    """Id of the interpreter that a step with these arguments lays into the image; "" for other steps."""
    option = f"--interpreter={PREFIX}/python/"
    found = [one.removeprefix(option) for one in arguments if one.startswith(option)]
    return found[0] if found and PLACE in arguments else ""


def _place(options: Mapping[str, str]) -> list[str]:
    return [f"{PLACING}/busybox", "sh", PLACE, *(f"--{key}={value}" for key, value in options.items() if value)]


def _links(environment: Environment) -> list[str]:
    """Options for what leads to an environment from elsewhere: only a step that puts it into the image has them."""
    return [
        *(f"--expose={name}" for name in environment.commands),
        *(f"--link={path}" for path in environment.links),
        *([f"--home-link={environment.home_link}"] if environment.home_link else []),
    ]


def _imports(environment: Environment) -> list[str]:
    return ["--check-imports"] if environment.check_imports else []


def _started(environment: Environment) -> list[str]:
    """The beginning of a command line that the environment's interpreter runs."""
    name = f"python{environment.interpreter.minor}"
    # The base's own is found on the stage's PATH.
    python = name if environment.interpreter.is_base else f"{environment.prefix}/bin/{name}"
    return [*_STARTED, python, "-I", "-B", PROVISION]


def _provision(environment: Environment, first: Sequence[str], more: Mapping[str, str]) -> list[str]:
    interpreter, statement = environment.interpreter, environment.statement
    arguments = {
        **({"name": statement.name} if statement.name else {}),
        "version": interpreter.minor,
        "interpreter": "base" if interpreter.is_base else environment.prefix,
        **more,
    }
    return [
        *_started(environment),
        *first,
        *(["--no-venv"] if statement.flags.no_venv else []),
        *statement.flags.of_environment,
        *(f"--{key}={value}" for key, value in arguments.items()),
        *(f"--requirement={path}" for path in _requirements(environment)),
        *statement.inline,
    ]


def _requirements(environment: Environment) -> list[str]:
    statement = environment.statement
    return [*statement.files, *(body.name for body in statement.bodies)]


def _question(number: int, environment: Environment) -> dict[str, object]:
    statement = environment.statement
    flags = statement.flags
    return {
        "name": statement.name,
        "version": environment.interpreter.minor,
        "context": f"{CONTEXTS}/{number}" if environment.requirements_directory else "",
        "owner": environment.user,
        "airflow": flags.airflow,
        "installer": flags.installer or "uv",
        "extra": flags.extra,
        "group": flags.group,
        "requirements": _requirements(environment),
        "inline": statement.inline,
        "secrets": [one.variable for one in flags.secret if one.variable],
        **({"builder": True} if environment.builder else {}),
    }
