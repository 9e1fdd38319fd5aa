"""The matrix of what is proved: base, interpreter, image store and promise, each cell with the test that proves it.

A test claims a cell with a marker. Words in braces are parameters of the test:

    @pytest.mark.proves("runs", base="{base}", interpreter="source", store="{kind}")

`REGENERATE=1 pytest tests/engine/…` writes what the run has shown into tests/matrix.json, and `REGENERATE=1 pytest
tests/unit/test_matrix.py` writes dockerfile-syntax/bases.md from that. tests/unit/test_matrix.py compares the three.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "tests/matrix.json"
PAGE: Final = ROOT / "dockerfile-syntax/bases.md"
BELOW: Final = "<!-- Everything below is generated: see tests/matrix.py. -->\n"

PROMISES: Final = {
    "runs": "The interpreter runs, with TLS, SQLite and ctypes",
    "only additions": "The image has what the line promises, it runs, and nothing else of the image differs",
    "in place": "The line sees what stands above it, and lines below it see the environment",
    "owner": "The environment belongs to the stage's USER",
    "groups": "With the lines of a group side by side and one after the other, the image is the same",
    "cached": "A second build starts no step",
    "clear error": "What cannot work fails at the user's line, with a message that says what to do",
}
"""What a test can prove, by the marker's word: sections of the page."""
STORES: Final = {
    "28": "classic",
    "28-containerd": "containerd",
    "28-rootless": "containerd, rootless engine",
    "28-remapped": "classic, remapped root",
    "26": "classic, Docker 26",
    "20.10": "classic, Docker 20.10",
    "real": "of your own Docker",
}
"""Image stores, by the engine that has them."""
SHOWN: Final = "yes"
ONLINE: Final = "not shown here: needs images of Docker Hub (`make test-online`)"


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A cell, and the test that claims it by its node id."""

    promise: str
    base: str
    interpreter: str
    store: str
    test: str


Results = dict[Cell, str]
"""What a run has shown: `SHOWN`, or why it has not."""


def claims(item: pytest.Item) -> list[Cell]:
    """The cells that a test claims.

    Raises:
        pytest.UsageError: a marker has an unknown promise, store, or word in braces.
    """
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    found = []
    for marker in item.iter_markers("proves"):
        try:
            found.append(_cell(item.nodeid, parameters, *marker.args, **marker.kwargs))
        except (KeyError, TypeError) as error:
            raise pytest.UsageError(f"{item.nodeid}: tests/matrix.py knows nothing of {error}") from error
    return found


def _cell(
    test: str,
    parameters: Mapping[str, object],
    promise: str,
    *,
    base: str = "bookworm",
    interpreter: str = "standalone",
    store: str = "28",
) -> Cell:
    _ = PROMISES[promise]
    base, interpreter, store = (word.format_map(parameters) for word in (base, interpreter, store))
    return Cell(promise, base, interpreter, STORES[store], test)


def read(path: Path = RESULTS) -> Results:
    """What the runs before this one have shown."""
    entries = json.loads(path.read_text()) if path.exists() else []
    return {Cell(**{name: text for name, text in one.items() if name != "result"}): one["result"] for one in entries}


def write(results: Results, path: Path = RESULTS) -> None:
    """Write the results, in a fixed order."""
    entries = [{**asdict(cell), "result": results[cell]} for cell in sorted(results)]
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")


def merge(known: Results, collected: Iterable[Cell], files: Iterable[str], run: Mapping[str, str]) -> Results:
    """What is known after a run.

    Args:
        known: before it
        collected: all cells that its tests claim
        files: files of tests that were collected as a whole: what they do not claim is forgotten
        run: results by test, "" for one that failed

    """
    whole, cells = set(files), set(collected)
    results = {cell: text for cell, text in known.items() if cell in cells or cell.test.split("::")[0] not in whole}
    for cell in cells:
        text = run.get(cell.test)
        if text == "":
            results.pop(cell, None)
        elif text and not (text == ONLINE and cell in results):
            results[cell] = text
    return results


def render(results: Results) -> str:
    """The tables of the page: one for each promise, with a column for each image store that it is shown on."""
    text = ""
    for promise, title in PROMISES.items():
        found = {cell: results[cell] for cell in sorted(results) if cell.promise == promise}
        stores = [store for store in STORES.values() if any(cell.store == store for cell in found)]
        rows: dict[tuple[str, str, str], dict[str, str]] = {}
        for cell, result in found.items():
            rows.setdefault((cell.base, cell.interpreter, _link(cell.test)), {})[cell.store] = result
        lines = [["base", "interpreter", *stores, "test"], ["---"] * (len(stores) + 3)]
        for (base, interpreter, test), shown in rows.items():
            lines.append([base, interpreter, *(shown.get(store, "") for store in stores), test])
        if rows:
            text += f"\n### {title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text


def _link(test: str) -> str:
    """A test by its name, with a link to its file."""
    file, _, name = test.partition("::")
    return f"[`{name.partition('[')[0]}`](../{file})"


class Recorder:
    """The plugin: collects the claims of a run and, with REGENERATE=1, writes down what became of them."""

    def __init__(self, claimed: Path | None) -> None:
        """`claimed` is a file to write all collected cells into, or None."""
        self.claimed = claimed
        self.cells: list[Cell] = []
        self.results: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)  # before tests are left out
    def pytest_collection_modifyitems(self, config: pytest.Config, items: Sequence[pytest.Item]) -> None:
        """Collect the claims."""
        for item in items:
            self.cells += claims(item)
            if item.get_closest_marker("online") and not config.getoption("--online"):
                self.results[item.nodeid] = ONLINE
        if self.claimed:
            write(dict.fromkeys(self.cells, SHOWN), self.claimed)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take down the outcome of a step of a test."""
        if report.skipped and isinstance(report.longrepr, tuple):
            self.results[report.nodeid] = f"not shown: {report.longrepr[2].removeprefix('Skipped: ')}"
        elif report.failed:
            self.results[report.nodeid] = ""
        elif report.when == "call":
            self.results[report.nodeid] = SHOWN

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the results down."""
        if os.environ.get("REGENERATE") != "1" or not self.cells or session.config.getoption("collectonly"):
            return
        parts = any("::" in argument for argument in session.config.args)
        files = {cell.test.split("::")[0] for cell in self.cells}
        write(merge(read(), self.cells, () if parts else files, self.results))
