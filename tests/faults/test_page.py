"""The page of the faults names tests and signatures that exist, and `scripts/chaos` matches as it says."""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from repository import ROOT

from swarmd.state.records.incident import Signature

_ROW = re.compile(
    r"^\| (?P<name>[^|]+) \| [^|]+ \| (?P<signature>[^|]+) \| [^|]+ \| `(?P<file>\w+\.py)::(?P<test>\w+)` \|$"
)


def rows() -> list[re.Match[str]]:
    lines = (ROOT / "docs" / "faults.md").read_text().splitlines()
    return [found for line in lines if (found := _ROW.match(line))]


def test_each_class_of_the_page_has_its_test_and_its_signature() -> None:
    assert len(rows()) >= 25
    for row in rows():
        text = (ROOT / "tests" / "faults" / row["file"]).read_text()
        assert f"def {row['test']}(" in text, row["name"]
        assert set(re.findall(r"`(\w+)`", row["signature"])) <= {signature.value for signature in Signature}


@pytest.fixture
def match() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "scripts"))
    yield import_module("chaos_match")
    sys.path.remove(str(ROOT / "scripts"))


def incident(signature: str, subject: str, at: int) -> dict[str, object]:
    return {"signature": signature, "subject": subject, "opened_at": at, "cause": "why"}


def test_a_fault_takes_the_first_incident_that_fits_and_what_nobody_did_is_named(match: ModuleType) -> None:
    lost = match.Expected(("daemon_lost",), "bt-1")
    cut = match.Expected(("journal_damaged",), "journal/000001.jsonl*")
    killed = match.Expected(("crash",), "r1", "r1")
    faults = [
        match.Fault(1, "tear journal", 10_000, "cut", (lost, cut)),
        match.Fault(2, "kill lane", 20_000, "killed", (killed,)),
        match.Fault(3, "kill lane", 30_000, "killed", (match.Expected(("crash",), "r2", "r2"),)),
        match.Fault(4, "kill lane", 40_000, "killed", (match.Expected(("crash",), "r3", "r3"),)),
        match.Fault(5, "hang up", 50_000, "SIGHUP"),
    ]
    incidents = {
        "a": incident("daemon_lost", "bt-1", 10_500),
        "b": incident("journal_damaged", "journal/000001.jsonl:7@1", 10_500),
        "c": incident("crash", "r1", 5_000),  # of an earlier trouble
        "d": incident("silent", "r9", 45_000),
        "e": incident("fleet_wide", "swarm", 45_000),
    }
    runs = {"r1": {"status": "lost"}, "r2": {"status": "lost"}, "r3": {"status": "done", "exit_code": 0}}
    verdicts = match.matched(faults, incidents, runs, frozenset({"r2"}))
    assert verdicts.matched == {1: ["a", "b"]}
    assert verdicts.missed == {2: "no crash about r1"}
    assert set(verdicts.unnoticeable) == {3, 4, 5}
    assert set(verdicts.tolerated) == {"e"}
    assert set(verdicts.unexplained) == {"c", "d"}
