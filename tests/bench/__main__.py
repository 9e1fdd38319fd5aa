"""`make bench`: what builds and the frontend's process cost, as JSON, a table and a chart in tests/bench/results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any, Final

from tests.bench import builds, frontend, report, subjects
from tests.bench.builds import Bench, Run

_RESULTS: Final = Path(__file__).parent / "results"


def main() -> int:
    """Measure and write the results, after each build: what was measured is kept if the rest is not waited for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--environments", type=int, nargs="*", default=[1, 4, 8], help="how many, each (default: 1 4 8)"
    )
    parser.add_argument("--pairs", type=int, default=3, help="how often each subject is built, in turn (default: 3)")
    parser.add_argument(
        "--pairs-of-8", type=int, default=1, help="the same for images with 8 environments (default: 1)"
    )
    everything = [*subjects.SUBJECTS, subjects.FORWARD.name]
    parser.add_argument(
        "--subjects",
        nargs="*",
        default=everything,
        choices=everything,
        help="the Dockerfiles to measure, all by default: a row of the table has all, one of rebuilds no predecessor",
    )
    parser.add_argument("--stores", nargs="*", default=[*builds.STORES], choices=builds.STORES)
    parser.add_argument(
        "--scenarios",
        nargs="*",
        default=[*builds.SCENARIOS],
        choices=builds.SCENARIOS,
        metavar="SCENARIO",
        help=f"those to measure, all by default: {', '.join(builds.SCENARIOS)}",
    )
    parser.add_argument("--add", action="store_true", help="keep what the results have, and add to it")
    parser.add_argument("--no-frontend", action="store_true", help="do not measure the frontend's process")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="directory to write to")
    options = parser.parse_args()
    file = options.results / "bench.json"
    found: dict[str, Any] = json.loads(file.read_text()) if options.add and file.exists() else {}
    scenarios = frozenset(builds.SCENARIOS[name] for name in options.scenarios)
    runs = [Run(**run) for run in found.get("runs", [])]
    process: dict[str, dict[str, float]] = found.get("frontend", {})
    if not options.no_frontend:
        process = frontend.measure()
        _write(options.results, runs, process)
    order = [one for one in (*subjects.SUBJECTS.values(), subjects.FORWARD) if one.name in options.subjects]
    for store in options.stores:
        engine = builds.prepare(store)
        cache_engine = builds.prepare_cache(engine) if builds.REGISTRY_CACHE in scenarios else None
        bench = Bench(store, engine, scenarios, cache_engine)
        for count in options.environments:
            first = 1 + max((run.pair for run in runs if (run.store, run.environments) == (store, count)), default=-1)
            pairs = range(first, first + (options.pairs if count < len(subjects.ENVIRONMENTS) else options.pairs_of_8))
            for run in builds.measure(bench, count, pairs, order, say=_say):
                runs.append(run)
                _write(options.results, runs, process)
    _write(options.results, runs, process)
    _say((options.results / "README.md").read_text())
    return 0


def _write(directory: Path, runs: list[Run], process: dict[str, dict[str, float]]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    machine = f"{os.cpu_count()} CPUs, Linux {platform.release().partition('-')[0]}, Docker 28.5 (BuildKit 0.25)."
    data = {"machine": machine, "frontend": process, "runs": [run.json() for run in runs]}
    (directory / "bench.json").write_text(json.dumps(data, indent=1) + "\n")
    (directory / "README.md").write_text(report.markdown(runs, process, machine))
    (directory / "chart.svg").write_text(report.chart(runs, "classic", 4))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
