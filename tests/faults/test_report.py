"""What `scripts/chaos` reports: each discrepancy is a failure with its place, and the example it runs is a campaign."""

import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from repository import ROOT

from swarmd.supervisor.campaign_file import read_campaign


@pytest.fixture
def report() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "scripts"))
    yield import_module("chaos_report")
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture
def match(report: ModuleType) -> ModuleType:
    return import_module("chaos_match")


def incident(signature: str, opened_at: int, status: str = "closed") -> dict[str, object]:
    return {"signature": signature, "opened_at": opened_at, "status": status, "cause": "why"}


def test_the_table_counts_each_kind_and_says_how_long_it_took(report: ModuleType, match: ModuleType) -> None:
    faults = [
        match.Fault(1, "kill lane", 1_000, "killed"),
        match.Fault(2, "kill lane", 2_000, "killed"),
        match.Fault(3, "kill lane", 3_000, "killed"),
        match.Fault(4, "hang up", 4_000, "SIGHUP"),
    ]
    incidents = {"a": incident("crash", 1_010), "b": incident("crash", 2_030)}
    verdicts = match.Verdicts(matched={1: ["a"], 2: ["b"]}, missed={3: "no crash about r"}, unnoticeable={4: "no harm"})
    table = report.by_kind(faults, verdicts, incidents, {"a": 1_500, "b": 3_500})
    assert table == {
        "hang up": {
            "injected": 1,
            "matched": 0,
            "not to be noticed": 1,
            "missed": 0,
            "signatures": {},
            "told_ms": None,
            "closed_ms": None,
        },
        "kill lane": {
            "injected": 3,
            "matched": 2,
            "not to be noticed": 0,
            "missed": 1,
            "signatures": {"crash": 2},
            "told_ms": 20,
            "closed_ms": 1_000,
        },
    }


def test_a_fault_of_which_one_expectation_is_missing_is_missed(report: ModuleType, match: ModuleType) -> None:
    faults = [match.Fault(1, "tear journal", 1_000, "cut")]
    verdicts = match.Verdicts(matched={1: ["a"]}, missed={1: "no journal_damaged about journal/000001.jsonl*"})
    row = report.by_kind(faults, verdicts, {"a": incident("daemon_lost", 1_100)}, {})["tear journal"]
    assert (row["matched"], row["missed"]) == (0, 1)


def test_each_discrepancy_is_a_failure_of_its_own(report: ModuleType, match: ModuleType) -> None:
    faults = [match.Fault(1, "kill lane", 1_000, "SIGKILL of r")]
    verdicts = match.Verdicts(missed={1: "no crash about r"}, unexplained={"x": "silent about r9: why"})
    found = report.Findings(["champions/A_5m.json"], ["all_trials.json: 11 trials"], {42: "a lane"}, {"a.json": {}})
    told = report.failures_of(found, verdicts, faults, {"y": incident("silent", 5, "open")}, ["repeat 1: exit codes"])
    assert [line.split(" ")[0] for line in told] == [
        "repeat",
        "champions/A_5m.json",
        "all_trials.json:",
        "orphan",
        "fault",
        "nobody",
        "incident",
    ]


def test_where_nothing_differs_nothing_fails_and_nothing_at_all_is_no_sameness(
    report: ModuleType, match: ModuleType
) -> None:
    verdicts = match.Verdicts()
    assert report.failures_of(report.Findings([], [], {}, {"a.json": {}}), verdicts, [], {}, []) == []
    assert report.failures_of(report.Findings([], [], {}, {}), verdicts, [], {}, []) == [
        "nothing to compare: no results were written"
    ]


def test_the_example_it_runs_is_a_campaign_without_a_mistake() -> None:
    settings = read_campaign(ROOT / "docs" / "examples" / "sameness.yaml").settings
    assert settings.data.root == str(ROOT / "docs" / "examples" / "bars_5m")
    assert settings.validation.alpha == 0.3
