"""The benchmark's own arithmetic and what it writes, on made-up runs."""

import re
import tarfile
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from tests.bed import bases, daemon, rootfs, settings
from tests.bed.engine import BuildResult
from tests.bench import builds, report, subjects
from tests.bench.builds import (
    ABOVE_CHANGED,
    BASE_CHANGED,
    COLD,
    NOTHING,
    OTHER_IMAGE,
    REGISTRY_CACHE,
    SCENARIOS,
    Bench,
    BenchError,
    Run,
)
from tests.bench.subjects import ENVIRONMENTS, SUBJECTS, Subject

RUNS = [
    Run("classic", 4, pair, subject, scenario, seconds * (pair + 1), seconds, 0.1, size=500_000_000)
    for subject, seconds in (("pyenv", 10), ("predecessor", 40), ("by-hand", 20))
    for pair in range(2)
    for scenario in (COLD, NOTHING)
]


def test_ratios_are_of_pairs() -> None:
    """A machine that is slower in one pair changes the seconds, not the ratio; half a pair does not count."""
    half = Run("classic", 4, 2, "pyenv", COLD, 1000, 10, 0.1)
    row = report.rows([*RUNS, half])["classic", 4, COLD]
    assert row.pairs == {"predecessor": 2, "by-hand": 2}
    assert row.seconds == {"pyenv": 15, "predecessor": 60, "by-hand": 30}
    assert row.ratios == {"predecessor": 0.25, "by-hand": 0.5}


def test_a_pair_may_lack_a_subject() -> None:
    """What takes minutes is built less often; the ratio to another is of the pairs that have that one."""
    more = [Run("classic", 4, 2, subject, COLD, 30, 30, 0.1) for subject in ("pyenv", "by-hand")]
    row = report.rows([*RUNS, *more])["classic", 4, COLD]
    assert row.pairs == {"predecessor": 2, "by-hand": 3}
    assert row.seconds == {"pyenv": 20, "predecessor": 60, "by-hand": 30}
    assert row.ratios == {"predecessor": 0.25, "by-hand": 0.5}
    assert "| 4 | cold | 20.0 | 60.0 | 30.0 | 0.25 | 0.50 | 0.25 | 0.50 | 2, 3 |" in report.markdown(
        [*RUNS, *more], {}, ""
    )


def test_what_only_one_subject_has_is_left_out() -> None:
    """No ratio without all that it compares."""
    assert report.rows([run for run in RUNS if run.subject == "pyenv"]) == {}


def test_page_and_chart() -> None:
    """The page has a line for each scenario, the chart a bar for each subject in it."""
    page = report.markdown(RUNS, {"1 PYENV lines": {"preface": 14, "return": 139, "cpu": 130, "peak": 25}}, "2 CPUs.")
    assert "| 4 | cold | 15.0 | 60.0 | 30.0 | 0.25 | 0.50 | 0.25 | 0.50 | 2 |" in page
    assert "| classic | 4 | 500 | 500 | 500 | **1.00** (≤ 0.85) |" in page
    assert "| 1 PYENV lines | 14 | 139 | 130 | 25 |" in page
    drawn = report.chart(RUNS, "classic", 4)
    assert drawn == report.chart(RUNS, "classic", 4)
    bars = ET.fromstring(drawn).findall(".//{*}g[@class='bar']")  # noqa: S314 - of our own making
    assert len(bars) == 2 * len(SUBJECTS)


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_every_subject_has_every_environment(subject: object) -> None:
    """All Dockerfiles give the same variables and copy the application last."""
    text = subject.dockerfile(ENVIRONMENTS)  # type: ignore[attr-defined]
    for one in ENVIRONMENTS:
        assert f"{one.name}.txt" in text
    assert text.splitlines()[-1] == "COPY --chown=50000:0 app /usr/local/airflow/app"


@pytest.mark.parametrize(
    ("scenario", "predecessor", "by_hand", "cells"),
    [
        (ABOVE_CHANGED, 100, 12.5, "0.10 (≤ 0.15) | 0.80 (≤ 0.80)"),
        (BASE_CHANGED, 50, 11, "**0.20** (≤ 0.15) | **0.91** (≤ 0.80)"),
        (REGISTRY_CACHE, 40, 10, "0.25 (≤ 0.25) | 1.00 (≤ 1.00)"),
        (NOTHING, 50, 11, "0.20 | 0.91"),
    ],
)
def test_ratios_show_what_they_must_reach(scenario: str, predecessor: float, by_hand: float, cells: str) -> None:
    """A ratio has its target in parentheses, and is bold where it is above it."""
    seconds = {"pyenv": 10.0, "predecessor": predecessor, "by-hand": by_hand}
    page = report.markdown([Run("classic", 4, 0, name, scenario, each, 1, 0) for name, each in seconds.items()], {}, "")
    assert f"| {cells} | 1.00 | 1.00 | 1 |" in page


def test_the_size_has_a_target_for_four_environments() -> None:
    """Other numbers of environments have a ratio alone."""
    size = {"pyenv": 90, "predecessor": 100, "by-hand": 100}
    runs = [Run("classic", count, 0, name, COLD, 1, 1, 0, size[name]) for name in size for count in (1, 4)]
    page = report.markdown(runs, {}, "")
    assert re.findall(r"^\| classic \| (\d) .* \| ([^|]*) \|$", page, re.MULTILINE) == [
        ("1", "0.90"),
        ("4", "**0.90** (≤ 0.85)"),
    ]


def test_a_frontend_that_does_nothing_is_compared_where_nothing_is_built() -> None:
    """The page shows the hand-written Dockerfile with it and without any; it is in no other table."""
    seconds = {"pyenv": 0.6, "forward": 0.4, "by-hand": 0.2}
    runs = [Run("classic", 1, 0, name, NOTHING, each, 1, 0) for name, each in seconds.items()]
    page = report.markdown([*RUNS, *runs], {}, "")
    assert re.findall(r"^\| classic \| 1 \| nothing changed \| .*$", page, re.MULTILINE) == [
        "| classic | 1 | nothing changed | 0.60 | 0.40 | 0.20 | **1.50** (≤ 1.25) |"
    ]
    assert report.rebuilds([run for run in runs if run.subject != "forward"]) == {}


def test_a_frontend_that_does_nothing_is_measured_where_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its Dockerfile is the hand-written one: other scenarios would measure that again."""
    measured, done = scenarios(monkeypatch, *SCENARIOS, subject=subjects.FORWARD)
    assert set(measured) == builds.REBUILDS
    assert not [step for step in done if step.startswith("bench-cache")]
    assert scenarios(monkeypatch, "cold", subject=subjects.FORWARD) == ([], [])


def test_no_build_takes_the_name_of_an_image_that_builds_start_from() -> None:
    """The images of a subject are removed before it is measured."""
    made = {f"pyenv-bench-{subject.name}" for subject in (*SUBJECTS.values(), subjects.FORWARD)}
    assert not made & {subjects.BASE, subjects.OTHER_BASE, subjects.UV, subjects.FORWARD_IMAGE}


def test_every_target_is_of_a_scenario() -> None:
    """A target whose scenario has another title would never be shown."""
    assert report.TARGETS.keys() == {ABOVE_CHANGED, BASE_CHANGED, OTHER_IMAGE, REGISTRY_CACHE}
    assert report.TARGETS.keys() <= set(SCENARIOS.values())


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_an_instruction_above_comes_before_all_environments(subject: Subject) -> None:
    """It stands below the last FROM and above what makes or copies environments, and changes no other line."""
    above = subjects.instruction_above("1")
    plain, changed = (subject.dockerfile(ENVIRONMENTS, above=one) for one in ("", above))
    assert changed.replace(above, "") == plain
    assert changed.rpartition("FROM ")[2].partition("\n")[2].startswith(above)


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_another_base_changes_the_final_stage_alone(subject: Subject) -> None:
    """All that differs is the image that the final stage starts from."""
    plain, other = (subject.dockerfile(ENVIRONMENTS, base=one) for one in (subjects.BASE, subjects.OTHER_BASE))
    stages, _, final = other.rpartition(f"FROM {subjects.OTHER_BASE}\n")
    assert f"{stages}FROM {subjects.BASE}\n{final}" == plain
    assert "FROM " not in final
    assert subjects.BASE not in stages


def test_environments_by_hand_have_a_base_of_their_own() -> None:
    """No stage that installs descends from the base image of the final stage."""
    text = SUBJECTS["by-hand"].dockerfile(ENVIRONMENTS)
    parents = {name: parent for parent, name in re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)}
    assert len(parents) == 1 + 3 + len(ENVIRONMENTS)
    assert set(parents.values()) - set(parents) == {subjects.DEBIAN}
    assert re.findall(r"^FROM (\S+)$", text, re.MULTILINE) == [subjects.BASE]


@pytest.mark.parametrize(
    ("log", "read"),
    [
        ("#4 importing cache manifest from a:b\n#4 DONE 0.1s\n", True),
        ("#4 importing cache manifest from a:b\n#4 ERROR: not found\n", False),
        ("#4 importing cache manifest from a:b\n#4 DONE 0.1s\n#41 ERROR: other\n", True),
        ("#4 [internal] load build definition\n", False),
    ],
    ids=["read", "not found", "another step fails", "not asked for"],
)
def test_a_cache_that_is_not_read_is_noticed(log: str, *, read: bool) -> None:
    """BuildKit builds without a cache that it cannot import, and the numbers would be those of a cold build."""
    assert builds.reads_cache(log) == read


class RecordingEngine:
    """In place of an engine of the bed: writes down builds, tags and prunes in words."""

    def __init__(self, kind: str, done: list[str], left: str = "") -> None:
        """Share the record with other engines; `left` is what stays in the build cache after a prune."""
        self.kind = settings.ENGINES[kind]
        self.done = done
        self.left = left

    def docker(self, *words: str, check: bool = True) -> SimpleNamespace:  # noqa: ARG002 - as the real one
        """Record tags and removals; a size for `docker image inspect`, what is left for `docker buildx du`."""
        if words[0] == "tag":
            self.done.append(f"{words[2]} is {words[1]}")
        elif words[:2] == ("image", "rm"):
            self.done.append(f"{self.kind.name}: rm {' '.join(words[3:])}")
        return SimpleNamespace(stdout={"image": "1", "buildx": self.left}.get(words[0], ""))

    def prune(self) -> None:
        """Record it."""
        self.done.append(f"{self.kind.name}: prune")

    def build(self, *words: str | Path) -> BuildResult:
        """Record what the build is given: base, lines above, environments, caches and output."""
        context = Path(words[-1])
        text = (context / "Dockerfile").read_text()
        parts = [
            re.findall(r"^FROM (\S+)$", text, re.MULTILINE)[-1],
            *(["above"] if "/etc/above" in text else []),
            *(line.split()[2] for line in text.splitlines() if line.startswith("PYENV ")),
            *(str(word).partition("=")[0] for word in words if str(word).startswith("--cache")),
        ]
        output = "nothing" if "--output=type=cacheonly" in words else words[-2]
        self.done.append(f"{self.kind.name}: {' '.join(parts)} -> {output}")
        return BuildResult(0, "#1 importing cache manifest from x\n#1 DONE\n", "")


def scenarios(
    monkeypatch: pytest.MonkeyPatch, *names: str, left: str = "", subject: Subject = subjects.PYENV
) -> tuple[list[str], list[str]]:
    """What is done for one environment and a subject, our own by default, and the titles of what was measured."""
    monkeypatch.setattr(daemon, "cpu_seconds", lambda _: 0.0)
    done: list[str] = []
    engine, cache_engine = (RecordingEngine(kind, done, left) for kind in ("bench", "bench-cache"))
    wanted = frozenset(SCENARIOS[name] for name in names)
    bench = Bench("classic", engine, wanted, cache_engine)  # type: ignore[arg-type]
    runs = builds.measure(bench, 1, [0], [subject], lambda _: None)
    return [run.scenario for run in runs], done


BASE, OTHER_BASE, IMAGE = subjects.BASE, subjects.OTHER_BASE, "pyenv-bench-pyenv"
EMPTY = [f"bench: rm {IMAGE} {IMAGE}-other", "bench: prune"]
WARM = [*EMPTY, f"bench: {BASE} load -> {IMAGE}"]
REBUILT, AS_BEFORE = f"{BASE} is {BASE}:2", f"{BASE} is {BASE}:1"


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("cold", WARM),
        ("above-changed", [*WARM, f"bench: {BASE} above load -> {IMAGE}"]),
        ("base-changed", [*WARM, REBUILT, f"bench: {BASE} load -> {IMAGE}", AS_BEFORE]),
        ("other-image", [*WARM, f"bench: {OTHER_BASE} load -> {IMAGE}-other"]),
        (
            "registry-cache",
            [
                f"bench-cache: rm {IMAGE} {IMAGE}-other",
                "bench-cache: prune",
                f"bench-cache: {BASE} load --cache-to -> nothing",
                REBUILT,
                *EMPTY,
                f"bench: {BASE} load --cache-from -> {IMAGE}",
                AS_BEFORE,
            ],
        ),
        (
            "inserted",
            [*WARM, f"bench: {BASE} load -> {IMAGE}", f"bench: {BASE} fetch load -> {IMAGE}"],
        ),
    ],
)
def test_a_scenario_alone_does_what_its_title_says(
    monkeypatch: pytest.MonkeyPatch, name: str, steps: list[str]
) -> None:
    """It measures one build, after those that it needs, and leaves the base image as it was."""
    assert scenarios(monkeypatch, name) == ([SCENARIOS[name]], steps)


def test_all_scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they need two builds from nothing, and one more on the engine that writes the cache."""
    titles, done = scenarios(monkeypatch, *SCENARIOS)
    assert {*titles} == {*SCENARIOS.values()}
    assert len(done) == len(titles) + len([REBUILT, AS_BEFORE] * 2 + EMPTY * 3 + ["cache"])


def test_a_builder_that_is_not_empty_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a prune leaves could be used by the next build."""
    with pytest.raises(BenchError, match="still has 2 records"):
        scenarios(monkeypatch, "cold", left="abc def")


def test_every_engine_has_an_address_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of one address could not run at the same time; an interface of the host has it in its name, too."""
    addresses = []
    for worker in range(settings.WORKERS):
        monkeypatch.setattr(settings, "WORKER", worker)
        addresses += [ip_address(kind.address) for kind in settings.ENGINES.values()]
    assert len(set(addresses)) == len(settings.ENGINES) * settings.WORKERS
    assert ip_network(settings.SUBNET).broadcast_address not in addresses


def test_a_rebuilt_base_differs_in_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All else is the same, and the layer's digest another."""
    monkeypatch.setattr(settings, "CACHE", tmp_path)
    monkeypatch.setattr(rootfs, "bootstrap", lambda _, tar, **__: tarfile.open(tar, "w").close())
    first, second = bases.debian("bookworm"), bases.rebuilt("bookworm")
    assert second.name == f"{first.name}-rebuilt"
    assert second.env == first.env
    assert not {layer.diff_id for layer in first.layers} & {layer.diff_id for layer in second.layers}
    (layer,) = second.layers
    with tarfile.open(layer.path) as tar:
        assert tar.getnames() == ["./etc/base-build"]
