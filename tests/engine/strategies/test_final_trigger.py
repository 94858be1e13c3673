"""`final_trigger` decides what its definition says, enters once a regime, and keeps the source's books to 1e-9."""

import math

import numpy as np
import pytest
from oracles.plain_final_trigger import Cloud, Rows, agreement, atr, regimes, source_legs
from price_builders import awkward_bars

from swarmd.engine.backtest import evaluate_many, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.market.bars import Bars
from swarmd.engine.search.combos import draw_combinations, row_params
from swarmd.engine.search.space import search_space
from swarmd.engine.source_final_trigger import CAPITAL, run_source_final_trigger
from swarmd.engine.strategies.final_trigger import BASELINE, CONSERVATIVE, MODERATE, FinalTrigger
from swarmd.engine.strategies.registry import strategy_named

STRATEGY = FinalTrigger()
NEAR = {"tenkan": 5, "kijun": 12, "tenkan_5": 4, "kijun_5": 9, "displacement": 26,
        "sl": 1.5, "tp1": 1.0, "tp2": 2.0, "tp3": 3.5}  # fmt: skip


def hours(n_bars: int, seed: int, kind: str = "walk", missing: float = 0.0) -> Bars:
    bars = awkward_bars(kind, n_bars, seed, interval_minutes=60, missing=missing)
    volume = np.where(bars.synthetic, 0.0, np.random.default_rng(seed).uniform(1.0, 9.0, n_bars))
    return Bars("AWKWARD", 60, bars.open_time, bars.open, bars.high, bars.low, bars.close, volume, bars.synthetic)


@pytest.mark.parametrize(("mode", "n_bars", "least"), [(BASELINE, 3_000, 40), (MODERATE, 2_500, 5)])
def test_events_are_the_bars_after_those_on_which_regime_and_filter_agree(mode: str, n_bars: int, least: int):
    for seed in (1, 2, 3):
        bars = hours(n_bars, seed)
        rows = Rows.of(bars)
        regime, run = regimes(Cloud(rows, 5, 12, 26), n_bars)
        agreed, ranges = agreement(rows, NEAR, mode), atr(rows)
        wanted = [(t + 1, regime[t], run[t]) for t in range(n_bars - 1) if regime[t] != 0 and agreed[t] == regime[t]]
        events = STRATEGY.in_mode(mode).events(bars, NEAR)
        assert events.chance is not None
        assert events.unit is not None
        found = list(zip(events.bar.tolist(), events.side.tolist(), events.chance.tolist(), strict=True))
        assert found == wanted
        assert len(found) >= least
        np.testing.assert_allclose(events.unit, [ranges[bar - 1] for bar, _, _ in wanted], rtol=1e-12)


def test_each_mode_asks_more_than_the_one_before():
    bars = hours(20_000, 4)
    wide, middle, narrow = (
        {*STRATEGY.in_mode(mode).events(bars, NEAR).bar.tolist()} for mode in (BASELINE, MODERATE, CONSERVATIVE)
    )
    assert narrow < middle < wide


def test_no_short_comes_before_the_first_long_regime():
    falling = hours(4_000, 5)
    down = np.exp(-np.arange(4_000) * 0.002)
    prices = (c * down for c in (falling.open, falling.high, falling.low, falling.close))
    bars = Bars("DOWN", 60, falling.open_time, *prices, falling.volume, falling.synthetic)
    events = STRATEGY.events(bars, NEAR)
    assert events.side[0] == 1
    regime, _ = STRATEGY.regime(bars, NEAR)
    assert regime[: np.flatnonzero(regime == 1)[0]].tolist() == [0] * int(np.flatnonzero(regime == 1)[0])


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_one_position_a_regime_and_the_stop_follows_the_legs(engine: str):
    bars = hours(20_000, 6)
    run = run_backtest(bars, STRATEGY, NEAR, mode=BASELINE, costs=Costs(0.0, 0.0), engine=engine)  # type: ignore[arg-type]
    events = STRATEGY.events(bars, NEAR)
    assert events.chance is not None
    chance_at = dict(zip(events.bar.tolist(), events.chance.tolist(), strict=True))
    chances = [chance_at[bar] for bar in run.trades.entry_bar.tolist()]
    assert len(set(chances)) == len(chances) > 100
    assert {"stop", "target"} <= set(run.trades.exit_reason) <= {"stop", "target", "end_of_data"}
    # Behind the first leg the rest cannot lose: a position that lost, lost by its first stop, half a percent of equity.
    lost = run.trades.pnl < -1e-12
    before = np.cumprod(
        np.concatenate(([1.0], 1.0 + run.trades.pnl / (1.0 + np.cumsum(run.trades.pnl) - run.trades.pnl)))
    )
    share = -run.trades.pnl[lost] / before[:-1][lost]
    assert np.median(share) == pytest.approx(0.005, rel=1e-6)


def test_many_at_once_are_the_same_as_one_by_one_in_every_mode():
    bars = hours(6_000, 7, missing=0.01)
    for mode in STRATEGY.card.modes:
        space = search_space(STRATEGY.card, mode, {})
        columns = draw_combinations(space, 8, 9, STRATEGY.admissible)
        found = evaluate_many(bars, STRATEGY, columns, mode=mode, costs=Costs())
        for row in range(8):
            single = run_backtest(bars, STRATEGY, row_params(columns, row), mode=mode, costs=Costs()).metrics
            for name in SCREEN_METRICS:
                assert found[name][row] == getattr(single, name), (mode, row, name)


def test_a_vector_whose_targets_are_too_near_is_never_drawn_and_is_refused_by_hand():
    space = search_space(STRATEGY.card, BASELINE, {})
    drawn = draw_combinations(space, 5_000, 3, STRATEGY.admissible)
    assert np.min(drawn["tp2"] - drawn["tp1"]) >= 0.5 - 1e-9
    assert np.min(drawn["tp3"] - drawn["tp2"]) >= 0.5 - 1e-9
    with pytest.raises(ValueError, match="do not go together"):
        run_backtest(hours(500, 1), STRATEGY, NEAR | {"tp2": 1.4}, mode=BASELINE, costs=Costs())


# -- the source's books -----------------------------------------------------------------------------------------------


def test_without_the_progression_any_targets_are_drawn_and_the_nearest_leaves_first():
    free = STRATEGY.without_tp_progression()
    space = search_space(free.card, MODERATE, {})
    columns = draw_combinations(space, 2_000, 1, free.in_mode(MODERATE).admissible)
    fits = STRATEGY.admissible(columns)
    assert 0.02 < float(np.mean(fits)) < 0.7
    turned = {**NEAR, "tp1": 3.5, "tp2": 1.0, "tp3": 2.0}
    legs = free.plan(turned).legs
    assert [(leg.target, leg.share, leg.stop_to) for leg in legs] == [
        (1.0, 0.3, 0.0),
        (2.0, 0.2, 1.0),
        (3.5, 0.5, None),
    ]
    same = free.plan({**NEAR, "tp1": 2.0, "tp2": 2.0}).legs
    assert [(leg.target, leg.share, leg.stop_to) for leg in same] == [(2.0, 0.8, 0.0), (3.5, 0.2, None)]
    bars = hours(4_000, 6)
    fast, slow = (
        run_backtest(bars, free, turned, mode=BASELINE, costs=Costs(), engine=engine) for engine in ("cpu", "reference")
    )
    assert fast.metrics == slow.metrics
    assert len(fast.trades) > 20
    with pytest.raises(ValueError, match="do not go together"):
        run_backtest(bars, STRATEGY, turned, mode=BASELINE, costs=Costs())


@pytest.mark.parametrize("kind", ["walk", "gaps", "trend", "spikes"])
def test_every_leg_equals_the_plain_bookkeeping_of_the_source(kind: str):
    bars = hours(6_200, 11, kind)
    parts = run_source_final_trigger(bars, STRATEGY, NEAR, mode=BASELINE, costs=Costs())
    edges = (200, 200 + 3_600, 200 + 4_800, 6_200)
    n_legs = 0
    for part, start, stop in zip(parts.values(), edges[:-1], edges[1:], strict=True):
        wanted = source_legs(Rows.of(bars.between(start, stop)), NEAR)
        legs = part.legs
        found = list(zip(*(x.tolist() for x in (legs.entry_row, legs.exit_row, legs.side, legs.leg)), strict=True))
        assert found == [leg[:4] for leg in wanted]
        np.testing.assert_allclose(legs.pnl, [leg[4] for leg in wanted], rtol=1e-9, atol=1e-9)
        n_legs += len(wanted)
        equity = [CAPITAL + sum(leg[4] for leg in wanted if leg[1] <= t) for t in range(stop - start)]
        np.testing.assert_allclose(part.equity, equity, rtol=1e-12)
        returns = np.diff(equity) / np.array(equity[:-1])
        sharpe = returns.mean() / returns.std() * math.sqrt(8_760 + 6) if returns.std() else 0.0
        assert part.metrics()["annual_sharpe"] == pytest.approx(sharpe, rel=1e-9)
        assert part.metrics()["total_trades"] == len(wanted)
    assert n_legs > 30


def test_missing_bars_are_no_rows_of_the_source():
    bars = hours(3_000, 12, missing=0.05)
    real = np.flatnonzero(~bars.synthetic)
    columns = [np.ascontiguousarray(c[real]) for c in (bars.open, bars.high, bars.low, bars.close, bars.volume)]
    steps = bars.open_time[0] + np.arange(real.size) * 3_600_000
    joined = Bars("JOINED", 60, steps, *columns, np.zeros(real.size, np.bool_))
    here, there = (run_source_final_trigger(b, STRATEGY, NEAR, mode=MODERATE, costs=Costs()) for b in (bars, joined))
    for name in here:
        np.testing.assert_array_equal(here[name].equity, there[name].equity)


@pytest.mark.parametrize(
    ("bars", "strategy", "words"),
    [
        (hours(3_000, 1), "ema_cross", "ema_cross given; these are the books of final_trigger"),
        (awkward_bars("walk", 3_000, 1), "final_trigger", "bars of 5 minutes given; give bars of one hour"),
        (hours(205, 1), "final_trigger", "205 rows given; 200 are dropped"),
    ],
)
def test_what_the_source_has_no_books_for_is_refused(bars: Bars, strategy: str, words: str):
    made = strategy_named(strategy)
    with pytest.raises(ValueError, match=words):
        run_source_final_trigger(bars, made, made.card.baseline, mode=next(iter(made.card.modes)), costs=Costs())
