"""What Prometheus scrapes: read by its own parser, every figure of the home in it, and nothing of what is gone."""

import json
import re
from pathlib import Path

import pytest
from builders import JOB, RUN, a_champion, a_device, a_failure, a_run, a_throughput
from dashboard_home import BEGAN, REFINE, told_home
from prometheus_client.parser import text_string_to_metric_families
from repository import ROOT

from swarmd.state.records.gauge import Scores
from swarmd.state.records.record import Record
from swarmd.state.store.files import Home
from swarmd.supervisor.metrics import Watched, metrics_text
from swarmd.supervisor.recall import present

Labels = frozenset[tuple[str, str]]


def scraped(home: Home) -> dict[str, dict[Labels, float]]:
    read = present(home, with_lines=False)
    text = metrics_text(read.picture, read.facts, home, Watched(3, 1, 60)).decode()
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def labels(**words: str) -> Labels:
    return frozenset(words.items())


def home_with(folder: Path, *records: Record) -> Home:
    return told_home(folder, more=records)


def test_every_figure_is_there_under_a_name_of_ours(tmp_path: Path) -> None:
    told = scraped(home_with(tmp_path))
    assert all(name.startswith("swarmd") for name in told)
    assert told["swarmd_up"] == {labels(): 0.0}
    assert told["swarmd_lanes"] == {
        labels(standing="busy"): 2, labels(standing="free"): 1, labels(standing="held"): 1,
    }  # fmt: skip
    jobs = {"queued": 1, "running": 2, "done": 1, "failed": 0, "quarantined": 1, "skipped": 0}
    assert told["swarmd_jobs"] == {labels(status=name): count for name, count in jobs.items()}
    assert told["swarmd_runs"][labels(status="lost")] == 1
    assert told["swarmd_incidents_open"] == {labels(signature="crash"): 0, labels(signature="stuck_with_cpu"): 1}
    assert told["swarmd_incidents_total"] == {labels(signature="crash"): 1, labels(signature="stuck_with_cpu"): 1}
    assert told["swarmd_cpu_utilisation_ratio"] == {labels(): 0.7}
    assert told["swarmd_cpu_utilisation_target_ratio"] == {labels(): 0.9}
    assert told["swarmd_disk_free_bytes"] == {labels(): 5e10}
    assert told["swarmd_work_per_second"] == {labels(unit="combos"): 5.0, labels(unit="trials"): 0.5}
    assert told["swarmd_combos_per_second"] == {labels(): 5.0}
    assert told["swarmd_champions"][labels(status="in_force")] == 1
    assert told["swarmd_cycles_total"] == {labels(): 2}
    assert told["swarmd_journal_bytes"][labels()] > 5_000
    assert told["swarmd_dashboard_streams"] == {labels(): 3}
    assert told["swarmd_trials_on_disk"] == {labels(): 60}
    assert set(told["swarmd_gpu_utilisation_ratio"]) == {labels(gpu="gpu0", name=a_device().name)}
    assert told["swarmd_gpu_utilisation_target_ratio"] == {labels(): 0.8}
    ((info, one),) = told["swarmd_info"].items()
    assert (dict(info)["campaign"], one) == ("majors", 1)


def test_the_series_of_a_run_end_with_it(tmp_path: Path) -> None:
    of_runs = ("swarmd_run_progress_ratio", "swarmd_run_memory_bytes", "swarmd_run_cpu_seconds_total",
               "swarmd_run_heartbeat_age_seconds")  # fmt: skip
    before = scraped(home_with(tmp_path / "before"))
    for name in of_runs:
        assert {dict(series)["run"] for series in before[name]} == {f"{JOB}-a2", f"{REFINE}-a1"}, name
        assert RUN not in {dict(series)["run"] for series in before[name]}  # it was lost
    ended = {"attempt": 2, "at": BEGAN + 300_000, "ordered_at": BEGAN, "ended_at": BEGAN + 300_000}
    after = scraped(home_with(tmp_path / "after", a_run(status="done", exit_code=0, **ended)))
    for name in of_runs:
        assert {dict(series)["run"] for series in after[name]} == {f"{REFINE}-a1"}, name
    assert after["swarmd_combos_per_second"] == {labels(): 0.0}


def test_the_series_of_a_device_end_when_it_does_not_answer(tmp_path: Path) -> None:
    told = scraped(home_with(tmp_path, a_device("gpu0", is_there=False, trouble="GPU is lost")))
    assert not {"swarmd_gpu_utilisation_ratio", "swarmd_gpu_utilisation_target_ratio"} & told.keys()


def test_incidents_are_counted_on_where_the_tables_forget(tmp_path: Path) -> None:
    told = scraped(home_with(tmp_path, a_failure(count=41), a_failure(phase="refine", count=2)))
    assert told["swarmd_incidents_total"][labels(signature="crash")] == 43


def test_what_the_last_prescreen_achieved_and_what_became_of_champions_is_told(tmp_path: Path) -> None:
    told = scraped(home_with(tmp_path, a_throughput(), a_champion(status="dethroned")))
    assert told["swarmd_prescreen_combos_per_second"][labels()] > 0
    standings = {"in_force": 0, "dethroned": 1, "gone": 0, "damaged": 0}
    assert told["swarmd_champions"] == {labels(status=name): count for name, count in standings.items()}


def test_labels_may_hold_anything(tmp_path: Path) -> None:
    name = 'a "quoted\\ name\nof two lines'
    told = scraped(home_with(tmp_path, a_device("gpu1", name=name)))
    assert name in {dict(series)["name"] for series in told["swarmd_gpu_utilisation_ratio"]}


@pytest.mark.parametrize("is_prepared", [False, True])
def test_an_empty_home_has_figures_too(tmp_path: Path, is_prepared: bool) -> None:
    home = Home(tmp_path / "home")
    if is_prepared:
        home.prepare()
    assert scraped(home)["swarmd_up"] == {labels(): 0.0}


def test_the_dashboard_for_grafana_asks_for_nothing_that_is_not_measured(tmp_path: Path) -> None:
    """Every series of its panels is one that a home with everything in it has."""
    board = json.loads((ROOT / "docs" / "grafana" / "swarmd.json").read_text())
    asked = set(re.findall(r"swarmd_\w+", json.dumps(board["panels"])))
    scores = Scores(at=0, adherence=1, efficacy=1, deviation=0, performance=1, efficiency=1)
    told = scraped(home_with(tmp_path, a_throughput(), scores))
    assert asked - told.keys() - {"swarmd_cycle_seconds"} == set()  # which only a living daemon tells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 15
