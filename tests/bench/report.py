"""Measurements to a table in Markdown and a chart in SVG. No clock, no files: the same runs give the same text."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from operator import attrgetter
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import pygal
from pygal.style import Style
from tests.bench.builds import (
    ABOVE_CHANGED,
    BASE_CHANGED,
    COLD,
    OTHER_IMAGE,
    REBUILDS,
    REGISTRY_CACHE,
    SCENARIOS,
    STORES,
)
from tests.bench.subjects import BY_HAND, FORWARD, PREDECESSOR, PYENV, SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.bench.builds import Run

# pygal's importer of plugins, of which none are used, warns at every later import (pygal/__init__.py, 3.1).
sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("pygal")]

_COLOURS: Final = {"pyenv": "#1f6feb", "predecessor": "#9a9a9a", "by-hand": "#d29922"}
_MEGABYTE: Final = 1_000_000

TARGETS: Final = {
    ABOVE_CHANGED: {PREDECESSOR.name: 0.15, BY_HAND.name: 0.8},
    BASE_CHANGED: {PREDECESSOR.name: 0.15, BY_HAND.name: 0.8},
    OTHER_IMAGE: {PREDECESSOR.name: 0.15, BY_HAND.name: 0.8},
    REGISTRY_CACHE: {PREDECESSOR.name: 0.25, BY_HAND.name: 1.0},
}
"""What the ratios of seconds must reach at most, by scenario and the subject that is compared with."""
FLOOR_TARGET: Final = 1.25
"""The same of rebuilds, compared with a frontend that does nothing."""
SIZE_TARGET: Final = 0.85
"""The same of the image's size, compared with the predecessor's."""
_SIZE_TARGET_ENVIRONMENTS: Final = 4

_OTHERS: Final = (PREDECESSOR, BY_HAND)
_Key = tuple[str, int, str]
"""Image store, number of environments, scenario."""


class Row(NamedTuple):
    """What was measured of one scenario."""

    pairs: Mapping[str, int]
    """How many pairs PYENV and each of the others have."""
    seconds: Mapping[str, float]
    """Median by subject."""
    ratios: Mapping[str, float]
    """Of PYENV to the others: the median of the pairs' own ratios."""
    cpu_ratios: Mapping[str, float]
    """The same of CPU time."""


_Pairs = dict[str, dict[int, list["Run"]]]


def rows(runs: Iterable[Run]) -> dict[_Key, Row]:
    """Medians and ratios, in the order of the table; scenarios that not all subjects have are left out."""
    found = _by_scenario(run for run in runs if run.subject in SUBJECTS)
    table = {}
    for key in found:
        if found[key].keys() != SUBJECTS.keys():
            continue
        seconds = _medians(found[key], attrgetter("seconds"))
        pairs = {other.name: seconds[PYENV.name].keys() & seconds[other.name].keys() for other in _OTHERS}
        if all(pairs.values()):
            cpu = _medians(found[key], attrgetter("cpu"))
            counted = {PYENV.name: set().union(*pairs.values()), **pairs}
            table[key] = Row(
                {name: len(common) for name, common in pairs.items()},
                {subject: median(seconds[subject][pair] for pair in counted[subject]) for subject in SUBJECTS},
                _ratios(seconds, pairs),
                _ratios(cpu, pairs),
            )
    return table


def _medians(pairs: _Pairs, value: Callable[[Run], float]) -> dict[str, dict[int, float]]:
    return {subject: {pair: median(map(value, many)) for pair, many in of.items()} for subject, of in pairs.items()}


def _ratios(values: Mapping[str, Mapping[int, float]], pairs: Mapping[str, Iterable[int]]) -> dict[str, float]:
    own = values[PYENV.name]
    return {
        other: median(own[pair] / (values[other][pair] or 0.01) for pair in common) for other, common in pairs.items()
    }


class Rebuild(NamedTuple):
    """What was measured where nothing is built, by subject: what frontend images cost is all that differs."""

    seconds: Mapping[str, float]
    ratio: float
    """Of PYENV to the frontend that does nothing: the median of the pairs' own ratios."""


def rebuilds(runs: Iterable[Run]) -> dict[_Key, Rebuild]:
    """Medians, in the order of the table, where the frontend that does nothing was measured, too."""
    names = (PYENV.name, FORWARD.name, BY_HAND.name)
    found = _by_scenario(run for run in runs if run.scenario in REBUILDS and run.subject in names)
    table = {}
    for key, pairs_of in found.items():
        seconds = _medians(pairs_of, attrgetter("seconds"))
        pairs = set.intersection(*(set(seconds.get(name, {})) for name in names))
        if pairs:
            table[key] = Rebuild(
                {name: median(seconds[name][pair] for pair in pairs) for name in names},
                median(seconds[PYENV.name][pair] / seconds[FORWARD.name][pair] for pair in pairs),
            )
    return table


def _by_scenario(runs: Iterable[Run]) -> dict[_Key, _Pairs]:
    """Runs by scenario, subject and pair, the scenarios in the order of the table."""
    found: dict[_Key, _Pairs] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for run in runs:
        found[run.store, run.environments, run.scenario][run.subject][run.pair].append(run)
    return {key: found[key] for key in sorted(found, key=_in_order)}


def _in_order(key: _Key) -> tuple[int, int, int]:
    return list(STORES).index(key[0]), key[1], list(SCENARIOS.values()).index(key[2])


def _counts(row: Row) -> str:
    return ", ".join(str(count) for count in dict.fromkeys(row.pairs[other.name] for other in _OTHERS))


def sizes(runs: Iterable[Run]) -> dict[tuple[str, int], dict[str, float]]:
    """Sizes of images in megabytes, by image store and number of environments."""
    found: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for run in runs:
        if run.scenario == COLD and run.subject in SUBJECTS:
            found[run.store, run.environments][run.subject] = run.size / _MEGABYTE
    return {key: found[key] for key in sorted(found) if found[key].keys() == SUBJECTS.keys()}


def markdown(runs: Sequence[Run], frontend: Mapping[str, Mapping[str, float]], machine: str) -> str:
    """The page with the results."""
    titles = [SUBJECTS[name].title for name in SUBJECTS]
    loads = [run.load for run in runs] or [0]
    lines = [
        "# What builds cost",
        "",
        "Written by `make bench`; [bench.json](bench.json) has every run. " + machine,
        "",
        "Seconds of `docker buildx build`, as medians of the pairs. The ratios compare dockerfile-pyenv with (a)",
        "astro-provider-venv's Dockerfile and (b) the hand-written one, as medians of the ratios within a pair; two",
        "numbers of pairs are those of (a) and (b). Ratios of CPU time, of the engine and its steps, depend less on",
        f"other load on the machine. The load before the builds was {min(loads):.0f} to {max(loads):.0f}; on an idle",
        "machine it is below one for each CPU.",
        "",
        "*cold*: with the build cache pruned and the base images present. The environments and all three Dockerfiles",
        "are in [subjects.py](../subjects.py). The other two have no `# syntax` line, so they start only the engine's",
        "own frontend.",
        "",
        "All other scenarios follow a cold build and change one thing. *the same lines in another image*: another",
        "Dockerfile with the same environments, on another base image, built where the first one was. *an empty",
        "builder with a registry cache*: another engine exported all steps (`mode=max`); here, as in *cold*, the base",
        "images are present and the build cache is pruned. *≤* is what a ratio must reach; a ratio in bold does not.",
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
            targets = TARGETS.get(scenario, {})
            ratios = " | ".join(_ratio(row.ratios[name], targets.get(name)) for name in row.ratios)
            cpu = " | ".join(f"{row.cpu_ratios[other.name]:.2f}" for other in _OTHERS)
            lines.append(f"| {count} | {scenario} | {seconds} | {ratios} | {cpu} | {_counts(row)} |")
    if again := rebuilds(runs):
        lines += [
            "",
            "## What a frontend image costs",
            "",
            "Where no environment is built, the difference is the frontend. The hand-written Dockerfile has none.",
            "Behind the other is a frontend image that hands everything on, written with the standard library of Go",
            "alone ([main.go](../forward/main.go)): no frontend image costs less. The ratios compare dockerfile-pyenv",
            "with that one, as medians of the ratios within a pair.",
            "",
            "| store | environments | scenario | dockerfile-pyenv | a frontend that does nothing | none | ratio |",
            "|---|---:|---|---:|---:|---:|---:|",
        ]
        for (store, count, scenario), rebuild in again.items():
            seconds = " | ".join(_seconds(value) for value in rebuild.seconds.values())
            lines.append(f"| {store} | {count} | {scenario} | {seconds} | {_ratio(rebuild.ratio, FLOOR_TARGET)} |")
    if found := sizes(runs):
        lines += [
            "",
            "## Sizes of images",
            "",
            "Megabytes as reported by `docker image inspect`. With the classic store, this is the size of the unpacked",
            "files.",
            "",
            f"| store | environments | {' | '.join(titles)} | ratio to astro-provider-venv |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for (store, count), size in found.items():
            each = " | ".join(f"{size[name]:.0f}" for name in SUBJECTS)
            target = SIZE_TARGET if count == _SIZE_TARGET_ENVIRONMENTS else None
            lines.append(
                f"| {store} | {count} | {each} | {_ratio(size[PYENV.name] / size[PREDECESSOR.name], target)} |"
            )
    if frontend:
        lines += [
            "",
            "## The frontend's process",
            "",
            "Milliseconds from the start to the first bytes and to the answer, milliseconds of CPU time, and peak",
            "memory in MiB, as medians, with a daemon that answers immediately.",
            "",
            "| | first bytes | answer | CPU | peak memory |",
            "|---|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {name} | " + " | ".join(f"{value:.0f}" for value in of.values()) + " |" for name, of in frontend.items()
        ]
    return "\n".join(lines) + "\n"


def _ratio(value: float, target: float | None) -> str:
    """A ratio as it is in a table: what counts is what is written, two digits."""
    text = f"{value:.2f}"
    if target is None:
        return text
    return f"{text} (≤ {target:.2f})" if float(text) <= target else f"**{text}** (≤ {target:.2f})"


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def chart(runs: Iterable[Run], store: str, count: int) -> str:
    """Bars of all subjects in all scenarios, for one image store and one number of environments."""
    picked = {scenario: row for (of, many, scenario), row in rows(runs).items() if (of, many) == (store, count)}
    drawn = pygal.HorizontalBar(
        width=800,
        height=120 + 60 * len(picked),
        explicit_size=True,
        title=f"Seconds of docker build: an image with {count} environments, {store} image store",
        style=Style(
            background="#ffffff",
            plot_background="#ffffff",
            colors=tuple(_COLOURS[name] for name in SUBJECTS),
            font_family="DejaVu Sans, system-ui, sans-serif",
            label_font_size=12,
            legend_font_size=12,
            title_font_size=14,
            value_font_size=11,
        ),
        print_values=True,
        print_values_position="right",
        formatter=lambda seconds: f"{seconds:.1f} s",
        legend_at_bottom=True,
        legend_at_bottom_columns=1,
        show_x_guides=False,
        show_y_guides=False,
        js=(),
        no_prefix=True,
        disable_xml_declaration=True,
    )
    # Scenarios stand from the bottom up.
    drawn.x_labels = list(reversed(picked))
    for name in SUBJECTS:
        drawn.add(SUBJECTS[name].title, [row.seconds[name] for row in reversed(picked.values())])
    # The library notes its version and the day.
    return re.sub(r"<!--.*?-->", "", drawn.render(is_unicode=True), flags=re.DOTALL) + "\n"
