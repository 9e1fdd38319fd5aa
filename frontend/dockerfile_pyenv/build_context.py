"""The build context as the engine has it: files are asked for by their paths, and nothing else of it is sent."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from buildkit_llb import ops
from buildkit_llb.gateway import Ref
from buildkit_llb.ops import State
from dockerfile_pyenv import source
from dockerfile_pyenv.handover import Handover
from dockerfile_pyenv.requirement_files import Found, Place


class BuildContext:
    """A requirement_files.Tree."""

    def __init__(self, handover: Handover) -> None:
        self._handover = handover
        self._paths: dict[str, None] = {}

    @property
    def state(self) -> State:
        """A graph that holds all paths that were looked at."""
        return self._state(tuple(self._paths), self._exclude)

    def look(self, read: Sequence[str], find: Sequence[str]) -> Mapping[str, Found]:
        """Read some files, and find out what other paths are, in one solve."""
        self._paths.update(dict.fromkeys([*read, *find]))
        ref = self._handover.solve_definition(ops.marshal(self.state))
        gateway = self._handover.gateway
        return {
            **{path: _tried(self._place, ref, path) for path in find},
            **{path: _tried(gateway.read_file, ref, path) for path in read},
        }

    def why_missing(self, path: str) -> str:
        """Kept back by .dockerignore, or not there at all."""
        if self._exclude:
            ref = self._handover.solve_definition(ops.marshal(self._state((path,), ())))
            if not isinstance(_tried(self._place, ref, path), OSError):
                read = self._handover.source
                name = f"{read.filename}.dockerignore" if read.ignore is not None else ".dockerignore"
                return (
                    f"{path} is in the build context's directory, but {name} excludes it: "
                    f"add the line !{path} at the end of {name}"
                )
        return (
            f"{path} does not exist in the build context: requirement files are named from the top of the build "
            "context, as in COPY"
        )

    @cached_property
    def _exclude(self) -> tuple[str, ...]:
        return source.excluded(self._handover.gateway, self._handover.build, self._handover.source)

    def _state(self, paths: Sequence[str], exclude: Sequence[str]) -> State:
        return source.context_files(self._handover.build, self._handover.source, paths, exclude)

    def _place(self, ref: Ref, path: str) -> Place:
        return Place.DIRECTORY if self._handover.gateway.stat_file(ref, path).is_dir else Place.FILE


def _tried(look: Callable[[Ref, str], Found], ref: Ref, path: str) -> Found:
    try:
        return look(ref, path)
    except OSError as error:
        return error
