"""Interpreters and environments, laid into the image as a layer each: with what they hold, their links, and no time.

A step of ours does it (provision/environment/place.sh), not a copy of BuildKit's: a copy leaves in the parent
directories the time at which it was made, and the layers of two builders would differ.

- With the caps `mergeop` and `diffop`, each is laid on an outline of the state before the group: the directories that
  count, and the names that are taken (outline.sh). Its layer is the difference to that, and one MergeOp joins the state
  before and all layers. What changes in the stage without changing its outline lays nothing again.
- Without them, as in Docker's classic image store, each is laid on the one before.

Either way there is a layer for each interpreter and each line, in the order of the text: the image's history fits.
"""

import posixpath
from collections.abc import Iterable, Sequence

from buildkit_llb import ops
from buildkit_llb.definition import Vertex
from buildkit_llb.graph import State
from buildkit_llb.splice import Resolve
from dockerfile_pyenv.emit import commands
from dockerfile_pyenv.emit.apart import Installed, Line
from dockerfile_pyenv.emit.chains import Chain
from dockerfile_pyenv.emit.derived import Derived, Shown, by_content


class Placing:
    """Lays what a group adds into the image."""

    def __init__(self, chain: Chain, resolve: Resolve, origins: dict[str, str], *, merge: bool) -> None:
        self._chain = chain
        self._resolve = resolve
        self._origins = origins
        """New ops, and the old ones whose locations they get."""
        self._merge = merge
        self._layers = [resolve(chain.before)]
        self._last = self._outline() if merge else self._layers[0]

    def interpreter(self, interpreter: str, copied: Vertex) -> None:
        """Lay an interpreter into the image, which is copied there in the graph."""
        source = self._resolve(copied.inputs[copied.op.file.actions[0].secondary_input])
        shown = [Shown(f"{commands.PLACING}/interpreter", source)]
        self._place(copied, commands.place_interpreter(interpreter), shown)

    def environment(self, line: Line, installed: Installed) -> None:
        """Lay an environment into the image."""
        environment, step = line
        shown = [Shown(f"{commands.PLACING}/stage", installed.in_stage)]
        shown += [Shown(f"{commands.PLACING}/apart", installed.apart)] if installed.apart else []
        # Empty: the environment is placed once the check has passed.
        shown += [Shown(f"{commands.PLACING}/checked", installed.checked)] if installed.checked else []
        self._place(step, commands.place(environment), shown)

    def joined(self, title: str) -> State:
        """The state after the group."""
        if not self._merge:
            return self._last
        merged = ops.merge(self._layers, description=title)
        self._origins[merged.digest] = self._chain.steps[-1].digest
        return merged

    def _outline(self) -> State:
        first = self._chain.steps[0]
        made = self._step(first, self._layers[0], commands.outline(self._chain.group.environments), commands.SKETCH)
        written = made.output(commands.OUTLINE)
        outline = by_content(written, "/", first.name)
        self._origins |= {written.digest: first.digest, outline.digest: first.digest}
        return outline

    def _place(self, origin: Vertex, arguments: Sequence[str], shown: Iterable[Shown]) -> None:
        made = self._step(origin, self._last, arguments, commands.PLACE)
        made.move(self._chain.steps[0], commands.PROVISION, commands.NAMED, file="place/PYENV")
        made.show(shown)
        placed = made.root()
        self._origins[placed.digest] = origin.digest
        if not self._merge:
            self._last = placed
            return
        layer = ops.diff(self._last, placed, description=origin.name)
        self._origins[layer.digest] = origin.digest
        self._layers.append(layer)

    def _step(self, origin: Vertex, root: State, arguments: Sequence[str], script: str) -> Derived:
        step = origin if origin.op.WhichOneof("op") == "exec" else self._chain.steps[0]
        made = Derived(step, self._resolve, root, arguments, described=origin)
        made.bare(keep_path=True)
        made.offline()
        made.move(step, commands.BUSYBOX, f"{commands.PLACING}/busybox")
        made.move(step, commands.PROVISION, script, file=posixpath.basename(script))
        return made
