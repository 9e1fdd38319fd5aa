"""The instructions that replace one PYENV line: templates/pyenv.j2, compiled by `make template`. DO NOT EDIT."""

from collections.abc import Iterator
from typing import Any


def render(
    *,
    builder: Any,
    builder_target: Any,
    cache: Any,
    command: Any,
    context: Any,
    directory: Any,
    entries: Any,
    environments: Any,
    first: Any,
    flags: Any,
    installed: Any,
    interpreter: Any,
    interpreters: Any,
    label: Any,
    last: Any,
    nl: Any,
    plain: Any,
    prefix: Any,
    requirements: Any,
    run: Any,
    tools: Any,
    user: Any,
    variables: Any,
) -> Iterator[str]:
    """Yield the text in pieces.

    Long: the template has this many lines.
    """
    if first:
        yield "USER 0:0\n"
        for added, source in interpreters.items():
            yield f"COPY --from={source} / {prefix}/python/{added}/\n"
    if installed:
        yield f"COPY --from={installed} {environments}/ {environments}/\n"
    yield f"RUN --mount=type=bind,from={tools},source=/pyenv/busybox,target={run}/busybox {nl}\n"
    yield f"    --mount=type=bind,from={tools},source=/pyenv/uv,target={run}/uv {nl}\n"
    yield f"    --mount=type=bind,from={tools},source=/pyenv/provision/environment,target={run}/provision {nl}\n"
    if directory:
        yield f"    --mount=type=bind,from={requirements},source={directory},target={run}/context {nl}\n"
    if context and (not plain):
        yield f"    --mount=type=bind,from={context},target={interpreter} {nl}\n"
    if builder:
        yield f"    --mount=type=bind,from={builder},target={builder_target} {nl}\n"
    yield f"    --mount=type=tmpfs,target={run} {nl}\n"
    yield f"    --mount=type=cache,id={cache},target={run}/cache {nl}\n"
    yield f"    --mount=type=tmpfs,target={run}/home {nl}\n"
    yield f"    --mount=type=tmpfs,target={run}/tmp {nl}\n"
    for flag in flags:
        yield f"    {flag} {nl}\n"
    yield f"    {command}\n"
    if last:
        if variables:
            yield "ENV"
            for variable, path in variables:
                yield f" {variable}={path}"
            yield "\n"
        yield f"LABEL {label}='{entries}'\n"
        yield f"USER {user}\n"
