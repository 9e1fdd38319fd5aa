"""What a build did, step by step, as BuildKit itself tells it."""

import base64
import json
import re
from dataclasses import dataclass, field

_STARTED = re.compile(r"^(\S+): Python \d", re.MULTILINE)
"""What the step of a PYENV line writes first."""


@dataclass
class Step:
    """One vertex of a build."""

    name: str = ""
    group: str = ""
    """Name of its progress group, if it is in one."""
    done: bool = False
    cached: bool = False
    log: str = ""
    inputs: tuple[str, ...] = ()
    """Digests of the steps that it is made from."""

    @property
    def ran(self) -> bool:
        """Whether it did anything."""
        return self.done and not self.cached


@dataclass
class Progress:
    """All vertices of a build, by digest, in the order in which they were told of."""

    steps: dict[str, Step] = field(default_factory=dict)

    def installed(self) -> list[str]:
        """Names of the environments whose step ran, in alphabetical order."""
        return sorted({name for step in self.steps.values() for name in _STARTED.findall(step.log)})

    def laid(self) -> list[str]:
        """Texts of the PYENV lines whose files were put into the image without an installation, in that order.

        The step that installs, from which the one that puts the files there is made, writes a log where it runs.
        BuildKit may call it completed without a word of it coming out of the cache, since nobody needed its files.
        """
        installing = {
            digest
            for step in self.steps.values()
            for digest in step.inputs
            if digest in self.steps and self.steps[digest].name == step.name
        }
        again = {
            step.name.partition("] ")[2]
            for digest, step in self.steps.items()
            if step.ran and "] PYENV " in step.name and digest not in installing and not step.log
        }
        return sorted(again)


def parse(log: str) -> Progress:
    """Read what `--progress=rawjson` wrote: one SolveStatus a line (buildx 0.13 and later)."""
    progress = Progress()
    for line in log.splitlines():
        if not line.startswith("{"):
            continue
        status = json.loads(line)
        for vertex in status.get("vertexes") or []:
            step = progress.steps.setdefault(vertex["digest"], Step())
            step.name = vertex.get("name", step.name)
            step.inputs = tuple(vertex.get("inputs") or step.inputs)
            step.group = (vertex.get("progressGroup") or {}).get("name", step.group)
            step.done = step.done or bool(vertex.get("completed"))
            step.cached = step.cached or bool(vertex.get("cached"))
        for entry in status.get("logs") or []:
            step = progress.steps.setdefault(entry["vertex"], Step())
            step.log += base64.b64decode(entry["data"]).decode(errors="replace")
    return progress
