"""The frontend on one page: from the user's Dockerfile to the graph that BuildKit builds."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

from buildkit_llb import ops
from buildkit_llb.definition import Definition
from buildkit_llb.errors import GatewayError, RpcError
from buildkit_llb.gateway import CAP_DIFF_OP, CAP_MERGE_OP, Ref, Result
from buildkit_llb.platforms import Platform
from dockerfile_pyenv import (
    astro,
    expand,
    history,
    inputs,
    libc,
    lint,
    mirror,
    options,
    probe,
    report,
    requirement_files,
    runtimes,
    subrequests,
)
from dockerfile_pyenv import plan as planning
from dockerfile_pyenv.astro import Around
from dockerfile_pyenv.build_context import BuildContext
from dockerfile_pyenv.checks.rule import Asked, Subject
from dockerfile_pyenv.checks.rules import typo
from dockerfile_pyenv.epoch import without_epoch
from dockerfile_pyenv.errors import DockerfileError, EngineError, PyenvError
from dockerfile_pyenv.handover import Handover
from dockerfile_pyenv.instruction import Statement
from dockerfile_pyenv.interpreters import Table
from dockerfile_pyenv.lexer import Dockerfile, lex, mentions_pyenv
from dockerfile_pyenv.parallel import UnknownShapeError, parallel
from dockerfile_pyenv.plan import Plan
from dockerfile_pyenv.probe import Site
from dockerfile_pyenv.providers import Interpreter, choose
from dockerfile_pyenv.recipes import Builder
from dockerfile_pyenv.refresh import refreshed
from dockerfile_pyenv.relabel import relabel
from dockerfile_pyenv.stages import Line, count_stages, pyenv_lines
from dockerfile_pyenv.text import Expansion

IMAGE_CONFIG = "containerimage.config"
"""Key of the image config in a result (exporter/containerimage/exptypes/types.go); "/<platform>" may follow."""

_IMAGE = "docker-image://"
"""What the name of an image begins with, as source ops have it."""

TOOLS_METADATA = Path("/run/config/buildkit/metadata/frontend.bin")
"""The graph of this frontend's own image (frontend/gateway/gateway.go, BuildKit ≥ 0.10)."""


def build(handover: Handover) -> Result:
    """Answer one build, or one sub-request.

    Raises RpcError with what the user is to see, its lines those of their own file.
    """
    read, given = handover.source, handover.build
    asked_for = given.setting(astro.SETTING) or astro.OPTION in given.opts.get(options.CMDLINE, "")
    if not (mentions_pyenv(read.dockerfile) or astro.mentioned(read.dockerfile) or asked_for):
        return handover.pass_through()
    try:
        dockerfile = lex(read.dockerfile)
        request = handover.build.opts.get(options.REQUEST_ID)
        if request and request not in subrequests.ABOUT_THE_FILE:
            return handover.pass_through()
        lines = pyenv_lines(dockerfile)
        if request:
            return subrequests.answer(handover, dockerfile, lines, lambda: _subject(handover, dockerfile, lines))
        _refuse_typos(dockerfile)
        # The daemon has work of its own between here and the text: what that needs is imported in the meantime.
        Thread(target=expand.prepare, daemon=True).start()
        around = runtimes.around(handover, dockerfile, lines)
        if not lines and not around.edits:
            lint.warn(handover, lines, _subject(handover, dockerfile, lines), stock_rules=False)
            return handover.pass_through()
        return _build(handover, dockerfile, lines, around)
    except PyenvError as error:
        raise RpcError(report.located(error, read)) from error
    except GatewayError:
        raise
    except Exception as error:
        raise RpcError(report.internal(error, read)) from error


def _build(handover: Handover, dockerfile: Dockerfile, lines: tuple[Line, ...], around: Around) -> Result:
    plan = _plan(handover, dockerfile, lines, around)
    builder = _builder(handover, plan) if plan.environments else None
    context = BuildContext(handover)
    read = requirement_files.collect(plan, context)
    expansion = expand.expand(dockerfile, plan, around.edits)
    lint.warn(handover, lines, _seen(handover, dockerfile, lint.asked(plan, read)))
    contexts = inputs.named_contexts(plan, builder, read.contents, context.state if read.contents else None)
    result = handover.solve(expansion, *contexts)
    return _finish(handover, result, expansion, plan)


def _refuse_typos(dockerfile: Dockerfile) -> None:
    for item, message in typo.unknown(dockerfile):
        raise DockerfileError(message, lines=item.lines)


def _subject(handover: Handover, dockerfile: Dockerfile, lines: tuple[Line, ...]) -> Subject:
    """What rules look at, for a file that is not built. Raises DockerfileError for a line that cannot be."""
    if not lines:
        return _seen(handover, dockerfile, ())
    # As the Dockerfile frontend's own lint, without a target this one is about all stages.
    every_stage = options.TARGET not in handover.build.opts
    plan = _plan(handover, dockerfile, lines, runtimes.around(handover, dockerfile, lines), every_stage=every_stage)
    for line in plan.unreached:
        if isinstance(line.statement, DockerfileError):
            raise line.statement
    return _seen(handover, dockerfile, lint.asked(plan, requirement_files.collect(plan, BuildContext(handover))))


def _seen(handover: Handover, dockerfile: Dockerfile, asked: tuple[Asked, ...]) -> Subject:
    settled = bool(handover.build.setting(astro.SETTING))
    return Subject(dockerfile, asked, datetime.now(UTC).date(), handover.build.build_args, astro=settled)


def _plan(
    handover: Handover, dockerfile: Dockerfile, lines: tuple[Line, ...], around: Around, *, every_stage: bool = False
) -> Plan:
    if not lines:
        return Plan((), (), count_stages(dockerfile))
    probed = handover.probe(probe.text(dockerfile, lines, around.edits, every_stage=every_stage))
    sites = probe.read({target: ref.definition for target, ref in probed.refs.items() if ref.definition})
    platforms = sorted({site.platform for line_sites in sites.values() for site in line_sites})
    table = cache(lambda: _table(handover))

    @cache
    def image_config(base: str, platform: str) -> Mapping[str, Any]:
        return handover.image_config(base.removeprefix(_IMAGE), Platform.parse(platform))

    def config(site: Site) -> Mapping[str, Any]:
        """Config of a line's stage, or of the image that it starts from."""
        if site.in_target:
            key = f"{IMAGE_CONFIG}/{site.target}" if site.target else IMAGE_CONFIG
            found: Mapping[str, Any] = json.loads(probed.metadata.get(key, b"{}"))
            return found
        return image_config(site.base, site.platform) if site.base.startswith(_IMAGE) else {}

    def label(site: Site) -> str:
        """What the label says in the image that a line's stage starts from."""
        return str(((config(site).get("config") or {}).get("Labels") or {}).get(planning.LABEL, ""))

    @cache
    def has_musl(base: str, platform: str) -> bool:
        return handover.image_has(base.removeprefix(_IMAGE), Platform.parse(platform), libc.MUSL_LOADER)

    def libc_of(site: Site) -> str:
        """C library of a line's stage: by what is known of the image, else by what is in it."""
        if not site.base.startswith(_IMAGE):
            return "gnu"
        told = libc.told_by(site.base, config(site))
        return told or ("musl" if has_musl(site.base, site.platform) else "gnu")

    def select(statement: Statement, site: Site) -> Interpreter:
        return choose(statement, lambda: libc_of(site), platforms, handover.build.setting, table)

    installer = handover.build.setting("PYENV_INSTALLER")
    plan = planning.make(dockerfile, lines, sites, select, label=label, installer=installer)
    return planning.linked(plan, around.links)


def _finish(handover: Handover, result: Result, expansion: Expansion, plan: Plan) -> Result:
    """The result with the user's own lines in its graphs and its history.

    Only a graph that we solve ourselves carries its locations into errors that come after the frontend has gone
    (solver/llbsolver/result.go): vertices are equal, so nothing is built twice.
    """
    caps = handover.gateway.caps.llb
    side_by_side = handover.build.enabled("PYENV_PARALLEL")
    unknown: set[str] = set()

    def finished(ref: Ref) -> Ref:
        if ref.definition is None or not ref.id:
            return ref
        definition = without_epoch(ref.definition, plan.environments)
        try:
            if side_by_side:
                definition = parallel(definition, expansion, plan, merge={CAP_MERGE_OP, CAP_DIFF_OP} <= caps)
        except UnknownShapeError as error:
            unknown.add(str(error))
        definition = refreshed(definition, plan, handover.build.no_cache)
        return handover.solve_definition(relabel(definition, handover.source, expansion, plan))

    metadata = {
        key: history.rewrite(value, plan) if key.split("/", 1)[0] == IMAGE_CONFIG else value
        for key, value in result.metadata.items()
    }
    refs = result.map_refs(finished)
    for shape in sorted(unknown):
        handover.gateway.warn(
            handover.source.definition.head,
            f"PYENV lines are built one after the other: {shape}",
            detail=["The image is the same. Please report the Dockerfile that gives this shape of a build graph."],
            url=report.ISSUES,
        )
    return replace(refs, metadata=metadata)


def _builder(handover: Handover, plan: Plan) -> Builder:
    try:
        tools = ops.from_definition(Definition.from_bytes(TOOLS_METADATA.read_bytes()))
    except FileNotFoundError:
        raise EngineError(
            "PYENV needs BuildKit 0.10 or newer, which Docker has since version 23.0: this engine is older. "
            "Upgrade it, or build with docker buildx and a newer builder (docker buildx create --use)"
        ) from None
    platform = Platform.parse(handover.build.platform)
    return Builder(tools, platform, handover.image_environment, mirror.find(handover, plan, tools))


def _table(handover: Handover) -> Table:
    """The table of interpreters: the site's, where it has one, else this release's own."""
    address = handover.build.setting("UV_PYTHON_DOWNLOADS_JSON_URL")
    site = handover.build.setting("UV_PYTHON_INSTALL_MIRROR")
    if not address:
        return Table.default(mirror=site)
    if address.startswith(("http://", "https://")):
        return Table.loads(handover.download(address), mirror=site)
    try:
        return Table.loads(Path(address.removeprefix("file://")).read_bytes(), mirror=site)
    except OSError as error:
        raise PyenvError(f"UV_PYTHON_DOWNLOADS_JSON_URL: cannot read {address}: {error.strerror}") from None
