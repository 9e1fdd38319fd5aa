"""How tests are shared out among processes of pytest-xdist, each of which has engines of its own."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


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


class ByEngine(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Shares out by these groups.

    `--dist=loadgroup` of pytest-xdist 3.8 forms none with pytest 9.2, which does not see the node ids that it changes.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
