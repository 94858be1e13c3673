"""What must not change a run: bars that come later, the unit of the price, the date; and what turns it into its mirror.

Shifts by part of a day. Signals come from bars of higher timeframes counted from midnight, so a shift that is no
multiple of a vector's timeframes makes other bars and other signals: nothing is promised. A multiple of them moves the
whole run along, and only what is counted by the day (the Sharpe ratio and its kin) may change.

Mirror. A long on x is a short on 1/x: events swap sides, a level at entry * (1 - d) becomes entry' * (1 + d / (1 - d))
and one at entry * (1 + d) becomes entry' * (1 - d / (1 + d)). Then bars and reasons are the same and prices
reciprocal. Returns are not opposite: a short's profit is linear in its price, so that without costs the long grows by
1 / (2 - growth of the short). With costs nothing of the kind holds for money.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.scripted import Scripted
from price_builders import KINDS, awkward_bars, random_events
from properties.short_vectors import MODES, short_params

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.registry import strategy_named

# Kinds whose prices are no round numbers, so that no price lies on a level or a line by construction.
UNROUND = ("walk", "gaps", "spikes", "doubling", "trend")
FREE = Costs(0.0, 0.0)
DAY_MS = 86_400_000
quick = settings(max_examples=25, deadline=None, derandomize=True)
prices = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "n_bars": st.integers(2, 900),
        "seed": st.integers(0, 10_000),
        "lead": st.integers(0, 287),
        "missing": st.sampled_from([0.0, 0.1]),
    }
)


def run(bars: Bars, name: str, mode: str, params: dict[str, Any], costs: Costs | None = None) -> Simulation:
    return run_backtest(bars, strategy_named(name), params, mode=mode, costs=costs or Costs())


def scaled(bars: Bars, factor: float) -> Bars:
    columns = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    return dataclasses.replace(bars, **columns)


def moved(bars: Bars, by_ms: int) -> Bars:
    return dataclasses.replace(bars, open_time=bars.open_time + by_ms)


def assert_same_trades(one: Simulation, other: Simulation, *columns: str) -> None:
    for name in columns or tuple(field.name for field in dataclasses.fields(one.trades)):
        np.testing.assert_array_equal(getattr(one.trades, name), getattr(other.trades, name), err_msg=name)


@pytest.mark.parametrize(("name", "mode"), MODES)
@quick
@given(prices=prices, cut=st.floats(0.0, 1.0))
def test_what_was_before_a_cut_stays_bit_for_bit_without_what_came_after(
    name: str, mode: str, prices: dict[str, Any], cut: float
):
    bars, params = awkward_bars(**prices), short_params(name, prices["seed"])
    n_kept = 1 + int(cut * (bars.n_bars - 1))
    kept = bars.between(0, n_kept)
    whole_events, kept_events = (strategy_named(name).events(b, params) for b in (bars, kept))
    n_events = len(kept_events)
    np.testing.assert_array_equal(whole_events.bar[whole_events.bar < n_kept], kept_events.bar)
    np.testing.assert_array_equal(whole_events.side[:n_events], kept_events.side)

    whole, short = run(bars, name, mode, params), run(kept, name, mode, params)
    np.testing.assert_array_equal(whole.equity[: n_kept - 1], short.equity[: n_kept - 1])
    reasons = np.array(short.trades.exit_reason)
    n_closed = int(np.sum(reasons != "end_of_data"))
    if n_kept < bars.n_bars:
        assert n_closed == int(np.sum(whole.trades.exit_bar < n_kept))
    for field in dataclasses.fields(whole.trades):
        before, after = getattr(whole.trades, field.name), getattr(short.trades, field.name)
        np.testing.assert_array_equal(before[:n_closed], after[:n_closed], err_msg=field.name)


@pytest.mark.parametrize(("name", "mode"), MODES)
@quick
@given(prices=prices, power=st.integers(-12, 12))
def test_prices_times_a_power_of_two_give_the_same_bits(name: str, mode: str, prices: dict[str, Any], power: int):
    bars, params = awkward_bars(**prices), short_params(name, prices["seed"])
    here, there = run(bars, name, mode, params), run(scaled(bars, 2.0**power), name, mode, params)
    assert_same_trades(here, there, "entry_bar", "exit_bar", "side", "reason", "return_", "pnl")
    np.testing.assert_array_equal(here.trades.exit_price * 2.0**power, there.trades.exit_price)
    np.testing.assert_array_equal(here.equity, there.equity)
    assert here.metrics == there.metrics


@pytest.mark.parametrize(("name", "mode"), MODES)
@quick
@given(prices=prices, kind=st.sampled_from(UNROUND), factor=st.sampled_from([1000.0, 0.001, 7.3]))
def test_prices_in_another_unit_give_the_same_trades(
    name: str, mode: str, prices: dict[str, Any], kind: str, factor: float
):
    bars, params = awkward_bars(**(prices | {"kind": kind})), short_params(name, prices["seed"])
    here, there = run(bars, name, mode, params), run(scaled(bars, factor), name, mode, params)
    assert_same_trades(here, there, "entry_bar", "exit_bar", "side", "reason")
    np.testing.assert_allclose(here.trades.exit_price * factor, there.trades.exit_price, rtol=1e-12)
    np.testing.assert_allclose(here.trades.return_, there.trades.return_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(here.equity, there.equity, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "mode"), MODES)
@quick
@given(prices=prices, days=st.integers(-1000, 1000))
def test_another_date_gives_the_same_run(name: str, mode: str, prices: dict[str, Any], days: int):
    bars, params = awkward_bars(**prices), short_params(name, prices["seed"])
    here, there = run(bars, name, mode, params), run(moved(bars, days * DAY_MS), name, mode, params)
    assert_same_trades(here, there)
    np.testing.assert_array_equal(here.equity, there.equity)
    assert here.metrics == there.metrics


@pytest.mark.parametrize(("name", "mode"), MODES)
@quick
@given(prices=prices, times=st.integers(1, 24))
def test_another_time_of_day_that_keeps_the_slow_bars_whole_moves_the_run_along(
    name: str, mode: str, prices: dict[str, Any], times: int
):
    bars, params = awkward_bars(**prices), short_params(name, prices["seed"])
    timeframes = [int(value) for key, value in params.items() if key.startswith("tf_")]
    step_minutes = math.lcm(bars.interval_minutes, *timeframes)
    here = run(bars, name, mode, params)
    there = run(moved(bars, times * step_minutes * 60_000), name, mode, params)
    assert_same_trades(here, there)
    np.testing.assert_array_equal(here.equity, there.equity)
    by_day = ("annual_sharpe", "annual_volatility", "annual_sortino")
    unmoved = {field.name for field in dataclasses.fields(here.metrics)} - set(by_day)
    assert all(getattr(here.metrics, metric) == getattr(there.metrics, metric) for metric in unmoved)


def test_another_time_of_day_that_cuts_slow_bars_elsewhere_is_another_market():
    bars = awkward_bars("walk", 900, 1)
    params = {"tf_fast": 15, "L_fast": 2, "tf_slow": 120, "L_slow": 3, "sl": 0.01, "tp": 0.02}
    events = strategy_named("mtf_ema").events
    assert events(bars, params).bar.tolist() == events(moved(bars, 120 * 60_000), params).bar.tolist()
    assert events(bars, params).bar.tolist() != events(moved(bars, 5 * 60_000), params).bar.tolist()


def nearer(distance: float | None) -> float | None:
    """A distance below a price, seen above its reciprocal."""
    return None if distance is None else distance / (1.0 - distance)


def further(distance: float | None) -> float | None:
    """A distance above a price, seen below its reciprocal."""
    return None if distance is None else distance / (1.0 + distance)


def mirrored_plan(plan: ExitPlan) -> ExitPlan:
    legs = tuple(Leg(leg.share, leg.target / (1.0 + leg.target), further(leg.stop_to)) for leg in plan.legs)
    return dataclasses.replace(
        plan, stop=nearer(plan.stop), target=further(plan.target), trailing=nearer(plan.trailing), legs=legs
    )


plans = st.sampled_from(
    [
        ExitPlan(0.011, 0.023),
        ExitPlan(0.2, 0.31),
        ExitPlan(None, None),
        ExitPlan(0.013, 0.04, trailing=0.017),
        ExitPlan(None, 0.027, trailing=0.009, time_stop_bars=9),
        ExitPlan(0.02, None, time_stop_bars=4),
        ExitPlan(0.021, None, legs=(Leg(0.5, 0.011, 0.001), Leg(0.3, 0.023, 0.012), Leg(0.2, 0.041))),
    ]
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(("walk", "gaps", "trend")),
    n_bars=st.integers(2, 700),
    seed=st.integers(0, 10_000),
    missing=st.sampled_from([0.0, 0.1]),
    plan=plans,
)
def test_a_long_is_the_short_of_the_reciprocal_price(kind: str, n_bars: int, seed: int, missing: float, plan: ExitPlan):
    bars = awkward_bars(kind, n_bars, seed, missing=missing)
    columns = {"open": bars.open, "high": bars.low, "low": bars.high, "close": bars.close}
    mirror = dataclasses.replace(bars, **{name: 1.0 / column for name, column in columns.items()})
    events = random_events(n_bars, seed, every=7.0, alternating=seed % 2 == 0)
    swapped = Events(events.bar, -events.side)
    longs = run_backtest(bars, Scripted(events, plan), {"row": 0}, mode=Direction.LONG.value, costs=FREE)
    both = run_backtest(
        mirror, Scripted(swapped, mirrored_plan(plan)), {"row": 0}, mode=Direction.LONG_SHORT.value, costs=FREE
    )
    assert "ruin" not in both.trades.exit_reason
    # A crossing that ends a short also opens a long there; whatever that does, the next short begins where it would.
    shorts = both.trades.side < 0
    for name in ("entry_bar", "exit_bar", "reason"):
        np.testing.assert_array_equal(getattr(longs.trades, name), getattr(both.trades, name)[shorts], err_msg=name)
    np.testing.assert_allclose(longs.trades.entry_price, 1.0 / both.trades.entry_price[shorts], rtol=1e-12)
    if not plan.legs:
        # The mean of the reciprocals of several prices is not the reciprocal of their mean.
        np.testing.assert_allclose(longs.trades.exit_price, 1.0 / both.trades.exit_price[shorts], rtol=1e-12)
        growth = 1.0 + both.trades.return_[shorts]
        np.testing.assert_allclose(1.0 + longs.trades.return_, 1.0 / (2.0 - growth), rtol=1e-11)
