"""What holds for every fill and every trade, whatever the strategy, the plan and the bars."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles.scripted import Scripted
from price_builders import KINDS, awkward_bars, random_events
from properties.short_vectors import short_params

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events, on_real_bars
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.registry import strategy_named, strategy_names

AT_OPEN = ("signal", "time")
some = st.sampled_from([0.004, 0.01, 0.03, 0.2, 0.95])
whole_exits = st.builds(
    lambda stop, target, trailing, time, size: ExitPlan(
        stop, target, trailing=trailing, time_stop_bars=time, size=size
    ),
    st.none() | some,
    st.none() | some,
    st.none() | some,
    st.none() | st.integers(1, 40),
    st.sampled_from([1.0, 0.4]),
)
any_exits = whole_exits | st.sampled_from(
    [
        ExitPlan(0.02, None, legs=(Leg(0.5, 0.01, 0.0), Leg(0.3, 0.02, 0.01), Leg(0.2, 0.05))),
        ExitPlan(0.02, None, legs=(Leg(0.4, 0.008, -0.002), Leg(0.3, 0.03)), trailing=0.015),
    ]
)
worlds = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "n_bars": st.integers(1, 700),
        "seed": st.integers(0, 10_000),
        "missing": st.sampled_from([0.0, 0.1, 0.4]),
    }
)
directions = st.sampled_from(Direction)
quick = settings(max_examples=120, deadline=None, derandomize=True)


def world(made: dict[str, Any]) -> tuple[Bars, Events]:
    bars = awkward_bars(**made)
    return bars, random_events(made["n_bars"], made["seed"], every=6.0, alternating=made["seed"] % 3 == 0)


def run(bars: Bars, events: Events, plan: ExitPlan, direction: Direction, costs: Costs) -> Simulation:
    return run_backtest(bars, Scripted(events, plan), {"row": 0}, mode=direction.value, costs=costs)


@quick
@given(made=worlds, plan=whole_exits, direction=directions)
def test_a_stop_is_never_better_than_the_open_and_a_target_never_worse_than_its_price(
    made: dict[str, Any], plan: ExitPlan, direction: Direction
):
    bars, events = world(made)
    trades = run(bars, events, plan, direction, Costs()).trades
    reasons = np.array(trades.exit_reason, dtype=object)
    at = trades.exit_bar
    # Gains in the direction of the trade, so that longs and shorts read alike.
    exit_, open_ = trades.side * trades.exit_price, trades.side * bars.open[at]
    worst = np.where(trades.side > 0, bars.low[at], -bars.high[at])
    best = np.where(trades.side > 0, bars.high[at], -bars.low[at])
    stopped, hit = np.isin(reasons, ("stop", "trailing")), reasons == "target"
    assert (exit_[stopped] <= open_[stopped]).all()
    if plan.stop is not None:
        level = trades.side * (trades.entry_price * (1.0 - trades.side * plan.stop))
        assert (exit_[reasons == "stop"] <= level[reasons == "stop"]).all()
    if plan.target is not None:
        level = trades.side * (trades.entry_price * (1.0 + trades.side * plan.target))
        assert (exit_[hit] >= level[hit]).all()
        assert (exit_[hit] >= open_[hit]).all()
    else:
        assert not hit.any()
    # No fill at a price the bar never had. A gap bar that ends the data has its own, flat price.
    assert ((exit_ >= worst) & (exit_ <= best)).all()
    assert (trades.entry_price == bars.open[trades.entry_bar]).all()


@quick
@given(made=worlds, plan=any_exits, direction=directions)
def test_trades_follow_each_other_and_answer_orders(made: dict[str, Any], plan: ExitPlan, direction: Direction):
    bars, events = world(made)
    found = run(bars, events, plan, direction, Costs())
    trades, reasons = found.trades, found.trades.exit_reason
    settled = on_real_bars(events, bars.synthetic)
    wish = dict(zip(settled.bar.tolist(), settled.side.tolist(), strict=True))
    assert (trades.exit_bar >= trades.entry_bar).all()
    assert set(trades.side.tolist()) <= ({1} if direction is Direction.LONG else {1, -1})
    for number in range(len(trades)):
        entry, exit_, side = (int(column[number]) for column in (trades.entry_bar, trades.exit_bar, trades.side))
        assert wish[entry] == side
        if reasons[number] == "signal":
            assert wish[exit_] == -side
        if reasons[number] == "time":
            assert exit_ >= entry + (plan.time_stop_bars or 0)
        if reasons[number] not in ("end_of_data", "ruin"):
            assert not bars.synthetic[exit_]
        if number + 1 < len(trades):
            # One bar may close a trade and open the next only where both happen at its open.
            entry_after = int(trades.entry_bar[number + 1])
            assert entry_after > exit_ or (entry_after == exit_ and reasons[number] in AT_OPEN)
        if reasons[number] in ("end_of_data", "ruin"):
            assert number == len(trades) - 1
    assert found.equity[-1] == pytest.approx(1.0 + trades.pnl.sum(), rel=1e-9, abs=1e-9)
    assert (found.equity >= 0.0).all()


@quick
@given(
    made=worlds,
    plan=any_exits,
    direction=directions,
    fees=st.tuples(st.floats(0.0, 50.0), st.floats(0.0, 50.0)),
    slippages=st.tuples(st.floats(0.0, 50.0), st.floats(0.0, 50.0)),
)
def test_dearer_trading_never_ends_with_more(
    made: dict[str, Any],
    plan: ExitPlan,
    direction: Direction,
    fees: tuple[float, float],
    slippages: tuple[float, float],
):
    bars, events = world(made)
    cheap = run(bars, events, plan, direction, Costs(min(fees), min(slippages)))
    dear = run(bars, events, plan, direction, Costs(max(fees), max(slippages)))
    # A ruin can come at another close, and with it other trades.
    assume("ruin" not in cheap.trades.exit_reason + dear.trades.exit_reason)
    for name in ("entry_bar", "exit_bar", "side", "reason", "entry_price", "exit_price"):
        np.testing.assert_array_equal(getattr(cheap.trades, name), getattr(dear.trades, name))
    assert (dear.trades.return_ <= cheap.trades.return_ + 1e-14).all()
    assert dear.equity[-1] <= cheap.equity[-1] * (1.0 + 1e-12)


@pytest.mark.parametrize("name", strategy_names())
@settings(max_examples=15, deadline=None, derandomize=True)
@given(price=st.floats(1e-6, 1e6), n_bars=st.integers(1, 2000), lead=st.integers(0, 287), seed=st.integers(0, 10_000))
def test_a_flat_price_trades_nothing_at_any_price(name: str, price: float, n_bars: int, lead: int, seed: int):
    strategy, params = strategy_named(name), short_params(name, seed)
    flat = awkward_bars("flat", n_bars, 0, lead=lead)
    level = np.full(n_bars, price)
    bars = Bars("FLAT", 5, flat.open_time, level, level, level, level, flat.volume, flat.synthetic)
    for mode in strategy.card.modes:
        found = run_backtest(bars, strategy, params, mode=mode, costs=Costs())
        assert len(found.trades) == 0
        assert (found.equity == 1.0).all()
        assert found.metrics.annual_sharpe == 0.0
