"""What follows an install: links that lead to the environment, and checks of it in its stage."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Mapping, Sequence

import environment
import imports
import libraries
import owner
import resolve_includes
import tidy

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from layout import Layout
    from log import Log


def settle(path: Path, options: argparse.Namespace, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Do what follows an install: for later steps, or where there are none. Raises ProvisionError and OSError."""
    required = libraries.required(path, options.version, glibc=layout.in_builder)
    if options.step in {"install", "build"}:
        libraries.leave(required, layout)
    else:
        libraries.tell(required, environ, layout, log)
    if not options.step:
        link(options, environ, layout, log)


def check(options: argparse.Namespace, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Check, in the stage, what was installed elsewhere. Raises ProvisionError and OSError."""
    if options.check_libraries:
        tell_libraries(libraries.noted(layout.apart, layout.built), environ, layout, log)
    if options.check_imports:
        path = layout.environments / options.name
        for place in (layout.apart, layout.built):
            if (place / options.name).is_dir() and not os.path.lexists(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(place / options.name)
        check_imports(path, options, environ, layout, log)


def tell_libraries(found: Sequence[libraries.Required], environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Say what the image lacks of what an environment requires. Raises ProvisionError."""
    for one in found:
        libraries.tell(one, environ, layout, log)


def check_imports(
    path: Path, options: argparse.Namespace, environ: Mapping[str, str], layout: Layout, log: Log
) -> None:
    """Import the modules of what the line names; what they leave in /tmp is removed. Raises ProvisionError."""
    tmp = layout.find("/tmp")  # noqa: S108 - the image's, only listed
    before = tidy.listing(tmp)
    user = owner.resolve(options.owner, layout)
    line = resolve_includes.LineRequirements(options.requirement, options.inline)
    imports.check(path, resolve_includes.look(line, environ, layout), user, environ, layout, log)
    tidy.remove_new(tmp, before)


def finish(options: argparse.Namespace, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Link an environment that was copied into the image. Raises ProvisionError and OSError."""
    tell_libraries(libraries.take(layout.environments), environ, layout, log)
    environment.link_command(options.interpreter, options.version, environ, layout, log)
    link(options, environ, layout, log)


def link(options: argparse.Namespace, environ: Mapping[str, str], layout: Layout, log: Log) -> None:
    """Make what leads to an environment from elsewhere, and check its imports. Raises ProvisionError and OSError."""
    path = layout.environments / options.name
    user = owner.resolve(options.owner, layout)
    for command in options.expose:
        environment.expose(path, command, environ, layout, log)
    for place in options.link:
        environment.link(path, layout.find(place), user)
    if options.home_link:
        environment.link_in_home(path, layout.find(options.home_link), user)
    if options.check_imports:
        check_imports(path, options, environ, layout, log)
