"""What an install reads of its stage, or of the answers that stand for it: variables, pip's files, the USER."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Mapping, NamedTuple, Optional, Tuple

import answers
import credentials
import owner
import redaction
import resolve_includes
import secret_parts
import settings
from install import Install
from layout import InStageError, Layout, ProvisionError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from base_airflow import Airflow
    from log import Log
    from owner import Owner


class StageSettings(NamedTuple):
    """What a step reads of its stage."""

    environ: Dict[str, str]
    """Variables, with those that a build secret sets."""
    pip_files: List[Tuple[str, str]]
    """Name and text of pip.conf files, in pip's order."""
    user: Owner
    airflow: Optional[Airflow] = None
    """What `--step=ask` found of the image's Airflow."""


def read(user: str, environ: Mapping[str, str], layout: Layout, log: Log) -> StageSettings:
    """Read the stage's settings, and let the log hide the secrets in them. Raises ProvisionError."""
    return _read(owner.resolve(user, layout), environ, layout, log)


def read_answers(environ: Mapping[str, str], layout: Layout, log: Log) -> StageSettings:
    """Read the same from the answers of `--step=ask`. Raises ProvisionError and InStageError."""
    found = answers.read(layout)
    if found.in_stage and layout.in_builder:
        raise ProvisionError(f"--builder cannot be used here: {found.in_stage}, which the builder does not have")
    if found.in_stage:
        raise InStageError(found.in_stage)
    if found.airflow_error:
        raise ProvisionError(found.airflow_error)
    # The build may set a proxy for its steps: these variables are in no cache key.
    proxies = {name: environ[name] for name in (*settings.PROXY_VARIABLES, *settings.NO_PROXY) if name in environ}
    # Compilers find what they need by the builder's variables; what installers read is the stage's.
    relevant = settings.relevant(environ, builds=True)
    own = {name: value for name, value in environ.items() if name not in relevant} if layout.in_builder else {}
    variables = {**own, **found.variables, **proxies}
    return _read(found.owner, variables, layout, log)._replace(airflow=found.airflow)


def _read(resolved: Owner, environ: Mapping[str, str], layout: Layout, log: Log) -> StageSettings:
    variables, secrets = credentials.variables(environ, layout)
    files = settings.pip_config_files(variables, resolved.home, lambda name: _text(_find(name, layout)))
    files += [(name, _text(layout.find(name)) or "") for name in credentials.pip_files(resolved.home, layout)]
    netrc = credentials.netrc(variables, resolved.home, layout)
    texts = [text for _, text in files] + [_text(netrc) or "" if netrc else ""]
    named = set(secrets) - credentials.PATHS
    log.redact = redaction.Redactor(secret_parts.values(variables, named, texts, credentials.files(layout)))
    if secrets:
        log("using build secrets: " + ", ".join(secrets))
    return StageSettings(variables, files, resolved)


def step(path: Path, options: argparse.Namespace, stage: StageSettings, layout: Layout, log: Log) -> Install:
    """Return the installer's input, and log which settings it uses. Raises ProvisionError."""
    for directory in (layout.home, layout.tmp):
        directory.mkdir(parents=True, exist_ok=True)
    chosen = settings.settings(
        stage.environ,
        stage.pip_files,
        kind=layout.kind,
        system_certificates=bool(layout.certificates()),
        numbered=layout.builds,
    )
    for note in chosen.notes:
        log(note)
    step = Install(path, chosen, stage.user, layout, log, options.no_deps, options.exclude_newer)
    return step._replace(build_constraints=_build_constraints(step, options, stage)) if layout.builds else step


def _build_constraints(step: Install, options: argparse.Namespace, stage: StageSettings) -> List[str]:
    """Return the constraints of the line and of the stage's settings for source builds. Raises ProvisionError."""
    files = [_find(path, step.layout) for path, _ in step.settings.build_constraints]
    for (path, origin), file in zip(step.settings.build_constraints, files):  # noqa: B905 - Python 3.10 has strict=True first
        if not file.is_file():
            raise ProvisionError(f"{origin}: {path} is not a file in the image: write an absolute path of one")
    return resolve_includes.build_constraints(options.build_constraint, files, stage.environ, step.layout)


def _find(name: str, layout: Layout) -> Path:
    """Return where a path of the stage is: in a builder among the answers, unless a secret is mounted there."""
    path = layout.find(name)
    if layout.in_builder and str(path) not in credentials.mounted():
        return layout._replace(root=layout.answers / answers.FILES).find(name)
    return path


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
