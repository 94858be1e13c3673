"""Where a user's strategy raises the trial has failed, the search goes on, and it is told with the line of its file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from search_builders import MODE, SYMBOL, Told, a_desk, a_market, an_order

from swarmd.engine.lane.warm_up import warm_up
from swarmd.engine.phases.table import PHASES
from swarmd.engine.strategies.own import StrategyError
from swarmd.engine.strategies.starter_files import starter_files
from swarmd.state.records.job import Phase
from swarmd.state.records.result import ResultSummary

DECIDES = "        if bars.n_bars <= max(entry, leave):\n"
SPACE = {"entry": {"low": 20, "high": 80, "type": "int"}, "leave": {"low": 5, "high": 15, "type": "int"}}
RAISES = '            raise KeyError("unlucky")'


def moody(folder: Path, when: str) -> tuple[str, int]:
    """The starter, but that it raises: how it is named, and the line that raises."""
    text = starter_files("moody")["moody.py"]
    assert DECIDES in text
    text = text.replace(DECIDES, f"        if {when}:\n{RAISES}\n{DECIDES}")
    (folder / "moody.py").write_text(text)
    return f"{folder}/moody.py:Moody", text.splitlines().index(RAISES) + 1


def run(home: Path, market: Path, phase: Phase, strategy: str, told: Told) -> ResultSummary:
    """As a lane runs it: warmed up first."""
    settings: Mapping[str, Any] = {
        "strategy": {"name": strategy, "modes": ["long_short"]},
        "search": {"prescreen": {"combos": 40, "top": 20}, "refine": {"trials": 9, "warm_start": 2}},
        "space": SPACE,
        "constraints": {"min_trades": 1, "max_drawdown": 0.99},
    }
    order = an_order(home, market, phase, **settings)
    order = order.model_copy(update={"mode": order.mode.replace(MODE, "long_short")})
    warm_up(order)
    return PHASES[phase](order, a_desk(home, told))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    a_market(folder)
    return folder


def test_where_a_strategy_raises_the_trial_has_failed_the_search_goes_on_and_it_is_told(market: Path, tmp_path: Path):
    strategy, line = moody(tmp_path, "entry % 2")
    told = Told()
    summaries = {
        phase: run(tmp_path, market, phase, strategy, told)
        for phase in (Phase.PREFLIGHT, Phase.PRESCREEN, Phase.REFINE)
    }
    assert {summary.verdict for summary in summaries.values()} == {"pass"}
    wanted = f"events raises KeyError: 'unlucky' (moody.py, line {line}), with "

    folder = tmp_path / "results" / "c" / SYMBOL / "long_short"
    screened = json.loads((folder / "phase0_top500.json").read_text())
    assert 0 < screened["failed"] < 40
    assert screened["first_failure"]["params"]["entry"] % 2 == 1
    assert wanted in screened["first_failure"]["error"]
    assert screened["top"]
    assert all(seed["params"]["entry"] % 2 == 0 for seed in screened["top"])
    assert any(f"{screened['failed']} of 40 combinations failed, row " in said for said in told.said)

    trials = [json.loads(path.read_text()) for path in folder.glob("trials/trial_*.json")]
    failed = sorted(trial["number"] for trial in trials if trial["state"] == "failed")
    assert len(trials) == 9
    assert failed == sorted(trial["number"] for trial in trials if trial["params"]["entry"] % 2)
    assert 0 < len(failed) < 9
    assert all(wanted in trial["error"] for trial in trials if trial["number"] in failed)
    assert any(f"trial {failed[0]} failed: StrategyError: " in said for said in told.said)
    assert f"{len(failed)} failed (first: trial {failed[0]}: " in summaries[Phase.REFINE].headline
    assert summaries[Phase.REFINE].figures["failed"] == len(failed)


def test_a_strategy_whose_baseline_raises_is_refused_before_anything_is_searched(market: Path, tmp_path: Path):
    strategy, line = moody(tmp_path, "True")
    with pytest.raises(StrategyError, match=rf"KeyError: 'unlucky' \(moody\.py, line {line}\)"):
        run(tmp_path, market, Phase.PREFLIGHT, strategy, Told())
