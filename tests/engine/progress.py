"""What a build did, step by step, as BuildKit itself tells it."""

import base64
import json
import re
from dataclasses import dataclass, field

_STARTED = re.compile(r"^(\S+): Python \d", re.MULTILINE)
"""What the step of a PYENV line writes first."""
_REASON = re.compile(r"^(\S+): installing in the build stage: (.*)$", re.MULTILINE)
"""What a step writes that cannot install apart from the stage, and the one that does it then."""


@dataclass
class Step:
    """One vertex of a build."""

    name: str = ""
    group: str = ""
    """Name of its progress group, if it is in one."""
    done: bool = False
    cached: bool = False
    extracted: bool = False
    """Whether layers were unpacked for it."""
    log: str = ""
    inputs: tuple[str, ...] = ()
    """Digests of the steps that it is made from."""

    @property
    def ran(self) -> bool:
        """Whether it did anything."""
        return self.done and not self.cached

    @property
    def fell_back(self) -> bool:
        """Whether it left an environment to another step."""
        return _REASON.search(self.log) is not None

    def installed(self) -> list[str]:
        """Names of the environments that it installed, or began to."""
        return _STARTED.findall(self.log)


@dataclass
class Progress:
    """All vertices of a build, by digest, in the order in which they were told of."""

    steps: dict[str, Step] = field(default_factory=dict)

    def installed(self) -> list[str]:
        """Names of the environments whose step ran, in alphabetical order."""
        return sorted({name for step in self.steps.values() for name in _STARTED.findall(step.log)})

    def asked(self) -> bool:
        """Whether a stage was asked what installs use of it."""
        return any(self.steps[digest].ran for digest in self.asking())

    def apart(self) -> list[str]:
        """Names of the environments that were installed apart from their stage, in alphabetical order."""
        return sorted(name for step in self._installing() for name in step.installed() if not step.fell_back)

    def in_stage(self) -> list[str]:
        """Names of the environments that were installed in their stage, in alphabetical order."""
        apart = self._installing()
        return sorted(name for step in self.steps.values() if step not in apart for name in step.installed())

    def reasons(self) -> dict[str, str]:
        """Why environments were installed in their stage, as the step says that installs there."""
        apart = self._installing()
        return dict(pair for step in self.steps.values() if step not in apart for pair in _REASON.findall(step.log))

    def asking(self) -> set[str]:
        """Digests of the steps that ask: an install has one as an input, and a copy of what it wrote as another."""
        found = set()
        for step in self.steps.values():
            for copy in step.inputs:
                copied = self.steps[copy].inputs if copy in self.steps else ()
                if len(copied) == 1 and copied[0] in step.inputs and "] PYENV " in self.steps[copy].name:
                    found.add(copied[0])
        return found

    def _installing(self) -> list[Step]:
        """The steps that install apart from their stage."""
        asking = self.asking()
        copies = {digest for digest, step in self.steps.items() if len(step.inputs) == 1 and step.inputs[0] in asking}
        return [step for step in self.steps.values() if copies.intersection(step.inputs)]

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
            # A step whose result nobody needs any more ends with an error, too.
            step.done = step.done or (bool(vertex.get("completed")) and not vertex.get("error"))
            step.cached = step.cached or bool(vertex.get("cached"))
        for one in status.get("statuses") or []:
            if one["id"].startswith("extracting"):
                progress.steps.setdefault(one["vertex"], Step()).extracted = True
        for entry in status.get("logs") or []:
            step = progress.steps.setdefault(entry["vertex"], Step())
            step.log += base64.b64decode(entry["data"]).decode(errors="replace")
    return progress
