"""Reads the requirement files of PYENV lines from the build context, and refuses what cannot be installed."""

from collections.abc import Mapping
from dataclasses import dataclass

from buildkit_llb import ops
from buildkit_llb.gateway import Ref
from buildkit_llb.ops import State
from dockerfile_pyenv import requirements, source
from dockerfile_pyenv.errors import DockerfileError
from dockerfile_pyenv.handover import Handover
from dockerfile_pyenv.plan import Environment, Plan
from dockerfile_pyenv.requirements import RequirementsFile


@dataclass(frozen=True, slots=True)
class RequirementFiles:
    """The requirement files of a plan."""

    context: State | None
    """A graph that holds them; None without any."""
    files: Mapping[str, RequirementsFile]
    """By their paths in the build context."""


def read(handover: Handover, plan: Plan) -> RequirementFiles:
    """Read and check the requirement files of a plan.

    Raises DockerfileError at the line that names a file which is missing, kept back or no requirements file.
    """
    users: dict[str, Environment] = {}
    for environment in plan.environments:
        if environment.statement.requirement:
            users.setdefault(environment.statement.requirement, environment)
    if not users:
        return RequirementFiles(None, {})
    exclude = source.excluded(handover.gateway, handover.build, handover.source)
    state = source.context_files(handover.build, handover.source, tuple(users), exclude)
    ref = handover.solve_definition(ops.marshal(state))
    files: dict[str, RequirementsFile] = {}
    for path, environment in users.items():
        lines = environment.line.lines
        try:
            data = handover.gateway.read_file(ref, path)
        except (FileNotFoundError, NotADirectoryError):
            raise DockerfileError(_missing(handover, path, exclude), lines=lines) from None
        except IsADirectoryError:
            raise DockerfileError(
                f"{path} is a directory in the build context: name a requirements file in it", lines=lines
            ) from None
        except OSError as error:
            raise DockerfileError(f"{path} cannot be read: {error.strerror}", lines=lines) from None
        files[path] = requirements.check(data, path=path, lines=lines)
    return RequirementFiles(state, files)


def _missing(handover: Handover, path: str, exclude: tuple[str, ...]) -> str:
    """Why a file is not there: kept back by .dockerignore, or not there at all."""
    if exclude:
        ref = handover.solve_definition(ops.marshal(source.context_files(handover.build, handover.source, (path,), ())))
        if _exists(handover, ref, path):
            name = f"{handover.source.filename}.dockerignore" if handover.source.ignore is not None else ".dockerignore"
            return (
                f"{path} is in the build context's directory, but {name} excludes it: "
                f"add the line !{path} at the end of {name}"
            )
    return (
        f"{path} does not exist in the build context: requirement files are named from the top of the build context, "
        "as in COPY"
    )


def _exists(handover: Handover, ref: Ref, path: str) -> bool:
    try:
        handover.gateway.stat_file(ref, path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
