"""One run on the CPU: events and a plan to every trade and the equity curve, by the numba bar scan.

The door to `scan`: it translates the plan into numbers, allocates, and gives the arrays their names.
"""

import math

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel import scan
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events, on_real_bars
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.kernel.prices import PriceArrays
from swarmd.engine.kernel.trades import Outcome, Trades, round_trips


def simulate(prices: PriceArrays, events: Events, *, plan: ExitPlan, direction: Direction, costs: Costs) -> Outcome:
    """The same outcome as `simulate_reference`, to the last bit, some hundred times sooner."""
    settled = on_real_bars(events.checked(prices.n_bars), prices.synthetic)
    legs = plan.legs if plan.target is None else (Leg(1.0, plan.target),)
    equity = np.empty(prices.n_bars)
    # An event opens at most one trade.
    whole = np.empty((len(settled), 4), np.int64)
    real = np.empty((len(settled), scan.N_REAL))
    n_trades = scan.scan_bars(
        prices.open,
        prices.high,
        prices.low,
        prices.close,
        prices.synthetic,
        settled.bar,
        settled.side,
        np.full(len(settled), math.nan) if settled.unit is None else settled.unit,
        np.full(len(settled), -1, np.int64) if settled.chance is None else settled.chance,
        math.inf if plan.stop is None else plan.stop,
        np.array([leg.share for leg in legs], np.float64),
        np.array([leg.target for leg in legs], np.float64),
        np.array([math.nan if leg.stop_to is None else leg.stop_to for leg in legs], np.float64),
        plan.last_leg_closes_all,
        math.inf if plan.trailing is None else plan.trailing,
        plan.time_stop_bars or 0,
        plan.size,
        math.nan if plan.risk is None else plan.risk,
        plan.is_held_through_signals,
        direction is Direction.LONG_SHORT,
        costs.factors(),
        equity,
        whole,
        real,
    )
    trades = recorded_trades(whole[:n_trades], real[:n_trades], costs=costs)
    return Outcome(trades, equity)


def recorded_trades(whole: IntArray, real: FloatArray, *, costs: Costs) -> Trades:
    """The trades that a kernel wrote down in the columns `scan` names, one row each."""
    return round_trips(
        entry_bar=whole[:, scan.ENTRY_BAR].copy(),
        exit_bar=whole[:, scan.EXIT_BAR].copy(),
        side=whole[:, scan.SIDE].copy(),
        entry_price=real[:, scan.ENTRY_PRICE].copy(),
        exit_price=real[:, scan.EXIT_PRICE].copy(),
        equity_before=real[:, scan.EQUITY_BEFORE].copy(),
        equity_after=real[:, scan.EQUITY_AFTER].copy(),
        growth=real[:, scan.GROWTH].copy(),
        reason=whole[:, scan.REASON].copy(),
        size=real[:, scan.SIZE].copy(),
        costs=costs,
    )
