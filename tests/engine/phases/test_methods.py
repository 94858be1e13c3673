"""A refinement by each method of search: what it tries, who its finalist is, and that a stop changes nothing."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search_builders import MODE, SYMBOL, Told, a_desk, a_market, an_order, files_below, run_phase

from swarmd.engine.market.bars import bars_from_arrays, load_bars
from swarmd.engine.market.formats import write_bars
from swarmd.engine.phases.desk import Yielded
from swarmd.engine.phases.refine import refine
from swarmd.engine.phases.table import PHASES
from swarmd.engine.phases.walk import WALK_FORWARD_FILE
from swarmd.engine.search.showcases import SHOWCASES
from swarmd.engine.search.space import search_space
from swarmd.engine.search.vectors import drawn_vectors
from swarmd.engine.strategies.registry import strategy_named

MTF = strategy_named("mtf_ema")
FINAL = strategy_named("final_trigger")
GRID = {"L_fast": [2, 4, 8], "L_slow": {"low": 10, "high": 12, "type": "int"}, "sl": [0.01, 0.03]}


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    a_market(folder)
    return folder


@pytest.fixture
def home(market: Path, tmp_path: Path) -> Path:
    run_phase(tmp_path / "home", market, "preflight")
    return tmp_path / "home"


def results(home: Path) -> Path:
    return home / "results" / "c" / SYMBOL / MODE


def all_trials(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results(home) / "all_trials.json").read_text())
    return found


def refined(home: Path, market: Path, *, stops_after: int | None = None, **settings: Any):
    """With `stops_after`, broken off after so many trials, and then taken up again."""
    before = Told()
    if stops_after is not None:
        order = an_order(home, market, "refine", **settings)
        with pytest.raises(Yielded):
            refine(order, a_desk(home, before, should_yield=lambda: before.done >= stops_after))
    told = Told()
    summary = refine(an_order(home, market, "refine", **settings), a_desk(home, told))
    assert told.done == told.total
    if stops_after is not None:
        assert (before.skipped, told.skipped) == (0, before.done), "what an earlier run did is no work of this one"
    return summary


def test_a_grid_tries_every_point_once_in_order_and_its_finalist_is_picked_like_any(market, home, tmp_path):
    settings = {"search": {"method": "grid"}, "space": GRID}
    summary = refined(home, market, stops_after=7, **settings)
    document = all_trials(home)
    points = [trial["params"] for trial in document["trials"]]
    base = MTF.card.baseline
    wanted = [
        {**base, "L_fast": fast, "L_slow": slow, "sl": sl}
        for fast, slow, sl in itertools.product((2, 4, 8), (10, 11, 12), (0.01, 0.03))
    ]
    assert points == wanted
    assert {trial["origin"] for trial in document["trials"]} == {"grid"}
    assert (document["method"], document["warm_start"], document["reproducible"]) == ("grid", None, True)
    chosen = document["trials"][document["finalist"]]
    assert chosen["valid"]
    assert summary.figures["trial"] == chosen["number"]
    for name in SHOWCASES:
        config = json.loads((results(home) / name / "config.json").read_text())
        assert config["params"] == points[config["trial"]]
    undisturbed = tmp_path / "undisturbed"
    run_phase(undisturbed, market, "preflight")
    assert refined(undisturbed, market, **settings) == summary
    assert files_below(results(undisturbed)) == files_below(results(home))


def test_a_continuous_range_is_refused_by_a_grid_wherever_it_comes_from(market, home):
    with pytest.raises(ValueError, match="sl is continuous: a grid needs its values"):
        refined(home, market, search={"method": "grid"}, space={"sl": {"low": 0.01, "high": 0.02}})
    many = {"sl": [n / 10_000 for n in range(100, 301)], "tp": [n / 10_000 for n in range(100, 301)]}
    with pytest.raises(ValueError, match="40,401 points, more than 20,000"):
        refined(home, market, search={"method": "grid"}, space=many)


def test_monte_carlo_draws_what_an_experiment_draws_and_a_longer_draw_keeps_the_first(market, home):
    def settings(trials: int) -> dict[str, Any]:
        return {"search": {"method": "monte_carlo", "refine": {"trials": trials, "seed": 5}}, "space": {}}

    refined(home, market, stops_after=4, **settings(9))
    short = all_trials(home)
    drawn = drawn_vectors((search_space(MTF.card, MODE, {}),), MTF, 9, 5).vectors
    assert [trial["params"] for trial in short["trials"]] == list(drawn)
    assert {trial["origin"] for trial in short["trials"]} == {"monte_carlo"}
    refined(home, market, **settings(12))
    longer = all_trials(home)
    assert longer["trials"][:9] == short["trials"]
    assert longer["study"] == short["study"]


WALK = {"method": "walk_forward", "walk_forward": {"windows": 6, "purge": 8}, "refine": {"trials": 12}}


def test_a_walk_searches_each_window_anew_and_its_finalist_is_the_procedures_on_all_bars(market, home, tmp_path):
    run_phase(home, market, "prescreen")  # has seen all windows: nothing of it may be used
    summary = refined(home, market, stops_after=30, search=WALK)
    walked = json.loads((results(home) / WALK_FORWARD_FILE).read_text())
    windows = walked["windows"]
    assert [window["number"] for window in windows] == list(range(6))
    bars = load_bars(market / f"{SYMBOL}.parquet")
    development = round(bars.n_bars * 2 / 3)
    for window, after in itertools.pairwise(windows):
        assert window["fit"]["start_bar"] + window["fit"]["bars"] + 8 == window["test"]["start_bar"]
        assert window["test"]["start_bar"] + window["test"]["bars"] == after["test"]["start_bar"]
        assert window["fit"]["bars"] >= 3 * window["test"]["bars"]
    assert windows[-1]["test"]["start_bar"] + windows[-1]["test"]["bars"] == development
    for window in windows:
        files = sorted((results(home) / f"window_{window['number']}" / "trials").glob("trial_*.json"))
        trials = [json.loads(path.read_text()) for path in files]
        assert len(trials) == window["trials"] == 12
        assert {trial["origin"] for trial in trials} == {"random", "tpe"}
        (choice,) = (trial for trial in trials if trial["number"] == window["choice"]["trial"])
        assert (choice["params"], choice["score"]) == (window["choice"]["params"], window["choice"]["score"])
    assert walked["tried"] == 72
    document = all_trials(home)
    assert (document["search"], document["method"], document["tried"]) == ("walk_forward", "tpe", 84)
    assert "walked forward over 6 windows: Sharpe " in summary.headline
    assert summary.figures["walked_profitable_share"] == walked["share_of_profitable_windows"]
    # The same procedure on all development bars, without a prescreen and without a walk.
    alone = tmp_path / "alone"
    run_phase(alone, market, "preflight")
    refined(alone, market, search={"refine": {"trials": 12}})
    assert all_trials(alone)["trials"] == document["trials"]
    assert all_trials(alone)["finalist"] == document["finalist"]
    undisturbed = tmp_path / "undisturbed"
    for phase in ("preflight", "prescreen"):
        run_phase(undisturbed, market, phase)
    assert refined(undisturbed, market, search=WALK) == summary
    assert files_below(results(undisturbed)) == files_below(results(home))


@pytest.mark.parametrize("search", [{"method": "monte_carlo", "refine": {"trials": 12}}, WALK])
def test_a_rung_is_the_beginning_of_the_whole_search_and_only_the_whole_is_walked(market, home, search):
    rung = an_order(home, market, "refine", search=search).model_copy(update={"trials": 5})
    refine(rung, a_desk(home, told := Told()))
    assert (told.done, told.total) == (5, 5)
    first = all_trials(home)["trials"]
    assert len(first) == 5
    assert not (results(home) / WALK_FORWARD_FILE).exists()
    refined(home, market, search=search)
    assert all_trials(home)["trials"][:5] == first
    assert len(all_trials(home)["trials"]) == 12
    assert (results(home) / WALK_FORWARD_FILE).exists() is (search is WALK)


def test_what_comes_after_a_window_changes_nothing_in_it(market, home, tmp_path):
    search = {**WALK, "walk_forward": {"windows": 3}}
    refined(home, market, search=search)
    bars = load_bars(market / f"{SYMBOL}.parquet")
    windows = json.loads((results(home) / WALK_FORWARD_FILE).read_text())["windows"]
    cut = windows[1]["test"]["start_bar"] + windows[1]["test"]["bars"]
    arrays = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for name in ("open", "high", "low", "close"):
        arrays[name][cut:] *= np.linspace(1.0, 3.0, bars.n_bars - cut)
    body = np.stack((arrays["open"], arrays["close"]))
    arrays["high"], arrays["low"] = np.maximum(arrays["high"], body.max(0)), np.minimum(arrays["low"], body.min(0))
    (tmp_path / "other").mkdir()
    write_bars(tmp_path / "other" / f"{SYMBOL}.parquet", bars_from_arrays(SYMBOL, 15, bars.open_time, **arrays))
    other = tmp_path / "changed"
    run_phase(other, tmp_path / "other", "preflight")
    refined(other, tmp_path / "other", search=search)
    changed = json.loads((results(other) / WALK_FORWARD_FILE).read_text())["windows"]
    assert changed[:2] == windows[:2]
    assert changed[2] != windows[2]


def test_too_few_bars_for_so_many_windows_are_told_in_figures(market, home):
    with pytest.raises(ValueError, match=r"search.walk_forward: NOISE: 100 windows .* leave \d+ bars a test on 7680"):
        refined(home, market, search={**WALK, "walk_forward": {"windows": 100, "embargo": 76}})


def test_pruned_trials_are_kept_with_their_score_and_the_median_and_never_stand_for_the_search(market, home):
    settings = {"search": {"refine": {"trials": 40, "prune": "median"}}}
    summary = refined(home, market, stops_after=25, **settings)
    trials = all_trials(home)["trials"]
    pruned = [trial for trial in trials if trial["state"] == "pruned"]
    assert 0 < len(pruned) == summary.figures["pruned"]
    assert f"{len(pruned)} given up on the first third of the bars" in summary.headline
    for trial in pruned:
        own = json.loads((results(home) / "trials" / f"trial_{trial['number']}.json").read_text())
        assert own["glance"]["score"] < own["glance"]["median"]
        assert (own["glance"]["bars"], own["valid"], own["score"], own["error"]) == (2560, False, None, None)
        earlier = [each["glance"]["score"] for each in trials[: trial["number"]] if "glance" in each]
        assert own["glance"]["median"] == np.median(earlier)
    off = refined(home, market, search={"refine": {"trials": 12}})
    assert "pruned" not in off.figures
    assert all("glance" not in trial for trial in all_trials(home)["trials"])


@pytest.mark.parametrize("is_enforced", [True, False])
def test_targets_out_of_order_are_tried_only_where_a_campaign_allows_it(tmp_path, is_enforced):
    a_market(tmp_path / "bars", interval_minutes=60)
    settings = {
        "strategy": {"name": "final_trigger", "modes": ["baseline"]},
        "space": {},
        "search": {"prescreen": {"combos": 50}, "refine": {"trials": 14, "warm_start": 0}},
        "constraints": {"min_trades": 1, "max_drawdown": 0.99, "enforce_tp_progression": is_enforced},
    }
    for phase in ("preflight", "prescreen", "refine"):
        order = an_order(tmp_path, tmp_path / "bars", phase, interval="1h", **settings)
        order = order.model_copy(update={"mode": order.mode.replace(MODE, "baseline")})
        assert PHASES[order.phase](order, a_desk(tmp_path)).verdict == "pass"
    folder = tmp_path / "results" / "c" / SYMBOL / "baseline"
    seeds = json.loads((folder / "phase0_top500.json").read_text())["top"]
    document = json.loads((folder / "all_trials.json").read_text())
    assert document["constraints"]["enforce_tp_progression"] is is_enforced
    for tried in (seeds, document["trials"]):
        columns = {name: np.array([each["params"][name] for each in tried]) for name in ("tp1", "tp2", "tp3")}
        assert bool(FINAL.admissible(columns).all()) is is_enforced
