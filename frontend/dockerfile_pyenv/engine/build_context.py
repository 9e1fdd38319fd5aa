"""The build context of the engine: files are requested by path.

The client sends nothing else, unless files include each other many levels deep. Each level is known when the one above
it has been read, and each takes a solve, in which the client compares what it has with what it sent: 40 ms and a line
of progress. From level `_GUESSED` on, files that have the same suffix and stand in the same directories are requested
too.
"""

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from buildkit_llb import ops
from buildkit_llb.gateway import Ref
from buildkit_llb.ops import State
from dockerfile_pyenv.engine import source
from dockerfile_pyenv.engine.dockerfile_frontend import DockerfileFrontend
from dockerfile_pyenv.plan.requirement_files import Found, PathKind

_GUESSED = 4
"""Level of includes from which on more is requested than is known. Files of projects have three levels at most: one for
an environment, one for a team and one for all. A project's directory may have large files with the same suffix."""


class BuildContext:
    """A requirement_files.Tree."""

    def __init__(self, stock: DockerfileFrontend) -> None:
        self._stock = stock
        self._paths: dict[str, None] = {}
        self._patterns: dict[str, None] = {}
        self._looks = 0
        self._sent: Ref | None = None
        """What the client sent that may have more files than were looked at."""

    @property
    def state(self) -> State:
        """A graph with all paths that were looked at."""
        return self._state(tuple(self._paths), self._exclude)

    def look(self, read: Sequence[str], find: Sequence[str]) -> Mapping[str, Found]:
        """Read the files in `read` and look up the kinds of the paths in `find`, in one solve at most."""
        self._paths.update(dict.fromkeys([*read, *find]))
        read_file = self._stock.gateway.read_file
        sent = {path: _tried(read_file, self._sent, path) for path in read} if self._sent else {}
        known = {path: found for path, found in sent.items() if isinstance(found, bytes)}
        read = [path for path in read if path not in known]
        if not read and not find:
            return known
        self._looks += 1
        if self._looks >= _GUESSED:
            self._patterns.update(dict.fromkeys(filter(None, map(_like, read))))
        ref = self._stock.solve_definition(ops.marshal(self._state(tuple(self._paths), self._exclude, self._patterns)))
        self._sent = ref if self._patterns or self._stock.source.context.state is not None else None
        return {
            **known,
            **{path: _tried(self._place, ref, path) for path in find},
            **{path: _tried(read_file, ref, path) for path in read},
        }

    def why_missing(self, path: str) -> str:
        """Say that .dockerignore excludes the path, or that it does not exist."""
        if self._exclude:
            ref = self._stock.solve_definition(ops.marshal(self._state((path,), ())))
            if not isinstance(_tried(self._place, ref, path), OSError):
                read = self._stock.source
                name = f"{read.filename}.dockerignore" if read.ignore is not None else ".dockerignore"
                return (
                    f"{path} is in the directory of the build context, but {name} excludes it: "
                    f"add the line !{path} at the end of {name}"
                )
        return f"{path} does not exist in the build context: paths start at the root of the build context, as in COPY"

    @cached_property
    def _exclude(self) -> tuple[str, ...]:
        return source.excluded(self._stock.gateway, self._stock.build, self._stock.source)

    def _state(self, paths: Sequence[str], exclude: Sequence[str], patterns: Iterable[str] = ()) -> State:
        return source.context_files(self._stock.build, self._stock.source, paths, exclude, patterns)

    def _place(self, ref: Ref, path: str) -> PathKind:
        return PathKind.DIRECTORY if self._stock.gateway.stat_file(ref, path).is_dir else PathKind.FILE


def _tried(look: Callable[[Ref, str], Found], ref: Ref, path: str) -> Found:
    try:
        return look(ref, path)
    except OSError as error:
        return error


def _like(path: str) -> str:
    """Pattern of the files that may be included next to this one; "" for none."""
    folder, name = posixpath.split(path)
    suffix = posixpath.splitext(name)[1]
    return posixpath.join(source.quoted(folder), f"*{source.quoted(suffix)}") if suffix else ""
