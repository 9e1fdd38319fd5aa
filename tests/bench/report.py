"""Measurements to a table in Markdown and a chart in SVG. No clock, no files: the same runs give the same text."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from operator import attrgetter
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.bench.builds import COLD, SCENARIOS, STORES
from tests.bench.subjects import BY_HAND, PREDECESSOR, PYENV, SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.bench.builds import Run

_COLOURS: Final = {"pyenv": "#1f6feb", "predecessor": "#9a9a9a", "by-hand": "#d29922"}
_MEGABYTE: Final = 1_000_000

_Key = tuple[str, int, str]
"""Image store, number of environments, scenario."""


class Row(NamedTuple):
    """What was measured of one scenario."""

    pairs: int
    seconds: Mapping[str, float]
    """Median of the pairs, by subject."""
    ratios: Mapping[str, float]
    """Of PYENV to the others: the median of the pairs' own ratios."""
    cpu_ratios: Mapping[str, float]
    """The same of CPU time."""


_Pairs = dict[str, dict[int, list["Run"]]]


def rows(runs: Iterable[Run]) -> dict[_Key, Row]:
    """Medians and ratios, in the order of the table; scenarios that not all subjects have are left out."""
    found: dict[_Key, _Pairs] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for run in runs:
        found[run.store, run.environments, run.scenario][run.subject][run.pair].append(run)
    table = {}
    for key in sorted(found, key=lambda key: (list(STORES).index(key[0]), key[1], SCENARIOS.index(key[2]))):
        if found[key].keys() != SUBJECTS.keys():
            continue
        seconds = _medians(found[key], attrgetter("seconds"))
        pairs = sorted(set.intersection(*(set(of) for of in seconds.values())))
        if pairs:
            cpu = _medians(found[key], attrgetter("cpu"))
            table[key] = Row(
                len(pairs),
                {subject: median(seconds[subject][pair] for pair in pairs) for subject in SUBJECTS},
                _ratios(seconds, pairs),
                _ratios(cpu, pairs),
            )
    return table


def _medians(pairs: _Pairs, value: Callable[[Run], float]) -> dict[str, dict[int, float]]:
    return {subject: {pair: median(map(value, many)) for pair, many in of.items()} for subject, of in pairs.items()}


def _ratios(values: Mapping[str, Mapping[int, float]], pairs: Sequence[int]) -> dict[str, float]:
    own = values[PYENV.name]
    return {
        other.name: median(own[pair] / (values[other.name][pair] or 0.01) for pair in pairs)
        for other in (PREDECESSOR, BY_HAND)
    }


def sizes(runs: Iterable[Run]) -> dict[tuple[str, int], dict[str, float]]:
    """Sizes of images in megabytes, by image store and number of environments."""
    found: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for run in runs:
        if run.scenario == COLD:
            found[run.store, run.environments][run.subject] = run.size / _MEGABYTE
    return {key: found[key] for key in sorted(found) if found[key].keys() == SUBJECTS.keys()}


def markdown(runs: Sequence[Run], frontend: Mapping[str, Mapping[str, float]], machine: str) -> str:
    """The page that tells what was measured."""
    titles = [SUBJECTS[name].title for name in SUBJECTS]
    loads = [run.load for run in runs] or [0]
    lines = [
        "# What builds cost",
        "",
        "Written by `make bench`; [bench.json](bench.json) has every single run. " + machine,
        "",
        "Seconds of `docker buildx build`, medians of the pairs. The ratios are dockerfile-pyenv's to (a) the",
        "predecessor's and to (b) the hand-written one, medians of those within a pair; those of CPU time, the",
        "engine's with its steps', change less with what else the machine does. Its load before the builds was",
        f"{min(loads):.0f} to {max(loads):.0f}; a machine with nothing else to do shows less than one for each CPU.",
        "",
        "*cold*: build cache pruned, base images there. The environments and all three Dockerfiles are in",
        "[subjects.py](../subjects.py). Neither of the other two has a `# syntax` line: nothing but the engine's own",
        "frontend is started for them.",
        "",
        "![Seconds of builds of four environments](chart.svg)",
    ]
    table = rows(runs)
    for store in dict.fromkeys(store for store, _, _ in table):
        lines += [
            "",
            f"## The {store} image store",
            "",
            f"| environments | scenario | {' | '.join(titles)} | to (a) | to (b) | CPU to (a) | to (b) | pairs |",
            "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for (_, count, scenario), row in ((key, row) for key, row in table.items() if key[0] == store):
            seconds = " | ".join(_seconds(row.seconds[name]) for name in SUBJECTS)
            ratios = " | ".join(f"{row.ratios[other.name]:.2f}" for other in (PREDECESSOR, BY_HAND))
            cpu = " | ".join(f"{row.cpu_ratios[other.name]:.2f}" for other in (PREDECESSOR, BY_HAND))
            lines.append(f"| {count} | {scenario} | {seconds} | {ratios} | {cpu} | {row.pairs} |")
    if found := sizes(runs):
        lines += [
            "",
            "## Sizes of images",
            "",
            "Megabytes as `docker image inspect` says them: of unpacked files with the classic store.",
            "",
            f"| store | environments | {' | '.join(titles)} | ratio to the predecessor |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for (store, count), size in found.items():
            each = " | ".join(f"{size[name]:.0f}" for name in SUBJECTS)
            lines.append(f"| {store} | {count} | {each} | {size[PYENV.name] / size[PREDECESSOR.name]:.2f} |")
    if frontend:
        lines += [
            "",
            "## The frontend's process",
            "",
            "Milliseconds from its start to its first bytes and to its answer, milliseconds of CPU, and peak memory in",
            "MiB, with a daemon that answers at once; medians.",
            "",
            "| | first bytes | answer | CPU | peak memory |",
            "|---|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {name} | " + " | ".join(f"{value:.0f}" for value in of.values()) + " |" for name, of in frontend.items()
        ]
    return "\n".join(lines) + "\n"


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def chart(runs: Iterable[Run], store: str, count: int) -> str:
    """Bars of all subjects in all scenarios, for one image store and one number of environments."""
    picked = {scenario: row for (of, many, scenario), row in rows(runs).items() if (of, many) == (store, count)}
    left, width, bar, gap = 200, 520, 16, 22
    longest = max((max(row.seconds.values()) for row in picked.values()), default=1)
    parts = []
    top = 60
    for number, name in enumerate(SUBJECTS):
        x = 20 + number * 230
        parts.append(f'<rect x="{x}" y="28" width="12" height="12" fill="{_COLOURS[name]}"/>')
        parts.append(f'<text x="{x + 18}" y="38">{escape(SUBJECTS[name].title)}</text>')
    for scenario, row in picked.items():
        middle = top + bar * len(SUBJECTS) / 2 + 4
        parts.append(f'<text x="{left - 10}" y="{middle:g}" text-anchor="end">{escape(scenario)}</text>')
        for name in SUBJECTS:
            length = max(1, row.seconds[name] / longest * width)
            parts.append(
                f'<rect x="{left}" y="{top}" width="{length:.1f}" height="{bar - 2}" fill="{_COLOURS[name]}"/>'
                f'<text x="{left + length + 6:.1f}" y="{top + bar - 5}">{row.seconds[name]:.1f} s</text>'
            )
            top += bar
        top += gap
    title = f"Seconds of docker build: an image with {count} environments, {store} image store"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {top}" width="800" height="{top}" '
        f'font-family="system-ui, sans-serif" font-size="12" role="img">\n<title>{escape(title)}</title>\n'
        '<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="20" y="18" font-weight="bold">{escape(title)}</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )
