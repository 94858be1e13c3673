"""Trailing and time stops, legs that move the stop, and a part of the equity: what the oracles have of them agrees.

How they read them, and where that parts from our reading:

* vectorbt's trailing stop follows the highs of earlier rows, as ours does those of earlier bars. It has one stop: a
  fixed stop beside a trailing one, legs and time stops it has not, and no size below 1 with reversals.
* backtesting.py has none of them; a strategy on it moves its stop after every bar, which is our reading too. Each leg
  is a trade of its own there. A short whose entry bar closes beyond ruin leaves its further legs without margin.
"""

import numpy as np
import pytest

pytest.importorskip("vectorbt")
pytest.importorskip("backtesting")

from oracles.backtesting_peer import run_backtesting
from oracles.peer import Orders, differences, unequal_bits
from oracles.scripted import Scripted
from oracles.vectorbt_peer import run_vectorbt
from oracles.volume import COSTS, FEE_ONLY, real_file, real_series
from price_builders import KINDS, awkward_bars, events_from, random_events

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.market.bars import Bars, bars_from_arrays
from swarmd.engine.strategies.registry import strategy_named

pytestmark = pytest.mark.xdist_group("oracles")
TRAILING = (ExitPlan(None, None, trailing=0.01), ExitPlan(None, 0.02, trailing=0.03))
SIZED = (ExitPlan(0.01, 0.03, size=0.5), ExitPlan(None, None, size=0.013))
ONE_LEG = (
    *TRAILING,
    *SIZED,
    ExitPlan(0.02, 0.03, trailing=0.01),
    ExitPlan(0.01, 0.03, time_stop_bars=7),
    ExitPlan(0.02, 0.03, trailing=0.015, time_stop_bars=20, size=0.5),
)
LEGS = (
    ExitPlan(0.02, None, legs=(Leg(0.5, 0.01, 0.0), Leg(0.3, 0.02, 0.01), Leg(0.2, 0.05))),
    ExitPlan(0.02, None, legs=(Leg(0.4, 0.008, -0.002), Leg(0.3, 0.03))),
    ExitPlan(None, None, legs=(Leg(0.4, 0.008, -0.002), Leg(0.3, 0.03)), trailing=0.02, time_stop_bars=30, size=0.3),
)


def ours_of(bars: Bars, events: Events, plan: ExitPlan, direction: Direction, costs: Costs) -> Simulation:
    strategy = Scripted(events, plan)
    found = run_backtest(bars, strategy, {"row": 0}, mode=direction.value, costs=costs)
    slow = run_backtest(bars, strategy, {"row": 0}, mode=direction.value, costs=costs, engine="reference")
    assert unequal_bits(found, slow) == []
    return found


@pytest.fixture(scope="module")
def real() -> tuple[Bars, Events]:
    """A stretch of real bars with its gap, and crossings that come often."""
    if not real_file("BTCUSDT").is_file():
        pytest.skip(f"no {real_file('BTCUSDT')}; set SWARMD_TEST_DATA to the folder of real bars to run this")
    bars = real_series("BTCUSDT").between(16_003, 28_003)
    params = {"tf_fast": 15, "L_fast": 8, "tf_slow": 60, "L_slow": 20, "sl": 0.01, "tp": 0.01}
    return bars, strategy_named("mtf_ema").events(bars, params)


@pytest.mark.parametrize("plan", [*ONE_LEG, *LEGS])
@pytest.mark.parametrize("direction", Direction)
def test_on_real_bars_every_plan_agrees_with_a_strategy_that_moves_its_own_stops(
    real: tuple[Bars, Events], plan: ExitPlan, direction: Direction
):
    bars, events = real
    ours = ours_of(bars, events, plan, direction, FEE_ONLY)
    orders = Orders.waiting(events.bar, events.side, bars)
    theirs = run_backtesting(bars, orders, plan, direction=direction, fee=FEE_ONLY.fee)
    assert differences(ours, theirs, price=1e-8, equity=1e-8) == []
    assert len(ours.trades) > 40
    reasons = set(ours.trades.exit_reason)
    assert plan.trailing is None or "trailing" in reasons
    assert plan.time_stop_bars is None or "time" in reasons


@pytest.mark.parametrize("plan", [*TRAILING, *SIZED])
def test_on_real_bars_trailing_stop_and_size_agree_with_vectorbt(real: tuple[Bars, Events], plan: ExitPlan):
    bars, events = real
    ours = ours_of(bars, events, plan, Direction.LONG, COSTS)
    orders = Orders.waiting(events.bar, events.side, bars)
    assert differences(ours, run_vectorbt(bars, orders, plan, direction=Direction.LONG, costs=COSTS)) == []
    assert len(ours.trades) > 40


@pytest.mark.parametrize("kind", KINDS)
def test_on_awkward_bars_every_plan_agrees(kind: str):
    n_trades = 0
    for seed, (missing, alternating) in enumerate([(0.0, False), (0.1, True)]):
        bars = awkward_bars(kind, 300, seed, lead=5, missing=missing)
        events = random_events(300, seed, every=6.0, alternating=alternating)
        orders = Orders.waiting(events.bar, events.side, bars)
        for plan in (*TRAILING, *SIZED):
            ours = ours_of(bars, events, plan, Direction.LONG, COSTS)
            assert differences(ours, run_vectorbt(bars, orders, plan, direction=Direction.LONG, costs=COSTS)) == []
        for direction in Direction:
            # Spikes close bars beyond a short's ruin: further legs would find no margin there.
            has_margin = kind != "spikes" or direction is Direction.LONG
            for plan in (*ONE_LEG, *(LEGS if has_margin else ())):
                ours = ours_of(bars, events, plan, direction, FEE_ONLY)
                theirs = run_backtesting(bars, orders, plan, direction=direction, fee=FEE_ONLY.fee)
                assert differences(ours, theirs, price=1e-8, equity=1e-8) == []
                n_trades += len(ours.trades)
    assert n_trades > 300


def test_the_oracle_without_margin_for_a_second_leg_has_the_trade_but_not_all_of_it():
    rows = [(100.0, 100.0, 100.0, 100.0)] * 2 + [(100.0, 3000.0, 100.0, 3000.0), (100.0, 100.0, 100.0, 100.0)]
    table = np.array(rows)
    times = 1_672_704_000_000 + 300_000 * np.arange(4)
    bars = bars_from_arrays("HAND", 5, times, *table.T, np.ones(4))
    plan = ExitPlan(0.02, None, legs=(Leg(0.5, 0.01), Leg(0.5, 0.02)))
    events = events_from((2, -1))
    ours = ours_of(bars, events, plan, Direction.LONG_SHORT, FEE_ONLY)
    orders = Orders.waiting(events.bar, events.side, bars)
    theirs = run_backtesting(bars, orders, plan, direction=Direction.LONG_SHORT, fee=FEE_ONLY.fee)
    assert ours.trades.exit_price.tolist() == theirs.exit_price.tolist() == [102.0]
    np.testing.assert_allclose(theirs.pnl, ours.trades.pnl / 2.0, rtol=1e-8)
