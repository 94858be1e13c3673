"""A whole campaign by the strict table, in real lanes: screened, searched again, judged, branched, and done."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import planted_market

CAMPAIGN = """\
name: second
data: {root: bars, interval: 15m}
assets: {tiers: {ONE: [EDGE]}}
strategy: {name: mtf_ema, modes: [aggressive]}
space: {L_fast: {low: 2, high: 12, type: int}, L_slow: {low: 4, high: 30, type: int}}
search:
  prescreen: {combos: 300, top: 50}
  refine: {trials: 12, warm_start: 6}
  reoptimize: {trials: 20, window_trials: 6}
constraints: {max_drawdown: 0.9}
validation: {crown_on: source_strict, alpha: 0.2}
limits: {max_lanes: 1, spares: 0, disk_free_min: 1MiB}
"""


class Campaign:
    """Played once, to its end, by `swarmd start --until-done`."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "swarm"
        parts = ("STATE_ROOT", "LOGS_ROOT", "RESULTS_ROOT")
        self.environment = {name: value for name, value in os.environ.items() if name not in parts}
        self.environment |= {"SWARMD_HOME": str(self.home), "COLUMNS": "300"}
        (folder / "bars").mkdir()
        write_bars(folder / "bars" / "EDGE.parquet", planted_market(500, 4, 5.0, 15, symbol="EDGE")[0])
        (folder / "campaign.yaml").write_text(CAMPAIGN)
        self.run("start", str(folder / "campaign.yaml"), "--until-done", "--no-monitors")

    def run(self, *words: str) -> str:
        command = [sys.executable, "-m", "swarmd", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, topic: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.run("query", topic, "--json"))["rows"]
        return rows


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    return Campaign(tmp_path_factory.mktemp("second"))


def test_the_guards_refuse_it_and_its_branch_is_run_to_the_end(played: Campaign) -> None:
    ended = {row["id"].removeprefix("second.EDGE.").removeprefix("aggressive."): row for row in played.rows("jobs")}
    assert {step: row["status"] for step, row in ended.items()} == {
        "preflight": "done", "prescreen": "done", "refine": "done", "screen": "done", "reoptimize": "done",
        "guards": "failed", "crown": "skipped", "reoptimize-conservative": "done", "guards-conservative": "failed",
        "crown-conservative": "skipped",
    }  # fmt: skip
    assert ended["guards-conservative"]["branch"] == "conservative"
    assert {row["attempt"] for row in ended.values()} <= {0, 1}


def test_the_tracker_says_where_it_stands_on_every_side_alike(played: Campaign) -> None:
    (row,) = played.rows("tracker")
    judged = json.loads((played.home / "results/second/EDGE/aggressive/guards-conservative/guards.json").read_text())
    assert (row["Screen Status"], row["Reopt Status"], row["Prod Ready"]) == ("PASS", "conservative: PASS", "NO")
    assert row["Guards"] == judged["guards"]
    assert row["Sharpe"] == judged["vault"]["metrics"]["annual_sharpe"]
    assert f"{judged['guards']} guards; failed: " in row["Reason"]
    table = played.run("query", "tracker")
    csv = (played.home / "results/second/pipeline_tracker.csv").read_text()
    assert row["Guards"] in table
    assert row["Reason"] in csv


def test_it_is_told_why_there_was_a_branch_and_decided_the_same_again(played: Campaign) -> None:
    story = played.run("explain", "second.EDGE.aggressive.reoptimize-conservative")
    assert "branch conservative: guards said no, tier 1" in story
    assert "0 differences" in played.run("replay")
    page = sorted((played.home / "docs/reference").glob("HANDOFF*.md"))[-1].read_text()
    assert "No champion is an answer" in page
    assert "nor did what was tried once more (conservative)" in page
