"""A search that climbs in rungs is the search of one run: the same trials, the same files, whatever happens between."""

import json
import os
from pathlib import Path

import pytest
from search_builders import MODE, SYMBOL, Told, a_desk, a_market, an_order, files_below, run_phase

from swarmd.engine.phases.desk import Yielded
from swarmd.engine.phases.refine import refine
from swarmd.state.records.job import Phase, job_id
from swarmd.state.records.result import ResultSummary

SEARCH = {"search": {"prescreen": {"combos": 300, "top": 50}, "refine": {"trials": 200, "rungs": [50, 100]}}}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    a_market(folder)
    return folder


def screened(home: Path, market: Path) -> None:
    for phase in (Phase.PREFLIGHT, Phase.PRESCREEN):
        run_phase(home, market, phase, **SEARCH)


def climbed(home: Path, market: Path, trials: int | None, *, stops_after: int | None = None) -> ResultSummary:
    """One run of a rung; ``stops_after`` so many trials it is asked to yield."""
    told = Told()
    order = an_order(home, market, Phase.REFINE, **SEARCH)
    job = job_id("c", SYMBOL, MODE, Phase.REFINE, trials)
    order = order.model_copy(update={"job": job, "trials": trials})

    def should_yield() -> bool:
        return stops_after is not None and len(told.trials) >= stops_after

    summary = refine(order, a_desk(home, told, should_yield=should_yield))
    assert told.total == told.done == (trials or 200)
    return summary


def results(home: Path) -> Path:
    return home / "results" / "c" / SYMBOL / MODE


def test_three_rungs_to_two_hundred_trials_are_one_run_of_two_hundred_trial_for_trial(
    market: Path, tmp_path: Path
) -> None:
    whole, rungs = tmp_path / "whole", tmp_path / "rungs"
    for home in (whole, rungs):
        screened(home, market)
    at_once = climbed(whole, market, None)

    first = climbed(rungs, market, 50)
    assert len(json.loads((results(rungs) / "all_trials.json").read_text())["trials"]) == 50
    with pytest.raises(Yielded):
        climbed(rungs, market, 100, stops_after=23)
    (journal,) = results(rungs).glob("study_*.journal")
    # A kill on top of it: the last trial is torn in the middle of a line.
    os.truncate(journal, journal.stat().st_size - 40)
    second = climbed(rungs, market, 100)
    last = climbed(rungs, market, None)

    assert files_below(results(rungs)) == files_below(results(whole))
    assert last.figures == at_once.figures
    assert [each.tried for each in (first, second, last)] == [50, 50, 100], "each tells what it added"
    assert "of 50 trials valid (rung 50 of 200), best score" in first.headline
    assert "rung" not in last.headline
    sharpes = [trial["metrics"]["annual_sharpe"] for trial in
               json.loads((results(whole) / "all_trials.json").read_text())["trials"] if trial["valid"]]  # fmt: skip
    assert at_once.figures["best_annual_sharpe"] == max(sharpes)
    assert first.figures["best_annual_sharpe"] in sharpes
    paced = [trial["metrics"]["annual_sharpe"] for trial in
             json.loads((results(whole) / "all_trials.json").read_text())["trials"]
             if trial["valid"] and trial["metrics"]["total_trades"] > 100]  # fmt: skip
    assert at_once.figures["paced_annual_sharpe"] == max(paced), "two bars to search on, one in the vault: 100 to 50"


def test_a_rung_without_a_valid_trial_fails_like_a_whole_search(market: Path, tmp_path: Path) -> None:
    run_phase(tmp_path, market, Phase.PREFLIGHT, **SEARCH)
    order = an_order(tmp_path, market, Phase.REFINE, constraints={"min_trades": 100_000}, **SEARCH)
    summary = refine(order.model_copy(update={"trials": 12}), a_desk(tmp_path))
    assert summary.verdict == "fail"
    assert "none of 12 trials (rung 12 of 200) meets the constraints" in summary.headline
