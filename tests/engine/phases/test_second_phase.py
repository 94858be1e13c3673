"""Reoptimize and guards: the vault is shut until the guards, every figure is computed, a kill changes nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search_builders import MODE, Told, a_desk, an_order, files_below

from swarmd.engine import guards as tests_of
from swarmd.engine.backtest import run_backtest
from swarmd.engine.commands.summarize import summary_of
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market, planted_market
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.phases.desk import Yielded
from swarmd.engine.phases.later import Later
from swarmd.engine.phases.strict_figures import in_market
from swarmd.engine.phases.table import PHASES
from swarmd.engine.phases.vault import WarmedUp
from swarmd.engine.search.space import in_space, search_space
from swarmd.engine.search.split import SCREEN_SHARE, vault_start
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.errors import OperatorError
from swarmd.state.records.job import job_id
from swarmd.state.records.result import ResultSummary
from swarmd.state.work_order import WorkOrder

MTF = strategy_named("mtf_ema")
COSTS = Costs(5.0, 2.0)
QUICK: dict[str, Any] = {
    "search": {
        "prescreen": {"combos": 300, "top": 50}, "refine": {"trials": 12, "warm_start": 6},
        "reoptimize": {"trials": 20, "window_trials": 6},
    },
    "validation": {"crown_on": "source_strict"},
}  # fmt: skip
FIRST = ("preflight", "prescreen", "refine", "screen")


def order_for(root: Path, phase: str, branch: str | None = None, **keywords: Any) -> WorkOrder:
    order = an_order(root / "home", root / "bars", phase, **{"symbol": "EDGE", **QUICK, **keywords})
    job = job_id("c", order.symbol, order.mode, order.phase, branch=branch)
    return order.model_copy(update={"branch": branch, "job": job})


def run(root: Path, phase: str, branch: str | None = None, told: Told | None = None, **keywords: Any) -> ResultSummary:
    order = order_for(root, phase, branch, **keywords)
    return PHASES[order.phase](order, a_desk(root / "home", told))


def results(root: Path, mode: str = MODE) -> Path:
    return root / "home" / "results" / "c" / "EDGE" / mode


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def a_place(root: Path, bars: Bars) -> Path:
    (root / "bars").mkdir(parents=True)
    write_bars(root / "bars" / "EDGE.parquet", bars)
    return root


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bars, dict[str, ResultSummary]]:
    """A market with a strong edge, up to its guards."""
    bars, _ = planted_market(500, 4, 5.0, 15, symbol="EDGE")
    root = a_place(tmp_path_factory.mktemp("planted"), bars)
    return root, bars, {phase: run(root, phase) for phase in (*FIRST, "reoptimize", "guards")}


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ResultSummary]:
    root = a_place(tmp_path_factory.mktemp("noise"), noise_market(400, 3, 15, symbol="EDGE"))
    return {phase: run(root, phase) for phase in (*FIRST, "reoptimize", "guards")}


# -- who sees what ----------------------------------------------------------------------------------------------------


def test_the_screen_looks_at_the_last_third_of_the_development_bars(planted: Any) -> None:
    root, bars, _ = planted
    vault_bar = vault_start(bars.n_bars, 1 / 3)
    screen_bar = vault_start(vault_bar, SCREEN_SHARE)
    screened = read(results(root) / "screen.json")
    assert screened["development"]["bars"] == screen_bar
    assert screened["vault"]["first_open_ms"] == bars.open_time[screen_bar]
    assert screened["vault"]["last_open_ms"] == bars.open_time[vault_bar - 1]
    assert read(results(root) / "phase0_top500.json")["evaluated_bars"] == screen_bar
    assert read(results(root) / "all_trials.json")["development_bars"] == screen_bar
    assert read(results(root) / "reoptimize" / "all_trials.json")["development_bars"] == vault_bar
    report = (results(root) / "report.md").read_text()
    assert "The vault stays shut until the guards" in report
    assert "the last third of the development bars" in report


def test_nothing_before_the_guards_hangs_on_the_vault(planted: Any, tmp_path: Path) -> None:
    """Another future behind the vault's door: the same trials, scores and finalists."""
    root, bars, _ = planted
    vault_bar = vault_start(bars.n_bars, 1 / 3)
    arrays = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for values in arrays.values():
        values[vault_bar:] *= np.linspace(1.0, 3.0, bars.n_bars - vault_bar)
    other = Bars(
        symbol="EDGE", interval_minutes=bars.interval_minutes, open_time=bars.open_time, volume=bars.volume,
        synthetic=bars.synthetic, **arrays,
    )  # fmt: skip
    place = a_place(tmp_path / "other", other)
    for phase in (*FIRST, "reoptimize"):
        run(place, phase)
    for name in ("all_trials.json", "reoptimize/all_trials.json"):
        one, two = (read(results(each) / name) for each in (root, place))
        assert one["data_sha256"] != two["data_sha256"]
        assert [one[key] for key in ("trials", "finalist")] == [two[key] for key in ("trials", "finalist")]
    assert not (results(place) / "vault_opened.json").exists()
    assert read(results(place) / "screen_opened.json")["vault_bar"] == vault_start(vault_bar, SCREEN_SHARE)


def test_a_campaign_that_crowns_on_the_screen_opens_the_vault_there_as_before(tmp_path: Path) -> None:
    place = a_place(tmp_path, noise_market(120, 1, 15, symbol="EDGE"))
    for phase in FIRST:
        run(place, phase, validation={"crown_on": "screen"})
    assert (results(place) / "vault_opened.json").is_file()
    assert "stands_for_the_vault" not in read(results(place) / "screen.json")


# -- the second search ------------------------------------------------------------------------------------------------


def test_the_second_search_begins_with_the_best_of_the_first(planted: Any) -> None:
    root, _, said = planted
    first, second = (read(results(root) / name) for name in ("all_trials.json", "reoptimize/all_trials.json"))
    best = sorted((t for t in first["trials"] if t["valid"]), key=lambda t: (-t["score"], t["number"]))[:6]
    begun = second["trials"][:6]
    assert [trial["params"] for trial in begun] == [trial["params"] for trial in best]
    assert {trial["origin"] for trial in begun} == {"refine"}
    assert len(second["trials"]) == said["reoptimize"].tried == 20


def test_without_a_first_search_of_this_question_there_is_no_second(planted: Any, tmp_path: Path) -> None:
    root, _, _ = planted
    shutil.copytree(root, tmp_path / "copy")
    place = tmp_path / "copy"
    path = results(place) / "all_trials.json"
    path.write_text(json.dumps(read(path) | {"data_sha256": "0" * 64}))
    with pytest.raises(OperatorError, match="answers another question; run refine again"):
        run(place, "reoptimize")
    path.unlink()
    with pytest.raises(OperatorError, match="run the phase refine first"):
        run(place, "reoptimize")


# -- the guards -------------------------------------------------------------------------------------------------------


def test_every_figure_is_what_the_engine_and_the_statistics_say_of_the_finalist(planted: Any) -> None:
    root, bars, said = planted
    document, start = read(results(root) / "guards.json"), vault_start(bars.n_bars, 1 / 3)
    vault, params = bars.between(start, bars.n_bars), document["params"]

    def on_vault(costs: Costs = COSTS, strategy: Any = MTF) -> Any:
        return run_backtest(vault, WarmedUp(strategy, bars, start), params, mode=MODE, costs=costs)

    outside = on_vault()
    daily = daily_returns(outside.equity, day_end_bars(vault.open_time))
    figures = {gate["name"]: gate["figure"] for gate in document["gates"]}
    assert figures["oos_annual_sharpe"] == outside.metrics.annual_sharpe
    assert figures["oos_trades"] == outside.metrics.total_trades
    assert figures["mc_p"] == tests_of.sign_flip_p_value(daily, seed=42)
    interval = tests_of.stationary_bootstrap_sharpe_ci(daily, periods_per_year=365, seed=42)
    assert figures["bootstrap_lower_bound"] == interval.lower
    assert figures["top10_share"] == tests_of.top10_share(outside.trades.pnl)
    assert figures["stress1_annual_sharpe"] == on_vault(Costs(10.0, 4.0)).metrics.annual_sharpe
    assert document["stress"]["2"]["annual_sharpe"] == on_vault(strategy=Later(MTF)).metrics.annual_sharpe
    centre = run_backtest(bars.between(0, start), MTF, params, mode=MODE, costs=COSTS).metrics.annual_sharpe
    beside = [
        run_backtest(bars.between(0, start), MTF, {**params, each["parameter"]: each["value"]}, mode=MODE, costs=COSTS)
        for each in document["sensitivity"]["beside"]
    ]
    found = tests_of.parameter_sensitivity(centre, [each.metrics.annual_sharpe for each in beside])
    assert figures["sensitivity"] == found.variance
    walked = read(results(root) / "walk" / "walk_forward.json")
    assert figures["wfe"] == walked["efficiency"] == said["guards"].figures["wfe"]
    assert len(walked["windows"]) == 6
    assert {window["trials"] for window in walked["windows"]} == {6}
    last = walked["windows"][-1]["test"]
    assert last["start_bar"] + last["bars"] == start, "the procedure is walked on development bars alone"


def test_a_true_edge_passes_what_it_can_and_all_nine_are_told(planted: Any) -> None:
    _, _, said = planted
    summary = said["guards"]
    assert summary.figures["mc_p"] < 0.05
    assert summary.figures["sensitivity"] < 0.1
    assert summary.figures["bootstrap_lower_bound"] > 1.0
    assert summary.figures["stress1_annual_sharpe"] > 1.0
    passed = int(str(summary.figures["guards"])[0])
    assert passed >= 4
    assert summary.headline.startswith(f"EDGE {MODE}: {passed}/7 guards; failed: ")


def test_noise_does_not_pass(noise: dict[str, ResultSummary]) -> None:
    summary = noise["guards"]
    assert summary.verdict == "fail"
    assert summary.figures["mc_p"] > 0.05
    assert "oos_annual_sharpe" in summary.headline
    with_figures = [name for name in ("oos_trades", "mc_p", "bootstrap_lower_bound", "regime_mismatch", "psr")
                    if summary.figures[name] is not None]  # fmt: skip
    assert len(with_figures) == 5, "computed whether an earlier one failed or not"


def test_tried_counts_every_vector_that_was_looked_at(planted: Any) -> None:
    root, _, said = planted
    document = read(results(root) / "guards.json")
    assert document["tried_here"] == said["guards"].tried == 6 * 6 + len(document["sensitivity"]["beside"]) + 1
    assert document["tried"] == 300 + 12 + 20 + document["tried_here"]
    assert document["looks_at_the_vault"] == 1


def test_progress_comes_to_its_end_and_a_second_run_writes_the_same(planted: Any, tmp_path: Path) -> None:
    root, _, said = planted
    shutil.copytree(root, tmp_path / "copy")
    place, told = tmp_path / "copy", Told()
    assert run(place, "guards", told=told) == said["guards"]
    assert told.done == told.total
    assert files_below(results(place)) == files_below(results(root))


@pytest.mark.parametrize("stop_after", [0, 3, 17, 44, 52, 54])
def test_asked_to_stop_at_any_point_it_goes_on_and_comes_to_the_same(
    planted: Any, tmp_path: Path, stop_after: int
) -> None:
    root, _, said = planted
    shutil.copytree(root, tmp_path / "copy", ignore=shutil.ignore_patterns("walk", "guards*", "vault_opened.json"))
    place, told = tmp_path / "copy", Told()
    desk = a_desk(place / "home", told, should_yield=lambda: told.done > stop_after)
    order = order_for(place, "guards")
    with pytest.raises(Yielded):
        PHASES[order.phase](order, desk)
    assert run(place, "guards") == said["guards"]
    assert files_below(results(place)) == files_below(results(root))


def test_the_vault_is_refused_to_another_finalist(planted: Any, tmp_path: Path) -> None:
    root, _, _ = planted
    shutil.copytree(root, tmp_path / "copy")
    path = results(tmp_path / "copy") / "reoptimize" / "all_trials.json"
    document = read(path)
    path.write_text(json.dumps(document | {"finalist": (document["finalist"] + 1) % 20}))
    with pytest.raises(OperatorError, match="the vault was opened for trial"):
        run(tmp_path / "copy", "guards")


def test_only_what_passed_the_guards_is_crowned_and_they_are_its_certificate(planted: Any, tmp_path: Path) -> None:
    root, _, _ = planted
    shutil.copytree(root, tmp_path / "copy")
    place = tmp_path / "copy"
    path = results(place) / "guards.json"
    path.write_text(json.dumps(read(path) | {"verdict": "fail"}))
    with pytest.raises(OperatorError, match=r"guards.json says 'fail'; only what passed can be crowned"):
        run(place, "crown")
    path.write_text(json.dumps(read(path) | {"verdict": "pass"}))
    summary = run(place, "crown")
    assert summary.verdict == "pass"
    (champion,) = (place / "home" / "champions").glob("*.json")
    told = read(champion)
    assert told["certificate"] == f"results/c/EDGE/{MODE}/guards.json"
    assert told["parameters"] == read(path)["params"]
    assert told["metrics"]["gates"]["mc_p"] < 0.05


def test_a_summary_tells_both_searches_apart_and_the_guards_word(planted: Any) -> None:
    root, _, said = planted
    first, second = summary_of(root / "home" / "results" / "c", top=1)["assets"]
    assert (first["trials"], first["guards"]) == (12, said["guards"].figures["guards"])
    assert first["oos_annual_sharpe"] == said["guards"].figures["oos_annual_sharpe"]
    assert (second["trials"], second["search"]) == (20, "reoptimize")
    assert "guards" not in second


# -- branches ---------------------------------------------------------------------------------------------------------

TRIGGER: dict[str, Any] = {
    **QUICK,
    "interval": "1h",
    "strategy": {"name": "final_trigger", "modes": ["baseline"]},
    "space": {},
    "constraints": {"min_trades": 5, "max_drawdown": 0.9},
    "search": {
        "prescreen": {"combos": 40, "top": 20}, "refine": {"trials": 10, "warm_start": 4},
        "reoptimize": {"trials": 8, "window_trials": 3},
    },
}  # fmt: skip


def branch(root: Path, phase: str, branch: str | None = None) -> ResultSummary:
    order = order_for(root, phase, branch, **TRIGGER)
    mode = "" if phase == "preflight" else "baseline"
    order = order.model_copy(update={"mode": mode, "job": job_id("c", "EDGE", mode, order.phase, branch=branch)})
    return PHASES[order.phase](order, a_desk(root / "home"))


@pytest.fixture(scope="module")
def branched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, ResultSummary]]:
    root = a_place(tmp_path_factory.mktemp("branched"), noise_market(500, 5, 60, symbol="EDGE"))
    said = {phase: branch(root, phase) for phase in (*FIRST, "reoptimize", "guards")}
    said |= {name: branch(root, "reoptimize", name) for name in ("displacement-26", "displacement-65")}
    said["displacement"] = branch(root, "guards", "displacement")
    said["again"] = branch(root, "reoptimize", "conservative")
    said["conservative"] = branch(root, "guards", "conservative")
    return root, said


def test_the_guards_say_what_could_be_tried_once_more(branched: Any, planted: Any) -> None:
    _, said = branched
    assert said["guards"].figures["displacement"] in (26, 39, 52, 65, 78)
    assert said["guards"].figures["conservative"] is True
    _, _, other = planted
    assert other["guards"].figures["displacement"] is None
    assert other["guards"].figures["conservative"] is True


def test_a_length_is_held_fast_in_every_trial_of_its_search_and_of_its_walk(branched: Any) -> None:
    root, _ = branched
    for length in (26, 65):
        found = read(results(root, "baseline") / f"reoptimize-displacement-{length}" / "all_trials.json")
        assert {trial["params"]["displacement"] for trial in found["trials"]} == {length}
        assert found["trials"][0]["origin"] == "refine"
    judged = read(results(root, "baseline") / "guards-displacement" / "guards.json")
    walk = results(root, "baseline") / "guards-displacement" / "walk"
    walked = [read(path)["params"]["displacement"] for path in walk.rglob("trial_*.json")]
    assert set(walked) == {judged["params"]["displacement"]}
    assert len(walked) == 6 * 3


def test_of_several_lengths_the_best_is_judged(branched: Any) -> None:
    root, _ = branched
    judged = read(results(root, "baseline") / "guards-displacement" / "guards.json")
    scores = {}
    for name in ("displacement-26", "displacement-65"):
        found = read(results(root, "baseline") / f"reoptimize-{name}" / "all_trials.json")
        scores[name] = found["trials"][found["finalist"]]["score"]
    assert judged["found_by"] == max(scores, key=lambda name: scores[name])
    assert judged["score"] == max(scores.values())


def test_the_conservative_branch_is_of_that_mode_and_each_look_at_the_vault_is_counted(branched: Any) -> None:
    root, said = branched
    judged = [read(results(root, "baseline") / name / "guards.json") for name in
              ("", "guards-displacement", "guards-conservative")]  # fmt: skip
    assert [each["mode"] for each in judged] == ["baseline", "baseline", "conservative"]
    assert [each["looks_at_the_vault"] for each in judged] == [1, 2, 3]
    tried = [each["tried"] for each in judged]
    assert tried == sorted(tried)
    # Behind the chain's own: two lengths of eight trials; then the conservative search of eight.
    assert tried[1] - tried[0] == 2 * 8 + judged[1]["tried_here"]
    assert tried[2] - tried[1] == 8 + judged[2]["tried_here"]
    space = search_space(strategy_named("final_trigger").card, "conservative", {})
    assert in_space(space, judged[2]["params"])
    assert "branch conservative" in said["conservative"].headline


# -- pieces -----------------------------------------------------------------------------------------------------------


def test_orders_one_bar_later_are_those_of_the_strategy_moved_by_one() -> None:
    bars = noise_market(60, 1, 15)
    params = {"tf_fast": 15, "L_fast": 5, "tf_slow": 60, "L_slow": 12, "sl": 0.02, "tp": 0.05}
    events, later = MTF.events(bars, params), Later(MTF).events(bars, params)
    kept = events.bar + 1 < bars.n_bars
    assert np.array_equal(later.bar, events.bar[kept] + 1)
    assert np.array_equal(later.side, events.side[kept])
    later.checked(bars.n_bars)


def test_in_the_market_are_the_bars_of_its_trades_and_no_others() -> None:
    bars = noise_market(60, 1, 15)
    params = {"tf_fast": 15, "L_fast": 5, "tf_slow": 60, "L_slow": 12, "sl": 0.02, "tp": 0.05}
    found = run_backtest(bars, MTF, params, mode=MODE, costs=COSTS)
    held = in_market(found.trades, bars.n_bars)
    assert held.mean() == pytest.approx(found.metrics.exposure)
    assert held[found.trades.entry_bar].all()
