"""Screening any strategy that yields sparse events: events and exit plans in, six metrics per plan out.

The doors to `sparse_run`: they settle the events, translate plans into numbers, allocate, and give the results their
names. What depends on the prices alone comes from `sparse_tables`, once for all runs. Called by the front door for
strategies that say nothing about what their vectors share.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import IntArray
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.cpu import recorded_trades
from swarmd.engine.kernel.events import Events, on_real_bars
from swarmd.engine.kernel.fold import SCREEN_METRICS, Factors
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.kernel.scan import N_REAL
from swarmd.engine.kernel.sparse_marks import new_curve
from swarmd.engine.kernel.sparse_run import Plans, TradeRows, run_parts, run_rows
from swarmd.engine.kernel.sparse_tables import SparseTables
from swarmd.engine.kernel.trades import Trades


def sparse_metrics(
    tables: SparseTables, events: Events, *, plan: ExitPlan, direction: Direction, costs: Costs
) -> dict[str, float | int]:
    """The screening metrics of one run by name: what `summarize` says of `simulate`, without the equity curve."""
    out, curve = np.empty((1, len(SCREEN_METRICS))), new_curve(tables.day_ends.size)
    bar, side = _settled(tables, events)
    run_rows(tables, bar, side, plans_of([plan]), *_market(direction, costs), 0, 1, curve, _no_rows(), out)
    found: dict[str, float | int] = dict(zip(SCREEN_METRICS, out[0].tolist(), strict=True))
    found["total_trades"] = int(found["total_trades"])
    return found


def sparse_trades(
    tables: SparseTables, events: Events, *, plan: ExitPlan, direction: Direction, costs: Costs
) -> Trades:
    """Every trade of one run, equal to those of `simulate_reference`."""
    bar, side = _settled(tables, events)
    # An event opens at most one trade.
    rows = TradeRows(np.empty((bar.size, 4), np.int64), np.empty((bar.size, N_REAL)))
    out, curve = np.empty((1, len(SCREEN_METRICS))), new_curve(tables.day_ends.size)
    run_rows(tables, bar, side, plans_of([plan]), *_market(direction, costs), 0, 1, curve, rows, out)
    n_trades = int(out[0, 0])
    return recorded_trades(rows.whole[:n_trades], rows.real[:n_trades], costs=costs)


def screen_events(
    tables: SparseTables, events: Events, plans: Plans, *, direction: Direction, costs: Costs
) -> dict[str, NDArray[Any]]:
    """Metrics of many plans on the same events, one value per row of `plans`, on all threads."""
    out = np.empty((plans.stop.size, len(SCREEN_METRICS)))
    bar, side = _settled(tables, events)
    run_parts(tables, bar, side, plans, *_market(direction, costs), _no_rows(), out)
    columns: dict[str, NDArray[Any]] = {name: out[:, at].copy() for at, name in enumerate(SCREEN_METRICS)}
    columns["total_trades"] = columns["total_trades"].astype(np.int64)
    return columns


def plans_of(plans: Sequence[ExitPlan]) -> Plans:
    """Exit plans as the kernel takes them; only plain ones."""
    if not all(plan.is_plain for plan in plans):
        raise ValueError("plans with a risk or held through signals need a scan of the bars; use `simulate`")
    legs = [plan.legs if plan.target is None else (Leg(1.0, plan.target),) for plan in plans]
    flat = [leg for row in legs for leg in row]
    return Plans(
        stop=np.array([math.inf if plan.stop is None else plan.stop for plan in plans], np.float64),
        trailing=np.array([math.inf if plan.trailing is None else plan.trailing for plan in plans], np.float64),
        time_stop_bars=np.array([plan.time_stop_bars or 0 for plan in plans], np.int64),
        size=np.array([plan.size for plan in plans], np.float64),
        last_leg_closes_all=np.array([plan.last_leg_closes_all for plan in plans], np.bool_),
        first_leg=np.cumsum([0, *(len(row) for row in legs)], dtype=np.int64),
        leg_share=np.array([leg.share for leg in flat], np.float64),
        leg_target=np.array([leg.target for leg in flat], np.float64),
        leg_stop_to=np.array([math.nan if leg.stop_to is None else leg.stop_to for leg in flat], np.float64),
    )


def _settled(tables: SparseTables, events: Events) -> tuple[IntArray, IntArray]:
    if not events.is_plain:
        raise ValueError("events with units or chances need a scan of the bars; use `simulate`")
    settled = on_real_bars(events.checked(tables.bars.shape[0]), tables.synthetic)
    return settled.bar, settled.side


def _market(direction: Direction, costs: Costs) -> tuple[bool, Factors]:
    return direction is Direction.LONG_SHORT, costs.factors()


def _no_rows() -> TradeRows:
    return TradeRows(np.empty((0, 4), np.int64), np.empty((0, N_REAL)))
