"""One run of sparse events, whatever its exit plan, to six metrics without visiting every bar.

The event-driven twin of `scan`, called by `sparse`: stop, target, legs with a moving stop, trailing stop, time stop,
part of the equity. `sparse_touch` finds the bars where something fills, `sparse_marks` keeps the equity curve between
them. The fills follow in the reference's order of operations, so every trade and with them trade count, return, win
rate and profit factor are the same bits.

Everything between a row and its metrics is inlined and works on `unowned` arrays: with calls and counted references a
run took fifteen times as long.

Domain: events on real bars, tables of the same prices. Results do not depend on the number of threads. Measured
against the reference on awkward and real data by the kernel tests: everything equal, Sharpe within 1e-11 relative.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.kernel import scan
from swarmd.engine.kernel.fold import Factors
from swarmd.engine.kernel.sparse_marks import (
    WORST,
    Curve,
    Holding,
    annual_sharpe,
    begin,
    mark_days_before,
    mark_flat,
    mark_held,
    new_curve,
)
from swarmd.engine.kernel.sparse_tables import CLOSE, OPEN, SparseTables
from swarmd.engine.kernel.sparse_touch import Side, first_touch, first_trailing_touch, side_of
from swarmd.engine.kernel.trades import END_OF_DATA, RUIN, SIGNAL, STOP, TARGET, TIME, TRAILING
from swarmd.engine.kernel.unowned import unowned

# Rows of one thread's turn: they share its working space, and no thread waits long for the last of them.
PART_ROWS = 32


class Plans(NamedTuple):
    """Exit plans as columns, one row each. Infinity: no stop, no trailing stop; 0 bars: no time stop.

    The legs of row i are `first_leg[i]` to `first_leg[i + 1]`, one leg of share 1 for a plain target; a `leg_stop_to`
    of NaN moves no stop.
    """

    stop: FloatArray
    trailing: FloatArray
    time_stop_bars: IntArray
    size: FloatArray
    last_leg_closes_all: BoolArray
    first_leg: IntArray
    leg_share: FloatArray
    leg_target: FloatArray
    leg_stop_to: FloatArray


class TradeRows(NamedTuple):
    """Where trades are written, in the columns of `scan`; without room for a row none is."""

    whole: IntArray
    real: FloatArray


@njit(cache=True, inline="always")
def _grown(side: Side, paid: float, price: float) -> float:
    """What a unit of equity becomes at this price; a long's `base` of 0 changes no bit."""
    return side.base + side.sign * ((price * side.exit_factor) / paid)


@njit(cache=True, inline="always")
def _held_through(
    tables: SparseTables, side: Side, plans: Plans, row: int, curve: Curve, entry_bar: int, signal: int, equity: float
) -> tuple[int, int, float, float]:
    """One position from its entry to its last exit: exit bar, reason, growth and mean exit price.

    `signal` is the bar of the next event against it, n_bars where there is none.
    """
    s = side.sign
    bars = tables.bars
    n_bars = bars.shape[0]
    size = plans.size[row]
    leg, n_legs = plans.first_leg[row], plans.first_leg[row + 1]
    entry = bars[entry_bar, OPEN]
    paid_in = entry * side.entry_factor
    limit = signal
    time_stop_bars = plans.time_stop_bars[row]
    if 0 < time_stop_bars < n_bars - entry_bar:
        due = entry_bar + time_stop_bars
        # A time stop that falls due on a synthetic bar waits for the next real open.
        limit = min(limit, tables.next_real[due] if tables.next_real.size > 0 else due)
    last = min(limit, n_bars - 1)
    level = s * (entry * (1.0 - s * plans.stop[row]))
    trailing = plans.trailing[row]
    keeps = 1.0 - s * trailing
    best = s * entry
    growth = mean_exit = price = 0.0
    rest = 1.0
    reason = -1
    untouched = max(level, best * keeps)
    since = u = entry_bar
    while True:
        target = s * (entry * (1.0 + s * plans.leg_target[leg])) if leg < n_legs else np.inf
        if trailing < np.inf:
            u, best = first_trailing_touch(tables, side, u, limit, level, target, best, keeps)
        else:
            u = first_touch(tables, side, u, limit, level, target)
        marked_to = u if u < limit else last
        held = Holding(s, side.base, paid_in, equity, 1.0 - size, size, growth, rest)
        ruined = mark_held(tables, curve, held, since, marked_to, untouched, target)
        if ruined < marked_to:
            u, price, reason = ruined, bars[ruined, CLOSE], RUIN
            break
        if u >= limit:
            u = last
            if limit == n_bars:
                price, reason = bars[u, CLOSE], END_OF_DATA
            else:
                price, reason = bars[u, OPEN], SIGNAL if limit == signal else TIME
            break
        trail = best * keeps
        in_force = max(level, trail)
        if s * bars[u, side.adverse] <= in_force:
            price, reason = s * min(s * bars[u, OPEN], in_force), TRAILING if trail > level else STOP
            break
        while leg < n_legs:
            target = s * (entry * (1.0 + s * plans.leg_target[leg]))
            if not s * bars[u, side.favour] >= target:
                break
            price = s * max(s * bars[u, OPEN], target)
            leg += 1
            if leg == n_legs and plans.last_leg_closes_all[row]:
                reason = TARGET
                break
            share = plans.leg_share[leg - 1]
            growth += share * _grown(side, paid_in, price)
            mean_exit += share * price
            rest -= share
            if not np.isnan(plans.leg_stop_to[leg - 1]):
                level = max(level, s * (entry * (1.0 + s * plans.leg_stop_to[leg - 1])))
        if reason == TARGET:
            break
        best = max(best, s * bars[u, side.favour])
        # From this bar's close on less is held. The stop that this bar did not touch is the old one.
        untouched = in_force
        since = u
        u += 1
    growth += rest * _grown(side, paid_in, price)
    mean_exit += rest * price
    return u, reason, growth, mean_exit


@njit(cache=True, inline="always")
def _run(
    tables: SparseTables,
    event_bar: IntArray,
    event_side: IntArray,
    plans: Plans,
    shorts: bool,
    factors: Factors,
    row: int,
    curve: Curve,
    trades: TradeRows,
    out: FloatArray,
) -> None:
    """One row of the plans to its metrics, in the order of SCREEN_METRICS."""
    n_bars, n_events = tables.bars.shape[0], event_bar.size
    size = plans.size[row]
    cash = 1.0 - size
    equity = 1.0
    won = lost = 0.0
    n = n_won = 0
    begin(curve)
    i = j = 0  # events [i, j) are of one side, j is the first of the other
    while i < n_events:
        sign = event_side[i]
        if j <= i:
            j = i + 1
            while j < n_events and event_side[j] == sign:
                j += 1
        if sign < 0 and not shorts:
            i = j
            continue
        entry_bar = event_bar[i]
        mark_days_before(tables, curve, equity, entry_bar)
        signal = event_bar[j] if j < n_events else n_bars
        side = side_of(sign, factors)
        exit_bar, reason, growth, mean_exit = _held_through(tables, side, plans, row, curve, entry_bar, signal, equity)
        before = equity
        equity = before * (cash + size * growth)
        if reason == RUIN or not equity > 0.0:
            equity = 0.0
            reason = RUIN
        if growth > 1.0:
            n_won += 1
            won += equity - before
        else:
            lost -= equity - before
        # Equity between a close and the opening of the other side at the same open is not a mark.
        if reason != SIGNAL or not shorts:
            mark_flat(curve, equity)
        if trades.whole.shape[0] > 0:
            whole, real = trades.whole, trades.real
            whole[n, scan.ENTRY_BAR], whole[n, scan.EXIT_BAR] = entry_bar, exit_bar
            whole[n, scan.SIDE], whole[n, scan.REASON] = sign, reason
            real[n, scan.ENTRY_PRICE], real[n, scan.EXIT_PRICE] = tables.bars[entry_bar, OPEN], mean_exit
            real[n, scan.EQUITY_BEFORE], real[n, scan.EQUITY_AFTER] = before, equity
            real[n, scan.GROWTH], real[n, scan.SIZE] = growth, size
        n += 1
        if equity == 0.0:
            break
        # What came up to the exit was for the side held, and no order.
        while i < j and event_bar[i] <= exit_bar:
            i += 1
    mark_days_before(tables, curve, equity, n_bars)
    out[row, 0] = n
    out[row, 1] = equity - 1.0
    out[row, 2] = annual_sharpe(curve.returns)
    out[row, 3] = 1.0 - curve.figures[WORST]
    out[row, 4] = n_won / n if n > 0 else 0.0
    out[row, 5] = won / lost if lost > 0.0 else np.inf


@njit(cache=True)
def run_rows(
    tables: SparseTables,
    event_bar: IntArray,
    event_side: IntArray,
    plans: Plans,
    shorts: bool,
    factors: Factors,
    row_from: int,
    row_to: int,
    curve: Curve,
    trades: TradeRows,
    out: FloatArray,
) -> None:
    """Rows one after the other, in one working space."""
    tables = SparseTables(
        unowned(tables.bars),
        unowned(tables.blocks),
        unowned(tables.pages),
        unowned(tables.day_ends),
        unowned(tables.day_close),
        unowned(tables.synthetic),
        unowned(tables.next_real),
        tables.lowest_close,
        tables.highest_close,
        tables.is_bounded,
    )
    plans = Plans(
        unowned(plans.stop),
        unowned(plans.trailing),
        unowned(plans.time_stop_bars),
        unowned(plans.size),
        unowned(plans.last_leg_closes_all),
        unowned(plans.first_leg),
        unowned(plans.leg_share),
        unowned(plans.leg_target),
        unowned(plans.leg_stop_to),
    )
    curve = Curve(unowned(curve.figures), unowned(curve.returns), unowned(curve.next_day))
    trades = TradeRows(unowned(trades.whole), unowned(trades.real))
    event_bar, event_side, out = unowned(event_bar), unowned(event_side), unowned(out)
    for row in range(row_from, row_to):
        _run(tables, event_bar, event_side, plans, shorts, factors, row, curve, trades, out)


@njit(cache=True, parallel=True)
def run_parts(
    tables: SparseTables,
    event_bar: IntArray,
    event_side: IntArray,
    plans: Plans,
    shorts: bool,
    factors: Factors,
    trades: TradeRows,
    out: FloatArray,
) -> None:
    n_rows = out.shape[0]
    for part in prange((n_rows + PART_ROWS - 1) // PART_ROWS):
        first = part * PART_ROWS
        last = min(n_rows, first + PART_ROWS)
        curve = new_curve(tables.day_ends.size)
        run_rows(tables, event_bar, event_side, plans, shorts, factors, first, last, curve, trades, out)
