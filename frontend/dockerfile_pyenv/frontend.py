"""The frontend on one page: from the user's Dockerfile to the graph that BuildKit builds.

Reading the build's options and the user's Dockerfile, steps 1 and 2, comes before it (__main__.py); the last step,
returning the result, after it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from buildkit_llb.errors import GatewayError, RpcError
from buildkit_llb.gateway import CAP_DIFF_OP, CAP_MERGE_OP, Ref, Result
from dockerfile_pyenv.checks.context import checked_lines, rule_context
from dockerfile_pyenv.checks.rule import RuleContext
from dockerfile_pyenv.checks.rules import typo
from dockerfile_pyenv.dockerfile.lexer import Dockerfile, lex
from dockerfile_pyenv.dockerfile.rewrite import Expansion
from dockerfile_pyenv.emit import expand, history
from dockerfile_pyenv.emit.graph import users_graph
from dockerfile_pyenv.engine import build_options, error_status, lint, named_contexts
from dockerfile_pyenv.engine.dockerfile_frontend import IMAGE_CONFIG, DockerfileFrontend
from dockerfile_pyenv.engine.facts import DaemonFacts
from dockerfile_pyenv.errors import DockerfileError, PyenvError
from dockerfile_pyenv.instruction.lines import PyenvLine, pyenv_lines
from dockerfile_pyenv.plan import astro, make, requirement_files
from dockerfile_pyenv.plan.model import Plan


def build(stock: DockerfileFrontend) -> Result:
    """Answer one build, or one sub-request.

    Raises RpcError with what the user is to see, its lines those of their own file.
    """
    try:
        return _build(stock)
    except PyenvError as error:
        raise RpcError(error_status.located(error, stock.source)) from error
    except GatewayError:
        raise
    except Exception as error:
        raise RpcError(error_status.internal(error, stock.source)) from error


def _build(stock: DockerfileFrontend) -> Result:
    """Steps 3 to 8 in ARCHITECTURE.md; the stock frontend alone answers some requests, and files without PYENV."""
    # 3. lex
    dockerfile = lex(stock.source.dockerfile)
    request = stock.build.opts.get(build_options.REQUEST_ID)
    if request:
        from dockerfile_pyenv.engine import subrequests  # noqa: PLC0415 - builds have none

        if request not in subrequests.ABOUT_THE_FILE:
            return stock.pass_through()
    with nullcontext() if request else _warnings_before_an_error(stock, dockerfile):
        lines = pyenv_lines(dockerfile)
    if not lines and stock.names_another_frontend and not stock.wants_astro:
        return stock.pass_through()
    if request:
        return subrequests.answer(stock, dockerfile, lines, lambda: _context(stock, dockerfile, lines))
    facts = DaemonFacts(stock)
    # Before all other questions, since the daemon answers several at the same time.
    findings = lint.ask(stock, dockerfile, lines) if lines else None
    with _warnings_before_an_error(stock, dockerfile, findings):
        _refuse_typos(dockerfile)
        around = astro.edits(dockerfile, lines, facts)
    if not lines and not around.edits:
        lint.warn(stock, _context(stock, dockerfile, lines))
        return stock.pass_through()
    with _warnings_before_an_error(stock, dockerfile, findings):
        # 4 and 5. probe, plan
        plan = make.make(dockerfile, lines, facts, around)
        graphs = named_contexts.interpreter_graphs(stock, plan) if plan.environments else None
        files = requirement_files.collect(plan, facts.tree)
    # 6. expand
    expansion = expand.expand(dockerfile, plan, around.edits, digests=files.digests)
    context = rule_context(dockerfile, facts, checked_lines(plan, files), around)
    lint.warn(stock, context, findings or lint.ask(stock, dockerfile, lines))
    # 7. hand over
    tree = facts.tree.state if files.contents else None
    contexts = named_contexts.make(plan, graphs, files.contents, tree) if graphs else ()
    result = stock.solve(expansion, *contexts)
    # 8. graph
    return _with_users_graphs(stock, result, expansion, plan)


@contextmanager
def _warnings_before_an_error(
    stock: DockerfileFrontend, dockerfile: Dockerfile, findings: lint.Findings | None = None
) -> Iterator[None]:
    """Send what there is to warn of in a file that cannot be built, before its error."""
    try:
        yield
    except (PyenvError, RpcError) as error:
        told = error.lines if isinstance(error, PyenvError) else None
        context = rule_context(dockerfile, DaemonFacts(stock))
        lint.warn_of_failure(stock, context, findings or lint.ask(stock, dockerfile, ()), told)
        raise


def _refuse_typos(dockerfile: Dockerfile) -> None:
    for item, message in typo.unknown(dockerfile):
        raise DockerfileError(message, lines=item.lines)


def _context(stock: DockerfileFrontend, dockerfile: Dockerfile, lines: tuple[PyenvLine, ...]) -> RuleContext:
    """What rules look at, for a file that is not built. Raises DockerfileError for a line that cannot be."""
    # As the Dockerfile frontend's own lint, without a target this one is about all stages.
    facts = DaemonFacts(stock, every_stage=build_options.TARGET not in stock.build.opts)
    if not lines:
        return rule_context(dockerfile, facts)
    around = astro.edits(dockerfile, lines, facts)
    plan = make.make(dockerfile, lines, facts, around)
    for line in plan.unreached:
        if isinstance(line.statement, DockerfileError):
            raise line.statement
    return rule_context(dockerfile, facts, checked_lines(plan, requirement_files.collect(plan, facts.tree)), around)


def _with_users_graphs(stock: DockerfileFrontend, result: Result, expansion: Expansion, plan: Plan) -> Result:
    """The result with the user's own lines in its graphs and its history.

    Only a graph that we solve ourselves carries its locations into errors that come after the frontend has gone
    (solver/llbsolver/result.go): vertices are equal, so nothing is built twice.
    """
    caps = stock.gateway.caps.llb
    unknown: set[str] = set()

    def users(ref: Ref) -> Ref:
        if ref.definition is None or not ref.id:
            return ref
        made = users_graph(
            ref.definition,
            stock.source.info,
            expansion,
            plan,
            side_by_side=stock.build.enabled("PYENV_PARALLEL"),
            merge={CAP_MERGE_OP, CAP_DIFF_OP} <= caps,
            no_cache=stock.build.no_cache,
        )
        unknown.update(made.unknown_shapes)
        return stock.solve_definition(made.definition)

    metadata = {
        key: history.rewrite(value, plan) if key.split("/", 1)[0] == IMAGE_CONFIG else value
        for key, value in result.metadata.items()
    }
    refs = result.map_refs(users)
    for shape in sorted(unknown):
        stock.gateway.warn(
            stock.source.definition.head,
            f"PYENV lines are built one after another: {shape}",
            detail=["The image is the same. Please report the Dockerfile that leads to this build graph."],
            url=error_status.ISSUES,
        )
    return replace(refs, metadata=metadata)
