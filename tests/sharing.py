"""How tests are shared out among processes of pytest-xdist, each of which has engines of its own."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Iterable


def group(node: str) -> str:
    """The group of a test by its node id: tests of one group run in one process.

    An engine keeps what was built before, so a file's tests are one, and so are all with Airflow, whose images take
    minutes. Tests without an engine run wherever there is time.
    """
    match node.partition("::")[0].split("/"):
        case [*_, "airflow", _]:
            return "airflow"
        case [*_, "engine", file]:
            return file
    return node


def following(waiting: Iterable[str], homes: dict[str, int], process: int) -> str:
    """The group that a process runs next: the first of its own, or else the last of another's.

    So most groups find in their engine what they built in an earlier run, such as an interpreter that takes minutes to
    compile, and no process is idle at the end. `waiting` is not empty; `homes` has the process of each group.
    """
    groups = list(waiting)
    return next((group for group in groups if homes[group] == process), groups[-1])


class ByEngine(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Shares out by these groups.

    `--dist=loadgroup` of pytest-xdist 3.8 forms none with pytest 9.2, which does not see the node ids that it changes.
    """

    @cached_property
    def _homes(self) -> dict[str, int]:
        # Asked for first when the queue is whole: the groups with the most tests come first.
        return {group: number % self.numnodes for number, group in enumerate(self.workqueue)}

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

    def _assign_work_unit(self, node: Any) -> None:  # noqa: ANN401
        process = int(node.gateway.id.removeprefix("gw")) % self.numnodes
        self.workqueue.move_to_end(following(self.workqueue, self._homes, process), last=False)
        super()._assign_work_unit(node)
