"""The image's history: one entry for each layer, and a PYENV line reads as the user wrote it.

The exporter matches the entries that are no `empty_layer` to the layers in order (exporter/containerimage/writer.go,
BuildKit v0.32), so only entries without a layer may be dropped.
"""

import json
from collections.abc import Mapping, Sequence

from dockerfile_pyenv.emit.steps import Entry, history_entries
from dockerfile_pyenv.plan.model import Group, Plan


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
    expected = history_entries(group, plan)
    start = _find(entries, expected)
    if start is None:
        return entries
    rewritten = [
        {**entry, "created_by": one.text}
        for entry, one in zip(entries[start : start + len(expected)], expected, strict=True)
        if one.text is not None
    ]
    return [*entries[:start], *rewritten, *entries[start + len(expected) :]]


def _find(entries: Sequence[Mapping[str, object]], expected: Sequence[Entry]) -> int | None:
    # From the end: the same line may have built the base image too.
    for start in range(len(entries) - len(expected), -1, -1):
        window = entries[start : start + len(expected)]
        if all(one.is_it(str(entry.get("created_by", ""))) for one, entry in zip(expected, window, strict=True)):
            return start
    return None
