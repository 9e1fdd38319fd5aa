"""The input of an installer for one environment, and where it looked for packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, NamedTuple, Sequence

import credentials

if TYPE_CHECKING:
    from pathlib import Path

    from layout import Layout
    from log import Log
    from owner import Owner
    from settings import Settings

LOCK_SECONDS = 4 * 60 * 60
"""How long a step waits for another step that builds the same package from source."""

FIRST_TIME = "315532800"
"""1980-01-01, the earliest time of zip: source builds that honor SOURCE_DATE_EPOCH then hold no build time."""


class Install(NamedTuple):
    """One install: into which environment, with which settings, for which user."""

    path: Path
    """The environment."""
    settings: Settings
    owner: Owner
    layout: Layout
    log: Log
    no_deps: bool = False
    """Install only what is named, without its dependencies."""
    exclude_newer: str = ""
    """The instant from which on uploads do not count; "" for none."""
    build_constraints: Sequence[str] = ()
    """Lines that limit the versions of what source builds require."""

    @property
    def python(self) -> str:
        """Path of the environment's interpreter."""
        return str(self.path / "bin" / "python")

    def variables(self) -> Dict[str, str]:
        """Return an installer's environment variables, in uv's terms."""
        variables = dict(self.settings.environment)
        variables.update(
            HOME=str(self.layout.home),
            TMPDIR=str(self.layout.tmp),
            SOURCE_DATE_EPOCH=FIRST_TIME,
            UV_LOCK_TIMEOUT=str(LOCK_SECONDS),
        )
        netrc = credentials.netrc(variables, self.owner.home, self.layout)
        if netrc is not None:
            variables["NETRC"] = str(netrc)
            credentials.offer(netrc, self.layout)
        variables.update(credentials.hosts(variables, self.owner.home, self.layout))
        return variables


class IndexOptions(NamedTuple):
    """Where an installer looked for packages, in uv's terms."""

    variables: Dict[str, str]
    arguments: List[str]
