"""The image's history: one entry for each layer, and a PYENV line reads as the user wrote it.

The exporter matches the entries that are no `empty_layer` to the layers in order (exporter/containerimage/writer.go,
BuildKit v0.32), so only entries without a layer may be dropped.
"""

import json
import re
from collections.abc import Sequence

from dockerfile_pyenv import expand
from dockerfile_pyenv.plan import PREFIX, Environment, Group, Plan


def rewrite(config: bytes, plan: Plan) -> bytes:
    """An image config whose history shows PYENV lines in place of the instructions made from them.

    `config` is the JSON of an OCI image config, as the Dockerfile frontend returns it. What it does not recognise it
    leaves as it is.
    """
    image = json.loads(config)
    entries = image.get("history")
    if not entries:
        return config
    for group in plan.groups:
        entries = _rewrite_group(entries, group, plan)
    image["history"] = entries
    return json.dumps(image, separators=(",", ":"), ensure_ascii=False).encode()


def _rewrite_group(entries: list[dict[str, object]], group: Group, plan: Plan) -> list[dict[str, object]]:
    expected = [re.escape("USER 0:0")]
    texts: list[str | None] = [None]
    for interpreter in group.interpreters:
        expected.append(re.escape(f"COPY / {PREFIX}/python/{interpreter}/ # buildkit"))
        texts.append(plan.title(interpreter))
    for environment in group.environments:
        expected.append(_run(environment))
        texts.append(environment.line.text)
    expected += [r"ENV ASTRO_PYENV_.*"] if group.variables else []
    expected += [r"LABEL dockerfile-pyenv\.environments=.*", re.escape(f"USER {group.user}")]
    texts += [None] * (len(expected) - len(texts))
    start = _find(entries, expected)
    if start is None:
        return entries
    rewritten = [
        {**entry, "created_by": text}
        for entry, text in zip(entries[start : start + len(expected)], texts, strict=True)
        if text is not None
    ]
    return [*entries[:start], *rewritten, *entries[start + len(expected) :]]


def _run(environment: Environment) -> str:
    """Pattern of a RUN entry: values of ARG come before its arguments ("RUN |1 A=b …")."""
    return rf"RUN (\|\d+ .* )?{re.escape(' '.join(expand.command(environment)))} # buildkit"


def _find(entries: Sequence[dict[str, object]], expected: Sequence[str]) -> int | None:
    patterns = [re.compile(pattern, re.DOTALL) for pattern in expected]
    # From the end: the same line may have built the base image too.
    for start in range(len(entries) - len(patterns), -1, -1):
        window = entries[start : start + len(patterns)]
        if all(
            pattern.fullmatch(str(entry.get("created_by", ""))) for pattern, entry in zip(patterns, window, strict=True)
        ):
            return start
    return None
